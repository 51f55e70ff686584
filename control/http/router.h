#ifndef CONTROL_HTTP_ROUTER_H
#define CONTROL_HTTP_ROUTER_H

#include <stdbool.h>
#include <stddef.h>

struct http_request;

enum http_method {
        HTTP_GET = 1 << 0,
        HTTP_PUT = 1 << 1,
        HTTP_POST = 1 << 2,
        HTTP_DELETE = 1 << 3,
        HTTP_HEAD = 1 << 4,
        HTTP_OPTIONS = 1 << 5,
        HTTP_OTHER = 1 << 6,
        HTTP_ANY = (1 << 7) - 1,
};

// What a caller must be allowed to do; ACLs are checked against it in one place.
enum http_permission {
        HTTP_ALLOW_ANYONE,
        HTTP_ALLOW_AGENT_READ,
        HTTP_ALLOW_AGENT_WRITE,
        HTTP_ALLOW_NODE_READ,
        HTTP_ALLOW_NODE_WRITE,
        HTTP_ALLOW_SERVICE_READ,
        HTTP_ALLOW_SERVICE_WRITE,
        HTTP_ALLOW_QUERY_READ,
        HTTP_ALLOW_QUERY_WRITE,
        HTTP_ALLOW_OPERATOR_READ,
        HTTP_ALLOW_OPERATOR_WRITE,
        HTTP_ALLOW_KEY_READ,
        HTTP_ALLOW_KEY_WRITE,
        HTTP_ALLOW_SESSION_READ,
        HTTP_ALLOW_SESSION_WRITE,
        HTTP_ALLOW_EVENT_READ,
        HTTP_ALLOW_EVENT_WRITE,
};

/**
 * Answer a request with exactly one http_reply_*(), now or later.
 * @app     what http_server_config.app named.
 * context  control thread.
 */
typedef void (*http_handler)(struct http_request *request, void *app);

// One line of the table of endpoints. A pattern ending in '/' stands for everything below it, but
// for the root, which stands for itself; the longest pattern wins. Lines of one pattern stand
// together, each with its own methods.
struct http_route {
        unsigned methods; // of enum http_method
        const char *pattern;
        http_handler handler;
        enum http_permission permission;
        size_t body_limit; // bytes; 0: the server's default. Very large: see HTTP_MEMORY_BODY_MAX
};

struct http_router;

/**
 * Index a table of routes.
 * @routes  borrowed for the router's life.
 * returns  0, -ENOMEM, or -EEXIST when two lines claim the same method of a pattern.
 */
int http_router_create(struct http_router **out, const struct http_route *routes,
                       size_t route_count);

/** Whether a path has no pattern of its own, but would with a slash at its end. */
bool http_router_lacks_slash(const struct http_router *router, const char *path);

/** Free what http_router_create() made. */
void http_router_destroy(struct http_router *take_router);

struct http_match {
        const struct http_route *route; // NULL: this method is not among `allow`
        const char *rest;               // of the path, after the pattern
        unsigned allow;                 // methods of the pattern
        const struct http_route *first; // the pattern's lines, which give `allow` its order
        size_t line_count;
};

/**
 * Find the route of a path.
 * @out     filled when the path is known; `rest` points into @path.
 * returns  0 or -ENOENT.
 */
int http_router_match(const struct http_router *router, const char *path, unsigned method,
                      struct http_match *out);

/** Read a method's name. */
/** A method's name, "" of HTTP_OTHER. */
const char *http_method_name(enum http_method method);

enum http_method http_method_parse(const char *name);

/**
 * Write an Allow header's value, "OPTIONS,GET,PUT", methods in the table's order.
 * @out     64 bytes are always enough.
 */
void http_match_allow(const struct http_match *match, char *out, size_t size);

#endif
