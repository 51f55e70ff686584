#include <criterion/criterion.h>
#include <errno.h>

#include "control/http/router.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static void handle_a(struct http_request *request, void *app)
{
        (void)request;
        (void)app;
}

static void handle_b(struct http_request *request, void *app)
{
        (void)request;
        (void)app;
}

static const struct http_route routes[] = {
    {HTTP_GET, "/", handle_a, HTTP_ALLOW_ANYONE, 0},
    {HTTP_GET, "/v1/query", handle_a, HTTP_ALLOW_QUERY_READ, 0},
    {HTTP_POST, "/v1/query", handle_b, HTTP_ALLOW_QUERY_WRITE, 0},
    {HTTP_GET | HTTP_PUT | HTTP_DELETE, "/v1/kv/", handle_a, HTTP_ALLOW_ANYONE, 0},
    {HTTP_PUT, "/v1/kv/deep/", handle_b, HTTP_ALLOW_ANYONE, 0},
    {HTTP_GET, "/v1/catalog/nodes", handle_a, HTTP_ALLOW_NODE_READ, 0},
};

static const struct {
        const char *path;
        unsigned method;
        int route; // index, -1 for a wrong method, -2 for an unknown path
        const char *rest, *allow;
} cases[] = {
    {"/", HTTP_GET, 0, "", "OPTIONS,GET"},
    {"/v1/query", HTTP_GET, 1, "", "OPTIONS,GET,POST"},
    {"/v1/query", HTTP_POST, 2, "", "OPTIONS,GET,POST"},
    {"/v1/query", HTTP_PUT, -1, "", "OPTIONS,GET,POST"},
    {"/v1/query", HTTP_HEAD, -1, "", "OPTIONS,GET,POST"},
    {"/v1/query/", HTTP_GET, -2, NULL, NULL},
    {"/v1/kv/", HTTP_GET, 3, "", "OPTIONS,GET,PUT,DELETE"},
    {"/v1/kv/a/b/", HTTP_DELETE, 3, "a/b/", "OPTIONS,GET,PUT,DELETE"},
    {"/v1/kv/deep", HTTP_PUT, 3, "deep", "OPTIONS,GET,PUT,DELETE"},
    {"/v1/kv/deep/x", HTTP_PUT, 4, "x", "OPTIONS,PUT"},
    {"/v1/kv/deep/x", HTTP_GET, -1, "x", "OPTIONS,PUT"},
    {"/v1/kv", HTTP_GET, -2, NULL, NULL},
    {"/x", HTTP_PUT, -2, NULL, NULL},
    {"/v1/catalog/nodes", HTTP_OPTIONS, -1, "", "OPTIONS,GET"},
    {"nothing", HTTP_GET, -2, NULL, NULL},
    {"", HTTP_GET, -2, NULL, NULL},
};

Test(http_router, the_longest_pattern_wins)
{
        struct http_router *router;

        cr_assert_eq(http_router_create(&router, routes, ARRAY_LEN(routes)), 0);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct http_match match;
                char allow[64];

                if (cases[i].route == -2) {
                        cr_expect_eq(
                            http_router_match(router, cases[i].path, cases[i].method, &match),
                            -ENOENT);
                        continue;
                }
                cr_assert_eq(http_router_match(router, cases[i].path, cases[i].method, &match), 0,
                             "%s", cases[i].path);
                if (cases[i].route == -1)
                        cr_expect_null(match.route, "%s", cases[i].path);
                else
                        cr_expect_eq(match.route, &routes[cases[i].route], "%s", cases[i].path);
                http_match_allow(&match, allow, sizeof(allow));
                cr_expect_str_eq(match.rest, cases[i].rest);
                cr_expect_str_eq(allow, cases[i].allow, "%s", cases[i].path);
        }
        http_router_destroy(router);
}

Test(http_router, two_claims_to_one_method_are_refused)
{
        static const struct http_route twice[] = {
            {HTTP_GET, "/a", handle_a, HTTP_ALLOW_ANYONE, 0},
            {HTTP_GET | HTTP_PUT, "/a", handle_b, HTTP_ALLOW_ANYONE, 0},
        };
        static const struct http_route apart[] = {
            {HTTP_GET, "/a", handle_a, HTTP_ALLOW_ANYONE, 0},
            {HTTP_GET, "/b", handle_a, HTTP_ALLOW_ANYONE, 0},
            {HTTP_PUT, "/a", handle_b, HTTP_ALLOW_ANYONE, 0},
        };
        struct http_router *router;

        cr_expect_eq(http_router_create(&router, twice, ARRAY_LEN(twice)), -EEXIST);
        cr_expect_eq(http_router_create(&router, apart, ARRAY_LEN(apart)), -EEXIST);
}

Test(http_router, method_names_are_exact)
{
        cr_expect_eq(http_method_parse("GET"), HTTP_GET);
        cr_expect_eq(http_method_parse("DELETE"), HTTP_DELETE);
        cr_expect_eq(http_method_parse("get"), HTTP_OTHER);
        cr_expect_eq(http_method_parse("BREW"), HTTP_OTHER);
}

Test(http_router, a_missing_slash_at_the_end_is_noticed)
{
        static const struct {
                const char *path;
                bool lacks;
        } paths[] = {
            {"/v1/kv", true},     {"/v1/kv/deep", true}, {"/v1/kv/", false}, {"/v1/kv/dee", false},
            {"/v1/query", false}, {"/v1/k", false},      {"/", false},       {"", false}};
        struct http_router *router;

        cr_assert_eq(http_router_create(&router, routes, ARRAY_LEN(routes)), 0);
        for (size_t i = 0; i < ARRAY_LEN(paths); i++)
                cr_expect_eq(http_router_lacks_slash(router, paths[i].path), paths[i].lacks, "%s",
                             paths[i].path);
        http_router_destroy(router);
}
