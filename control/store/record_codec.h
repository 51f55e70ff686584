#ifndef CONTROL_STORE_RECORD_CODEC_H
#define CONTROL_STORE_RECORD_CODEC_H

/**
 * Catalog values as msgpack maps, in commands and snapshots alike. There is one encoding of a
 * value: fields in a fixed order, those with their default left out, maps sorted by key. Whatever
 * differs from it is refused when read.
 */

#include "control/store/arena.h"
#include "control/store/msgpack.h"
#include "control/store/records.h"

/** Append one value; unsorted maps are sorted, of equal keys the last counts. */
void catalog_node_encode(const struct catalog_node *in, struct byte_buffer *out);
void catalog_service_encode(const struct catalog_service *in, struct byte_buffer *out);
void catalog_check_encode(const struct catalog_check *in, struct byte_buffer *out);
void catalog_query_encode(const struct catalog_query *in, struct byte_buffer *out);
void catalog_session_encode(const struct catalog_session *in, struct byte_buffer *out);

/** Read one value; its texts and arrays are in @arena. returns  0 or -EBADMSG. */
int catalog_node_decode(struct msgpack_reader *r, struct arena *arena, struct catalog_node *out);
int catalog_service_decode(struct msgpack_reader *r, struct arena *arena,
                           struct catalog_service *out);
int catalog_check_decode(struct msgpack_reader *r, struct arena *arena, struct catalog_check *out);
int catalog_query_decode(struct msgpack_reader *r, struct arena *arena, struct catalog_query *out);
int catalog_session_decode(struct msgpack_reader *r, struct arena *arena,
                           struct catalog_session *out);

/** Read one text into the arena. returns  0 or -EBADMSG. */
int arena_decode_text(struct msgpack_reader *r, struct arena *arena, const char **out);

#endif
