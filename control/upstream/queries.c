#include "control/upstream/queries.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/query/query.h"
#include "control/store/store_write.h"
#include "control/text/duration.h"

static const char *text_at(const json_t *object, const char *name)
{
        const char *text = json_string_value(json_object_get(object, name));

        return text != NULL ? text : "";
}

// Seconds of the TTL, -1 without one. returns  0 or -EINVAL.
static int read_ttl(const json_t *definition, int32_t *out)
{
        const char *ttl = text_at(json_object_get(definition, "DNS"), "TTL");
        int64_t ns = 0;

        *out = -1;
        if (*ttl == '\0')
                return 0;
        if (duration_parse(ttl, &ns) < 0 || ns < 0 || ns / 1000000000 > INT32_MAX)
                return -EINVAL;
        *out = (int32_t)(ns / 1000000000);
        return 0;
}

// Sets one query, or leaves out what is none.
static int set_query(struct store *store, json_t *definition)
{
        struct catalog_query query = CATALOG_QUERY_INIT;
        char error[QUERY_ERROR_MAX], *raw;
        struct store_error refusal;
        void *memory = NULL;
        int ret;

        json_object_del(definition, "CreateIndex");
        json_object_del(definition, "ModifyIndex");
        raw = json_dumps(definition, JSON_COMPACT);
        ret = raw != NULL ? query_definition_read(definition, &query, &memory) : -ENOMEM;
        if (ret == 0 && *query.id != '\0' && *query.service != '\0' &&
            read_ttl(definition, &query.dns_ttl_s) == 0 &&
            query_template_check(definition, error) == 0) {
                query.raw_json = raw;
                (void)store_set_query(store, &query, &refusal);
        }
        free(memory);
        free(raw);
        return ret == -ENOMEM ? ret : 0;
}

static bool has_query(const json_t *list, const char *id)
{
        const json_t *query;
        size_t i;

        json_array_foreach(list, i, query)
        {
                if (strcasecmp(text_at(query, "ID"), id) == 0)
                        return true;
        }
        return false;
}

static void delete_others(struct store *store, const json_t *list)
{
        const struct query_record *record;
        bool deleted = true;
        struct store_iter it;

        // A walk ends with a change.
        while (deleted) {
                deleted = false;
                store_queries(store, &it);
                while (!deleted && (record = store_next_query(&it)) != NULL)
                        deleted = !has_query(list, record->query.id) &&
                                  store_delete_query(store, record->query.id);
        }
}

static int apply(struct store *store, const json_t *list)
{
        json_t *definition;
        int ret = 0;
        size_t i;

        store_begin(store, store_applied_index(store) + 1);
        delete_others(store, list);
        json_array_foreach(list, i, definition)
        {
                if (ret == 0 && json_is_object(definition))
                        ret = set_query(store, definition);
        }
        if (ret == 0)
                store_commit(store);
        else
                store_abort(store);
        return ret;
}

int upstream_queries_apply(struct store *store, struct pack_slice body, uint64_t *index)
{
        static const struct wire_field fields[] = {{"Queries", WIRE_VALUE, 0}};
        struct msgpack_reader r = pack_reader_of(body);
        struct pack_slice value = {NULL, 0};
        struct arena arena = ARENA_INIT;
        struct consul_meta meta;
        json_t *list = NULL;
        int ret = -EBADMSG;

        if (consul_meta_get(body, &meta) == 0 && wire_get(&r, fields, 1, &arena, &value) == 0) {
                r = pack_reader_of(value);
                ret = value.length == 0 || pack_peek(&r) == PACK_IS_NIL ? 0
                                                                        : wire_get_json(&r, &list);
        }
        if (ret == 0 && list == NULL)
                list = json_array();
        if (ret == 0)
                ret = json_is_array(list) ? apply(store, list) : -EBADMSG;
        *index = ret == 0 ? meta.index : 0;
        json_decref(list);
        arena_fini(&arena);
        return ret;
}
