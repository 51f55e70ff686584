#ifndef CONTROL_SERVER_FORWARD_H
#define CONTROL_SERVER_FORWARD_H

/**
 * Requests between servers: one connection to each, made when needed and kept, requests pipelined
 * and answered in any order. Bounded in number, size and time.
 *
 * context  the loop's thread.
 */

#include <uv.h>

#include "control/log/log.h"
#include "control/server/forward_codec.h"

struct forward;
struct forward_incoming;

/**
 * How a request ended.
 * @error    0 it was answered; -ENOTCONN it was never sent, so nothing was done; -ENOBUFS likewise,
 *           too many are waiting; -ETIMEDOUT or another errno: it was sent and its outcome is not
 *           known.
 * @payload  of the answer; borrowed until return.
 */
typedef void (*forward_done_fn)(void *arg, int error, enum forward_status status,
                                const uint8_t *payload, size_t len);

struct forward_options {
        uv_loop_t *loop; /* borrowed, as all below */
        const struct log *log;
        void *arg;
        /* This server's cluster, 0 for none. */
        uint64_t (*cluster_id)(void *arg);
        /* A request to be answered by one forward_answer, now or later. @payload until return. */
        void (*handle)(void *arg, struct forward_incoming *incoming,
                       const struct forward_head *head, const uint8_t *payload);
};

/** returns  NULL without memory. */
struct forward *forward_create(const struct forward_options *options);

/** End all connections and requests; @closed is called when the memory is gone. May be NULL. */
void forward_close(struct forward *take_forward, void (*closed)(void *arg), void *arg);

/**
 * Send a request.
 * @address  "ip:port" of a server's port.
 * @payload  copied.
 * @done     called exactly once, perhaps before return.
 */
void forward_send(struct forward *forward, const char *address, enum forward_kind kind,
                  const void *payload, size_t len, uint64_t timeout_ms, forward_done_fn done,
                  void *arg);

/** Wait no longer than this for what was asked of a server: it is not the one to answer any more.
 */
void forward_hurry(struct forward *forward, const char *address, uint64_t within_ms);

/** Take over a connection that began with FORWARD_BYTE, which has been read. @take_tcp  malloc. */
void forward_accept(struct forward *forward, uv_tcp_t *take_tcp);

/** Answer a request; when its connection is gone this only lets go of it. */
void forward_answer(struct forward_incoming *take_incoming, enum forward_status status,
                    const void *payload, size_t len);

/** Likewise, with a text. */
void forward_answer_text(struct forward_incoming *take_incoming, enum forward_status status,
                         const char *text);

#endif
