#ifndef CONTROL_SERVER_INTRODUCTIONS_H
#define CONTROL_SERVER_INTRODUCTIONS_H

/**
 * Discovery by addresses: servers are told some others' addresses, introduce themselves on the
 * server port, learn of further ones from whom they meet, and repeat this as a sign of life.
 *
 * context  the control thread.
 */

#include "control/server/forward.h"
#include "control/server/introduction.h"

struct introductions;

struct introductions_options {
        uv_loop_t *loop; /* borrowed for the whole life, as all pointers below */
        const struct log *log;
        struct forward *forward;
        char *const *start_join;
        size_t start_join_count;
        char *const *retry_join;
        size_t retry_join_count;
        uint64_t retry_interval_ms;
        unsigned retry_max; /* 0: no limit */
        struct server_info own;
        void *arg;
        server_event_fn event;
        /* No address of start_join answered, or retry_max is used up. @text for the operator. */
        void (*failed)(void *arg, const char *text);
        /* This server's first configuration while its log holds nothing else. returns its size. */
        unsigned (*founders)(void *arg, struct founder out[FOUNDER_MAX]);
        /* Another server's, which may concern this one. */
        void (*offered)(void *arg, const struct founder founders[], unsigned count);
};

/** returns  NULL without memory. Nothing is sent before the loop runs. */
struct introductions *introductions_create(const struct introductions_options *options);

/** Stop. Requests on their way are forgotten: close the forward after it. */
void introductions_close(struct introductions *take, void (*closed)(void *arg), void *arg);

/** What others see of it; borrowed. */
struct discovery *introductions_discovery(struct introductions *introductions);

/** Answer another server's introduction. */
void introductions_receive(struct introductions *introductions,
                           struct forward_incoming *take_incoming, const uint8_t *payload,
                           size_t len);

#endif
