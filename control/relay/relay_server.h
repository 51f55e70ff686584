#ifndef CONTROL_RELAY_RELAY_SERVER_H
#define CONTROL_RELAY_RELAY_SERVER_H

/**
 * The answering side of calls (relay_codec.h): takes connections, tells calls, sends answers.
 *
 * context  the loop's thread.
 */

#include <uv.h>

#include "control/log/log.h"
#include "control/relay/relay_codec.h"

struct relay_server;
struct relay_incoming;

struct relay_server_options {
        uv_loop_t *loop; /* borrowed, as all below */
        const struct log *log;
        void *arg;
        /* A call to be answered by one relay_incoming_answer, now or later. @bytes until return. */
        void (*handle)(void *arg, struct relay_incoming *incoming, enum relay_kind kind,
                       const uint8_t *bytes, size_t len);
};

/** returns  NULL without memory. */
struct relay_server *relay_server_create(const struct relay_server_options *options);

/** Close all connections; calls are cancelled. The memory goes with the loop's next turns. */
void relay_server_destroy(struct relay_server *take_server);

/** Take over a connection whose first byte has been read. @take_tcp  from malloc. */
void relay_server_accept(struct relay_server *server, uv_tcp_t *take_tcp, const char *peer);

/**
 * Have a function called when the answer is not waited for any more; the call is to be forgotten
 * then. NULL for nothing.
 */
void relay_incoming_on_cancel(struct relay_incoming *incoming, void (*cancel)(void *arg),
                              void *arg);

/** Have a function called when the asking side has dealt with some of an answer in pieces. */
void relay_incoming_on_more(struct relay_incoming *incoming,
                            void (*more)(void *arg, uint32_t dealt_with), void *arg);

/** Answer. The buffer is emptied. */
void relay_incoming_answer(struct relay_incoming *take_incoming, struct byte_buffer *take_bytes);

/** Send something before the answer. returns  0 or a negative errno. */
int relay_incoming_item(struct relay_incoming *incoming, const void *bytes, size_t len);
/** Likewise; the buffer is emptied. */
int relay_incoming_item_buffer(struct relay_incoming *incoming, struct byte_buffer *take_bytes);

/** Bytes that wait to be taken by the other side. */
size_t relay_incoming_backlog(const struct relay_incoming *incoming);

struct relay_server_stats {
        unsigned connections;
        uint64_t calls;   /* since the start */
        uint64_t refused; /* connections closed for what they sent, or for want of room */
};

/** What it has done since the start, and has open now. */
void relay_server_stats(const struct relay_server *server, struct relay_server_stats *out);

#endif
