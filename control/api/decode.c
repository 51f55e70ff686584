#include "control/api/decode.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/text/duration.h"

// Blocks freed together when the command has been proposed.
struct scratch {
        struct scratch *next;
};

struct scratch *scratch_create(void)
{
        return calloc(1, sizeof(struct scratch));
}

void scratch_destroy(struct scratch *take_scratch)
{
        while (take_scratch != NULL) {
                struct scratch *next = take_scratch->next;

                free(take_scratch);
                take_scratch = next;
        }
}

void *scratch_alloc(struct scratch *scratch, size_t size)
{
        struct scratch *block = calloc(1, sizeof(*block) + size);

        if (block == NULL)
                return NULL;
        block->next = scratch->next;
        scratch->next = block;
        return block + 1;
}

// The store's numbers are narrower than JSON's; what does not fit is cut to the nearest that does.
static int32_t narrow(json_int_t value)
{
        return value < INT32_MIN ? INT32_MIN : value > INT32_MAX ? INT32_MAX : (int32_t)value;
}

// JSON text kept with the scratch: "" for what is absent.
static int carry_json(const json_t *value, struct scratch *scratch, const char **out)
{
        char *text, *copy;
        size_t size;

        *out = "";
        if (value == NULL)
                return 0;
        text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        if (text == NULL)
                return -ENOMEM;
        size = strlen(text) + 1;
        copy = scratch_alloc(scratch, size);
        if (copy != NULL)
                memcpy(copy, text, size);
        free(text);
        *out = copy;
        return copy != NULL ? 0 : -ENOMEM;
}

int api_decode_list(const json_t *list, struct scratch *scratch, struct text_list *out)
{
        const char **items = scratch_alloc(scratch, (json_array_size(list) + 1) * sizeof(*items));
        const json_t *item;
        size_t i;

        if (items == NULL)
                return -ENOMEM;
        json_array_foreach(list, i, item) items[i] = json_string_value(item);
        *out = (struct text_list){items, (uint32_t)json_array_size(list)};
        return 0;
}

int api_decode_map(const json_t *map, struct scratch *scratch, struct text_map *out)
{
        struct text_pair *pairs =
            scratch_alloc(scratch, (json_object_size(map) + 1) * sizeof(*pairs));
        const char *key;
        json_t *value;
        uint32_t n = 0;

        if (pairs == NULL)
                return -ENOMEM;
        json_object_foreach((json_t *)(uintptr_t)map, key, value) pairs[n++] =
            (struct text_pair){key, json_string_value(value)};
        *out = (struct text_map){pairs, n};
        return 0;
}

static int decode_addresses(const json_t *map, struct scratch *scratch,
                            struct service_address_map *out)
{
        struct service_address *items =
            scratch_alloc(scratch, (json_object_size(map) + 1) * sizeof(*items));
        const char *key;
        json_t *value;
        uint32_t n = 0;

        if (items == NULL)
                return -ENOMEM;
        json_object_foreach((json_t *)(uintptr_t)map, key, value) items[n++] =
            (struct service_address){key, json_schema_string(value, "Address"),
                                     narrow(json_schema_int(value, "Port"))};
        *out = (struct service_address_map){items, n};
        return 0;
}

int api_decode_node(const json_t *body, struct scratch *scratch, struct catalog_node *out)
{
        *out = (struct catalog_node)CATALOG_NODE_INIT;
        out->id = json_schema_string(body, "ID");
        out->name = json_schema_string(body, "Node");
        out->address = json_schema_string(body, "Address");
        out->datacenter = json_schema_string(body, "Datacenter");
        if (api_decode_map(json_object_get(body, "TaggedAddresses"), scratch,
                           &out->tagged_addresses) < 0)
                return -ENOMEM;
        return api_decode_map(json_object_get(body, "Meta"), scratch, &out->meta);
}

int api_decode_service(const json_t *body, struct scratch *scratch, struct catalog_service *out)
{
        const json_t *weights = json_object_get(body, "Weights");

        *out = (struct catalog_service)CATALOG_SERVICE_INIT;
        out->kind = json_schema_string(body, "Kind");
        out->id = json_schema_string(body, "ID");
        out->name = json_schema_string(body, "Service");
        out->address = json_schema_string(body, "Address");
        out->socket_path = json_schema_string(body, "SocketPath");
        out->port = narrow(json_schema_int(body, "Port"));
        out->weight_passing = narrow(json_schema_int(weights, "Passing"));
        out->weight_warning = narrow(json_schema_int(weights, "Warning"));
        out->enable_tag_override = json_schema_bool(body, "EnableTagOverride");
        if (carry_json(json_object_get(body, "Proxy"), scratch, &out->proxy_json) < 0 ||
            carry_json(json_object_get(body, "Connect"), scratch, &out->connect_json) < 0 ||
            api_decode_list(json_object_get(body, "Tags"), scratch, &out->tags) < 0 ||
            api_decode_map(json_object_get(body, "Meta"), scratch, &out->meta) < 0)
                return -ENOMEM;
        return decode_addresses(json_object_get(body, "TaggedAddresses"), scratch,
                                &out->tagged_addresses);
}

static bool is_given(const json_t *definition, const char *name)
{
        return json_schema_string(definition, name)[0] != '\0';
}

// What a definition would run, as the check's Type when none is given.
static const char *type_of_definition(const json_t *definition)
{
        bool repeats = json_schema_int(definition, "Interval") > 0;
        bool has_script = json_array_size(json_object_get(definition, "ScriptArgs")) > 0;
        const struct {
                const char *type;
                bool is;
        } types[] = {
            {"grpc", repeats && is_given(definition, "GRPC")},
            {"http", repeats && is_given(definition, "HTTP")},
            {"ttl", json_schema_int(definition, "TTL") > 0},
            {"tcp", repeats && is_given(definition, "TCP")},
            {"alias", is_given(definition, "AliasNode") || is_given(definition, "AliasService")},
            {"docker", repeats && has_script && is_given(definition, "DockerContainerID")},
            {"script", has_script},
            {"h2ping", repeats && is_given(definition, "H2PING")},
            {"udp", repeats && is_given(definition, "UDP")},
        };

        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
                if (types[i].is)
                        return types[i].type;
        }
        return "";
}

// What is not set is not shown.
static void drop_unset(json_t *definition)
{
        const char *key;
        json_t *value;
        void *next;

        json_object_foreach_safe(definition, next, key, value)
        {
                bool is_zero = json_is_integer(value) && json_integer_value(value) == 0;
                bool is_empty = json_is_string(value) && json_string_length(value) == 0;
                bool has_none = (json_is_array(value) && json_array_size(value) == 0) ||
                                (json_is_object(value) && json_object_size(value) == 0);

                if (is_zero || is_empty || has_none || json_is_false(value))
                        json_object_del(definition, key);
        }
}

// Durations of a definition are shown as text, but for the TTL.
static int carry_definition(const json_t *definition, struct scratch *scratch, const char **out)
{
        static const char *const durations[] = {"Interval", "Timeout",
                                                "DeregisterCriticalServiceAfter"};
        json_t *shown = json_copy((json_t *)(uintptr_t)definition);
        int ret = 0;

        *out = "";
        if (definition == NULL)
                return 0;
        if (shown == NULL)
                return -ENOMEM;
        drop_unset(shown);
        for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
                json_int_t ns = json_schema_int(shown, durations[i]);
                char text[DURATION_TEXT_MAX];

                if (ns != 0)
                        ret |= json_object_set_new(shown, durations[i],
                                                   json_string(duration_format(ns, text)));
        }
        if (ret == 0 && json_object_size(shown) > 0)
                ret = carry_json(shown, scratch, out);
        json_decref(shown);
        return ret == 0 ? 0 : -ENOMEM;
}

int api_decode_check(const json_t *body, struct scratch *scratch, struct catalog_check *out)
{
        const json_t *definition = json_object_get(body, "Definition");

        *out = (struct catalog_check)CATALOG_CHECK_INIT;
        out->node = json_schema_string(body, "Node");
        out->id = json_schema_string(body, "CheckID");
        out->name = json_schema_string(body, "Name");
        out->status = json_schema_string(body, "Status");
        out->notes = json_schema_string(body, "Notes");
        out->output = json_schema_string(body, "Output");
        out->service_id = json_schema_string(body, "ServiceID");
        out->service_name = json_schema_string(body, "ServiceName");
        out->interval = json_schema_string(body, "Interval");
        out->timeout = json_schema_string(body, "Timeout");
        out->exposed_port = narrow(json_schema_int(body, "ExposedPort"));
        out->type = json_schema_string(body, "Type");
        if (api_decode_list(json_object_get(body, "ServiceTags"), scratch, &out->service_tags) < 0)
                return -ENOMEM;
        return carry_definition(definition, scratch, &out->definition_json);
}

// A check that is registered here and by no agent gets the type that its definition has.
static int decode_check(const json_t *body, struct scratch *scratch, struct catalog_check *out)
{
        int ret = api_decode_check(body, scratch, out);

        if (ret == 0 && *out->type == '\0')
                out->type = type_of_definition(json_object_get(body, "Definition"));
        return ret;
}

static int decode_checks(const json_t *body, struct scratch *scratch, struct command_register *out)
{
        const json_t *single = json_object_get(body, "Check");
        const json_t *list = json_object_get(body, "Checks");
        size_t count = json_array_size(list) + (single != NULL ? 1 : 0), i;
        const json_t *check;

        out->checks = scratch_alloc(scratch, (count + 1) * sizeof(*out->checks));
        if (out->checks == NULL)
                return -ENOMEM;
        json_array_foreach(list, i, check)
        {
                if (decode_check(check, scratch, &out->checks[out->check_count++]) < 0)
                        return -ENOMEM;
        }
        if (single != NULL)
                return decode_check(single, scratch, &out->checks[out->check_count++]);
        return 0;
}

int api_decode_register(const json_t *body, const char *datacenter, struct scratch *scratch,
                        struct command *out)
{
        const json_t *service = json_object_get(body, "Service");

        *out = (struct command){.type = COMMAND_REGISTER};
        out->reg.service = (struct catalog_service)CATALOG_SERVICE_INIT;
        if (api_decode_node(body, scratch, &out->reg.node) < 0 ||
            api_decode_map(json_object_get(body, "NodeMeta"), scratch, &out->reg.node.meta) < 0)
                return -ENOMEM;
        out->reg.node.datacenter = datacenter;
        out->reg.skip_node_update = json_schema_bool(body, "SkipNodeUpdate");
        out->reg.has_service = service != NULL;
        if (service != NULL && api_decode_service(service, scratch, &out->reg.service) < 0)
                return -ENOMEM;
        return decode_checks(body, scratch, &out->reg);
}

static json_t *or_null(const json_t *object, const char *name)
{
        json_t *value = json_object_get(object, name);

        return value != NULL ? json_incref(value) : json_null();
}

static json_t *number_of(const json_t *object, const char *name)
{
        return json_integer(json_schema_int(object, name));
}

json_t *api_complete_query(const json_t *body, const char *id)
{
        const json_t *service = json_object_get(body, "Service");
        const json_t *failover = json_object_get(service, "Failover");
        const json_t *shape = json_object_get(body, "Template");
        const json_t *dns = json_object_get(body, "DNS");

        return json_pack(
            "{s:s, s:s, s:s, s:s, s:{s:s, s:s, s:b},"
            " s:{s:s, s:{s:o, s:o}, s:b, s:o, s:s, s:o, s:o, s:o, s:b}, s:{s:s}}",
            "ID", id, "Name", json_schema_string(body, "Name"), "Session",
            json_schema_string(body, "Session"), "Token", json_schema_string(body, "Token"),
            "Template", "Type", json_schema_string(shape, "Type"), "Regexp",
            json_schema_string(shape, "Regexp"), "RemoveEmptyTags",
            json_schema_bool(shape, "RemoveEmptyTags"), "Service", "Service",
            json_schema_string(service, "Service"), "Failover", "NearestN",
            number_of(failover, "NearestN"), "Datacenters", or_null(failover, "Datacenters"),
            "OnlyPassing", json_schema_bool(service, "OnlyPassing"), "IgnoreCheckIDs",
            or_null(service, "IgnoreCheckIDs"), "Near", json_schema_string(service, "Near"), "Tags",
            or_null(service, "Tags"), "NodeMeta", or_null(service, "NodeMeta"), "ServiceMeta",
            or_null(service, "ServiceMeta"), "Connect", json_schema_bool(service, "Connect"), "DNS",
            "TTL", json_schema_string(dns, "TTL"));
}
