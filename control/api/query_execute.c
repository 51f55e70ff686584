#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "control/api/api_internal.h"
#include "control/query/query.h"

// What a query selected, in the order it is answered in.
struct selection {
        const struct service_record **services;
        size_t count, capacity;
};

static bool add(struct selection *selection, const struct service_record *service)
{
        if (selection->count == selection->capacity) {
                size_t capacity = selection->capacity > 0 ? 2 * selection->capacity : 16;
                const struct service_record **grown =
                    realloc(selection->services, capacity * sizeof(service));

                if (grown == NULL)
                        return false;
                selection->services = grown;
                selection->capacity = capacity;
        }
        selection->services[selection->count++] = service;
        return true;
}

static bool select_instances(const struct store *store, const struct query_plan *plan, bool connect,
                             struct selection *out)
{
        const struct service_record *record;
        enum store_health health;
        struct store_iter it;

        if (connect)
                store_services(store, &it);
        else
                store_instances(store, plan->query.service, &it);
        while ((record = store_next_service(&it)) != NULL) {
                if (connect && !query_is_mesh_of(record, plan->query.service))
                        continue;
                if (query_selects(store, &plan->query, record, false, &health) && !add(out, record))
                        return false;
        }
        return true;
}

static void shuffle(struct selection *selection)
{
        uint64_t random = 0;

        // Without random numbers the order is merely the catalog's.
        if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
                return;
        for (size_t i = selection->count; i > 1; i--) {
                const struct service_record *last = selection->services[i - 1];
                size_t pick;

                random = random * 6364136223846793005u + 1442695040888963407u;
                pick = (size_t)(random >> 33) % i;
                selection->services[i - 1] = selection->services[pick];
                selection->services[pick] = last;
        }
}

struct distant {
        const struct service_record *service;
        double distance_s;
        size_t number;
};

static int compare_distant(const void *a, const void *b)
{
        const struct distant *x = a, *y = b;

        if (x->distance_s < y->distance_s || x->distance_s > y->distance_s)
                return x->distance_s < y->distance_s ? -1 : 1;
        return x->number < y->number ? -1 : 1;
}

// Without memory the order stays random.
static void sort_by_distance(const struct store *store, struct selection *selection,
                             const char *node)
{
        struct distant *items = malloc((selection->count + 1) * sizeof(*items));

        if (items == NULL)
                return;
        for (size_t i = 0; i < selection->count; i++) {
                const struct service_record *service = selection->services[i];

                items[i] = (struct distant){
                    service, nearest_distance_s(store, node, service->service.node), i};
        }
        qsort(items, selection->count, sizeof(*items), compare_distant);
        for (size_t i = 0; i < selection->count; i++)
                selection->services[i] = items[i].service;
        free(items);
}

// The node itself comes first when it is among the selected, with or without coordinates.
static void put_nearest_first(const struct store *store, struct selection *selection,
                              const char *node)
{
        if (*node == '\0')
                return;
        sort_by_distance(store, selection, node);
        for (size_t i = 0; i < selection->count; i++) {
                const struct service_record *found = selection->services[i];

                if (strcasecmp(found->service.node, node) != 0)
                        continue;
                selection->services[i] = selection->services[0];
                selection->services[0] = found;
                return;
        }
}

// strconv.Atoi's range and words.
static bool parse_limit(struct http_request *request, size_t *out)
{
        const char *text = http_request_param(request, "limit");
        bool signed_text;
        long long limit;
        char *end;

        *out = SIZE_MAX;
        if (text == NULL || *text == '\0')
                return true;
        signed_text = *text == '-' || *text == '+';
        errno = 0;
        limit = strtoll(text, &end, 10);
        if (*end != '\0' || text[signed_text] < '0' || text[signed_text] > '9' || errno != 0) {
                http_reply_text(request, 500, "Bad limit: strconv.Atoi: parsing \"%.60s\": %s",
                                text, errno != 0 ? "value out of range" : "invalid syntax");
                return false;
        }
        if (limit > 0)
                *out = (size_t)limit;
        return true;
}

static void put_meta(const struct api *api, struct http_request *request, struct json_writer *w,
                     uint64_t index)
{
        const char *level = api_consistency(request);
        uint64_t last_contact_ms;
        bool known_leader;

        api_contact(api, request, &known_leader, &last_contact_ms);
        json_writer_put_uint(w, "Index", index);
        json_writer_put_uint(w, "LastContact", last_contact_ms * 1000000);
        json_writer_put_bool(w, "KnownLeader", known_leader);
        json_writer_put_string(w, "ConsistencyLevel", level);
        json_writer_put_bool(w, "NotModified", false);
        json_writer_put_int(w, "Backend", 0);
        http_reply_header_uint(request, "X-Consul-Index", index > 0 ? index : 1);
        api_reply_contact(api, request);
        http_reply_header(request, "X-Consul-Query-Backend", "blocking-query");
        http_reply_header(request, "X-Consul-Effective-Consistency", level);
}

static void answer_nodes(struct api *api, struct http_request *request,
                         const struct query_plan *plan, const struct selection *selection,
                         size_t limit)
{
        const json_t *dns = json_object_get(plan->definition, "DNS");
        struct json_writer w;

        json_writer_init(&w, http_request_pretty(request));
        json_writer_begin_object(&w);
        json_writer_put_string(&w, "Service", plan->query.service);
        json_writer_key(&w, "Nodes");
        json_writer_begin_array(&w);
        for (size_t i = 0; i < selection->count && i < limit; i++)
                api_write_kept_instance(api, &w, selection->services[i]);
        json_writer_end_array(&w);
        json_writer_key(&w, "DNS");
        json_writer_begin_object(&w);
        json_writer_put_string(&w, "TTL", json_schema_string(dns, "TTL"));
        json_writer_end_object(&w);
        json_writer_put_string(&w, "Datacenter", api->agent->config->datacenter);
        json_writer_put_int(&w, "Failovers", 0);
        put_meta(api, request, &w, store_table_index(api->agent->store, STORE_QUERIES));
        json_writer_end_object(&w);
        http_reply_json(request, 200, &w);
}

// Finds a query and makes it ready; false when the request has been answered instead.
static bool prepare(struct api *api, struct http_request *request, const char *name,
                    const struct query_record **record, struct query_plan *plan)
{
        char error[QUERY_ERROR_MAX] = "out of memory";

        if (!api_check_datacenter(api, request))
                return false;
        *record = query_find(api->agent->store, name);
        if (*record == NULL) {
                http_reply_text(request, 404, "Query not found");
                return false;
        }
        if (query_plan_init(*record, name, "", plan, error) == 0)
                return true;
        http_reply_text(request, 500, "%s", error);
        return false;
}

// strconv.ParseBool's texts and words.
static bool parse_connect(struct http_request *request, bool *out)
{
        static const char *const flags[] = {"1", "t", "T", "true",  "True",  "TRUE",
                                            "0", "f", "F", "false", "False", "FALSE"};
        const char *text = http_request_param(request, "connect");

        *out = false;
        if (text == NULL || *text == '\0')
                return true;
        for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
                if (strcmp(text, flags[i]) != 0)
                        continue;
                *out = i < sizeof(flags) / sizeof(flags[0]) / 2;
                return true;
        }
        http_reply_text(request, 500,
                        "Error parsing 'connect' value: strconv.ParseBool: parsing \"%.60s\": "
                        "invalid syntax",
                        text);
        return false;
}

void api_query_execute(struct api *api, struct http_request *request, const char *name)
{
        const char *near = http_request_param(request, "near");
        const struct query_record *record;
        struct selection selection = {0};
        struct query_plan plan;
        bool connect;
        size_t limit;

        if (!api_check_consistency(request) || !api_check_wait(api, request) ||
            !parse_limit(request, &limit) || !parse_connect(request, &connect) ||
            !prepare(api, request, name, &record, &plan))
                return;
        connect =
            connect || json_schema_bool(json_object_get(plan.definition, "Service"), "Connect");
        if (near == NULL || *near == '\0')
                near = plan.query.near;
        if (strcmp(near, "_agent") == 0)
                near = api_asking_node(api, request);
        if (!select_instances(api->agent->store, &plan, connect, &selection)) {
                http_reply_text(request, 500, "out of memory");
        } else if (selection.count > 0 ||
                   !api_query_failover(api, request, plan.definition, connect, limit)) {
                shuffle(&selection);
                put_nearest_first(api->agent->store, &selection, near);
                api_reply_cached(api, request);
                answer_nodes(api, request, &plan, &selection, limit);
        }
        free(selection.services);
        query_plan_fini(&plan);
}

void api_query_execute_remote(struct http_request *request, void *app)
{
        struct selection selection = {0};
        struct query_plan plan = {0};
        struct api *api = app;
        size_t len, limit;
        const char *body = http_request_body(request, &len);
        bool connect;

        // Clients of this agent name queries; only agents know definitions.
        if (http_request_origin(request) == NULL) {
                http_reply_empty(request, 404);
                return;
        }
        if (!parse_limit(request, &limit) || !parse_connect(request, &connect))
                return;
        plan.definition = json_loadb(body, len, 0, NULL);
        if (!json_is_object(plan.definition) ||
            query_definition_read(plan.definition, &plan.query, &plan.memory) < 0) {
                http_reply_text(request, 400, "a query that cannot be read");
        } else if (!select_instances(api->agent->store, &plan, connect, &selection)) {
                http_reply_text(request, 500, "out of memory");
        } else {
                shuffle(&selection);
                answer_nodes(api, request, &plan, &selection, limit);
        }
        free(selection.services);
        query_plan_fini(&plan);
}

void api_query_explain(struct api *api, struct http_request *request, const char *name)
{
        const struct query_record *record;
        struct query_plan plan;
        struct json_writer w;
        size_t limit;

        if (!api_check_consistency(request) || !api_check_wait(api, request) ||
            !parse_limit(request, &limit) || !prepare(api, request, name, &record, &plan))
                return;
        json_writer_init(&w, http_request_pretty(request));
        json_writer_begin_object(&w);
        json_writer_key(&w, "Query");
        api_write_query(&w, plan.definition, record);
        put_meta(api, request, &w, store_table_index(api->agent->store, STORE_QUERIES));
        json_writer_end_object(&w);
        http_reply_json(request, 200, &w);
        query_plan_fini(&plan);
}
