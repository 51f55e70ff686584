#ifndef CONTROL_SNAPSHOT_CONSUL_ROWS_H
#define CONTROL_SNAPSHOT_CONSUL_ROWS_H

/** Consul's records as rows of a store that is being loaded. Any thread. */

#include <jansson.h>

#include "control/pack/pack.h"
#include "control/store/store_write.h"

struct consul_rows {
        struct store *store; /* between begin and commit */
        const char *datacenter;
        uint64_t last_index;
};

/**
 * Take one record's value: a registration, a session, a prepared query, the autopilot's settings,
 * or a list of coordinates. returns  0; -ENOENT or -EINVAL when it cannot be taken; -EBADMSG;
 * -ENOMEM.
 */
int consul_rows_register(struct consul_rows *rows, const json_t *value);
int consul_rows_session(struct consul_rows *rows, const json_t *value);
int consul_rows_query(struct consul_rows *rows, const json_t *value);
int consul_rows_autopilot(struct consul_rows *rows, const json_t *value);
int consul_rows_coordinates(struct consul_rows *rows, const json_t *value);

/** Likewise a key or the tombstone of one, from its encoding. */
int consul_rows_kv(struct consul_rows *rows, struct msgpack_reader *r);
int consul_rows_tombstone(struct consul_rows *rows, struct msgpack_reader *r);

#endif
