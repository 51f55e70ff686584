#include <stdlib.h>
#include <string.h>

#include "control/agent/consul_servers.h"
#include "control/api/routes.h"
#include "control/api/upstream_internal.h"
#include "control/text/duration.h"
#include "control/upstream/upstream.h"

#define NS_PER_MS   INT64_C(1000000)
#define UNSUPPORTED "This endpoint cannot be served by a client of Consul's servers"

// A request whose call is on its way.
struct asking {
        struct api *api;
        struct http_request *request;
        const struct upstream_read *read;
        struct upstream_call *call;
        struct arena arena; // what the query points to
        struct consul_query query;
        const char *name;
        int64_t max_stale_ns; // 0: any
};

static void free_asking(struct asking *take_asking)
{
        arena_fini(&take_asking->arena);
        free(take_asking);
}

static void on_cancel(void *arg)
{
        struct asking *asking = arg;

        upstream_cancel(asking->call);
        free_asking(asking);
}

// --- What is asked.

// The parameters of one name, as a list.
static struct text_list params_of(struct asking *asking, const char *key)
{
        const char **items = arena_get(
            &asking->arena, (http_request_param_count(asking->request) + 1) * sizeof(*items));
        struct text_list list = {items, 0};
        const char *value;

        while ((value = http_request_param_at(asking->request, key, list.count)) != NULL)
                items[list.count++] = arena_text(&asking->arena, value, strlen(value));
        return list;
}

static struct text_map pairs_of(struct asking *asking, const struct text_list *texts)
{
        struct text_pair *pairs =
            arena_get(&asking->arena, (texts->count + (size_t)1) * sizeof(*pairs));

        for (uint32_t i = 0; i < texts->count; i++) {
                const char *text = texts->items[i], *colon = strchr(text, ':');
                size_t len = colon != NULL ? (size_t)(colon - text) : strlen(text);

                pairs[i].key = arena_text(&asking->arena, text, len);
                pairs[i].value = colon != NULL ? colon + 1 : "";
        }
        return (struct text_map){pairs, texts->count};
}

static const char *param_of(struct asking *asking, const char *key)
{
        const char *value = http_request_param(asking->request, key);

        return value != NULL ? arena_text(&asking->arena, value, strlen(value)) : "";
}

static const char *token_of(struct asking *asking)
{
        static const char bearer[] = "Bearer ";
        const char *header = http_request_header(asking->request, "X-Consul-Token");
        const char *authorization = http_request_header(asking->request, "Authorization");

        if (http_request_param(asking->request, "token") != NULL)
                return param_of(asking, "token");
        if (header == NULL && authorization != NULL &&
            strncmp(authorization, bearer, sizeof(bearer) - 1) == 0)
                header = authorization + sizeof(bearer) - 1;
        return header != NULL ? arena_text(&asking->arena, header, strlen(header)) : "";
}

static void set_name(struct asking *asking)
{
        const struct upstream_read *read = asking->read;
        const char *rest = http_request_rest(asking->request);
        size_t len = strlen(rest) - (read->ending != NULL ? strlen(read->ending) : 0);

        asking->name = arena_text(&asking->arena, rest, len);
        if (read->name_offset != UPSTREAM_NO_NAME)
                memcpy((uint8_t *)&asking->query + read->name_offset, &asking->name,
                       sizeof(asking->name));
}

static void fill_query(struct asking *asking)
{
        const struct config *config = asking->api->agent->config;
        struct http_request *request = asking->request;
        struct consul_query *query = &asking->query;
        const char *near = param_of(asking, "near"), *datacenter = param_of(asking, "dc");
        struct text_list meta = params_of(asking, "node-meta");

        *query = (struct consul_query)CONSUL_QUERY_INIT;
        set_name(asking);
        query->datacenter =
            arena_text(&asking->arena, *datacenter != '\0' ? datacenter : config->datacenter,
                       strlen(*datacenter != '\0' ? datacenter : config->datacenter));
        query->token = token_of(asking);
        query->filter = param_of(asking, "filter");
        query->tags = params_of(asking, "tag");
        query->tag_filter = query->tags.count > 0;
        query->node_meta = pairs_of(asking, &meta);
        query->separator = param_of(asking, "separator");
        if (*query->separator == '\0')
                query->separator = param_of(asking, "seperator");
        query->limit = strtoll(param_of(asking, "limit"), NULL, 10);
        query->connect = asking->read->connect || strcmp(param_of(asking, "connect"), "true") == 0;
        query->agent =
            (struct consul_source){query->datacenter, arena_text(&asking->arena, config->node_name,
                                                                 strlen(config->node_name))};
        query->source = (struct consul_source){
            query->datacenter, strcmp(near, "_agent") == 0 ? query->agent.node : near};
        query->stale = api_allows_stale(request);
        query->consistent = http_request_param(request, "consistent") != NULL;
        (void)duration_parse(param_of(asking, "max_stale"), &asking->max_stale_ns);
}

// --- What is answered.

static void reply_headers(struct http_request *request, const struct consul_meta *meta)
{
        http_reply_header_uint(request, "X-Consul-Index", meta->index > 0 ? meta->index : 1);
        http_reply_header(request, "X-Consul-KnownLeader", meta->known_leader ? "true" : "false");
        http_reply_header_uint(request, "X-Consul-LastContact", meta->last_contact_ms);
        http_reply_header(request, "X-Consul-Query-Backend", "blocking-query");
}

static void reply_error(struct http_request *request, const char *error)
{
        unsigned status = 500;

        if (strcmp(error, RELAY_RATE_TEXT) == 0)
                status = 429;
        else if (strstr(error, "Permission denied") != NULL ||
                 strstr(error, "ACL not found") != NULL)
                status = 403;
        else if (strstr(error, "Query not found") != NULL)
                status = 404;
        http_reply_text(request, status, "%s", error);
}

static bool start(struct asking *asking);

static bool is_too_old(const struct asking *asking, const struct consul_meta *meta)
{
        return asking->query.stale && asking->max_stale_ns > 0 &&
               meta->last_contact_ms > (uint64_t)(asking->max_stale_ns / NS_PER_MS);
}

static void print(struct asking *asking, struct pack_slice body)
{
        struct upstream_reply reply = {.api = asking->api,
                                       .request = asking->request,
                                       .body = body,
                                       .arena = ARENA_INIT,
                                       .name = asking->name};
        struct consul_meta meta;

        if (!asking->read->plain) {
                if (consul_meta_get(body, &meta) < 0) {
                        upstream_refuse(&reply, NULL);
                        return;
                }
                reply_headers(asking->request, &meta);
                reply.meta = &meta;
        }
        asking->read->print(&reply);
        arena_fini(&reply.arena);
}

static void on_answered(void *arg, const char *error, struct pack_slice body)
{
        struct asking *asking = arg;
        struct consul_meta meta = {0};

        http_request_on_cancel(asking->request, NULL, NULL);
        if (error == NULL && !asking->read->plain && consul_meta_get(body, &meta) == 0 &&
            is_too_old(asking, &meta)) {
                // What is older than allowed is asked of the leader.
                asking->query.stale = false;
                if (start(asking))
                        return;
        }
        if (error != NULL)
                reply_error(asking->request, error);
        else
                print(asking, body);
        free_asking(asking);
}

// returns  false when there is no memory for it.
static bool start(struct asking *asking)
{
        struct upstream *upstream = consul_servers_upstream(asking->api->agent->consul_servers);
        const struct upstream_question question = {
            .method = asking->read->method,
            .repeatable = true,
            .timeout_ms = asking->query.min_index > 0 ? 0 : UPSTREAM_ANSWER_MS,
            .done = on_answered,
            .arg = asking};

        asking->call = upstream_query(upstream, &asking->query, &question);
        if (asking->call == NULL)
                return false;
        http_request_on_cancel(asking->request, on_cancel, asking);
        return true;
}

static void ask(struct api *api, struct http_request *request, const struct upstream_read *read)
{
        struct asking *asking = malloc(sizeof(*asking));
        uint64_t min_index, wait_ms;

        if (asking == NULL) {
                http_reply_text(request, 500, "out of memory");
                return;
        }
        *asking = (struct asking){
            .api = api, .request = request, .read = read, .arena = ARENA_INIT, .name = ""};
        if (!api_check_consistency(request) ||
            !api_parse_wait(api, request, &min_index, &wait_ms)) {
                free_asking(asking);
                return;
        }
        fill_query(asking);
        if (!read->plain && min_index > 0) {
                asking->query.min_index = min_index;
                asking->query.max_wait_ns = (int64_t)wait_ms * NS_PER_MS;
        }
        if (read->missing != NULL && asking->name[0] == '\0') {
                http_reply_text(request, 400, "%s", read->missing);
                free_asking(asking);
        } else if (!start(asking)) {
                http_reply_text(request, 500, "out of memory");
                free_asking(asking);
        }
}

// What is carried out by its handler, whose changes become calls (control/upstream/change.h).
static bool is_change(const struct http_request *request, const struct http_route *route)
{
        static const char *const patterns[] = {
            "/v1/catalog/register",
            "/v1/catalog/deregister",
            API_KV_PATH,
            "/v1/session/create",
            "/v1/session/destroy/",
            API_TXN_PATH,
            "/v1/query",
            "/v1/query/",
            "/v1/coordinate/update",
        };

        for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
                if (strcmp(route->pattern, patterns[i]) == 0)
                        return http_request_method(request) != HTTP_GET;
        }
        return false;
}

bool api_upstream(struct api *api, struct http_request *request, const struct http_route *route)
{
        const struct upstream_read *read = upstream_find(request, route);

        if (read != NULL)
                ask(api, request, read);
        else if (is_change(request, route))
                return false;
        else
                http_reply_text(request, 501, "%s", UNSUPPORTED);
        return true;
}
