#ifndef LICTOR_CLI_KV_H
#define LICTOR_CLI_KV_H

/* Shared by the kv commands only. */

#include <stdint.h>

#include "control/cli/client_flags.h"

/** The one key among the arguments, without a leading slash. returns 0 or the exit status. */
int kv_key(int argc, char *const argv[], bool optional, const char **key);

/** "/v1/kv/KEY?QUERY", freed with free(); NULL, having told so, without memory. */
char *kv_path(const char *key, const char *query_format, ...) __attribute__((format(printf, 2, 3)));

/** client_ask() for a path of kv_path(), which is taken. */
int kv_ask(const struct client_options *options, const struct client_call *call, const char *what,
           struct client_reply *reply);

/** Read an unsigned number in any of C's notations. returns 0, or -EINVAL with *why set. */
int kv_set_number(const char *value, uint64_t *out, const char **why);

#endif
