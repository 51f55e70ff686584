#ifndef CONTROL_CONSUL_ROWS_H
#define CONTROL_CONSUL_ROWS_H

/** The catalog's records as Consul's RPC carries them. Pure. */

#include "control/consul/wire.h"
#include "control/fsm/command.h"
#include "control/store/store.h"

/** Append one record as a map. */
void consul_put_node(struct byte_buffer *b, const struct node_record *record);
void consul_put_service(struct byte_buffer *b, const struct service_record *record);
void consul_put_check(struct byte_buffer *b, const struct check_record *record);
void consul_put_kv(struct byte_buffer *b, const struct kv_record *record, bool with_value);
void consul_put_session(struct byte_buffer *b, const struct session_record *record);
void consul_put_coordinate(struct byte_buffer *b, const struct catalog_coordinate *coordinate);
/** Its pairs, CONSUL_COORDINATE_PAIRS of them, without the head of a map. */
#define CONSUL_COORDINATE_PAIRS 3u
void consul_put_coordinate_pairs(struct byte_buffer *b,
                                 const struct catalog_coordinate *coordinate);
/** Append what is no record yet. @index  for an operation that compares it; 0: none. */
void consul_put_new_node(struct byte_buffer *b, const struct catalog_node *node, uint64_t index);
void consul_put_new_service(struct byte_buffer *b, const struct catalog_service *service,
                            uint64_t index);
void consul_put_new_check(struct byte_buffer *b, const struct catalog_check *check, uint64_t index);
void consul_put_new_kv(struct byte_buffer *b, const struct kv_entry *entry, uint64_t index);
void consul_put_new_session(struct byte_buffer *b, const struct catalog_session *session);
/** An instance with its node in one flat map, ServiceNode. @node  may be NULL. */
void consul_put_service_node(struct byte_buffer *b, const struct node_record *node,
                             const struct service_record *record);

/** Append the two pairs of every record. */
void consul_put_indexes(struct byte_buffer *b, const struct record *head);

/** Append lists: all of a walk. */
void consul_put_checks(struct byte_buffer *b, struct store_iter *it);
/** An instance with its node and the checks of both, CheckServiceNode. */
void consul_put_instance(struct byte_buffer *b, const struct store *store,
                         const struct service_record *record);
/** A node with all that is on it, NodeInfo. */
void consul_put_node_info(struct byte_buffer *b, const struct store *store,
                          const struct node_record *record);

/** Append a list's head, whose count is not known yet. returns  where it is. */
size_t consul_begin_list(struct byte_buffer *b);
/** Fill in the count. */
void consul_end_list(struct byte_buffer *b, size_t at, uint32_t count);

/** Read one value; texts and arrays are the arena's. returns  0 or -EBADMSG, as all below. */
int consul_get_node(struct msgpack_reader *r, struct arena *arena, struct catalog_node *out,
                    uint64_t *modify_index);
int consul_get_service(struct msgpack_reader *r, struct arena *arena, struct catalog_service *out,
                       uint64_t *modify_index);
int consul_get_check(struct msgpack_reader *r, struct arena *arena, struct catalog_check *out,
                     uint64_t *modify_index);
/** What consul_put_service_node puts. */
int consul_get_service_node(struct msgpack_reader *r, struct arena *arena,
                            struct catalog_node *node, struct catalog_service *service);
/** @out  its value is in the bytes read. */
int consul_get_kv(struct msgpack_reader *r, struct arena *arena, struct kv_entry *out,
                  uint64_t *modify_index);
int consul_get_session(struct msgpack_reader *r, struct arena *arena, struct catalog_session *out);
/** @has  whether there is one: nil is none. returns  also -EINVAL for other dimensions. */
int consul_get_coordinate(struct msgpack_reader *r, struct coordinate *out, bool *has);

#endif
