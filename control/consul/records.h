#ifndef CONTROL_CONSUL_RECORDS_H
#define CONTROL_CONSUL_RECORDS_H

/**
 * Rows as answers of Consul's RPC have them, with their indexes, as records. Pure; bytes may be
 * hostile.
 */

#include "control/consul/rows.h"

/**
 * Read one value as a new record with one reference.
 * @node    whose service it is, which the row does not name.
 * @arena   for what is read; the record has copies.
 * returns  NULL for bytes that are none.
 */
struct node_record *consul_get_node_record(struct msgpack_reader *r, struct arena *arena);
struct service_record *consul_get_service_record(struct msgpack_reader *r, const char *node,
                                                 struct arena *arena);
struct check_record *consul_get_check_record(struct msgpack_reader *r, struct arena *arena);
struct kv_record *consul_get_kv_record(struct msgpack_reader *r, struct arena *arena);
struct session_record *consul_get_session_record(struct msgpack_reader *r, struct arena *arena);

/** An instance with its node in one flat map; both are NULL, or neither. */
void consul_get_service_node_records(struct msgpack_reader *r, struct arena *arena,
                                     struct node_record **node, struct service_record **service);

#endif
