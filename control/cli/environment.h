#ifndef LICTOR_CLI_ENVIRONMENT_H
#define LICTOR_CLI_ENVIRONMENT_H

/** What the environment says about the agent to ask. */

#include <stdbool.h>

/** LICTOR_NAME, or else CONSUL_NAME. returns  NULL when neither is set to something. */
const char *environment_get(const char *name);

/** The same as a boolean in any of Go's spellings; what is none of them counts as not set. */
bool environment_flag(const char *name, bool fallback);

#endif
