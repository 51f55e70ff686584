#include "control/http/router.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Longer paths are no pattern's.
#define PATTERN_LEN_MAX 128

struct pattern {
        const char *text;
        size_t len;
        const struct http_route *first;
        size_t line_count;
        unsigned methods;
};

struct http_router {
        size_t pattern_count;
        struct pattern patterns[]; // sorted by length, then bytes
};

static const struct {
        const char *name;
        enum http_method method;
} method_names[] = {
    {"GET", HTTP_GET},       {"PUT", HTTP_PUT},   {"POST", HTTP_POST},
    {"DELETE", HTTP_DELETE}, {"HEAD", HTTP_HEAD}, {"OPTIONS", HTTP_OPTIONS},
};

#define METHOD_COUNT (sizeof(method_names) / sizeof(method_names[0]))

static int compare_text(const char *a, size_t a_len, const char *b, size_t b_len)
{
        if (a_len != b_len)
                return a_len < b_len ? -1 : 1;
        return memcmp(a, b, a_len);
}

static int compare_patterns(const void *a, const void *b)
{
        const struct pattern *left = a, *right = b;

        return compare_text(left->text, left->len, right->text, right->len);
}

static struct pattern *find_by_text(struct http_router *router, const char *text)
{
        for (size_t i = 0; i < router->pattern_count; i++) {
                if (strcmp(router->patterns[i].text, text) == 0)
                        return &router->patterns[i];
        }
        return NULL;
}

int http_router_create(struct http_router **out, const struct http_route *routes,
                       size_t route_count)
{
        struct http_router *router =
            calloc(1, sizeof(*router) + route_count * sizeof(router->patterns[0]));

        if (router == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < route_count; i++) {
                struct pattern *pattern = find_by_text(router, routes[i].pattern);

                if (pattern == NULL) {
                        pattern = &router->patterns[router->pattern_count++];
                        *pattern = (struct pattern){.text = routes[i].pattern,
                                                    .len = strlen(routes[i].pattern),
                                                    .first = &routes[i]};
                }
                if ((pattern->methods & routes[i].methods) ||
                    pattern->first + pattern->line_count != &routes[i]) {
                        free(router);
                        return -EEXIST;
                }
                pattern->methods |= routes[i].methods;
                pattern->line_count++;
        }
        qsort(router->patterns, router->pattern_count, sizeof(router->patterns[0]),
              compare_patterns);
        *out = router;
        return 0;
}

void http_router_destroy(struct http_router *take_router)
{
        free(take_router);
}

static const struct pattern *find_pattern(const struct http_router *router, const char *path,
                                          size_t len)
{
        size_t low = 0, high = router->pattern_count;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                const struct pattern *pattern = &router->patterns[middle];
                int order = compare_text(path, len, pattern->text, pattern->len);

                if (order == 0)
                        return pattern;
                if (order < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return NULL;
}

bool http_router_lacks_slash(const struct http_router *router, const char *path)
{
        size_t len = strlen(path);
        char with_slash[PATTERN_LEN_MAX];

        if (len == 0 || len + 1 > sizeof(with_slash) || path[len - 1] == '/' ||
            find_pattern(router, path, len) != NULL)
                return false;
        memcpy(with_slash, path, len);
        with_slash[len] = '/';
        return find_pattern(router, with_slash, len + 1) != NULL;
}

// The whole path, else its longest part that ends in a slash.
static const struct pattern *longest_pattern(const struct http_router *router, const char *path,
                                             size_t *used)
{
        size_t len = strlen(path);

        while (len > 0) {
                const struct pattern *pattern = find_pattern(router, path, len);

                // "/" is the root and nothing below it.
                if (pattern != NULL && (len > 1 || path[1] == '\0')) {
                        *used = len;
                        return pattern;
                }
                do
                        len--;
                while (len > 0 && path[len - 1] != '/');
        }
        return NULL;
}

int http_router_match(const struct http_router *router, const char *path, unsigned method,
                      struct http_match *out)
{
        size_t used;
        const struct pattern *pattern = longest_pattern(router, path, &used);

        if (pattern == NULL)
                return -ENOENT;
        *out = (struct http_match){.rest = path + used,
                                   .allow = pattern->methods,
                                   .first = pattern->first,
                                   .line_count = pattern->line_count};
        for (size_t i = 0; i < pattern->line_count; i++) {
                if (pattern->first[i].methods & method)
                        out->route = &pattern->first[i];
        }
        return 0;
}

enum http_method http_method_parse(const char *name)
{
        for (size_t i = 0; i < METHOD_COUNT; i++) {
                if (strcmp(method_names[i].name, name) == 0)
                        return method_names[i].method;
        }
        return HTTP_OTHER;
}

const char *http_method_name(enum http_method method)
{
        for (size_t i = 0; i < METHOD_COUNT; i++) {
                if (method_names[i].method == method)
                        return method_names[i].name;
        }
        return "";
}

void http_match_allow(const struct http_match *match, char *out, size_t size)
{
        size_t len = (size_t)snprintf(out, size, "OPTIONS");

        for (size_t line = 0; line < match->line_count; line++) {
                for (size_t i = 0; i < METHOD_COUNT && len < size; i++) {
                        if (match->first[line].methods & method_names[i].method)
                                len += (size_t)snprintf(out + len, size - len, ",%s",
                                                        method_names[i].name);
                }
        }
}
