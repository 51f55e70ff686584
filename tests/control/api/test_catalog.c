#include <criterion/criterion.h>
#include <string.h>

#include "tests/control/api/fixture.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define WEB                                                                                        \
        "{\"Node\":\"foo\",\"Address\":\"10.1.0.1\",\"NodeMeta\":{\"rack\":\"a\"},\"Service\":{"   \
        "\"ID\":\"web1\",\"Service\":\"web\",\"Tags\":[\"primary\",\"v1\"],\"Port\":8000,"         \
        "\"Meta\":{\"v\":\"1\"}},\"Check\":{\"Name\":\"alive\",\"ServiceID\":\"web1\","            \
        "\"Status\":\"passing\"}}"

#define COORD(node, vec)                                                                           \
        "{\"Node\":\"" node "\",\"Coord\":{\"Vec\":" vec ",\"Error\":1.5,\"Height\":1e-5}}"

// One conversation, step after step, on one agent.
static const struct {
        const char *method, *target, *body;
        unsigned status;
        const char *want;
} steps[] = {
    {"GET", "/v1/status/leader", NULL, 200, "\"127.0.0.1:8300\""},
    {"GET", "/v1/status/peers", NULL, 200, "[\"127.0.0.1:8300\"]"},
    {"GET", "/v1/status/leader?dc=dc8", NULL, 500, "No path to datacenter"},
    {"GET", "/", NULL, 301, ""},
    {"GET", "/nothing", NULL, 404, ""},
    {"GET", "/v1/catalog/nodes/", NULL, 404, ""},
    {"GET", "/v1/catalog/datacenters", NULL, 200, "[\"dc1\"]"},
    {"GET", "/v1/catalog/services", NULL, 200, "{\"consul\":[]}"},
    {"GET", "/v1/health/service/consul?passing", NULL, 200, "~\"CheckID\":\"serfHealth\""},
    {"PUT", "/v1/catalog/register", WEB, 200, "true"},
    {"GET", "/v1/catalog/services", NULL, 200, "{\"consul\":[],\"web\":[\"primary\",\"v1\"]}"},
    {"GET", "/v1/catalog/services?node-meta=rack:a", NULL, 200, "{\"web\":[\"primary\",\"v1\"]}"},
    {"GET", "/v1/catalog/service/web?tag=nope", NULL, 200, "[]"},
    {"GET", "/v1/catalog/service/WEB?tag=PRIMARY&tag=v1", NULL, 200, "~\"ServiceID\":\"web1\""},
    {"GET", "/v1/catalog/service/ghost", NULL, 200, "[]"},
    {"GET", "/v1/catalog/service/", NULL, 400, "Missing service name"},
    {"GET", "/v1/catalog/node/ghost", NULL, 200, "null"},
    {"GET", "/v1/catalog/node/", NULL, 400, "Missing node name"},
    {"GET", "/v1/catalog/node-services/ghost", NULL, 200, "{\"Node\":null,\"Services\":null}"},
    {"GET", "/v1/catalog/nodes?node-meta=rack:a", NULL, 200, "~\"Node\":\"foo\""},
    {"GET", "/v1/catalog/nodes?node-meta=rack:b", NULL, 200, "[]"},
    {"GET", "/v1/catalog/nodes?filter=Meta.rack%20==%20b", NULL, 200, "[]"},
    {"GET", "/v1/catalog/nodes?filter=Colour%20==%20b", NULL, 500,
     "~Failed to create boolean expression evaluator: "},
    {"GET", "/v1/catalog/nodes?stale&consistent", NULL, 400,
     "Cannot specify ?stale with ?consistent, conflicting semantics."},
    {"GET", "/v1/catalog/nodes?max_stale=soon", NULL, 400, "Invalid max_stale value \"soon\""},
    {"GET", "/v1/catalog/nodes?index=x", NULL, 400, "Invalid index"},
    {"GET", "/v1/catalog/nodes?index=-1", NULL, 400, "Invalid index"},
    {"GET", "/v1/catalog/nodes?wait=x", NULL, 400, "Invalid wait time"},
    {"GET", "/v1/health/node/ghost", NULL, 200, "[]"},
    {"GET", "/v1/health/node/foo", NULL, 200, "~\"ServiceTags\":[\"primary\",\"v1\"]"},
    {"GET", "/v1/health/checks/web", NULL, 200, "~\"CheckID\":\"alive\""},
    {"GET", "/v1/health/checks/web?filter=Status%20!=%20passing", NULL, 200, "[]"},
    {"GET", "/v1/health/state/PASSING", NULL, 200, "~\"CheckID\":\"alive\""},
    {"GET", "/v1/health/state/purple", NULL, 200, "[]"},
    {"GET", "/v1/health/service/web?passing=maybe", NULL, 400, "Invalid value for ?passing"},
    {"PUT", "/v1/catalog/register",
     "{\"node\":\"foo\",\"address\":\"10.1.0.1\",\"check\":{\"name\":\"disk\"}}", 200, "true"},
    {"GET", "/v1/health/service/web?passing", NULL, 200, "[]"},
    {"GET", "/v1/health/service/web", NULL, 200, "~\"CheckID\":\"disk\""},
    {"PUT", "/v1/catalog/register", "", 400, "~Request decode failed: "},
    {"PUT", "/v1/catalog/register", "[", 400, "~Request decode failed: "},
    {"PUT", "/v1/catalog/register", "{\"Node\":5}", 400, "~Request decode failed: "},
    {"PUT", "/v1/catalog/register", "{\"Colour\":5}", 400, "~Request decode failed: "},
    {"PUT", "/v1/catalog/register", "{\"Address\":\"10.1.0.1\"}", 500, "Must provide node"},
    {"PUT", "/v1/catalog/register", "{\"Node\":\"a\",\"Address\":\"1.1.1.1\",\"Datacenter\":\"x\"}",
     500, "No path to datacenter"},
    {"GET", "/v1/coordinate/node/foo", NULL, 404, ""},
    {"PUT", "/v1/coordinate/update", COORD("foo", "[1,0,0,0,0,0,0,0.5]"), 200, ""},
    {"GET", "/v1/coordinate/node/FOO", NULL, 200, "~\"Vec\":[1,0,0,0,0,0,0,0.5]"},
    {"GET", "/v1/coordinate/nodes", NULL, 200, "~\"Node\":\"foo\",\"Segment\":\"\""},
    {"GET", "/v1/coordinate/nodes?segment=a", NULL, 200, "[]"},
    {"GET", "/v1/catalog/nodes?near=foo&filter=Node%20==%20foo", NULL, 200, "~\"Node\":\"foo\""},
    {"GET", "/v1/catalog/service/web?near=_agent", NULL, 200, "~\"ServiceID\":\"web1\""},
    {"PUT", "/v1/coordinate/update", COORD("foo", "[1]"), 500, "incompatible coordinate"},
    {"PUT", "/v1/coordinate/update", COORD("foo", "{}"), 400, "~Request decode failed: "},
    {"PUT", "/v1/coordinate/update", COORD("foo", "[\"x\"]"), 400, "~Request decode failed: "},
    {"PUT", "/v1/coordinate/update", COORD("", "[1,0,0,0,0,0,0,0]"), 200, ""},
    {"PUT", "/v1/coordinate/update", "{\"Datacenter\":\"dc8\"}", 500, "No path to datacenter"},
    {"PUT", "/v1/catalog/deregister", "{\"Node\":\"foo\",\"ServiceID\":\"web1\"}", 200, "true"},
    {"GET", "/v1/catalog/service/web", NULL, 200, "[]"},
    {"PUT", "/v1/catalog/deregister", "{\"Node\":\"foo\"}", 200, "true"},
    {"PUT", "/v1/catalog/deregister", "{\"Node\":\"foo\"}", 200, "true"},
    {"PUT", "/v1/catalog/deregister", "{}", 500, "Must provide node"},
};

Test(api_catalog, a_conversation_gets_the_expected_answers)
{
        struct fixture f;

        fixture_start(&f, "{}");
        for (size_t i = 0; i < ARRAY_LEN(steps); i++)
                fixture_expect(&f, steps[i].method, steps[i].target, steps[i].body, steps[i].status,
                               steps[i].want);
        fixture_stop(&f);
}

Test(api_catalog, a_registered_node_has_the_reference_shape)
{
        struct fixture f;

        fixture_start(&f, "{}");
        fixture_expect(&f, "PUT", "/v1/catalog/register", WEB, 200, "true");
        fixture_expect(
            &f, "GET", "/v1/catalog/node/foo", NULL, 200,
            "{\"Node\":{\"ID\":\"\",\"Node\":\"foo\",\"Address\":\"10.1.0.1\",\"Datacenter\":"
            "\"dc1\",\"TaggedAddresses\":null,\"Meta\":{\"rack\":\"a\"},\"CreateIndex\":6,"
            "\"ModifyIndex\":6},\"Services\":{\"web1\":{\"ID\":\"web1\",\"Service\":\"web\","
            "\"Tags\":[\"primary\",\"v1\"],\"Address\":\"\",\"Meta\":{\"v\":\"1\"},\"Port\":8000,"
            "\"Weights\":{\"Passing\":1,\"Warning\":1},\"EnableTagOverride\":false,\"Proxy\":{"
            "\"Mode\":\"\",\"MeshGateway\":{},\"Expose\":{}},\"Connect\":{},\"CreateIndex\":6,"
            "\"ModifyIndex\":6}}}");
        fixture_stop(&f);
}

Test(api_catalog, reads_carry_the_consistency_headers)
{
        struct exchange got;
        struct fixture f;

        fixture_start(&f, "{}");
        fixture_ask(&f, "GET", "/v1/catalog/nodes", NULL, &got);
        cr_expect_str_eq(exchange_header(&got, "X-Consul-Index"), "3");
        cr_expect_str_eq(exchange_header(&got, "X-Consul-KnownLeader"), "true");
        cr_expect_str_eq(exchange_header(&got, "X-Consul-LastContact"), "0");
        cr_expect_str_eq(exchange_header(&got, "X-Consul-Default-ACL-Policy"), "allow");
        exchange_fini(&got);
        fixture_stop(&f);
}

static void register_web(uv_timer_t *timer)
{
        struct fixture *f = timer->data;
        struct command command = {.type = COMMAND_REGISTER};

        command.reg.node = (struct catalog_node)CATALOG_NODE_INIT;
        command.reg.node.name = "late";
        command.reg.node.address = "10.0.0.7";
        command.reg.has_service = true;
        command.reg.service = (struct catalog_service)CATALOG_SERVICE_INIT;
        command.reg.service.name = "web";
        propose_command(f->agent.proposer, &command, NULL, NULL);
        uv_close((uv_handle_t *)timer, NULL);
}

Test(api_catalog, a_blocking_query_ends_with_the_change_it_waits_for)
{
        uv_timer_t timer;
        struct fixture f;

        fixture_start(&f, "{}");
        uv_timer_init(&f.agent.loop, &timer);
        timer.data = &f;
        uv_timer_start(&timer, register_web, 30, 0);
        fixture_expect(&f, "GET", "/v1/health/service/web?index=1&wait=60s", NULL, 200,
                       "~\"Node\":\"late\"");
        fixture_stop(&f);
}

Test(api_catalog, a_blocking_query_ends_with_its_time)
{
        struct fixture f;
        uint64_t before;

        fixture_start(&f, "{}");
        before = uv_hrtime();
        fixture_expect(&f, "GET", "/v1/health/service/web?index=99&wait=30ms", NULL, 200, "[]");
        // The loop's clock counts whole milliseconds and stands still between its turns.
        cr_expect_geq(uv_hrtime() - before, 25000000);
        fixture_stop(&f);
}
