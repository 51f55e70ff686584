#ifndef CONTROL_SERVER_RECOVERY_H
#define CONTROL_SERVER_RECOVERY_H

/**
 * Manual recovery as Consul's operators know it: a file raft/peers.json in data_dir is read when a
 * server starts, replaces the configuration, and is deleted; raft/peers.info explains it.
 *
 * context  at the start: these block.
 */

#include <stdbool.h>
#include <stddef.h>

#include "control/log/log.h"
#include "raft/core/raft.h"

/**
 * Read the file, if there is one.
 * @dir    the folder of Raft's data.
 * @found  whether there is.
 * returns 0; or a negative errno, with one line in @error that names the file.
 */
int recovery_read(const char *dir, struct raft_configuration *out, bool *found, char *error,
                  size_t error_size);

/** The configuration is in force and durable: the file must not be read again. returns as above. */
int recovery_finish(const char *dir, char *error, size_t error_size);

/** Leave word of how it is done, unless there is such a file. */
void recovery_explain(const char *dir, const struct log *log);

#endif
