#include "control/store/record_codec.h"
#include "control/store/memory.h"
#include "lictor/bytes.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum field_kind {
        FIELD_TEXT,
        FIELD_LIST,
        FIELD_MAP,
        FIELD_ADDRESSES,
        FIELD_INT,
        FIELD_INT64,
        FIELD_BOOL
};

struct field {
        const char *key;
        uint8_t key_len;
        uint8_t kind;   // enum field_kind
        int32_t absent; // the integer that is left out
        size_t offset;
};

#define FIELD(type, member, key, kind)                                                             \
        {                                                                                          \
                key, sizeof(key) - 1, kind, 0, offsetof(struct type, member)                       \
        }

// The order of the fields is part of the format.
static const struct field node_fields[] = {
    FIELD(catalog_node, id, "ID", FIELD_TEXT),
    FIELD(catalog_node, name, "Node", FIELD_TEXT),
    FIELD(catalog_node, address, "Address", FIELD_TEXT),
    FIELD(catalog_node, datacenter, "Datacenter", FIELD_TEXT),
    FIELD(catalog_node, tagged_addresses, "TaggedAddresses", FIELD_MAP),
    FIELD(catalog_node, meta, "Meta", FIELD_MAP),
};

static const struct field service_fields[] = {
    FIELD(catalog_service, node, "Node", FIELD_TEXT),
    FIELD(catalog_service, kind, "Kind", FIELD_TEXT),
    FIELD(catalog_service, id, "ID", FIELD_TEXT),
    FIELD(catalog_service, name, "Service", FIELD_TEXT),
    FIELD(catalog_service, address, "Address", FIELD_TEXT),
    FIELD(catalog_service, socket_path, "SocketPath", FIELD_TEXT),
    FIELD(catalog_service, proxy_json, "Proxy", FIELD_TEXT),
    FIELD(catalog_service, connect_json, "Connect", FIELD_TEXT),
    FIELD(catalog_service, tags, "Tags", FIELD_LIST),
    FIELD(catalog_service, tagged_addresses, "TaggedAddresses", FIELD_ADDRESSES),
    FIELD(catalog_service, meta, "Meta", FIELD_MAP),
    FIELD(catalog_service, port, "Port", FIELD_INT),
    FIELD(catalog_service, weight_passing, "Passing", FIELD_INT),
    FIELD(catalog_service, weight_warning, "Warning", FIELD_INT),
    FIELD(catalog_service, enable_tag_override, "EnableTagOverride", FIELD_BOOL),
};

static const struct field check_fields[] = {
    FIELD(catalog_check, node, "Node", FIELD_TEXT),
    FIELD(catalog_check, id, "CheckID", FIELD_TEXT),
    FIELD(catalog_check, name, "Name", FIELD_TEXT),
    FIELD(catalog_check, status, "Status", FIELD_TEXT),
    FIELD(catalog_check, notes, "Notes", FIELD_TEXT),
    FIELD(catalog_check, output, "Output", FIELD_TEXT),
    FIELD(catalog_check, service_id, "ServiceID", FIELD_TEXT),
    FIELD(catalog_check, service_name, "ServiceName", FIELD_TEXT),
    FIELD(catalog_check, service_tags, "ServiceTags", FIELD_LIST),
    FIELD(catalog_check, type, "Type", FIELD_TEXT),
    FIELD(catalog_check, interval, "Interval", FIELD_TEXT),
    FIELD(catalog_check, timeout, "Timeout", FIELD_TEXT),
    FIELD(catalog_check, definition_json, "Definition", FIELD_TEXT),
    FIELD(catalog_check, exposed_port, "ExposedPort", FIELD_INT),
};

static const struct field query_fields[] = {
    FIELD(catalog_query, id, "ID", FIELD_TEXT),
    FIELD(catalog_query, name, "Name", FIELD_TEXT),
    FIELD(catalog_query, session, "Session", FIELD_TEXT),
    FIELD(catalog_query, token, "Token", FIELD_TEXT),
    FIELD(catalog_query, template_type, "TemplateType", FIELD_TEXT),
    FIELD(catalog_query, template_regexp, "TemplateRegexp", FIELD_TEXT),
    FIELD(catalog_query, service, "Service", FIELD_TEXT),
    FIELD(catalog_query, tags, "Tags", FIELD_LIST),
    FIELD(catalog_query, ignore_check_ids, "IgnoreCheckIDs", FIELD_LIST),
    FIELD(catalog_query, node_meta, "NodeMeta", FIELD_MAP),
    FIELD(catalog_query, service_meta, "ServiceMeta", FIELD_MAP),
    FIELD(catalog_query, near, "Near", FIELD_TEXT),
    FIELD(catalog_query, raw_json, "Raw", FIELD_TEXT),
    {"TTL", 3, FIELD_INT, -1, offsetof(struct catalog_query, dns_ttl_s)},
    FIELD(catalog_query, only_passing, "OnlyPassing", FIELD_BOOL),
};

static const struct field session_fields[] = {
    FIELD(catalog_session, id, "ID", FIELD_TEXT),
    FIELD(catalog_session, name, "Name", FIELD_TEXT),
    FIELD(catalog_session, node, "Node", FIELD_TEXT),
    FIELD(catalog_session, behavior, "Behavior", FIELD_TEXT),
    FIELD(catalog_session, ttl, "TTL", FIELD_TEXT),
    FIELD(catalog_session, lock_delay_ns, "LockDelay", FIELD_INT64),
    FIELD(catalog_session, checks, "Checks", FIELD_LIST),
    FIELD(catalog_session, node_checks, "NodeChecks", FIELD_LIST),
    FIELD(catalog_session, service_checks, "ServiceChecks", FIELD_LIST),
    FIELD(catalog_session, service_check_namespaces, "Namespaces", FIELD_LIST),
    FIELD(catalog_session, node_checks_null, "NoNodeChecks", FIELD_BOOL),
    FIELD(catalog_session, service_checks_given, "HasServiceChecks", FIELD_BOOL),
};

static const void *at(const void *value, const struct field *f)
{
        return (const char *)value + f->offset;
}

static bool is_absent(const void *value, const struct field *f)
{
        switch ((enum field_kind)f->kind) {
        case FIELD_TEXT:
                return **(const char *const *)at(value, f) == 0;
        case FIELD_LIST:
                return ((const struct text_list *)at(value, f))->count == 0;
        case FIELD_MAP:
                return ((const struct text_map *)at(value, f))->count == 0;
        case FIELD_ADDRESSES:
                return ((const struct service_address_map *)at(value, f))->count == 0;
        case FIELD_INT:
                return *(const int32_t *)at(value, f) == f->absent;
        case FIELD_INT64:
                return *(const int64_t *)at(value, f) == 0;
        case FIELD_BOOL:
                return !*(const bool *)at(value, f);
        }
        return true;
}

// Both kinds of map entry begin with their key; equal keys stay in the order given.
static int order_entries(const void *a, const void *b)
{
        const char *const *x = *(const char *const *const *)a;
        const char *const *y = *(const char *const *const *)b;
        int order = strcmp(*x, *y);

        return order != 0 ? order : (x > y) - (x < y);
}

// Pointers to a map's entries by ascending key, one for each key. The caller frees the array.
static const void **sort_entries(const void *entries, size_t entry_len, uint32_t *count)
{
        const void **sorted = memory_get(*count * sizeof(*sorted));
        uint32_t kept = 0;

        for (uint32_t i = 0; i < *count; i++)
                sorted[i] = (const char *)entries + i * entry_len;
        qsort(sorted, *count, sizeof(*sorted), order_entries);
        for (uint32_t i = 0; i < *count; i++) {
                if (i + 1 < *count && strcmp(*(const char *const *)sorted[i],
                                             *(const char *const *)sorted[i + 1]) == 0)
                        continue;
                sorted[kept++] = sorted[i];
        }
        *count = kept;
        return sorted;
}

static void put_pairs(const struct text_map *map, struct byte_buffer *out)
{
        uint32_t count = map->count;
        const void **sorted = sort_entries(map->pairs, sizeof(map->pairs[0]), &count);

        msgpack_put_map(out, count);
        for (uint32_t i = 0; i < count; i++) {
                const struct text_pair *pair = sorted[i];

                msgpack_put_text(out, pair->key);
                msgpack_put_text(out, pair->value);
        }
        free(sorted);
}

static void put_addresses(const struct service_address_map *map, struct byte_buffer *out)
{
        uint32_t count = map->count;
        const void **sorted = sort_entries(map->items, sizeof(map->items[0]), &count);

        msgpack_put_map(out, count);
        for (uint32_t i = 0; i < count; i++) {
                const struct service_address *item = sorted[i];

                msgpack_put_text(out, item->key);
                msgpack_put_array(out, 2);
                msgpack_put_text(out, item->address);
                msgpack_put_int(out, item->port);
        }
        free(sorted);
}

static void put_list(const struct text_list *list, struct byte_buffer *out)
{
        msgpack_put_array(out, list->count);
        for (uint32_t i = 0; i < list->count; i++)
                msgpack_put_text(out, list->items[i]);
}

static void encode(const void *in, const struct field fields[], size_t field_count,
                   struct byte_buffer *out)
{
        uint32_t present = 0;

        for (size_t i = 0; i < field_count; i++)
                present += !is_absent(in, &fields[i]);
        msgpack_put_map(out, present);
        for (size_t i = 0; i < field_count; i++) {
                const struct field *f = &fields[i];

                if (is_absent(in, f))
                        continue;
                msgpack_put_text(out, f->key);
                switch ((enum field_kind)f->kind) {
                case FIELD_TEXT:
                        msgpack_put_text(out, *(const char *const *)at(in, f));
                        break;
                case FIELD_LIST:
                        put_list(at(in, f), out);
                        break;
                case FIELD_MAP:
                        put_pairs(at(in, f), out);
                        break;
                case FIELD_ADDRESSES:
                        put_addresses(at(in, f), out);
                        break;
                case FIELD_INT:
                        msgpack_put_int(out, *(const int32_t *)at(in, f));
                        break;
                case FIELD_INT64:
                        msgpack_put_int(out, *(const int64_t *)at(in, f));
                        break;
                case FIELD_BOOL:
                        msgpack_put_bool(out, true);
                        break;
                }
        }
}

int arena_decode_text(struct msgpack_reader *r, struct arena *arena, const char **out)
{
        const char *bytes;
        size_t len;

        if (msgpack_get_text(r, &bytes, &len) < 0)
                return -EBADMSG;
        *out = len ? arena_text(arena, bytes, len) : "";
        return 0;
}

static int get_int32(struct msgpack_reader *r, int32_t *out)
{
        int64_t value;

        if (msgpack_get_int(r, &value) < 0 || value < INT32_MIN || value > INT32_MAX)
                return -EBADMSG;
        *out = (int32_t)value;
        return 0;
}

static int get_list(struct msgpack_reader *r, struct arena *arena, struct text_list *out)
{
        const char **items;
        uint32_t count;

        if (msgpack_get_array(r, &count) < 0)
                return -EBADMSG;
        items = arena_get(arena, count * sizeof(*items));
        for (uint32_t i = 0; i < count; i++)
                if (arena_decode_text(r, arena, &items[i]) < 0)
                        return -EBADMSG;
        *out = (struct text_list){items, count};
        return 0;
}

static int get_pairs(struct msgpack_reader *r, struct arena *arena, struct text_map *out)
{
        struct text_pair *pairs;
        uint32_t count;

        if (msgpack_get_map(r, &count) < 0)
                return -EBADMSG;
        pairs = arena_get(arena, count * sizeof(*pairs));
        for (uint32_t i = 0; i < count; i++) {
                if (arena_decode_text(r, arena, &pairs[i].key) < 0 ||
                    arena_decode_text(r, arena, &pairs[i].value) < 0)
                        return -EBADMSG;
                if (i > 0 && strcmp(pairs[i - 1].key, pairs[i].key) >= 0)
                        return -EBADMSG;
        }
        *out = (struct text_map){pairs, count};
        return 0;
}

static int get_addresses(struct msgpack_reader *r, struct arena *arena,
                         struct service_address_map *out)
{
        struct service_address *items;
        uint32_t count, pair;

        if (msgpack_get_map(r, &count) < 0)
                return -EBADMSG;
        items = arena_get(arena, count * sizeof(*items));
        for (uint32_t i = 0; i < count; i++) {
                if (arena_decode_text(r, arena, &items[i].key) < 0 ||
                    msgpack_get_array(r, &pair) < 0 || pair != 2 ||
                    arena_decode_text(r, arena, &items[i].address) < 0 ||
                    get_int32(r, &items[i].port) < 0)
                        return -EBADMSG;
                if (i > 0 && strcmp(items[i - 1].key, items[i].key) >= 0)
                        return -EBADMSG;
        }
        *out = (struct service_address_map){items, count};
        return 0;
}

static int get_value(struct msgpack_reader *r, struct arena *arena, const struct field *f, void *to)
{
        switch ((enum field_kind)f->kind) {
        case FIELD_TEXT:
                return arena_decode_text(r, arena, to);
        case FIELD_LIST:
                return get_list(r, arena, to);
        case FIELD_MAP:
                return get_pairs(r, arena, to);
        case FIELD_ADDRESSES:
                return get_addresses(r, arena, to);
        case FIELD_INT:
                return get_int32(r, to);
        case FIELD_INT64:
                return msgpack_get_int(r, to);
        case FIELD_BOOL:
                return msgpack_get_bool(r, to);
        }
        return -EBADMSG;
}

static int decode(struct msgpack_reader *r, struct arena *arena, const struct field fields[],
                  size_t field_count, void *out)
{
        size_t next = 0;
        uint32_t count;

        if (msgpack_get_map(r, &count) < 0)
                return -EBADMSG;
        for (uint32_t i = 0; i < count; i++) {
                const char *key;
                size_t len;

                if (msgpack_get_text(r, &key, &len) < 0)
                        return -EBADMSG;
                while (next < field_count &&
                       (fields[next].key_len != len || memcmp(fields[next].key, key, len) != 0))
                        next++;
                if (next == field_count)
                        return -EBADMSG;
                if (get_value(r, arena, &fields[next], (char *)out + fields[next].offset) < 0)
                        return -EBADMSG;
                // A default that is written out would be a second encoding of the same value.
                if (is_absent(out, &fields[next]))
                        return -EBADMSG;
                next++;
        }
        return 0;
}

void catalog_node_encode(const struct catalog_node *in, struct byte_buffer *out)
{
        encode(in, node_fields, ARRAY_LEN(node_fields), out);
}

void catalog_service_encode(const struct catalog_service *in, struct byte_buffer *out)
{
        encode(in, service_fields, ARRAY_LEN(service_fields), out);
}

void catalog_check_encode(const struct catalog_check *in, struct byte_buffer *out)
{
        encode(in, check_fields, ARRAY_LEN(check_fields), out);
}

void catalog_query_encode(const struct catalog_query *in, struct byte_buffer *out)
{
        encode(in, query_fields, ARRAY_LEN(query_fields), out);
}

void catalog_session_encode(const struct catalog_session *in, struct byte_buffer *out)
{
        encode(in, session_fields, ARRAY_LEN(session_fields), out);
}

int catalog_node_decode(struct msgpack_reader *r, struct arena *arena, struct catalog_node *out)
{
        *out = (struct catalog_node)CATALOG_NODE_INIT;
        return decode(r, arena, node_fields, ARRAY_LEN(node_fields), out);
}

int catalog_service_decode(struct msgpack_reader *r, struct arena *arena,
                           struct catalog_service *out)
{
        *out = (struct catalog_service)CATALOG_SERVICE_INIT;
        return decode(r, arena, service_fields, ARRAY_LEN(service_fields), out);
}

int catalog_check_decode(struct msgpack_reader *r, struct arena *arena, struct catalog_check *out)
{
        *out = (struct catalog_check)CATALOG_CHECK_INIT;
        return decode(r, arena, check_fields, ARRAY_LEN(check_fields), out);
}

int catalog_query_decode(struct msgpack_reader *r, struct arena *arena, struct catalog_query *out)
{
        *out = (struct catalog_query)CATALOG_QUERY_INIT;
        return decode(r, arena, query_fields, ARRAY_LEN(query_fields), out);
}

int catalog_session_decode(struct msgpack_reader *r, struct arena *arena,
                           struct catalog_session *out)
{
        *out = (struct catalog_session)CATALOG_SESSION_INIT;
        return decode(r, arena, session_fields, ARRAY_LEN(session_fields), out);
}
