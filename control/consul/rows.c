#include "control/consul/rows.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static_assert(offsetof(struct catalog_service, weight_warning) ==
                  offsetof(struct catalog_service, weight_passing) + sizeof(int32_t),
              "weights are read as two numbers in a row");

#define NODE(member, name, kind)    WIRE_FIELD(struct catalog_node, member, name, kind)
#define SERVICE(member, name, kind) WIRE_FIELD(struct catalog_service, member, name, kind)
#define CHECK(member, name, kind)   WIRE_FIELD(struct catalog_check, member, name, kind)

static const struct wire_field node_fields[] = {
    NODE(id, "ID", WIRE_TEXT),
    NODE(name, "Node", WIRE_TEXT),
    NODE(address, "Address", WIRE_TEXT),
    NODE(datacenter, "Datacenter", WIRE_TEXT),
    NODE(tagged_addresses, "TaggedAddresses", WIRE_TEXT_MAP),
    NODE(meta, "Meta", WIRE_TEXT_MAP),
};

static const struct wire_field service_fields[] = {
    SERVICE(kind, "Kind", WIRE_TEXT),
    SERVICE(id, "ID", WIRE_TEXT),
    SERVICE(name, "Service", WIRE_TEXT),
    SERVICE(tags, "Tags", WIRE_TEXTS),
    SERVICE(address, "Address", WIRE_TEXT),
    SERVICE(tagged_addresses, "TaggedAddresses", WIRE_ADDRESSES),
    SERVICE(meta, "Meta", WIRE_TEXT_MAP),
    SERVICE(port, "Port", WIRE_I32),
    SERVICE(socket_path, "SocketPath", WIRE_TEXT),
    SERVICE(weight_passing, "Weights", WIRE_WEIGHTS),
    SERVICE(enable_tag_override, "EnableTagOverride", WIRE_BOOL),
    SERVICE(proxy_json, "Proxy", WIRE_PROXY),
    SERVICE(connect_json, "Connect", WIRE_CONNECT),
};

static const struct wire_field check_fields[] = {
    CHECK(node, "Node", WIRE_TEXT),
    CHECK(id, "CheckID", WIRE_TEXT),
    CHECK(name, "Name", WIRE_TEXT),
    CHECK(status, "Status", WIRE_TEXT),
    CHECK(notes, "Notes", WIRE_TEXT),
    CHECK(output, "Output", WIRE_TEXT),
    CHECK(service_id, "ServiceID", WIRE_TEXT),
    CHECK(service_name, "ServiceName", WIRE_TEXT),
    CHECK(service_tags, "ServiceTags", WIRE_TEXTS),
    CHECK(type, "Type", WIRE_TEXT),
    CHECK(interval, "Interval", WIRE_TEXT),
    CHECK(timeout, "Timeout", WIRE_TEXT),
    CHECK(exposed_port, "ExposedPort", WIRE_I32),
    CHECK(definition_json, "Definition", WIRE_DEFINITION),
};

// The two pairs of every record.
void consul_put_indexes(struct byte_buffer *b, const struct record *head)
{
        wire_put_name(b, "CreateIndex");
        pack_put_uint(b, head->create_index);
        wire_put_name(b, "ModifyIndex");
        pack_put_uint(b, head->modify_index);
}

static void put_row(struct byte_buffer *b, const struct wire_field fields[], size_t count,
                    const void *value, const struct record *head)
{
        pack_put_map(b, (uint32_t)count + 2);
        wire_put(b, fields, count, value);
        consul_put_indexes(b, head);
}

void consul_put_node(struct byte_buffer *b, const struct node_record *record)
{
        put_row(b, node_fields, COUNT(node_fields), &record->node, &record->head);
}

void consul_put_service(struct byte_buffer *b, const struct service_record *record)
{
        put_row(b, service_fields, COUNT(service_fields), &record->service, &record->head);
}

void consul_put_check(struct byte_buffer *b, const struct check_record *record)
{
        put_row(b, check_fields, COUNT(check_fields), &record->check, &record->head);
}

static void put_new(struct byte_buffer *b, const struct wire_field fields[], size_t count,
                    const void *value, uint64_t index)
{
        pack_put_map(b, wire_count_set(fields, count, value) + (index > 0));
        wire_put_set_pairs(b, fields, count, value);
        if (index > 0) {
                wire_put_name(b, "ModifyIndex");
                pack_put_uint(b, index);
        }
}

void consul_put_new_node(struct byte_buffer *b, const struct catalog_node *node, uint64_t index)
{
        put_new(b, node_fields, COUNT(node_fields), node, index);
}

void consul_put_new_service(struct byte_buffer *b, const struct catalog_service *service,
                            uint64_t index)
{
        put_new(b, service_fields, COUNT(service_fields), service, index);
}

void consul_put_new_check(struct byte_buffer *b, const struct catalog_check *check, uint64_t index)
{
        put_new(b, check_fields, COUNT(check_fields), check, index);
}

void consul_put_kv(struct byte_buffer *b, const struct kv_record *record, bool with_value)
{
        const struct pack_slice value = {kv_record_value(record), record->value_len};

        pack_put_map(b, 7);
        wire_put_name(b, "LockIndex");
        pack_put_uint(b, record->lock_index);
        wire_put_name(b, "Key");
        pack_put_raw(b,
                     (struct pack_slice){(const uint8_t *)kv_record_key(record), record->key_len});
        wire_put_name(b, "Flags");
        pack_put_uint(b, record->flags);
        wire_put_name(b, "Value");
        if (with_value && value.length > 0)
                pack_put_raw(b, value);
        else
                pack_put_nil(b);
        wire_put_name(b, "Session");
        pack_put_text(b, kv_record_session(record));
        consul_put_indexes(b, &record->head);
}

static void put_service_checks(struct byte_buffer *b, const struct catalog_session *session)
{
        if (session->service_checks.count == 0) {
                pack_put_nil(b);
                return;
        }
        pack_put_array(b, session->service_checks.count);
        for (uint32_t i = 0; i < session->service_checks.count; i++) {
                pack_put_map(b, 2);
                wire_put_name(b, "ID");
                pack_put_text(b, session->service_checks.items[i]);
                wire_put_name(b, "Namespace");
                pack_put_text(b, session->service_check_namespaces.items[i]);
        }
}

#define SESSION(member, name, kind) WIRE_FIELD(struct catalog_session, member, name, kind)

static const struct wire_field session_fields[] = {
    SESSION(id, "ID", WIRE_TEXT),
    SESSION(name, "Name", WIRE_TEXT),
    SESSION(node, "Node", WIRE_TEXT),
    SESSION(lock_delay_ns, "LockDelay", WIRE_I64),
    SESSION(behavior, "Behavior", WIRE_TEXT),
    SESSION(ttl, "TTL", WIRE_TEXT),
    SESSION(checks, "Checks", WIRE_TEXTS),
};

// An empty list is told from nil, as HTTP shows it.
static void put_node_checks(struct byte_buffer *b, const struct catalog_session *session)
{
        if (session->node_checks.count == 0 && !session->node_checks_null)
                pack_put_array(b, 0);
        else
                wire_put_texts(b, &session->node_checks);
}

#define SESSION_PAIRS (COUNT(session_fields) + 2)

static void put_session_pairs(struct byte_buffer *b, const struct catalog_session *session)
{
        wire_put(b, session_fields, COUNT(session_fields), session);
        wire_put_name(b, "NodeChecks");
        put_node_checks(b, session);
        wire_put_name(b, "ServiceChecks");
        put_service_checks(b, session);
}

void consul_put_session(struct byte_buffer *b, const struct session_record *record)
{
        pack_put_map(b, SESSION_PAIRS + 2);
        put_session_pairs(b, &record->session);
        consul_put_indexes(b, &record->head);
}

void consul_put_new_session(struct byte_buffer *b, const struct catalog_session *session)
{
        pack_put_map(b, SESSION_PAIRS);
        put_session_pairs(b, session);
}

void consul_put_coordinate(struct byte_buffer *b, const struct catalog_coordinate *coordinate)
{
        pack_put_map(b, CONSUL_COORDINATE_PAIRS);
        consul_put_coordinate_pairs(b, coordinate);
}

void consul_put_coordinate_pairs(struct byte_buffer *b, const struct catalog_coordinate *coordinate)
{
        const struct coordinate *at = &coordinate->at;

        wire_put_name(b, "Node");
        pack_put_text(b, coordinate->node);
        wire_put_name(b, "Segment");
        pack_put_text(b, coordinate->segment);
        wire_put_name(b, "Coord");
        pack_put_map(b, 4);
        wire_put_name(b, "Vec");
        pack_put_array(b, COORDINATE_DIMENSIONS);
        for (size_t i = 0; i < COORDINATE_DIMENSIONS; i++)
                pack_put_float(b, at->vec[i]);
        wire_put_name(b, "Error");
        pack_put_float(b, at->error);
        wire_put_name(b, "Adjustment");
        pack_put_float(b, at->adjustment);
        wire_put_name(b, "Height");
        pack_put_float(b, at->height);
}

// --- Lists.

#define LIST_HEAD_SIZE 5 // array 32

size_t consul_begin_list(struct byte_buffer *b)
{
        byte_buffer_append(b, "\xdd\0\0\0\0", LIST_HEAD_SIZE);
        return b->len - LIST_HEAD_SIZE;
}

void consul_end_list(struct byte_buffer *b, size_t at, uint32_t count)
{
        for (unsigned i = 0; i < 4; i++)
                b->bytes[at + 1 + i] = (uint8_t)(count >> (24 - 8 * i));
}

void consul_put_checks(struct byte_buffer *b, struct store_iter *it)
{
        size_t at = consul_begin_list(b);
        const struct check_record *check;
        uint32_t count = 0;

        while ((check = store_next_check(it)) != NULL) {
                consul_put_check(b, check);
                count++;
        }
        consul_end_list(b, at, count);
}

void consul_put_node_info(struct byte_buffer *b, const struct store *store,
                          const struct node_record *record)
{
        // All of a node but its datacenter.
        static const struct wire_field fields[] = {
            NODE(id, "ID", WIRE_TEXT),
            NODE(name, "Node", WIRE_TEXT),
            NODE(address, "Address", WIRE_TEXT),
            NODE(tagged_addresses, "TaggedAddresses", WIRE_TEXT_MAP),
            NODE(meta, "Meta", WIRE_TEXT_MAP),
        };
        const struct service_record *service;
        struct store_iter it;
        uint32_t count = 0;
        size_t at;

        pack_put_map(b, COUNT(fields) + 2);
        wire_put(b, fields, COUNT(fields), &record->node);
        wire_put_name(b, "Services");
        at = consul_begin_list(b);
        store_services_of_node(store, record->node.name, &it);
        for (; (service = store_next_service(&it)) != NULL; count++)
                consul_put_service(b, service);
        consul_end_list(b, at, count);
        wire_put_name(b, "Checks");
        store_checks_of_node(store, record->node.name, &it);
        consul_put_checks(b, &it);
}

// --- Reading.

// Reads a row twice: what it is, and its index.
static int get_row(struct msgpack_reader *r, const struct wire_field fields[], size_t count,
                   struct arena *arena, void *out, uint64_t *modify_index)
{
        static const struct wire_field index_field[] = {{"ModifyIndex", WIRE_U64, 0}};
        struct msgpack_reader again = *r;

        *modify_index = 0;
        if (wire_get(&again, index_field, 1, arena, modify_index) < 0)
                return -EBADMSG;
        return wire_get(r, fields, count, arena, out);
}

int consul_get_node(struct msgpack_reader *r, struct arena *arena, struct catalog_node *out,
                    uint64_t *modify_index)
{
        *out = (struct catalog_node)CATALOG_NODE_INIT;
        return get_row(r, node_fields, COUNT(node_fields), arena, out, modify_index);
}

int consul_get_service(struct msgpack_reader *r, struct arena *arena, struct catalog_service *out,
                       uint64_t *modify_index)
{
        *out = (struct catalog_service)CATALOG_SERVICE_INIT;
        return get_row(r, service_fields, COUNT(service_fields), arena, out, modify_index);
}

int consul_get_check(struct msgpack_reader *r, struct arena *arena, struct catalog_check *out,
                     uint64_t *modify_index)
{
        *out = (struct catalog_check)CATALOG_CHECK_INIT;
        return get_row(r, check_fields, COUNT(check_fields), arena, out, modify_index);
}

// What a key's entry is on the wire.
struct packed_kv {
        struct pack_slice value;
        const char *key, *session;
        uint64_t flags, modify_index;
};

#define KV(member, name, kind) WIRE_FIELD(struct packed_kv, member, name, kind)

static const struct wire_field kv_fields[] = {
    KV(key, "Key", WIRE_TEXT),
    KV(value, "Value", WIRE_VALUE),
    KV(session, "Session", WIRE_TEXT),
    KV(flags, "Flags", WIRE_U64),
    KV(modify_index, "ModifyIndex", WIRE_U64),
};

void consul_put_new_kv(struct byte_buffer *b, const struct kv_entry *entry, uint64_t index)
{
        struct byte_buffer value = BYTE_BUFFER_INIT;
        struct packed_kv packed = {.key = entry->key,
                                   .session = entry->session,
                                   .flags = entry->flags,
                                   .modify_index = index};

        if (entry->value_len > 0) {
                pack_put_raw(&value, (struct pack_slice){entry->value, entry->value_len});
                packed.value = (struct pack_slice){value.bytes, (uint32_t)value.len};
        }
        wire_put_set(b, kv_fields, COUNT(kv_fields), &packed);
        byte_buffer_fini(&value);
}

int consul_get_kv(struct msgpack_reader *r, struct arena *arena, struct kv_entry *out,
                  uint64_t *modify_index)
{
        struct packed_kv packed = {.key = "", .session = ""};
        struct msgpack_reader value;
        struct pack_slice bytes = {NULL, 0};

        *out = (struct kv_entry)KV_ENTRY_INIT;
        if (wire_get(r, kv_fields, COUNT(kv_fields), arena, &packed) < 0)
                return -EBADMSG;
        value = pack_reader_of(packed.value);
        if (packed.value.length > 0 && pack_get_raw(&value, &bytes) < 0)
                return -EBADMSG;
        out->key = packed.key;
        out->session = packed.session;
        out->flags = packed.flags;
        out->value = bytes.bytes;
        out->value_len = bytes.length;
        *modify_index = packed.modify_index;
        return 0;
}

// The session's lists whose absence counts.
struct packed_checks {
        struct pack_slice node_checks, service_checks;
};

struct packed_service_check {
        const char *id, *name_space;
};

static int get_service_checks(struct pack_slice value, struct arena *arena,
                              struct catalog_session *out)
{
        static const struct wire_field fields[] = {
            WIRE_FIELD(struct packed_service_check, id, "ID", WIRE_TEXT),
            WIRE_FIELD(struct packed_service_check, name_space, "Namespace", WIRE_TEXT),
        };
        struct msgpack_reader r = pack_reader_of(value);
        const char **ids, **namespaces;
        uint32_t count;

        if (value.length == 0 || pack_peek(&r) == PACK_IS_NIL)
                return 0;
        if (pack_get_array(&r, &count) < 0)
                return -EBADMSG;
        ids = arena_get(arena, (count + 1) * sizeof(*ids));
        namespaces = arena_get(arena, (count + 1) * sizeof(*namespaces));
        for (uint32_t i = 0; i < count; i++) {
                struct packed_service_check check = {"", ""};

                if (wire_get(&r, fields, COUNT(fields), arena, &check) < 0)
                        return -EBADMSG;
                ids[i] = check.id;
                namespaces[i] = check.name_space;
        }
        out->service_checks_given = true;
        out->service_checks = (struct text_list){ids, count};
        out->service_check_namespaces = (struct text_list){namespaces, count};
        return 0;
}

int consul_get_session(struct msgpack_reader *r, struct arena *arena, struct catalog_session *out)
{
        static const struct wire_field lists[] = {
            WIRE_FIELD(struct packed_checks, node_checks, "NodeChecks", WIRE_VALUE),
            WIRE_FIELD(struct packed_checks, service_checks, "ServiceChecks", WIRE_VALUE),
        };
        struct packed_checks packed = {{NULL, 0}, {NULL, 0}};
        struct msgpack_reader again = *r, value;

        *out = (struct catalog_session)CATALOG_SESSION_INIT;
        if (wire_get(r, session_fields, COUNT(session_fields), arena, out) < 0 ||
            wire_get(&again, lists, COUNT(lists), arena, &packed) < 0)
                return -EBADMSG;
        value = pack_reader_of(packed.node_checks);
        out->node_checks_null = packed.node_checks.length == 0 || pack_peek(&value) == PACK_IS_NIL;
        if (!out->node_checks_null && wire_get_texts(&value, arena, &out->node_checks) < 0)
                return -EBADMSG;
        return get_service_checks(packed.service_checks, arena, out);
}

static int get_vector(struct msgpack_reader *r, struct coordinate *out, uint32_t *dimensions)
{
        if (pack_get_array(r, dimensions) < 0)
                return -EBADMSG;
        for (uint32_t i = 0; i < *dimensions; i++) {
                double value;

                if (pack_get_float(r, &value) < 0)
                        return -EBADMSG;
                if (i < COORDINATE_DIMENSIONS)
                        out->vec[i] = value;
        }
        return 0;
}

int consul_get_coordinate(struct msgpack_reader *r, struct coordinate *out, bool *has)
{
        static const char *const names[] = {"Error", "Adjustment", "Height"};
        double *const members[] = {&out->error, &out->adjustment, &out->height};
        uint32_t pairs, dimensions = 0;

        *out = (struct coordinate){.error = 0};
        *has = pack_peek(r) != PACK_IS_NIL;
        if (pack_get_map(r, &pairs) < 0)
                return -EBADMSG;
        while (pairs-- > 0) {
                struct pack_slice name;
                double *member = NULL;
                int ret;

                if (pack_get_raw(r, &name) < 0)
                        return -EBADMSG;
                for (size_t i = 0; i < COUNT(names); i++) {
                        if (pack_slice_equal(name, pack_slice_of(names[i])))
                                member = members[i];
                }
                if (member != NULL)
                        ret = pack_get_float(r, member);
                else if (pack_slice_equal(name, pack_slice_of("Vec")))
                        ret = get_vector(r, out, &dimensions);
                else
                        ret = pack_skip(r);
                if (ret < 0)
                        return ret;
        }
        return *has && dimensions != COORDINATE_DIMENSIONS ? -EINVAL : 0;
}
