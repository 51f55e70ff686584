#ifndef TESTS_CONTROL_PUBLISHER_FAKE_DATAPLANE_H
#define TESTS_CONTROL_PUBLISHER_FAKE_DATAPLANE_H

/* A data plane that keeps what it is given as text, one line an entry, so that tests can compare.
 */

#include "lictor/dataplane.h"

/** The entry's text, or NULL. Keys: "service web", "service web v1", "query q", "node n",
 * "reverse 10.0.0.1", "nameservers"; lower-cased. */
const char *fake_get(const struct lictor_dataplane *dp, const char *key);

/** All entries in order; the caller frees. */
char *fake_dump(const struct lictor_dataplane *dp);

unsigned fake_commits(const struct lictor_dataplane *dp);

/** Sets and removes since the last call. */
unsigned fake_take_writes(struct lictor_dataplane *dp);

#endif
