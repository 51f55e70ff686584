#include <criterion/criterion.h>
#include <string.h>

#include "control/agent/definition.h"

static json_t *canonical(const char *text)
{
        char error[JSON_SCHEMA_ERROR_MAX];
        json_t *out = NULL;

        cr_assert_eq(json_schema_parse(&local_check_schema, JSON_SCHEMA_SNAKE_CASE, text,
                                       strlen(text), 0, &out, error),
                     0, "%s: %s", text, error);
        return out;
}

Test(definition, each_kind_is_recognised_in_either_spelling)
{
        static const struct {
                const char *text, *type, *target;
                int kind; // -1: not run
        } cases[] = {
            {"{\"TTL\":\"1s\"}", "ttl", NULL, -1},
            {"{\"alias_service\":\"x\"}", "alias", NULL, -1},
            {"{\"AliasNode\":\"x\"}", "alias", NULL, -1},
            {"{}", "maintenance", NULL, -1},
            {"{\"HTTP\":\"http://a\",\"Interval\":\"1s\"}", "http", "http://a", CHECK_HTTP},
            {"{\"tcp\":\"a:1\",\"interval\":\"1s\"}", "tcp", "a:1", CHECK_TCP},
            {"{\"udp\":\"a:1\",\"interval\":\"1s\"}", "udp", "a:1", CHECK_UDP},
            {"{\"grpc\":\"a:1/s\",\"interval\":\"1s\"}", "grpc", "a:1/s", CHECK_GRPC},
            {"{\"h2ping\":\"a:1\",\"interval\":\"1s\"}", "h2ping", "a:1", CHECK_H2PING},
            {"{\"os_service\":\"a\",\"interval\":\"1s\"}", "os_service", "a", CHECK_OS_SERVICE},
            {"{\"args\":[\"a\"],\"interval\":\"1s\"}", "script", "", CHECK_SCRIPT},
            {"{\"script_args\":[\"a\"],\"docker_container_id\":\"c\",\"interval\":\"1s\"}",
             "docker", "c", CHECK_DOCKER},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                json_t *definition = canonical(cases[i].text);
                struct check_spec spec;

                cr_expect_str_eq(definition_check_type(definition), cases[i].type, "%s",
                                 cases[i].text);
                cr_expect_eq(definition_upkeep(definition) == DEFINITION_RUN, cases[i].kind >= 0);
                if (cases[i].kind >= 0) {
                        definition_check_spec(definition, &spec);
                        cr_expect_eq((int)spec.kind, cases[i].kind, "%s", cases[i].text);
                        cr_expect_str_eq(spec.target, cases[i].target);
                        cr_expect_eq(spec.interval_ms, 1000);
                }
                json_decref(definition);
        }
}

Test(definition, everything_about_a_run_is_taken_over)
{
        json_t *definition = canonical(
            "{\"id\":\"i\",\"http\":\"https://a\",\"interval\":\"1500us\",\"timeout\":\"900ms\","
            "\"method\":\"PUT\",\"body\":\"b\",\"header\":{\"A\":[\"1\"]},\"tls_skip_verify\":true,"
            "\"tls_server_name\":\"n\",\"disable_redirects\":true,\"success_before_passing\":2,"
            "\"failures_before_warning\":3,\"failures_before_critical\":4,\"output_max_size\":5}");
        struct check_spec spec;

        definition_check_spec(definition, &spec);
        cr_expect_str_eq(spec.id, "i");
        cr_expect_eq(spec.interval_ms, 2, "rounded up");
        cr_expect_eq(spec.timeout_ms, 900);
        cr_expect_str_eq(spec.method, "PUT");
        cr_expect_str_eq(spec.body, "b");
        cr_expect_eq(json_object_size(spec.headers), 1);
        cr_expect(spec.tls_skip_verify && spec.disable_redirects);
        cr_expect_str_eq(spec.tls_server_name, "n");
        cr_expect_eq(spec.thresholds.success_before_passing, 2);
        cr_expect_eq(spec.thresholds.failures_before_warning, 3);
        cr_expect_eq(spec.thresholds.failures_before_critical, 4);
        cr_expect_eq(spec.output_max, 5);
        json_decref(definition);
}

Test(definition, tls_is_as_each_kind_has_it)
{
        static const struct {
                const char *text;
                bool use_tls;
        } cases[] = {
            {"{\"grpc\":\"a:1\"}", false},
            {"{\"grpc\":\"a:1\",\"grpc_use_tls\":true}", true},
            {"{\"tcp\":\"a:1\"}", false},
            {"{\"tcp\":\"a:1\",\"tcp_use_tls\":true}", true},
            {"{\"h2ping\":\"a:1\"}", true},
            {"{\"h2ping\":\"a:1\",\"h2ping_use_tls\":false}", false},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                json_t *definition = canonical(cases[i].text);
                struct check_spec spec;

                definition_check_spec(definition, &spec);
                cr_expect_eq(spec.use_tls, cases[i].use_tls, "%s", cases[i].text);
                json_decref(definition);
        }
}

Test(definition, contradictions_are_refused_as_consul_does)
{
        static const struct {
                const char *text, *refusal;
                unsigned status; // 0: accepted
        } cases[] = {
            {"{\"name\":\"a\",\"ttl\":\"1s\"}", "", 0},
            {"{\"ttl\":\"1s\"}", "Missing check name", 400},
            {"{\"name\":\"a\",\"ttl\":\"1s\",\"status\":\"odd\"}", "Bad check status", 400},
            {"{\"name\":\"a\"}", "Invalid check: TTL must be > 0 for TTL checks", 400},
            {"{\"name\":\"a\",\"interval\":\"1s\",\"ttl\":\"1s\"}",
             "Invalid check: Interval and TTL cannot both be specified", 400},
            {"{\"name\":\"a\",\"http\":\"u\"}",
             "Invalid check: Interval must be > 0 for Script, HTTP, H2PING, or TCP checks", 400},
            {"{\"name\":\"a\",\"alias_node\":\"u\",\"interval\":\"1s\"}",
             "Invalid check: Interval cannot be set for Alias checks", 400},
            {"{\"name\":\"a\",\"alias_node\":\"u\",\"ttl\":\"1s\"}",
             "Invalid check: TTL must be not be set for Alias checks", 400},
            {"{\"name\":\"a\",\"ttl\":\"1s\",\"output_max_size\":-1}",
             "Invalid check: MaxOutputMaxSize must be positive", 400},
            {"{\"name\":\"a\",\"tcp\":\"u:1\",\"interval\":\"1s\",\"failures_before_warning\":2}",
             "Invalid check: FailuresBeforeWarning can't be higher than FailuresBeforeCritical",
             400},
            {"{\"name\":\"a\",\"args\":[\"x\"],\"interval\":\"1s\"}",
             "Scripts are disabled on this agent from remote calls; to enable, configure "
             "'enable_script_checks' to true",
             500},
            {"{\"name\":\"a\",\"alias_service\":\"u\"}", "", 0},
        };
        const struct definition_rules rules = {DEFINITION_REMOTE, false};

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                json_t *definition = canonical(cases[i].text);
                struct local_result refusal = {0};

                definition_check_check(definition, &rules, &refusal);
                cr_expect_eq(refusal.status, cases[i].status, "%s", cases[i].text);
                cr_expect_str_eq(refusal.text, cases[i].refusal, "%s", cases[i].text);
                json_decref(definition);
        }
}
