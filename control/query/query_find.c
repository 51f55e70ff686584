#include <string.h>

#include "control/query/query.h"

// What DNS can carry in a name, and more than anybody writes in a path.
#define NAME_MAX_LENGTH 512u

bool query_is_template(const struct query_record *record)
{
        return *record->query.template_type != '\0';
}

// The template every name falls to.
static const struct query_record *find_catch_all(const struct store *s)
{
        const struct query_record *record;
        struct store_iter it;

        store_queries(s, &it);
        while ((record = store_next_query(&it)) != NULL) {
                if (query_is_template(record) && *record->query.name == '\0')
                        return record;
        }
        return NULL;
}

const struct query_record *query_find(const struct store *s, const char *id_or_name)
{
        const struct query_record *record = store_query_get(s, id_or_name);
        char prefix[NAME_MAX_LENGTH];
        size_t len = strlen(id_or_name);

        if (record == NULL)
                record = store_query_find(s, id_or_name);
        if (record != NULL)
                return record;
        if (len >= sizeof(prefix))
                len = sizeof(prefix) - 1;
        memcpy(prefix, id_or_name, len);
        for (; len > 0; len--) {
                prefix[len] = '\0';
                record = store_query_find(s, prefix);
                if (record != NULL && query_is_template(record))
                        return record;
        }
        return store_count(s, STORE_QUERIES) > 0 ? find_catch_all(s) : NULL;
}

bool query_fails_over(const json_t *definition)
{
        const json_t *wishes = json_object_get(json_object_get(definition, "Service"), "Failover");

        return json_integer_value(json_object_get(wishes, "NearestN")) > 0 ||
               json_array_size(json_object_get(wishes, "Datacenters")) > 0;
}
