#ifndef CONTROL_ASK_ASK_H
#define CONTROL_ASK_ASK_H

/**
 * HTTP requests an agent makes beside its checks: of its own API, for watches and remote commands,
 * and of those whom watches tell. Asking itself over HTTP gives both the rules that every client
 * has: tokens, forwarding to servers and other datacenters, waiting, limits.
 *
 * context  the loop's thread.
 */

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#define ASK_TARGET_MAX 128

/* Where an agent's own API is. */
struct ask_target {
        char url[ASK_TARGET_MAX];       /* "http://127.0.0.1:8500" */
        char unix_path[ASK_TARGET_MAX]; /* "" for TCP */
};

/**
 * How a listener is reached from its own host: unspecified addresses become loopback ones.
 * returns  0, or -EAFNOSUPPORT.
 */
int ask_target_of(const struct sockaddr_storage *listener, struct ask_target *out);

struct asker;
struct ask;

struct ask_answer {
        long status;       /* 0: none came */
        const char *error; /* why, then */
        const char *body;  /* NUL-terminated; borrowed until return */
        size_t length;
        uint64_t total; /* bytes of the body before it was cut */
        uint64_t index; /* X-Consul-Index; 0: none */
};

struct ask_spec {
        const struct ask_target *own; /* the path is of this API; NULL: it is a URL */
        const char *path;
        const char *method;
        const char *token;     /* "" for none */
        const json_t *headers; /* lines, or NULL */
        const char *body;      /* borrowed until the answer; NULL for none */
        size_t body_len;
        uint64_t timeout_ms; /* at least 1 */
        size_t body_max;     /* of the answer, in bytes */
        bool keep_tail;      /* of a longer one the end is kept; otherwise it is an error */
        bool tls_skip_verify;
        /** Called once, not before ask_begin() has returned; the ask is gone after return. */
        void (*done)(void *arg, const struct ask_answer *answer);
        void *arg;
};

/** returns  0 or a negative errno. */
int asker_create(uv_loop_t *loop, struct asker **out);
/** No ask may be under way. NULL is let pass. */
void asker_destroy(struct asker *take_asker);

/**
 * Send a request.
 * @spec    borrowed until return, but for what it says.
 * returns  0 or -ENOMEM.
 */
int ask_begin(struct asker *asker, const struct ask_spec *spec, struct ask **out);

/** Give it up; done is not called. NULL is let pass. */
void ask_cancel(struct ask *take_ask);

#endif
