#ifndef CONTROL_SNAPSHOT_CONSUL_JSON_H
#define CONTROL_SNAPSHOT_CONSUL_JSON_H

/** Go-flavoured msgpack as JSON values. Any thread. */

#include "control/pack/pack.h"
#include <jansson.h>

/**
 * Read one value. Members that are zero, false, empty or nil are left out, as a definition that
 * does not give them; so are extensions. Texts end at their first zero byte.
 * @out     a new reference; JSON null for a value that would be left out.
 * returns  0, -EBADMSG (also for values nested deeper than 24), or -ENOMEM.
 */
int consul_json_read(struct msgpack_reader *r, json_t **out);

#endif
