#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/store/watch.h"
#include "tests/control/api/fixture.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
        const char *method, *target, *body;
        unsigned status;
        const char *want;
} steps[] = {
    {"GET", "/v1/agent/services", NULL, 200, "{}"},
    {"GET", "/v1/agent/checks", NULL, 200, "{}"},
    {"PUT", "/v1/agent/service/register",
     "{\"id\":\"w1\",\"name\":\"web\",\"port\":80,\"enable_tag_override\":true,"
     "\"check\":{\"ttl\":\"60s\"}}",
     200, ""},
    {"GET", "/v1/agent/service/w1", NULL, 200, "~\"EnableTagOverride\":true,\"ContentHash\":\""},
    {"GET", "/v1/agent/service/ghost", NULL, 404, "unknown service ID: ghost"},
    {"GET", "/v1/catalog/service/web", NULL, 200, "~\"ServiceID\":\"w1\""},
    {"GET", "/v1/agent/checks?filter=Type%20==%20ttl", NULL, 200, "~\"CheckID\":\"service:w1\""},
    {"GET", "/v1/health/service/web?passing", NULL, 200, "[]"},
    {"GET", "/v1/agent/health/service/id/w1?format=text", NULL, 503, "critical"},
    {"PUT", "/v1/agent/check/pass/service:w1?note=all%20fine", NULL, 200, ""},
    {"GET", "/v1/health/service/web?passing", NULL, 200, "~\"Output\":\"all fine\""},
    {"PUT", "/v1/agent/check/warn/service:w1", NULL, 200, ""},
    {"GET", "/v1/agent/health/service/name/web?format=text", NULL, 429, "warning"},
    {"PUT", "/v1/agent/check/fail/service:w1", NULL, 200, ""},
    {"GET", "/v1/health/state/critical", NULL, 200, "~\"CheckID\":\"service:w1\""},
    {"PUT", "/v1/agent/check/update/service:w1", "{\"Status\":\"passing\",\"Output\":\"42\"}", 200,
     ""},
    {"PUT", "/v1/agent/check/update/service:w1", "{\"Status\":\"great\"}", 400,
     "Invalid check status: 'great'"},
    {"PUT", "/v1/agent/check/pass/ghost", NULL, 500,
     "CheckID \"ghost\" does not have associated TTL"},
    {"PUT", "/v1/agent/service/maintenance/w1?enable=true&reason=upgrade", NULL, 200, ""},
    {"GET", "/v1/agent/checks", NULL, 200, "~\"Notes\":\"upgrade\""},
    {"GET", "/v1/agent/health/service/id/w1?format=text", NULL, 503, "maintenance"},
    {"GET", "/v1/health/service/web?passing", NULL, 200, "[]"},
    {"PUT", "/v1/agent/service/maintenance/w1?enable=false", NULL, 200, ""},
    {"GET", "/v1/agent/health/service/id/w1?format=text", NULL, 200, "passing"},
    {"PUT", "/v1/agent/service/maintenance/w1", NULL, 400, "Missing value for enable"},
    {"PUT", "/v1/agent/service/maintenance/ghost?enable=true", NULL, 404,
     "No service registered with ID \"ghost\""},
    {"PUT", "/v1/agent/maintenance?enable=perhaps", NULL, 400,
     "Invalid value for enable: \"perhaps\""},
    {"PUT", "/v1/agent/maintenance?enable=1", NULL, 200, ""},
    {"GET", "/v1/agent/checks", NULL, 200, "~for this node, but no reason was provided"},
    {"GET", "/v1/health/service/consul?passing", NULL, 200, "[]"},
    {"PUT", "/v1/agent/maintenance?enable=0", NULL, 200, ""},
    {"PUT", "/v1/agent/service/register", "{}", 400, "Missing service name"},
    {"PUT", "/v1/agent/service/register", "{\"Name\":\"x\",\"Colour\":1}", 400,
     "~Request decode failed: "},
    {"PUT", "/v1/agent/service/register", "{\"Name\":\"x\",\"Address\":\"0.0.0.0\"}", 400,
     "Invalid service address"},
    {"PUT", "/v1/agent/service/register", "{\"Name\":\"x\",\"Weights\":{\"Passing\":-1}}", 400,
     "Invalid Weights: Passing must be greater than 0"},
    {"PUT", "/v1/agent/service/register", "{\"Name\":\"x\",\"Port\":3000000000}", 400,
     "Request decode failed: json: cannot unmarshal number into field Port of type int"},
    {"PUT", "/v1/agent/service/register", "{\"Name\":\"x\",\"Meta\":{\"a b\":\"c\"}}", 400,
     "~Key contains invalid characters"},
    {"PUT", "/v1/agent/service/register", "{\"Name\":\"x\",\"Check\":{\"Interval\":\"10s\"}}", 400,
     "Invalid check: TTL must be > 0 for TTL checks"},
    {"PUT", "/v1/agent/check/register", "{\"TTL\":\"1s\"}", 400, "Missing check name"},
    {"PUT", "/v1/agent/check/register", "{\"Name\":\"x\",\"TTL\":\"1s\",\"ServiceID\":\"ghost\"}",
     500, "ServiceID \"ghost\" does not exist"},
    {"PUT", "/v1/agent/check/register", "{\"Name\":\"x\",\"TTL\":\"1s\",\"Status\":\"blue\"}", 400,
     "Bad check status"},
    {"PUT", "/v1/agent/check/register", "{\"Name\":\"x\",\"Args\":[\"true\"],\"Interval\":\"1s\"}",
     500,
     "Scripts are disabled on this agent from remote calls; to enable, configure "
     "'enable_script_checks' to true"},
    {"PUT", "/v1/agent/service/deregister/w1", NULL, 200, ""},
    {"PUT", "/v1/agent/service/deregister/w1", NULL, 200, ""},
    {"PUT", "/v1/agent/service/deregister/", NULL, 500, "ServiceID missing"},
    {"GET", "/v1/agent/checks", NULL, 200, "{}"},
    {"GET", "/v1/catalog/service/web", NULL, 200, "[]"},
    {"GET", "/v1/agent/members?wan=1", NULL, 200, "~\"Name\":\"node1.dc1\""},
    {"GET", "/v1/agent/self", NULL, 200, "~\"check_ttls\":\"0\""},
    {"GET", "/v1/agent/version", NULL, 200, "~\"LictorVersion\""},
    {"GET", "/v1/agent/host", NULL, 200, "~\"CollectionTime\""},
    {"GET", "/v1/agent/metrics?format=prometheus", NULL, 415,
     "Prometheus is not enabled since its retention time is not positive"},
    {"PUT", "/v1/agent/self", NULL, 405, "method PUT not allowed"},
    {"GET", "/v1/agent/nothing", NULL, 404, ""},
};

Test(api_agent, a_conversation_gets_the_expected_answers)
{
        struct fixture f;

        fixture_start(&f, "{}");
        for (size_t i = 0; i < ARRAY_LEN(steps); i++)
                fixture_expect(&f, steps[i].method, steps[i].target, steps[i].body, steps[i].status,
                               steps[i].want);
        fixture_stop(&f);
}

Test(api_agent, configured_headers_and_blocks_apply)
{
        struct exchange got;
        struct fixture f;

        fixture_start(&f, "{\"http_config\":{\"response_headers\":{\"X-Own\":\"yes\"},"
                          "\"block_endpoints\":[\"/v1/agent/self\"],"
                          "\"allow_write_http_from\":[\"10.0.0.0/8\"]}}");
        fixture_ask(&f, "GET", "/v1/status/leader", NULL, &got);
        cr_expect_str_eq(exchange_header(&got, "X-Own"), "yes");
        exchange_fini(&got);
        fixture_expect(&f, "GET", "/v1/agent/self", NULL, 403,
                       "Endpoint is blocked by agent configuration");
        fixture_expect(&f, "PUT", "/v1/agent/maintenance?enable=1", NULL, 403,
                       "Access is restricted");
        fixture_stop(&f);
}

// Once somebody waits for the agent's own services, the one it waits for goes.
static void on_turn(uv_prepare_t *prepare)
{
        struct fixture *f = prepare->data;

        if (watch_count(local_watches(f->agent.local)) == 0)
                return;
        uv_prepare_stop(prepare);
        local_deregister_service(f->agent.local, "w1", NULL, NULL);
}

Test(api_agent, a_known_hash_waits_for_the_service_to_change)
{
        char target[128], hash[64];
        struct exchange got;
        uv_prepare_t turn;
        struct fixture f;

        fixture_start(&f, "{}");
        fixture_expect(&f, "PUT", "/v1/agent/service/register", "{\"ID\":\"w1\",\"Name\":\"w\"}",
                       200, "");
        fixture_ask(&f, "GET", "/v1/agent/service/w1?hash=other", NULL, &got);
        cr_assert_eq(got.status, 200, "another hash is answered at once");
        snprintf(hash, sizeof(hash), "%s", exchange_header(&got, "X-Consul-ContentHash"));
        exchange_fini(&got);
        snprintf(target, sizeof(target), "/v1/agent/service/w1?wait=10ms&hash=%s", hash);
        fixture_ask(&f, "GET", target, NULL, &got);
        cr_expect_str_eq(exchange_header(&got, "X-Consul-ContentHash"), hash);
        exchange_fini(&got);
        uv_prepare_init(&f.agent.loop, &turn);
        turn.data = &f;
        uv_prepare_start(&turn, on_turn);
        snprintf(target, sizeof(target), "/v1/agent/service/w1?hash=%s", hash);
        fixture_expect(&f, "GET", target, NULL, 404, "unknown service ID: w1");
        cr_expect_eq(watch_count(local_watches(f.agent.local)), 0);
        uv_close((uv_handle_t *)&turn, NULL);
        fixture_stop(&f);
}

Test(api_txn, operations_apply_together_or_not_at_all)
{
        static const struct {
                const char *body;
                unsigned status;
                const char *want;
        } rows[] = {
            {"[{\"Node\":{\"Verb\":\"set\",\"Node\":{\"Node\":\"t\",\"Address\":\"10.6.0.1\"}}},"
             "{\"Service\":{\"Verb\":\"set\",\"Node\":\"t\",\"Service\":{\"Service\":\"s\"}}}]",
             200, "~\"Service\":{\"ID\":\"s\",\"Service\":\"s\",\"Tags\":null,"},
            {"[{\"Check\":{\"Verb\":\"set\",\"Check\":{\"Node\":\"t\",\"CheckID\":\"c\"}}}]", 200,
             "~\"ServiceTags\":null,"},
            {"[{\"Node\":{\"Verb\":\"get\",\"Node\":{\"Node\":\"t\"}}}]", 200,
             "~\"KnownLeader\":true"},
            {"[{\"Node\":{\"Verb\":\"get\",\"Node\":{\"Node\":\"ghost\"}}}]", 409,
             "~{\"OpIndex\":0,\"What\":\"node \\\"ghost\\\" doesn't exist\"}"},
            {"[{\"Service\":{\"Verb\":\"delete\",\"Node\":\"t\",\"Service\":{\"ID\":\"s\","
             "\"Service\":\"s\"}}},{\"Node\":{\"Verb\":\"zap\",\"Node\":{\"Node\":\"t\"}}}]",
             409,
             "{\"Results\":null,\"Errors\":[{\"OpIndex\":1,\"What\":\"unknown Node verb "
             "\\\"zap\\\"\"}]}"},
            {"[{\"Service\":{\"Verb\":\"delete\",\"Node\":\"t\",\"Service\":{\"ID\":\"s\","
             "\"Service\":\"s\"}}}]",
             200, "{\"Results\":[],\"Errors\":null}"},
            {"[{}]", 200, "~\"Results\":[]"},
            {"{}", 400, "~Failed to parse body: "},
            {"[]", 200, "~\"Results\":[]"},
        };
        struct fixture f;

        fixture_start(&f, "{}");
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                fixture_expect(&f, "PUT", "/v1/txn", rows[i].body, rows[i].status, rows[i].want);
        fixture_stop(&f);
}

Test(api_query, simple_queries_are_made_read_and_deleted)
{
        struct exchange got;
        char target[128], id[37] = "";
        struct fixture f;

        fixture_start(&f, "{}");
        fixture_ask(&f, "POST", "/v1/query",
                    "{\"Name\":\"q\",\"Service\":{\"Service\":\"web\"},\"DNS\":{\"TTL\":\"10s\"}}",
                    &got);
        cr_assert_eq(got.status, 200, "%s", got.body);
        cr_assert_eq(sscanf(got.body, "{\"ID\":\"%36[^\"]\"}", id), 1, "%s", got.body);
        exchange_fini(&got);
        fixture_expect(&f, "GET", "/v1/query", NULL, 200, "~\"Name\":\"q\"");
        snprintf(target, sizeof(target), "/v1/query/%s", id);
        fixture_expect(&f, "GET", target, NULL, 200, "~\"TTL\":\"10s\"");
        fixture_expect(&f, "PUT", "/v1/catalog/register",
                       "{\"Node\":\"n\",\"Address\":\"10.0.0.1\",\"Service\":{\"Service\":\"web\"},"
                       "\"Check\":{\"CheckID\":\"c\",\"Status\":\"passing\"}}",
                       200, "true");
        fixture_expect(&f, "GET", "/v1/query/q/execute", NULL, 200, "~\"Tags\":null,");
        fixture_expect(&f, "GET", "/v1/query/q/execute", NULL, 200, "~\"ServiceTags\":null,");
        fixture_expect(&f, "GET", "/v1/health/service/web", NULL, 200, "~\"ServiceTags\":[],");
        fixture_expect(&f, "DELETE", target, NULL, 200, "");
        fixture_expect(&f, "GET", target, NULL, 404, "Query not found");
        fixture_expect(&f, "GET", "/v1/query", NULL, 200, "[]");
        fixture_expect(&f, "POST", "/v1/query", "{\"Name\":5}", 400, "~Request decode failed: ");
        fixture_expect(&f, "POST", "/v1/query", "{\"Name\":\"x\"}", 500, NULL);
        fixture_stop(&f);
}
