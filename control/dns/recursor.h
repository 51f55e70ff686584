#ifndef LICTOR_CONTROL_DNS_RECURSOR_H
#define LICTOR_CONTROL_DNS_RECURSOR_H

/**
 * Asks other name servers: one after the other until one answers, each query from a port and with
 * an id of its own.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

/* What may be outstanding at once: each holds a socket. */
#define RECURSOR_CALL_MAX 256u

struct recursor;
struct recursor_call;

struct recursor_config {
        const struct sockaddr_storage *servers; /* copied */
        size_t server_count;
        uint64_t timeout_ms; /* for each server */
        bool random_order;
};

struct recursor_stats {
        uint64_t asked;
        uint64_t answered;
        uint64_t failed;  /* no server had an answer */
        uint64_t refused; /* too many outstanding */
};

/**
 * Told once, never from inside recursor_ask.
 * @answer  with the query's id; borrowed until return; NULL when no server answered.
 */
typedef void (*recursor_done_fn)(void *arg, const uint8_t *answer, size_t len);

/** returns  0 or -ENOMEM. context  control thread, like everything here. */
int recursor_create(uv_loop_t *loop, const struct recursor_config *config, struct recursor **out);

/** Ask other servers from now on. returns  0 or -ENOMEM, and then nothing has changed. */
int recursor_configure(struct recursor *recursor, const struct recursor_config *config);

/** Every call must have ended or been cancelled; the loop's next turns free it. */
void recursor_destroy(struct recursor *take_recursor);

/**
 * Send a query to the servers. NOERROR and NXDOMAIN are answers; anything else, silence or a wrong
 * question makes the next server's turn.
 * @query     a whole message with one question, copied.
 * @tcp       ask over TCP.
 * @complete  ask over TCP as well where UDP's answer was cut.
 * returns    NULL when too much is outstanding or there is no memory: @done is not called then.
 */
struct recursor_call *recursor_ask(struct recursor *recursor, const uint8_t *query, size_t len,
                                   bool tcp, bool complete, recursor_done_fn done, void *arg);

/** End a call without its function being called. */
void recursor_cancel(struct recursor_call *take_call);

/** Figures since the start. */
void recursor_stats(const struct recursor *recursor, struct recursor_stats *out);

#endif
