#ifndef CONTROL_HTTP_HTTP_INTERNAL_H
#define CONTROL_HTTP_HTTP_INTERNAL_H

#include <microhttpd.h>

#include "control/http/http.h"
#include "control/http/peers.h"
#include "control/http/spool.h"
#include "control/text/uri.h"

#define HTTP_LISTEN_MAX 16
// Bytes of all headers a handler may add to an answer.
#define HTTP_HEADERS_MAX 4096
// Bodies up to this size are read and dropped when they are refused, so that the client gets to
// read the answer; bigger ones have their connection closed.
#define HTTP_DRAIN_MAX (64u << 20)
// Requests kept for use by the next, which saves their allocation.
#define HTTP_SPARE_MAX 256

struct http_listener {
        struct sockaddr_storage address;
        struct http_server *server;
        uv_poll_t poll;
        int fd;
        uint16_t port;
};

// An instance of the library, with a part of the connections.
struct http_daemon {
        struct http_server *server;
        struct MHD_Daemon *handle;
        uv_poll_t poll;   // of its epoll descriptor
        uv_timer_t timer; // its own deadlines
        unsigned open_handle_count;
        unsigned connection_count;
        bool is_running; // inside MHD_run()
        bool is_resumed; // a request was, during this run: another one is due
};

struct http_server {
        uv_loop_t *loop;
        struct http_server_config config;
        struct http_router *router;
        struct http_prefix *writers;
        struct http_daemon **daemons; // one at least while it serves
        size_t daemon_count;
        unsigned connection_count;
        struct http_peers peers;
        struct http_peer *accepted_peer; // of the connection being handed to a daemon
        struct http_listener listeners[HTTP_LISTEN_MAX];
        size_t listener_count;
        uv_timer_t answered_timer;  // frees what was answered without a connection
        uv_timer_t accept_timer;    // when accepting is paused
        uv_poll_t gone_poll;        // of gone_fd
        uv_timer_t gone_timer;      // puts those there who have waited for a while
        int gone_fd;                // an epoll set that tells of waiting clients that went away
        unsigned open_handle_count; // to be closed before the memory goes
        bool accept_paused;
        bool stopping;
        struct http_request *waiting; // suspended, doubly linked
        struct http_request *spare;   // to be used again, linked by next
        unsigned spare_count;
        struct http_request *injected; // that wait for their answer, doubly linked
        struct http_request *answered; // that came without a connection, to be freed; by next
        struct http_stats stats;
};

// A response and its status, reference-counted.
struct http_answer {
        unsigned ref_count;
        unsigned status;
        struct MHD_Response *response;
};

struct http_request {
        struct http_server *server;
        struct http_daemon *daemon;        // NULL: it came without a connection
        struct MHD_Connection *connection; // NULL: it came without one
        struct http_injected *injected;    // then
        char *target;
        size_t target_capacity; // kept when the request is used again
        struct uri uri;
        bool uri_parsed;
        bool started;
        bool suspended;
        bool drain;        // the body is read and dropped
        bool is_stream;    // its answer is made while it is sent
        bool is_cancelled; // the stream is to be broken off
        bool is_gone_watched;
        bool is_plain;
        bool takes_gzip;
        enum http_method method;
        struct http_match match;

        char *body;
        size_t body_len;
        size_t body_capacity;
        size_t body_limit;
        size_t body_expected; // as announced; 0: not known
        struct spool *spool;  // what is there of a body too large for memory
        size_t drained;       // bytes read and dropped

        struct MHD_Response *response; // the answer's when there is one, else the request's own
        struct http_answer *answer;
        unsigned status;
        char *headers; // "name\0value\0" one after the other
        size_t headers_len;

        void (*cancel)(void *arg);
        void *cancel_arg;
        struct http_request *next, **link; // in server->waiting
};

// listen.c
int http_listen_open(struct http_server *server, char *error, size_t error_size);
void http_listen_pause(struct http_server *server);
void http_listen_resume(struct http_server *server);
void http_listen_close(struct http_server *server);

// server.c
void http_server_release_handle(struct http_server *server);

// daemon.c
int http_daemon_add(struct http_server *server);
// One that has room for a connection more; NULL: there is no memory.
struct http_daemon *http_daemon_with_room(struct http_server *server);
// Run it now, unless it is running.
void http_daemon_kick(struct http_daemon *daemon);
// Have it run soon, from inside a callback of its own or from outside.
void http_daemon_wake(struct http_daemon *daemon);
// After their requests have been cancelled: end all connections.
void http_daemons_stop(struct http_server *server);
// Where a connection's request is kept; NULL without memory.
struct http_request **http_connection_slot(struct MHD_Connection *connection);

// request.c
void *http_request_begin(void *cls, const char *target, struct MHD_Connection *connection);
enum MHD_Result http_request_access(void *cls, struct MHD_Connection *connection, const char *url,
                                    const char *method, const char *version,
                                    const char *upload_data, size_t *upload_data_size,
                                    void **state);
void http_request_completed(void *cls, struct MHD_Connection *connection, void **state,
                            enum MHD_RequestTerminationCode why);
void http_request_suspend(struct http_request *request);
void http_request_resume(struct http_request *request);
void http_request_free_spare(struct http_server *server);
void http_request_cancel_all(struct http_server *server);
// Ends a waiting request whose client has closed its side; one that waits no more is let pass.
void http_request_cancel(struct http_request *request);

// inject.c: requests without a connection
struct http_injected;
void http_injected_answer(struct http_request *request, unsigned status, const char *content_type,
                          char *take_data, size_t len);
void http_injected_stream(struct http_request *request, unsigned status, const char *content_type,
                          http_stream_fn read, void (*end)(void *arg), void *arg);
// What a stream waits for may be there.
void http_injected_continue(struct http_request *request);
const char *http_injected_header(const struct http_request *request, const char *name);
bool http_injected_is_answered(const struct http_request *request);
void http_injected_free_answered(struct http_server *server);
// Parse, find the route, and call the handler.
void http_request_take_injected(struct http_request *request, const char *method);
struct http_request *http_request_make(struct http_server *server, const char *target);
void http_request_destroy(struct http_request *request);
void http_injected_cancel_all(struct http_server *server);

// gone.c
int http_gone_open(struct http_server *server);
void http_gone_close(struct http_server *server);
// Called when a request begins to wait, and when it ends waiting.
void http_gone_watch(struct http_request *request);
void http_gone_forget(struct http_request *request);

// guard.c: what is refused whatever the endpoint
bool http_guard_is_blocked(const struct http_server *server, const char *path);
bool http_guard_may_write(const struct http_server *server, const struct sockaddr *peer);

// reply.c
void http_reply_recalled(struct http_request *request, struct http_answer *answer);
void http_reply_drop(struct http_request *request);
enum MHD_Result http_reply_queue(struct http_request *request);

// compress.c
// Gzip when it is worth it: replaces *data and *len and returns true, or leaves them.
bool http_compress(char **data, size_t *len);

#endif
