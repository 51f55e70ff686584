#ifndef CONTROL_RELAY_RELAY_STREAM_H
#define CONTROL_RELAY_RELAY_STREAM_H

/**
 * Messages (relay_codec.h) over one TCP connection of a loop. Long ones go out in turns, a piece
 * each, so that none holds up the others.
 *
 * context  the loop's thread.
 */

#include <uv.h>

#include "control/relay/relay_codec.h"

struct relay_stream;

struct relay_stream_events {
        void *arg;
        /* A whole message; borrowed until return. May close the stream. */
        void (*message)(void *arg, enum relay_kind kind, uint64_t id, const uint8_t *bytes,
                        size_t len);
        /* The connection is gone or not to be believed: close the stream. Called at most once.
           @what  for the log, "" for an ordinary end. */
        void (*ended)(void *arg, const char *what);
        /* While reading is paused: some of what was queued has gone. May be NULL. */
        void (*drained)(void *arg);
        size_t message_max; /* the largest message to be taken */
        size_t partial_max; /* of all that are not whole yet */
};

/**
 * Talk over a connection; reading begins at the loop's next turn.
 * @take_tcp  connected, on a loop, from malloc; nothing reads it.
 * returns  NULL without memory; the connection is closed then.
 */
struct relay_stream *relay_stream_create(uv_tcp_t *take_tcp,
                                         const struct relay_stream_events *events);

/** Close the connection; no event comes any more, also when called from within one. */
void relay_stream_close(struct relay_stream *take_stream);

/** Say the first byte of a connection. returns 0 or a negative errno. */
int relay_stream_begin(struct relay_stream *stream);

/**
 * Queue a message.
 * @bytes   copied.
 * returns  0; -ENOTCONN; -ENOMEM.
 */
int relay_stream_send(struct relay_stream *stream, enum relay_kind kind, uint64_t id,
                      const void *bytes, size_t len);

/** Likewise; the buffer is emptied, also on failure. */
int relay_stream_send_buffer(struct relay_stream *stream, enum relay_kind kind, uint64_t id,
                             struct byte_buffer *take_bytes);

/** Drop what is queued for a call and has not begun to be sent. */
void relay_stream_cancel(struct relay_stream *stream, uint64_t id);

/** Read no more for a while, or go on. */
void relay_stream_pause(struct relay_stream *stream, bool paused);

/** Bytes queued and not taken by the kernel yet. */
size_t relay_stream_backlog(const struct relay_stream *stream);

#endif
