#include "control/agent/definition.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/text/duration.h"

const char *definition_service_id(const json_t *definition)
{
        const char *id = json_schema_string(definition, "ID");

        return id[0] != '\0' ? id : json_schema_string(definition, "Name");
}

const char *definition_check_id(const json_t *definition)
{
        const char *id = json_schema_string(definition, "CheckID");

        return id[0] != '\0' ? id : definition_service_id(definition);
}

int64_t definition_ttl_ns(const json_t *definition)
{
        return json_schema_int(definition, "TTL");
}

static int compare_pairs(const void *a, const void *b)
{
        return strcmp(((const struct text_pair *)a)->key, ((const struct text_pair *)b)->key);
}

static int compare_addresses(const void *a, const void *b)
{
        return strcmp(((const struct service_address *)a)->key,
                      ((const struct service_address *)b)->key);
}

static const char **list_items(const json_t *list)
{
        size_t count = json_array_size(list), i;
        const char **items = malloc((count + 1) * sizeof(*items));
        const json_t *item;

        json_array_foreach(list, i, item)
        {
                if (items != NULL)
                        items[i] = json_string_value(item);
        }
        return items;
}

static struct text_pair *map_pairs(const json_t *map)
{
        struct text_pair *pairs = malloc((json_object_size(map) + 1) * sizeof(*pairs));
        const char *key;
        json_t *value;
        size_t i = 0;

        if (pairs == NULL)
                return NULL;
        json_object_foreach((json_t *)(uintptr_t)map, key, value) pairs[i++] =
            (struct text_pair){key, json_string_value(value)};
        qsort(pairs, i, sizeof(*pairs), compare_pairs);
        return pairs;
}

// The families an address belongs to become tagged addresses unless given.
static size_t add_own_address(struct service_address *items, size_t count, const char *address,
                              int32_t port, const json_t *given)
{
        static const char *const keys[2][2] = {{"lan_ipv4", "wan_ipv4"}, {"lan_ipv6", "wan_ipv6"}};
        uint8_t bytes[16];
        int v6 = inet_pton(AF_INET6, address, bytes) == 1;

        if (!v6 && inet_pton(AF_INET, address, bytes) != 1)
                return count;
        for (size_t i = 0; i < 2; i++) {
                if (json_object_get(given, keys[v6][i]) == NULL)
                        items[count++] = (struct service_address){keys[v6][i], address, port};
        }
        return count;
}

static struct service_address *tagged_addresses(const json_t *definition, uint32_t *count)
{
        const json_t *given = json_object_get(definition, "TaggedAddresses");
        struct service_address *items = malloc((json_object_size(given) + 2) * sizeof(*items));
        const char *key;
        json_t *value;
        size_t n = 0;

        if (items == NULL)
                return NULL;
        json_object_foreach((json_t *)(uintptr_t)given, key, value) items[n++] =
            (struct service_address){key, json_schema_string(value, "Address"),
                                     (int32_t)json_schema_int(value, "Port")};
        n = add_own_address(items, n, json_schema_string(definition, "Address"),
                            (int32_t)json_schema_int(definition, "Port"), given);
        qsort(items, n, sizeof(*items), compare_addresses);
        *count = (uint32_t)n;
        return items;
}

// JSON carried as it is: "" when it is not there.
static char *carried_json(const json_t *definition, const char *name)
{
        const json_t *value = json_object_get(definition, name);

        return value != NULL ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : strdup("");
}

struct service_record *definition_service_record(const json_t *definition, const char *node)
{
        const json_t *tags = json_object_get(definition, "Tags");
        const json_t *meta = json_object_get(definition, "Meta");
        const json_t *weights = json_object_get(definition, "Weights");
        struct catalog_service service = CATALOG_SERVICE_INIT;
        const char **tag_items = list_items(tags);
        struct text_pair *meta_pairs = map_pairs(meta);
        struct service_address *addresses =
            tagged_addresses(definition, &service.tagged_addresses.count);
        char *proxy = carried_json(definition, "Proxy");
        char *connect = carried_json(definition, "Connect");
        struct service_record *record = NULL;

        if (tag_items == NULL || meta_pairs == NULL || addresses == NULL || proxy == NULL ||
            connect == NULL)
                goto free_parts;
        service.node = node;
        service.kind = json_schema_string(definition, "Kind");
        service.id = definition_service_id(definition);
        service.name = json_schema_string(definition, "Name");
        service.address = json_schema_string(definition, "Address");
        service.socket_path = json_schema_string(definition, "SocketPath");
        service.proxy_json = proxy;
        service.connect_json = connect;
        service.tags = (struct text_list){tag_items, (uint32_t)json_array_size(tags)};
        service.tagged_addresses.items = addresses;
        service.meta = (struct text_map){meta_pairs, (uint32_t)json_object_size(meta)};
        service.port = (int32_t)json_schema_int(definition, "Port");
        service.weight_passing = weights != NULL ? (int32_t)json_schema_int(weights, "Passing") : 1;
        service.weight_warning = weights != NULL ? (int32_t)json_schema_int(weights, "Warning") : 1;
        service.enable_tag_override = json_schema_bool(definition, "EnableTagOverride");
        record = service_record_create(&service, 0, 0);
free_parts:
        free(tag_items);
        free(meta_pairs);
        free(addresses);
        free(proxy);
        free(connect);
        return record;
}

static const char *first_of(const char *first, const char *second, const char *third)
{
        if (first[0] != '\0')
                return first;
        return second[0] != '\0' ? second : third;
}

struct check_record *definition_check_record(const json_t *definition,
                                             const struct definition_check_context *context)
{
        struct catalog_check check = CATALOG_CHECK_INIT;
        char interval[DURATION_TEXT_MAX], timeout[DURATION_TEXT_MAX];

        check.node = context->node;
        check.id = definition_check_id(definition);
        check.name = json_schema_string(definition, "Name");
        check.status =
            first_of(context->status, json_schema_string(definition, "Status"), "critical");
        check.notes = json_schema_string(definition, "Notes");
        check.output = context->output;
        if (context->service != NULL) {
                check.service_id = context->service->id;
                check.service_name = context->service->name;
                check.service_tags = context->service->tags;
        }
        check.type = context->untyped ? "" : definition_check_type(definition);
        // As Consul has it: those of a service's definition keep their times to themselves.
        if (definition_upkeep(definition) != DEFINITION_NONE &&
            !json_schema_bool(definition, DEFINITION_OF_SERVICE)) {
                check.interval = duration_format(json_schema_int(definition, "Interval"), interval);
                check.timeout = duration_format(json_schema_int(definition, "Timeout"), timeout);
        }
        return check_record_create(&check, 0, 0);
}

// An empty "Check" is none.
static const json_t *single_check(const json_t *definition)
{
        const json_t *check = json_object_get(definition, "Check");

        return json_object_size(check) > 0 ? check : NULL;
}

size_t definition_check_count(const json_t *definition)
{
        return json_array_size(json_object_get(definition, "Checks")) +
               (single_check(definition) != NULL ? 1 : 0);
}

json_t *definition_service_check(const json_t *definition, size_t n)
{
        const json_t *single = single_check(definition);
        const json_t *list = json_object_get(definition, "Checks");
        size_t count = definition_check_count(definition);
        // The single one comes first in Consul's numbering.
        const json_t *given = single == NULL ? json_array_get(list, n)
                              : n == 0       ? single
                                             : json_array_get(list, n - 1);
        json_t *check = json_copy((json_t *)(uintptr_t)given);
        const char *id = definition_service_id(definition);
        int ret = 0;

        if (check == NULL)
                return NULL;
        ret |= json_object_set_new(check, "ServiceID", json_string(id));
        ret |= json_object_set_new(check, DEFINITION_OF_SERVICE, json_true());
        if (json_schema_string(check, "CheckID")[0] == '\0') {
                const char *own = json_schema_string(check, "ID");
                json_t *text = own[0] != '\0' ? json_string(own)
                               : count > 1    ? json_sprintf("service:%s:%zu", id, n + 1)
                                              : json_sprintf("service:%s", id);

                ret |= json_object_set_new(check, "CheckID", text);
        }
        if (json_schema_string(check, "Name")[0] == '\0')
                ret |= json_object_set_new(
                    check, "Name",
                    json_sprintf("Service '%s' check", json_schema_string(definition, "Name")));
        if (ret != 0) {
                json_decref(check);
                return NULL;
        }
        return check;
}
