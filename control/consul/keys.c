#include <string.h>

#include "control/consul/consul_internal.h"

// Reading keys, sessions, coordinates and prepared queries.

// --- Keys.

static uint64_t key_index(const struct consul_read *read)
{
        const struct kv_record *row = store_kv_get(read->store, read->query.key);

        return row != NULL ? row->head.modify_index : store_table_index(read->store, STORE_KV);
}

static void watch_keys(const struct consul_read *read, enum watch_scope scope, const char *key)
{
        watch_add(store_watches(read->store), consul_next_watch(read), STORE_WATCH_KEY, scope, key,
                  strlen(key));
}

static void watch_key(const struct consul_read *read)
{
        watch_keys(read, WATCH_EXACT, read->query.key);
}

static void watch_tree(const struct consul_read *read)
{
        watch_keys(read, WATCH_PREFIX, read->query.key);
}

static void watch_prefix(const struct consul_read *read)
{
        watch_keys(read, WATCH_PREFIX, read->query.prefix);
}

static void write_key(const struct consul_read *read, struct byte_buffer *b)
{
        const struct kv_record *row = store_kv_get(read->store, read->query.key);

        wire_put_name(b, "Entries");
        if (row == NULL) {
                pack_put_nil(b);
                return;
        }
        pack_put_array(b, 1);
        consul_put_kv(b, row, true);
}

const struct consul_read_kind consul_kvs_read = {
    .index = key_index, .watch = watch_key, .write = write_key, .pair_count = 1};

static uint64_t tree_index(const struct consul_read *read)
{
        return store_kv_prefix_index(read->store, read->query.key);
}

static void write_tree(const struct consul_read *read, struct byte_buffer *b)
{
        const struct kv_record *row;
        struct store_iter it;
        uint32_t count = 0;
        size_t at;

        wire_put_name(b, "Entries");
        at = consul_begin_list(b);
        store_kv(read->store, read->query.key, &it);
        for (; (row = store_next_kv(&it)) != NULL; count++)
                consul_put_kv(b, row, true);
        consul_end_list(b, at, count);
}

const struct consul_read_kind consul_kvs_list = {
    .index = tree_index, .watch = watch_tree, .write = write_tree, .pair_count = 1};

static uint64_t prefix_index(const struct consul_read *read)
{
        return store_kv_prefix_index(read->store, read->query.prefix);
}

// A key, or as far as the separator behind the prefix, which it then shares with the next ones.
static size_t shown_len(const struct kv_record *row, size_t prefix_len, const char *separator)
{
        const char *key = kv_record_key(row);
        const char *at = *separator != '\0' ? strstr(key + prefix_len, separator) : NULL;

        return at != NULL ? (size_t)(at - key) + strlen(separator) : row->key_len;
}

static void write_keys(const struct consul_read *read, struct byte_buffer *b)
{
        size_t prefix_len = strlen(read->query.prefix);
        struct pack_slice last = {NULL, 0};
        const struct kv_record *row;
        struct store_iter it;
        uint32_t count = 0;
        size_t at;

        wire_put_name(b, "Keys");
        at = consul_begin_list(b);
        store_kv(read->store, read->query.prefix, &it);
        while ((row = store_next_kv(&it)) != NULL) {
                const struct pack_slice key = {
                    (const uint8_t *)kv_record_key(row),
                    (uint32_t)shown_len(row, prefix_len, read->query.separator)};

                if (count > 0 && pack_slice_equal(key, last))
                        continue;
                last = key;
                pack_put_raw(b, key);
                count++;
        }
        consul_end_list(b, at, count);
}

const struct consul_read_kind consul_kvs_keys = {
    .index = prefix_index, .watch = watch_prefix, .write = write_keys, .pair_count = 1};

// --- Sessions.

static uint64_t sessions_index(const struct consul_read *read)
{
        return store_table_index(read->store, STORE_SESSIONS);
}

static void watch_sessions(const struct consul_read *read)
{
        store_watch_table(read->store, consul_next_watch(read), STORE_SESSIONS);
}

static void write_sessions(struct byte_buffer *b, struct store_iter *it)
{
        const struct session_record *session;
        uint32_t count = 0;
        size_t at;

        wire_put_name(b, "Sessions");
        at = consul_begin_list(b);
        for (; (session = store_next_session(it)) != NULL; count++)
                consul_put_session(b, session);
        consul_end_list(b, at, count);
}

static void write_all_sessions(const struct consul_read *read, struct byte_buffer *b)
{
        struct store_iter it;

        store_sessions(read->store, &it);
        write_sessions(b, &it);
}

const struct consul_read_kind consul_session_list = {
    .index = sessions_index, .watch = watch_sessions, .write = write_all_sessions, .pair_count = 1};

static void write_node_sessions(const struct consul_read *read, struct byte_buffer *b)
{
        struct store_iter it;

        store_sessions_of_node(read->store, read->query.node, &it);
        write_sessions(b, &it);
}

const struct consul_read_kind consul_session_of_node = {.index = sessions_index,
                                                        .watch = watch_sessions,
                                                        .write = write_node_sessions,
                                                        .pair_count = 1};

static void watch_session(const struct consul_read *read)
{
        store_watch_name(read->store, consul_next_watch(read), STORE_WATCH_SESSION,
                         read->query.session_id);
}

static void write_session(const struct consul_read *read, struct byte_buffer *b)
{
        const struct session_record *session =
            store_session_get(read->store, read->query.session_id);

        wire_put_name(b, "Sessions");
        pack_put_array(b, session != NULL ? 1 : 0);
        if (session != NULL)
                consul_put_session(b, session);
}

static void check_session_id(const struct consul_read *read, struct store_error *error)
{
        if (read->query.session_id[0] != '\0')
                store_session_check_id(read->query.session_id, error);
}

const struct consul_read_kind consul_session_get = {.refuse = check_session_id,
                                                    .index = sessions_index,
                                                    .watch = watch_session,
                                                    .write = write_session,
                                                    .pair_count = 1};

// --- Coordinates.

static uint64_t coordinates_index(const struct consul_read *read)
{
        return store_table_index(read->store, STORE_COORDINATES);
}

static void watch_coordinates(const struct consul_read *read)
{
        store_watch_table(read->store, consul_next_watch(read), STORE_COORDINATES);
}

static void watch_node_coordinates(const struct consul_read *read)
{
        store_watch_name(read->store, consul_next_watch(read), STORE_WATCH_COORDINATE,
                         read->query.node);
}

static void write_coordinates(struct byte_buffer *b, struct store_iter *it)
{
        const struct coordinate_record *record;
        uint32_t count = 0;
        size_t at;

        wire_put_name(b, "Coordinates");
        at = consul_begin_list(b);
        for (; (record = store_next_coordinate(it)) != NULL; count++)
                consul_put_coordinate(b, &record->coordinate);
        consul_end_list(b, at, count);
}

static void write_all_coordinates(const struct consul_read *read, struct byte_buffer *b)
{
        struct store_iter it;

        store_coordinates(read->store, &it);
        write_coordinates(b, &it);
}

const struct consul_read_kind consul_coordinates = {.index = coordinates_index,
                                                    .watch = watch_coordinates,
                                                    .write = write_all_coordinates,
                                                    .pair_count = 1};

static void write_node_coordinates(const struct consul_read *read, struct byte_buffer *b)
{
        struct store_iter it;

        store_coordinates_of_node(read->store, read->query.node, &it);
        write_coordinates(b, &it);
}

const struct consul_read_kind consul_node_coordinates = {.check = consul_needs_node,
                                                         .index = coordinates_index,
                                                         .watch = watch_node_coordinates,
                                                         .write = write_node_coordinates,
                                                         .pair_count = 1};

// --- Prepared queries.

static uint64_t queries_index(const struct consul_read *read)
{
        return store_table_index(read->store, STORE_QUERIES);
}

static void watch_queries(const struct consul_read *read)
{
        store_watch_table(read->store, consul_next_watch(read), STORE_QUERIES);
}

// The definition is kept as it is shown but for its indexes.
static void put_query(struct byte_buffer *b, const struct query_record *record)
{
        json_t *definition = json_loads(record->query.raw_json, 0, NULL), *value;
        const char *name;

        json_object_del(definition, "CreateIndex");
        json_object_del(definition, "ModifyIndex");
        pack_put_map(b, (uint32_t)json_object_size(definition) + 2);
        json_object_foreach(definition, name, value)
        {
                wire_put_name(b, name);
                wire_put_json(b, value);
        }
        wire_put_name(b, "CreateIndex");
        pack_put_uint(b, record->head.create_index);
        wire_put_name(b, "ModifyIndex");
        pack_put_uint(b, record->head.modify_index);
        json_decref(definition);
}

static void write_query(const struct consul_read *read, struct byte_buffer *b)
{
        const struct query_record *record = store_query_get(read->store, read->query.query_id);

        wire_put_name(b, "Queries");
        pack_put_array(b, record != NULL ? 1 : 0);
        if (record != NULL)
                put_query(b, record);
}

static void refuse_missing(const struct consul_read *read, struct store_error *error)
{
        if (store_query_get(read->store, read->query.query_id) == NULL)
                store_error_set(error, "Query not found");
}

const struct consul_read_kind consul_query_get_kind = {.refuse = refuse_missing,
                                                       .index = queries_index,
                                                       .watch = watch_queries,
                                                       .write = write_query,
                                                       .pair_count = 1};

static void write_queries(const struct consul_read *read, struct byte_buffer *b)
{
        const struct query_record *record;
        struct store_iter it;
        uint32_t count = 0;
        size_t at;

        wire_put_name(b, "Queries");
        at = consul_begin_list(b);
        store_queries(read->store, &it);
        for (; (record = store_next_query(&it)) != NULL; count++)
                put_query(b, record);
        consul_end_list(b, at, count);
}

const struct consul_read_kind consul_query_list = {
    .index = queries_index, .watch = watch_queries, .write = write_queries, .pair_count = 1};
