#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "control/watch/handler.h"
#include "lictor/bytes.h"
#include "tests/control/quoted_json.h"

#define HTTP(config) "{'type':'nodes','handler_type':'http','http_handler_config':" config "}"

static const struct {
        const char *name, *setting, *error;
} refused[] = {
    {"not an object", "['x']", "Watch type must be specified"},
    {"no type", "{'args':['x']}", "Watch type must be specified"},
    {"an unknown type", "{'type':'smoke','args':['x']}", "Unsupported watch type: smoke"},
    {"the service mesh", "{'type':'connect_roots','args':['x']}",
     "Watch type connect_roots is not allowed in agent config"},
    {"an unknown kind of handler", "{'type':'nodes','handler_type':'smoke'}",
     "Handler type 'smoke' not recognized"},
    {"a kind that is no text", "{'type':'nodes','handler_type':1}",
     "Handler type '' not recognized"},
    {"no handler", "{'type':'nodes'}", "Must define a watch handler"},
    {"no arguments", "{'type':'nodes','args':[]}", "Must define a watch handler"},
    {"two handlers", "{'type':'nodes','args':['x'],'handler':'y'}",
     "Only one watch handler allowed"},
    {"HTTP and a script",
     "{'type':'nodes','args':['x'],'handler_type':'http','http_handler_config':{'path':'http://"
     "a'}}",
     "Only one watch handler allowed"},
    {"no key", "{'type':'key','args':['x']}", "Must specify a single key to watch"},
    {"no service", "{'type':'agent_service','args':['x']}",
     "Must specify a single service ID to watch"},
    {"what is of another type", "{'type':'nodes','key':'k','args':['x']}",
     "Invalid parameters: [key]"},
    {"HTTP without settings", "{'type':'nodes','handler_type':'http'}",
     "Handler type 'http' requires 'http_handler_config' to be set"},
    {"HTTP without a path", HTTP("{}"), "Requires 'path' to be set"},
    {"HTTP of a text", HTTP("'x'"), "it has to be an object"},
    {"HTTP with a stranger", HTTP("{'path':'x','pace':1}"), "unknown key 'pace'"},
    {"HTTP with a bad time", HTTP("{'path':'x','timeout':'soon'}"), "invalid duration"},
    {"HTTP with a numeric time", HTTP("{'path':'x','timeout':5}"), "has to be a string"},
    {"HTTP with a method of two words", HTTP("{'path':'x','method':'GET IT'}"), "invalid method"},
    {"HTTP with a header of two lines", HTTP("{'path':'x','header':{'A':['b\\r\\nC: d']}}"),
     "invalid header"},
    {"HTTP with a header of no name", HTTP("{'path':'x','header':{'':['b']}}"), "invalid header"},
    {"HTTP with a numeric header", HTTP("{'path':'x','header':{'A':[1]}}"), "list of strings"},
};

Test(watch_handler, what_cannot_be_run_is_refused_with_a_reason)
{
        for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
                json_t *setting = quoted_json(refused[i].setting);
                struct watch_handler handler;
                struct watch_plan *plan;
                char error[256] = "";

                cr_expect_lt(watch_setting_read(setting, &plan, &handler, error, sizeof(error)), 0,
                             "%s", refused[i].name);
                cr_expect(strstr(error, refused[i].error) != NULL, "%s: got \"%s\"",
                          refused[i].name, error);
                cr_expect_null(plan, "%s", refused[i].name);
                json_decref(setting);
        }
}

static struct watch_handler read_handler(const char *text, struct watch_plan **plan)
{
        json_t *setting = quoted_json(text);
        struct watch_handler handler;
        char error[256] = "";

        cr_assert_eq(watch_setting_read(setting, plan, &handler, error, sizeof(error)), 0, "%s: %s",
                     text, error);
        json_decref(setting);
        return handler;
}

Test(watch_handler, a_program_keeps_its_arguments_and_a_script_its_text)
{
        struct watch_plan *plan;
        struct watch_handler handler =
            read_handler("{'type':'nodes','handler_type':'script','args':['a','b c']}", &plan);

        cr_expect_eq(handler.kind, WATCH_HANDLER_ARGS);
        cr_expect_str_eq(json_string_value(json_array_get(handler.args, 1)), "b c");
        watch_handler_fini(&handler);
        watch_plan_destroy(plan);

        handler = read_handler("{'type':'key','key':'k','handler':'a | b','token':'t'}", &plan);
        cr_expect_eq(handler.kind, WATCH_HANDLER_SHELL);
        cr_expect_str_eq(handler.script, "a | b");
        cr_expect_str_eq(watch_plan_token(plan), "t");
        watch_handler_fini(&handler);
        watch_plan_destroy(plan);
}

Test(watch_handler, http_has_defaults_and_takes_a_block_of_hcl)
{
        struct watch_plan *plan;
        struct watch_handler handler = read_handler(HTTP("[{'path':'http://a/'}]"), &plan);

        cr_expect_eq(handler.kind, WATCH_HANDLER_HTTP);
        cr_expect_str_eq(handler.url, "http://a/");
        cr_expect_str_eq(handler.method, "POST");
        cr_expect_eq(handler.timeout_ms, WATCH_HTTP_TIMEOUT_MS);
        cr_expect_not(handler.tls_skip_verify);
        watch_handler_fini(&handler);
        watch_plan_destroy(plan);

        handler = read_handler(HTTP("{'path':'https://a/','method':'PUT','timeout':'1.5s',"
                                    "'header':{'A':['b','']},'tls_skip_verify':true}"),
                               &plan);
        cr_expect_str_eq(handler.method, "PUT");
        cr_expect_eq(handler.timeout_ms, 1500);
        cr_expect(handler.tls_skip_verify);
        cr_assert_eq(json_array_size(handler.headers), 2);
        cr_expect_str_eq(json_string_value(json_array_get(handler.headers, 0)), "A: b");
        cr_expect_str_eq(json_string_value(json_array_get(handler.headers, 1)), "A;");
        watch_handler_fini(&handler);
        watch_plan_destroy(plan);
}

Test(watch_handler, an_agents_service_is_asked_for_by_what_it_is_and_not_by_an_index)
{
        static const char answer[] = "{\"ID\": \"w\", \"ContentHash\": \"abc\"}";
        struct watch_plan *plan;
        struct watch_news news = {0};
        struct watch_handler handler =
            read_handler("{'type':'agent_service','service_id':'w','args':['x']}", &plan);
        char *path;

        cr_assert_eq(watch_plan_take(plan, 200, answer, strlen(answer), 0, false, &news), 1);
        cr_expect_str_eq(news.text, "{\"ID\":\"w\",\"ContentHash\":\"abc\"}");
        free(news.text);
        path = watch_plan_path(plan);
        cr_expect_str_eq(path, "/v1/agent/service/w?hash=abc");
        free(path);
        cr_expect_eq(watch_plan_take(plan, 200, answer, strlen(answer), 0, false, &news), 0);
        // It would be answered at once: there is nothing to wait for.
        cr_expect_lt(watch_plan_take(plan, 404, "unknown", 7, 0, false, &news), 0);
        watch_handler_fini(&handler);
        watch_plan_destroy(plan);
}
