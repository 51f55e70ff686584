#include "control/snapshot/consul_rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/api/decode.h"
#include "control/query/query.h"
#include "control/server/autopilot_json.h"
#include "control/text/duration.h"
#include "lictor/bytes.h"

static uint64_t index_of(const struct consul_rows *rows, const json_t *object, const char *name)
{
        json_int_t value = json_integer_value(json_object_get(object, name));
        uint64_t number = value > 0 ? (uint64_t)value : 0;

        // The state's index is the last: nothing may be later.
        return number < rows->last_index ? number : rows->last_index;
}

#define INDEXES(rows, object)                                                                      \
        index_of(rows, object, "CreateIndex"), index_of(rows, object, "ModifyIndex")

// Maps of the API's bodies come in any order; records have theirs sorted.
static int order_keys(const void *a, const void *b)
{
        const char *const *x = a, *const *y = b;

        return strcmp(*x, *y);
}

static void sort_map(struct text_map *map)
{
        qsort((void *)(uintptr_t)map->pairs, map->count, sizeof(map->pairs[0]), order_keys);
}

static void sort_addresses(struct service_address_map *map)
{
        qsort((void *)(uintptr_t)map->items, map->count, sizeof(map->items[0]), order_keys);
}

static int load_node(struct consul_rows *rows, const json_t *value, struct command *command)
{
        struct catalog_node *node = &command->reg.node;

        if (json_object_get(value, "Service") != NULL || json_object_get(value, "Check") != NULL ||
            json_array_size(json_object_get(value, "Checks")) > 0) {
                // Later records of a node tell its services and checks.
                if (store_node_get(rows->store, node->name) != NULL)
                        return 0;
        }
        sort_map(&node->tagged_addresses);
        sort_map(&node->meta);
        return store_load(rows->store, &node_record_create(node, INDEXES(rows, value))->head);
}

static int load_service(struct consul_rows *rows, const json_t *value,
                        struct catalog_service *service)
{
        sort_map(&service->meta);
        sort_addresses(&service->tagged_addresses);
        return store_load(rows->store, &service_record_create(service, INDEXES(rows, value))->head);
}

static int load_parts(struct consul_rows *rows, const json_t *value, struct command *command)
{
        const json_t *checks = json_object_get(value, "Checks"), *check;
        size_t listed = json_array_size(checks);
        int ret = load_node(rows, value, command);

        if (ret == 0 && command->reg.has_service)
                ret = load_service(rows, json_object_get(value, "Service"), &command->reg.service);
        for (uint32_t i = 0; ret == 0 && i < command->reg.check_count; i++) {
                check = i < listed ? json_array_get(checks, i) : json_object_get(value, "Check");
                ret = store_load(
                    rows->store,
                    &check_record_create(&command->reg.checks[i], INDEXES(rows, check))->head);
        }
        return ret;
}

static int apply_schema(const struct json_schema *schema, const json_t *value, json_t **out)
{
        char error[JSON_SCHEMA_ERROR_MAX];

        return json_schema_apply(schema, JSON_SCHEMA_IGNORE_UNKNOWN, value, out, error);
}

int consul_rows_register(struct consul_rows *rows, const json_t *value)
{
        struct scratch *scratch = scratch_create();
        struct fsm_result refusal;
        struct command command;
        json_t *body = NULL;
        int ret = scratch != NULL ? apply_schema(&api_register_schema, value, &body) : -ENOMEM;

        fsm_result_init(&refusal);
        if (ret == 0)
                ret = api_decode_register(body, rows->datacenter, scratch, &command);
        if (ret == 0 && json_string_value(json_object_get(value, "Datacenter")) != NULL)
                command.reg.node.datacenter =
                    json_string_value(json_object_get(value, "Datacenter"));
        if (ret == 0)
                ret = command_prepare(&command, &refusal);
        if (ret == 0)
                ret = load_parts(rows, value, &command);
        fsm_result_fini(&refusal);
        json_decref(body);
        scratch_destroy(scratch);
        return ret;
}

static int fill_lists(const json_t *value, struct scratch *scratch, struct catalog_session *out)
{
        const json_t *services = json_object_get(value, "ServiceChecks");
        const json_t *node_checks = json_object_get(value, "NodeChecks");
        size_t count = json_array_size(services);
        const char **ids = scratch_alloc(scratch, (count + 1) * sizeof(*ids));
        const char **namespaces = scratch_alloc(scratch, (count + 1) * sizeof(*namespaces));

        if (ids == NULL || namespaces == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < count; i++) {
                ids[i] = json_schema_string(json_array_get(services, i), "ID");
                namespaces[i] = json_schema_string(json_array_get(services, i), "Namespace");
        }
        out->service_checks = (struct text_list){ids, (uint32_t)count};
        out->service_check_namespaces = (struct text_list){namespaces, (uint32_t)count};
        out->service_checks_given = services != NULL;
        out->node_checks_null = node_checks == NULL;
        if (api_decode_list(node_checks, scratch, &out->node_checks) < 0)
                return -ENOMEM;
        return api_decode_list(json_object_get(value, "Checks"), scratch, &out->checks);
}

static bool is_text_list(const json_t *list)
{
        const json_t *item;
        size_t i;

        json_array_foreach(list, i, item)
        {
                if (!json_is_string(item))
                        return false;
        }
        return list == NULL || json_is_array(list);
}

int consul_rows_session(struct consul_rows *rows, const json_t *value)
{
        struct catalog_session session = CATALOG_SESSION_INIT;
        struct scratch *scratch = scratch_create();
        struct store_error error;
        int ret = 0;

        session.id = json_schema_string(value, "ID");
        session.name = json_schema_string(value, "Name");
        session.node = json_schema_string(value, "Node");
        session.behavior = json_schema_string(value, "Behavior");
        session.ttl = json_schema_string(value, "TTL");
        session.lock_delay_ns = json_integer_value(json_object_get(value, "LockDelay"));
        if (scratch == NULL)
                return -ENOMEM;
        if (store_session_check_id(session.id, &error) < 0 ||
            !is_text_list(json_object_get(value, "NodeChecks")) ||
            !is_text_list(json_object_get(value, "Checks")))
                ret = -EINVAL;
        if (ret == 0)
                ret = fill_lists(value, scratch, &session);
        if (ret == 0)
                ret = store_load(rows->store,
                                 &session_record_create(&session, INDEXES(rows, value))->head);
        scratch_destroy(scratch);
        return ret;
}

static int load_query(struct consul_rows *rows, const json_t *value, const json_t *definition)
{
        const char *ttl = json_schema_string(json_object_get(definition, "DNS"), "TTL");
        char *raw = json_dumps(definition, JSON_COMPACT), error[QUERY_ERROR_MAX];
        struct catalog_query query = CATALOG_QUERY_INIT;
        void *memory = NULL;
        int64_t ttl_ns = 0;
        int ret = raw != NULL ? query_definition_read(definition, &query, &memory) : -ENOMEM;

        if (ret == 0 &&
            (*query.id == '\0' || *query.service == '\0' ||
             (*ttl != '\0' && duration_parse(ttl, &ttl_ns) < 0) || ttl_ns < 0 ||
             ttl_ns / 1000000000 > INT32_MAX || query_template_check(definition, error) < 0))
                ret = -EINVAL;
        if (ret == 0) {
                query.raw_json = raw;
                query.dns_ttl_s = *ttl != '\0' ? (int32_t)(ttl_ns / 1000000000) : -1;
                ret = store_load(rows->store,
                                 &query_record_create(&query, INDEXES(rows, value))->head);
        }
        free(memory);
        free(raw);
        return ret;
}

int consul_rows_query(struct consul_rows *rows, const json_t *value)
{
        json_t *body, *definition;
        int ret = apply_schema(&api_query_schema, value, &body);

        if (ret < 0)
                return ret;
        definition = api_complete_query(body, json_schema_string(value, "ID"));
        // A text that is no UTF-8 cannot be shown.
        ret = definition != NULL ? load_query(rows, value, definition) : -EINVAL;
        json_decref(definition);
        json_decref(body);
        return ret;
}

int consul_rows_autopilot(struct consul_rows *rows, const json_t *value)
{
        static const char *const names[] = {
            "CleanupDeadServers", "LastContactThreshold",    "MaxTrailingLogs",
            "MinQuorum",          "RedundancyZoneTag",       "DisableUpgradeMigration",
            "UpgradeVersionTag",  "ServerStabilizationTime",
        };
        struct catalog_setting setting = {.name = SETTING_AUTOPILOT};
        char error[JSON_SCHEMA_ERROR_MAX], *text = NULL;
        struct autopilot_config config;
        json_t *known = json_object();
        struct json_writer w;
        size_t len;
        int ret = 0;

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                json_t *member = json_object_get(value, names[i]);

                if (member != NULL && json_object_set(known, names[i], member) < 0)
                        ret = -ENOMEM;
        }
        text = ret == 0 ? json_dumps(known, JSON_COMPACT) : NULL;
        json_decref(known);
        if (text == NULL)
                return -EINVAL;
        ret = autopilot_config_parse(text, strlen(text), &config, error);
        free(text);
        if (ret < 0)
                return ret;
        json_writer_init(&w, false);
        json_writer_begin_object(&w);
        autopilot_config_write(&config, &w);
        json_writer_end_object(&w);
        text = json_writer_take(&w, &len);
        if (text == NULL)
                return -ENOMEM;
        setting.value = text;
        ret = store_load(rows->store, &setting_record_create(&setting, INDEXES(rows, value))->head);
        free(text);
        return ret;
}

static int load_coordinate(struct consul_rows *rows, const json_t *value)
{
        const json_t *at = json_object_get(value, "Coord"), *vec = json_object_get(at, "Vec");
        struct catalog_coordinate coordinate = {
            .node = json_schema_string(value, "Node"),
            .segment = json_schema_string(value, "Segment"),
            .at = {.error = json_number_value(json_object_get(at, "Error")),
                   .adjustment = json_number_value(json_object_get(at, "Adjustment")),
                   .height = json_number_value(json_object_get(at, "Height"))},
        };

        // Zeros are left out of maps but stand in lists, as empty texts.
        if (json_array_size(vec) != COORDINATE_DIMENSIONS)
                return -EINVAL;
        for (size_t i = 0; i < COORDINATE_DIMENSIONS; i++)
                coordinate.at.vec[i] = json_number_value(json_array_get(vec, i));
        if (!coordinate_is_valid(&coordinate.at))
                return -EINVAL;
        return store_load(
            rows->store,
            &coordinate_record_create(&coordinate, rows->last_index, rows->last_index)->head);
}

int consul_rows_coordinates(struct consul_rows *rows, const json_t *value)
{
        const json_t *item;
        int ret = json_is_array(value) ? 0 : -EINVAL;
        size_t i;

        json_array_foreach(value, i, item)
        {
                int one = load_coordinate(rows, item);

                ret = ret == 0 ? one : ret;
        }
        return ret;
}

/* A key's fields; RaftIndex's lie among them. */
struct entry {
        struct pack_slice key, value, session;
        uint64_t flags, lock_index, create_index, modify_index;
};

static const struct pack_field entry_fields[] = {
    PACK_FIELD(struct entry, key, "Key", PACK_RAW),
    PACK_FIELD(struct entry, value, "Value", PACK_RAW),
    PACK_FIELD(struct entry, session, "Session", PACK_RAW),
    PACK_FIELD(struct entry, flags, "Flags", PACK_U64),
    PACK_FIELD(struct entry, lock_index, "LockIndex", PACK_U64),
    PACK_FIELD(struct entry, create_index, "CreateIndex", PACK_U64),
    PACK_FIELD(struct entry, modify_index, "ModifyIndex", PACK_U64),
};

// A text of its own, or NULL when it has a zero byte in it; "" stays so.
static char *own_text(struct pack_slice slice)
{
        if (slice.length > 0 && memchr(slice.bytes, 0, slice.length) != NULL)
                return NULL;
        return strndup(slice.length > 0 ? (const char *)slice.bytes : "", slice.length);
}

static int read_entry(const struct consul_rows *rows, struct msgpack_reader *r, struct entry *out)
{
        memset(out, 0, sizeof(*out));
        if (pack_get_struct(r, entry_fields, ARRAY_LEN(entry_fields), out) < 0)
                return -EBADMSG;
        if (out->create_index > rows->last_index)
                out->create_index = rows->last_index;
        if (out->modify_index > rows->last_index)
                out->modify_index = rows->last_index;
        return 0;
}

int consul_rows_kv(struct consul_rows *rows, struct msgpack_reader *r)
{
        struct kv_entry entry = KV_ENTRY_INIT;
        char *key, *session;
        struct entry in;
        int ret = read_entry(rows, r, &in);

        if (ret < 0)
                return ret;
        key = own_text(in.key);
        session = own_text(in.session);
        if (key == NULL || session == NULL || *key == '\0') {
                ret = -EINVAL;
                goto free_texts;
        }
        entry.key = key;
        // A lock of a session that is not there is held by nobody.
        entry.session = store_session_get(rows->store, session) != NULL ? session : "";
        entry.value = in.value.bytes;
        entry.value_len = in.value.length;
        entry.flags = in.flags;
        entry.lock_index = in.lock_index;
        ret = store_load(rows->store,
                         &kv_record_create(&entry, in.create_index, in.modify_index)->head);
        if (ret == 0 && *entry.session != *session)
                ret = -ENOENT;
free_texts:
        free(key);
        free(session);
        return ret;
}

int consul_rows_tombstone(struct consul_rows *rows, struct msgpack_reader *r)
{
        struct entry in;
        char *key;
        int ret = read_entry(rows, r, &in);

        if (ret < 0)
                return ret;
        key = own_text(in.key);
        if (key == NULL || *key == '\0')
                ret = -EINVAL;
        else
                ret = store_load(rows->store, &tombstone_record_create(key, in.modify_index)->head);
        free(key);
        return ret;
}
