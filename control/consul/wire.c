#include "control/consul/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/text/utf8.h"

// --- Reading.

static bool is_utf8(struct pack_slice s)
{
        for (size_t i = 0, step; i < s.length; i += step) {
                step = utf8_sequence(s.bytes + i, s.length - i);
                if (step == 0)
                        return false;
        }
        return true;
}

static int keep_text(struct pack_slice s, struct arena *arena, const char **out)
{
        char *repaired;

        if (s.length > 0 && memchr(s.bytes, '\0', s.length) != NULL)
                return -EBADMSG;
        if (is_utf8(s)) {
                *out = arena_text(arena, s.length > 0 ? s.bytes : (const uint8_t *)"", s.length);
                return 0;
        }
        repaired = utf8_repair((const char *)s.bytes, s.length);
        if (repaired == NULL)
                return -ENOMEM;
        *out = arena_text(arena, repaired, strlen(repaired));
        free(repaired);
        return 0;
}

int wire_get_text(struct msgpack_reader *r, struct arena *arena, const char **out)
{
        struct pack_slice s;

        return pack_get_raw(r, &s) < 0 ? -EBADMSG : keep_text(s, arena, out);
}

int wire_get_texts(struct msgpack_reader *r, struct arena *arena, struct text_list *out)
{
        const char **items;
        uint32_t count;

        if (pack_get_array(r, &count) < 0)
                return -EBADMSG;
        items = arena_get(arena, (count + 1) * sizeof(*items));
        for (uint32_t i = 0; i < count; i++) {
                int ret = wire_get_text(r, arena, &items[i]);

                if (ret < 0)
                        return ret;
        }
        *out = (struct text_list){items, count};
        return 0;
}

static int compare_pairs(const void *a, const void *b)
{
        const struct text_pair *x = a, *y = b;

        return strcmp(x->key, y->key);
}

// Sorted by key, as records have them; a key that comes twice keeps one value.
static uint32_t order_pairs(struct text_pair *pairs, uint32_t count)
{
        uint32_t kept = 0;

        if (count > 0)
                qsort(pairs, count, sizeof(*pairs), compare_pairs);
        for (uint32_t i = 0; i < count; i++) {
                if (kept == 0 || strcmp(pairs[kept - 1].key, pairs[i].key) != 0)
                        kept++;
                pairs[kept - 1] = pairs[i];
        }
        return kept;
}

static int get_text_map(struct msgpack_reader *r, struct arena *arena, struct text_map *out)
{
        struct text_pair *pairs;
        uint32_t count;

        if (pack_get_map(r, &count) < 0)
                return -EBADMSG;
        pairs = arena_get(arena, (count + 1) * sizeof(*pairs));
        for (uint32_t i = 0; i < count; i++) {
                int ret = wire_get_text(r, arena, &pairs[i].key);

                if (ret == 0)
                        ret = wire_get_text(r, arena, &pairs[i].value);
                if (ret < 0)
                        return ret;
        }
        *out = (struct text_map){pairs, order_pairs(pairs, count)};
        return 0;
}

static int32_t narrow(int64_t value)
{
        return value < INT32_MIN ? INT32_MIN : value > INT32_MAX ? INT32_MAX : (int32_t)value;
}

// The two members of a service's address.
static int get_address(struct msgpack_reader *r, struct arena *arena, struct service_address *out)
{
        uint32_t count;

        out->address = "";
        if (pack_get_map(r, &count) < 0)
                return -EBADMSG;
        for (uint32_t i = 0; i < count; i++) {
                struct pack_slice name;
                int64_t port;
                int ret;

                if (pack_get_raw(r, &name) < 0)
                        return -EBADMSG;
                if (pack_slice_equal(name, pack_slice_of("Address"))) {
                        ret = wire_get_text(r, arena, &out->address);
                } else if (pack_slice_equal(name, pack_slice_of("Port"))) {
                        ret = pack_get_int(r, &port);
                        out->port = ret == 0 ? narrow(port) : 0;
                } else {
                        ret = pack_skip(r);
                }
                if (ret < 0)
                        return ret;
        }
        return 0;
}

static int compare_addresses(const void *a, const void *b)
{
        const struct service_address *x = a, *y = b;

        return strcmp(x->key, y->key);
}

static int get_addresses(struct msgpack_reader *r, struct arena *arena,
                         struct service_address_map *out)
{
        struct service_address *items;
        uint32_t count, kept = 0;

        if (pack_get_map(r, &count) < 0)
                return -EBADMSG;
        items = arena_get(arena, (count + 1) * sizeof(*items));
        for (uint32_t i = 0; i < count; i++) {
                int ret = wire_get_text(r, arena, &items[i].key);

                if (ret == 0)
                        ret = get_address(r, arena, &items[i]);
                if (ret < 0)
                        return ret;
        }
        if (count > 0)
                qsort(items, count, sizeof(*items), compare_addresses);
        for (uint32_t i = 0; i < count; i++) {
                if (kept == 0 || strcmp(items[kept - 1].key, items[i].key) != 0)
                        kept++;
                items[kept - 1] = items[i];
        }
        *out = (struct service_address_map){items, kept};
        return 0;
}

static int get_weights(struct msgpack_reader *r, int32_t out[2])
{
        uint32_t count;

        if (pack_get_map(r, &count) < 0)
                return -EBADMSG;
        for (uint32_t i = 0; i < count; i++) {
                struct pack_slice name;
                int64_t weight;
                bool passing;

                if (pack_get_raw(r, &name) < 0)
                        return -EBADMSG;
                passing = pack_slice_equal(name, pack_slice_of("Passing"));
                if (!passing && !pack_slice_equal(name, pack_slice_of("Warning"))) {
                        if (pack_skip(r) < 0)
                                return -EBADMSG;
                        continue;
                }
                if (pack_get_int(r, &weight) < 0)
                        return -EBADMSG;
                out[passing ? 0 : 1] = narrow(weight);
        }
        return 0;
}

static int get_number(struct msgpack_reader *r, enum wire_kind kind, void *at)
{
        uint64_t u64;
        int64_t i64;
        int ret;

        if (kind == WIRE_U64) {
                ret = pack_get_uint(r, UINT64_MAX, &u64);
                if (ret == 0)
                        *(uint64_t *)at = u64;
                return ret;
        }
        ret = pack_get_int(r, &i64);
        if (ret == 0 && kind == WIRE_I32)
                *(int32_t *)at = narrow(i64);
        else if (ret == 0)
                *(int64_t *)at = i64;
        return ret;
}

static int get_whole(struct msgpack_reader *r, struct pack_slice *out)
{
        const uint8_t *from = r->at;

        if (pack_skip(r) < 0)
                return -EBADMSG;
        *out = (struct pack_slice){from, (uint32_t)(r->at - from)};
        return 0;
}

static int get_field(struct msgpack_reader *r, enum wire_kind kind, struct arena *arena, void *at)
{
        switch (kind) {
        case WIRE_TEXT:
                return wire_get_text(r, arena, at);
        case WIRE_TEXTS:
                return wire_get_texts(r, arena, at);
        case WIRE_TEXT_MAP:
                return get_text_map(r, arena, at);
        case WIRE_ADDRESSES:
                return get_addresses(r, arena, at);
        case WIRE_BOOL:
                return pack_get_bool(r, at);
        case WIRE_I32:
        case WIRE_I64:
        case WIRE_U64:
                return get_number(r, kind, at);
        case WIRE_VALUE:
                return get_whole(r, at);
        case WIRE_WEIGHTS:
                return get_weights(r, at);
        case WIRE_PROXY:
        case WIRE_CONNECT:
                return wire_get_settings(r, kind == WIRE_PROXY, arena, at);
        case WIRE_DEFINITION:
                return wire_get_definition(r, arena, at);
        }
        return -EBADMSG;
}

int wire_get(struct msgpack_reader *r, const struct wire_field fields[], size_t field_count,
             struct arena *arena, void *structure)
{
        uint32_t pair_count;

        if (pack_get_map(r, &pair_count) < 0)
                return -EBADMSG;
        for (uint32_t pair = 0; pair < pair_count; pair++) {
                const struct wire_field *field = NULL;
                struct pack_slice name;
                int ret;

                if (pack_get_raw(r, &name) < 0)
                        return -EBADMSG;
                for (size_t i = 0; i < field_count && field == NULL; i++)
                        if (pack_slice_equal(name, pack_slice_of(fields[i].name)))
                                field = &fields[i];
                ret = field == NULL
                          ? pack_skip(r)
                          : get_field(r, field->kind, arena, (uint8_t *)structure + field->offset);
                if (ret < 0)
                        return ret;
        }
        return 0;
}

// --- Writing.

void wire_put_texts(struct byte_buffer *b, const struct text_list *list)
{
        if (list->count == 0) {
                pack_put_nil(b);
                return;
        }
        pack_put_array(b, list->count);
        for (uint32_t i = 0; i < list->count; i++)
                pack_put_text(b, list->items[i]);
}

void wire_put_text_map(struct byte_buffer *b, const struct text_map *map)
{
        if (map->count == 0) {
                pack_put_nil(b);
                return;
        }
        pack_put_map(b, map->count);
        for (uint32_t i = 0; i < map->count; i++) {
                pack_put_text(b, map->pairs[i].key);
                pack_put_text(b, map->pairs[i].value);
        }
}

static void put_addresses(struct byte_buffer *b, const struct service_address_map *map)
{
        if (map->count == 0) {
                pack_put_nil(b);
                return;
        }
        pack_put_map(b, map->count);
        for (uint32_t i = 0; i < map->count; i++) {
                pack_put_text(b, map->items[i].key);
                pack_put_map(b, 2);
                wire_put_name(b, "Address");
                pack_put_text(b, map->items[i].address);
                wire_put_name(b, "Port");
                pack_put_int(b, map->items[i].port);
        }
}

static void put_weights(struct byte_buffer *b, const int32_t weights[2])
{
        pack_put_map(b, 2);
        wire_put_name(b, "Passing");
        pack_put_int(b, weights[0]);
        wire_put_name(b, "Warning");
        pack_put_int(b, weights[1]);
}

static void put_settings(struct byte_buffer *b, const char *json)
{
        json_t *value = *json != '\0' ? json_loads(json, 0, NULL) : NULL;

        if (json_is_object(value))
                wire_put_json(b, value);
        else
                pack_put_map(b, 0);
        json_decref(value);
}

static void put_value(struct byte_buffer *b, const struct pack_slice *value)
{
        if (value->length > 0)
                byte_buffer_append(b, value->bytes, value->length);
        else
                pack_put_nil(b);
}

static void put_field(struct byte_buffer *b, enum wire_kind kind, const void *at)
{
        switch (kind) {
        case WIRE_TEXT:
                pack_put_text(b, *(const char *const *)at);
                break;
        case WIRE_TEXTS:
                wire_put_texts(b, at);
                break;
        case WIRE_TEXT_MAP:
                wire_put_text_map(b, at);
                break;
        case WIRE_ADDRESSES:
                put_addresses(b, at);
                break;
        case WIRE_BOOL:
                pack_put_bool(b, *(const bool *)at);
                break;
        case WIRE_I32:
                pack_put_int(b, *(const int32_t *)at);
                break;
        case WIRE_I64:
                pack_put_int(b, *(const int64_t *)at);
                break;
        case WIRE_U64:
                pack_put_uint(b, *(const uint64_t *)at);
                break;
        case WIRE_VALUE:
                put_value(b, at);
                break;
        case WIRE_WEIGHTS:
                put_weights(b, at);
                break;
        case WIRE_PROXY:
        case WIRE_CONNECT:
                put_settings(b, *(const char *const *)at);
                break;
        case WIRE_DEFINITION:
                wire_put_definition(b, *(const char *const *)at);
                break;
        }
}

void wire_put(struct byte_buffer *b, const struct wire_field fields[], size_t field_count,
              const void *structure)
{
        for (size_t i = 0; i < field_count; i++) {
                wire_put_name(b, fields[i].name);
                put_field(b, fields[i].kind, (const uint8_t *)structure + fields[i].offset);
        }
}

static bool is_set(enum wire_kind kind, const void *at)
{
        switch (kind) {
        case WIRE_TEXT:
        case WIRE_PROXY:
        case WIRE_CONNECT:
        case WIRE_DEFINITION:
                return **(const char *const *)at != '\0';
        case WIRE_TEXTS:
                return ((const struct text_list *)at)->count > 0;
        case WIRE_TEXT_MAP:
                return ((const struct text_map *)at)->count > 0;
        case WIRE_ADDRESSES:
                return ((const struct service_address_map *)at)->count > 0;
        case WIRE_BOOL:
                return *(const bool *)at;
        case WIRE_I32:
                return *(const int32_t *)at != 0;
        case WIRE_I64:
        case WIRE_U64:
                return *(const uint64_t *)at != 0;
        case WIRE_VALUE:
                return ((const struct pack_slice *)at)->length > 0;
        case WIRE_WEIGHTS:
                return true;
        }
        return false;
}

uint32_t wire_count_set(const struct wire_field fields[], size_t field_count, const void *structure)
{
        uint32_t count = 0;

        for (size_t i = 0; i < field_count; i++)
                count += is_set(fields[i].kind, (const uint8_t *)structure + fields[i].offset);
        return count;
}

void wire_put_set_pairs(struct byte_buffer *b, const struct wire_field fields[], size_t field_count,
                        const void *structure)
{
        for (size_t i = 0; i < field_count; i++) {
                if (is_set(fields[i].kind, (const uint8_t *)structure + fields[i].offset))
                        wire_put(b, &fields[i], 1, structure);
        }
}

void wire_put_set(struct byte_buffer *b, const struct wire_field fields[], size_t field_count,
                  const void *structure)
{
        pack_put_map(b, wire_count_set(fields, field_count, structure));
        wire_put_set_pairs(b, fields, field_count, structure);
}
