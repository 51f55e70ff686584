#ifndef CONTROL_HTTP_HTTP_H
#define CONTROL_HTTP_HTTP_H

// HTTP on a libuv loop: connections, bounded bodies, routing, answers now or later.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "control/http/router.h"
#include "control/text/json_writer.h"

struct http_server;
struct http_request;
struct http_answer;
struct spool;

// Bodies that may be larger are kept in files.
#define HTTP_MEMORY_BODY_MAX ((size_t)128 << 20)
#define HTTP_JSON            "application/json"
#define HTTP_TEXT            "text/plain; charset=utf-8"

struct http_header {
        const char *name;
        const char *value;
};

// A network whose members may use methods other than GET.
struct http_prefix {
        struct sockaddr_storage address;
        unsigned bits;
};

// Owner and mode of sockets in the file system.
#define HTTP_UNIX_KEEP UINT32_MAX // as the process makes them
struct http_unix_permissions {
        uint32_t user;
        uint32_t group;
        uint32_t mode;
};

struct http_server_config {
        const struct sockaddr_storage *addresses; // port 0 takes a free one; AF_UNIX, too
        size_t address_count;
        struct http_unix_permissions unix_permissions;
        const struct http_route *routes; // borrowed for the server's life
        size_t route_count;
        void *app; // handed to every handler
        // Calls the route's handler, now or later, or answers in its place. NULL: calls it.
        void (*dispatch)(struct http_request *request, const struct http_route *route, void *app);

        unsigned connection_limit;         // 0: as many as descriptors allow
        unsigned connections_per_client;   // 0: no limit
        unsigned idle_timeout_s;           // 0: 120
        size_t body_limit;                 // bytes; 0: 1 MiB
        size_t header_limit;               // bytes; 0: 32 KiB
        const char *spool_dir;             // of bodies too large for memory, borrowed; NULL: memory
        const struct http_header *headers; // sent with every answer; borrowed for the server's life
        size_t header_count;
        const char *const *blocked; // path prefixes answered with 403; borrowed likewise
        size_t blocked_count;
        const struct http_prefix *writers; // copied; none: everybody may write
        size_t writer_count;
        bool path_may_be_unprintable;

        // An answer kept for this target, borrowed, or NULL. Asked before anything else is looked
        // at, for plain requests only; NULL: nothing is kept.
        struct http_answer *(*recall)(void *app, const char *target, bool gzip);
};

struct http_stats {
        uint64_t accepted;
        uint64_t refused; // over a connection limit
        uint64_t requests;
        uint64_t bodies_too_large;
};

/**
 * Listen and serve on the loop.
 * @error   on failure one line for the operator.
 * returns  0 or a negative errno.
 * context  control thread, like everything here.
 */
int http_server_create(struct http_server **out, uv_loop_t *loop,
                       const struct http_server_config *config, char *error, size_t error_size);

/**
 * Stop listening, end every request (their cancel functions run), close all connections. Memory is
 * freed by the loop's next turns; the server must not be used any more.
 */
void http_server_destroy(struct http_server *take_server);

/** Port of the i-th address, in host order. */
uint16_t http_server_port(const struct http_server *server, size_t i);

/** Figures since the start. */
void http_server_stats(const struct http_server *server, struct http_stats *out);

/** Connections open now. */
unsigned http_server_connections(const struct http_server *server);

// --- Requests that come another way than over HTTP.

struct http_injected_answer {
        unsigned status;
        const char *content_type; // "" without a body
        const char *headers;      // "name\0value\0" one after the other
        size_t headers_len;
        const char *body;
        size_t body_len;
};

struct http_injection {
        const char *method;
        const char *target;
        const struct http_header *headers; // copied
        size_t header_count;
        const char *body; // copied
        size_t body_len;
        struct spool *take_spool; // the body instead, when not NULL; emptied unless that fails
        const char *origin;       // name of the node whose agent was asked; copied
        unsigned hops;            // how often it has been passed on
        /* Called exactly once unless the request is cancelled, perhaps before http_server_inject()
           returns; *answer is borrowed until return. */
        void (*done)(void *arg, const struct http_injected_answer *answer);
        /* Instead of done for a body made while it is sent, which is to be read with
           http_injected_read() until the request is cancelled. *head, without a body, is borrowed.
           NULL: such bodies are gathered. */
        void (*stream)(void *arg, const struct http_injected_answer *head);
        bool splits; // likewise for long bodies that are there already
        // There may be more to read. Over: the server stops, and the request is gone.
        void (*more)(void *arg, bool is_over);
        void *arg;
};

/**
 * Have a request handled as if a client had sent it, past what is asked of clients: where they
 * are, and how large their bodies.
 * @out     set before anything is called; to be forgotten when done is called. May be NULL.
 * returns  0, or -ENOMEM and done is not called.
 */
int http_server_inject(struct http_server *server, const struct http_injection *injection,
                       struct http_request **out);

/** End such a request; none of the injection's functions is called any more. */
void http_injected_cancel(struct http_request *take_request);

/** Read on in the body of one that streams. returns  as http_stream_fn. */
long http_injected_read(struct http_request *request, char *out, size_t size);

/** Whether the body of http_reply_stream() reaches the client as it is made. */
bool http_request_takes_stream(const struct http_request *request);
/** Whether a long body may be streamed though it was not made so: then it is not compressed. */
bool http_request_takes_split(const struct http_request *request);

/** The node whose agent was asked, NULL when it was this one. */
const char *http_request_origin(const struct http_request *request);
/** How often the request has been passed on from agent to agent. */
unsigned http_request_hops(const struct http_request *request);

// --- The request; everything it returns is borrowed until it is answered.

/** The part of the decoded path after the route's pattern; "" when there is none. */
const char *http_request_rest(const struct http_request *request);
/**
 * Undo the escapes that are left in it after the path's own were undone.
 * returns  NULL, or the first broken one, up to three characters, in @out.
 */
const char *http_request_unescape_rest(struct http_request *request, char out[4]);
/** First value of a query parameter: NULL when absent, "" without a value. */
const char *http_request_param(const struct http_request *request, const char *key);
/** The n-th value of a repeated query parameter, NULL after the last. */
const char *http_request_param_at(const struct http_request *request, const char *key, size_t n);
/** The i-th query parameter, in the order given; false after the last. */
bool http_request_param_next(const struct http_request *request, size_t i, const char **key,
                             const char **value);
/** A request header's value or NULL. */
const char *http_request_header(const struct http_request *request, const char *name);
/** The method as an enum http_method. */
enum http_method http_request_method(const struct http_request *request);
/** The request target as it was sent. */
const char *http_request_target(const struct http_request *request);
/** Whether the answer may be in gzip. */
bool http_request_takes_gzip(const struct http_request *request);
/**
 * Whether what is answered depends on the target and http_request_takes_gzip() alone: a GET without
 * body, token and Cache-Control.
 */
bool http_request_is_plain(const struct http_request *request);
/** How many query parameters there are, repeated ones counted. */
size_t http_request_param_count(const struct http_request *request);
/** The body; never NULL. */
const char *http_request_body(const struct http_request *request, size_t *len);
/** The body of a route whose limit is above HTTP_MEMORY_BODY_MAX; passes to the caller. */
void http_request_take_spool(struct http_request *request, struct spool *out);
/** Address of the client. */
const struct sockaddr *http_request_peer(const struct http_request *request);
/** Whether ?pretty was asked for: what a JSON answer's writer is to be initialised with. */
bool http_request_pretty(const struct http_request *request);

/**
 * Have a function called when the request ends without an answer, because the server stops or the
 * client has closed its side of the connection.
 * @cancel  must not reply and must forget the request; replaces an earlier one, NULL removes it.
 */
void http_request_on_cancel(struct http_request *request, void (*cancel)(void *arg), void *arg);

// --- The answer. A handler that returns without one leaves the connection waiting for it.

/** Add a header to the answer to come; beyond 4 KiB in all they are left out. */
void http_reply_header(struct http_request *request, const char *name, const char *value);
/** Add a header with a number. */
void http_reply_header_uint(struct http_request *request, const char *name, uint64_t value);
/** Answer without a body. */
void http_reply_empty(struct http_request *request, unsigned status);
/** Answer with a line of text, as Consul reports errors. */
void http_reply_text(struct http_request *request, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/**
 * The answer just given, headers included, to be recalled for others.
 * returns  a reference of the caller's, or NULL without memory and for an internal error.
 */
struct http_answer *http_request_keep_answer(struct http_request *request);
/** Give a reference back; NULL is let pass. */
void http_answer_release(struct http_answer *take_answer);
/** Answer with JSON; the writer is emptied. Out of memory becomes 500. */
void http_reply_json(struct http_request *request, unsigned status, struct json_writer *take_json);
/** Answer with bytes that are freed with free(). */
void http_reply_bytes(struct http_request *request, unsigned status, const char *content_type,
                      char *take_data, size_t len);

/**
 * Gives the next piece of a body as the connection takes it.
 * @out     at most @size bytes to be written.
 * returns  bytes written; 0 at the end; HTTP_STREAM_WAIT when there are none yet; any other
 *          negative number to break the connection off.
 */
#define HTTP_STREAM_WAIT (-2L)
typedef long (*http_stream_fn)(void *arg, char *out, size_t size);

/**
 * Answer with a body made while it is sent, uncompressed.
 * @end  called once when nobody will read on, also for an answer that is never sent.
 */
void http_reply_stream(struct http_request *request, unsigned status, const char *content_type,
                       http_stream_fn read, void (*end)(void *arg), void *arg);
/** Ask a stream that waits again; until its end function has been called. */
void http_reply_stream_continue(struct http_request *request);

#endif
