#ifndef CONTROL_MEMBER_KEYRING_FILE_H
#define CONTROL_MEMBER_KEYRING_FILE_H

/**
 * Gossip keys in the data directory, in the form Serf and Consul keep them: a JSON list of base64
 * texts, the primary key first.
 */

#include "control/gossip/keyring.h"

/** Read a key's base64 text. returns 0 or -EINVAL. */
int keyring_key_from_text(const char *text, size_t length, struct keyring_key *out);

/** Read a list. @error  for the operator, without the file's name. returns 0 or -EINVAL. */
int keyring_from_json(const char *text, size_t length, struct keyring *out, char *error,
                      size_t error_size);

/**
 * Read a file. returns 0, -ENOENT, or another negative errno with @error for the operator.
 */
int keyring_file_read(const char *path, struct keyring *out, char *error, size_t error_size);

/** Write the keys, whole or not at all, for the owner only. returns 0 or a negative errno. */
int keyring_file_write(const char *path, const struct keyring *ring);

#endif
