#ifndef CONTROL_CONSUL_WIRE_H
#define CONTROL_CONSUL_WIRE_H

/**
 * Consul's structures on the wire: maps from Go's field names, embedded structures flattened into
 * them, durations in nanoseconds, nil for what is empty. A table says which member of a C structure
 * each name is, for both directions.
 *
 * Pure. Bytes read may be hostile: every bound is checked, nesting is walked with a stack of fixed
 * depth, and what is read is a copy in an arena.
 */

#include <jansson.h>

#include "control/pack/pack.h"
#include "control/store/arena.h"
#include "control/store/records.h"

enum wire_kind {
        WIRE_TEXT,      /* const char *, never NULL after reading; what is no UTF-8 is replaced */
        WIRE_TEXTS,     /* struct text_list */
        WIRE_TEXT_MAP,  /* struct text_map; of two equal keys the last */
        WIRE_ADDRESSES, /* struct service_address_map */
        WIRE_BOOL,      /* bool */
        WIRE_I32,       /* int32_t; larger numbers are cut to the nearest that fits */
        WIRE_I64,       /* int64_t */
        WIRE_U64,       /* uint64_t */
        WIRE_VALUE,     /* struct pack_slice: a whole value, in the bytes read; empty when absent */
        WIRE_WEIGHTS,   /* two int32_t: Passing and Warning */
        WIRE_PROXY,     /* const char *: JSON text, "" when nothing in it is set */
        WIRE_CONNECT,   /* likewise */
        WIRE_DEFINITION, /* likewise, with durations as text */
};

struct wire_field {
        const char *name;
        enum wire_kind kind;
        uint16_t offset;
};

#define WIRE_FIELD(type, member, name, kind)                                                       \
        {                                                                                          \
                name, kind, offsetof(type, member)                                                 \
        }

/**
 * Read a map, or nil, into a structure. Names not in the table are passed over; members not named
 * keep what they hold.
 * returns  0 or -EBADMSG; a text with a NUL in it is refused, as no text here may have one.
 */
int wire_get(struct msgpack_reader *r, const struct wire_field fields[], size_t field_count,
             struct arena *arena, void *structure);

/** Append the pairs of a structure, without the head of a map. */
void wire_put(struct byte_buffer *b, const struct wire_field fields[], size_t field_count,
              const void *structure);

/** Append a map of the pairs that are not empty, false or zero: as Go reads what is absent. */
void wire_put_set(struct byte_buffer *b, const struct wire_field fields[], size_t field_count,
                  const void *structure);
/** Likewise the pairs alone, and how many they are. */
void wire_put_set_pairs(struct byte_buffer *b, const struct wire_field fields[], size_t field_count,
                        const void *structure);
uint32_t wire_count_set(const struct wire_field fields[], size_t field_count,
                        const void *structure);

/** Append a name of a pair. */
static inline void wire_put_name(struct byte_buffer *b, const char *name)
{
        pack_put_text(b, name);
}

/** Append a list of texts, or a map of them; nil when empty. */
void wire_put_texts(struct byte_buffer *b, const struct text_list *list);
void wire_put_text_map(struct byte_buffer *b, const struct text_map *map);

/** Read a text into the arena. returns  0 or -EBADMSG, as all below. */
int wire_get_text(struct msgpack_reader *r, struct arena *arena, const char **out);
/** Read a list of texts, or nil. */
int wire_get_texts(struct msgpack_reader *r, struct arena *arena, struct text_list *out);

/** Append a JSON value as msgpack; members nested deeper than WIRE_DEPTH_MAX become nil. */
void wire_put_json(struct byte_buffer *b, const json_t *value);

#define WIRE_DEPTH_MAX 32u

/**
 * Read any value as JSON. Bytes that are no UTF-8 are replaced, an extension reads as null.
 * @out  a new reference.
 * returns  0; -EBADMSG, also when nested deeper than WIRE_DEPTH_MAX; -ENOMEM.
 */
int wire_get_json(struct msgpack_reader *r, json_t **out);

/** A JSON text that stands for a check's definition, appended with its durations as numbers. */
void wire_put_definition(struct byte_buffer *b, const char *json);
/** The reverse: JSON text of what is set, "" for nothing. */
int wire_get_definition(struct msgpack_reader *r, struct arena *arena, const char **out);
/** A proxy's or mesh settings as JSON text of what is set. */
int wire_get_settings(struct msgpack_reader *r, bool proxy, struct arena *arena, const char **out);

#endif
