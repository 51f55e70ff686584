#ifndef CONTROL_SERVER_FRAME_STREAM_H
#define CONTROL_SERVER_FRAME_STREAM_H

/** Frames (forward_codec.h) over one TCP connection of a loop. */

#include <uv.h>

#include "control/server/forward_codec.h"

struct frame_stream;

struct frame_stream_events {
        void *arg;
        /* One frame; the payload is borrowed until return. May close the stream. */
        void (*frame)(void *arg, const struct forward_head *head, const uint8_t *payload);
        /* The connection is gone or not to be believed: close the stream. Called at most once.
           @error  a negative errno or uv error. @what  for the log, "" for an ordinary end. */
        void (*ended)(void *arg, int error, const char *what);
};

/**
 * Read frames from a connection.
 * @take_tcp  connected, on a loop, from malloc; nothing reads it.
 * returns  NULL without memory; the connection is closed then.
 */
struct frame_stream *frame_stream_create(uv_tcp_t *take_tcp,
                                         const struct frame_stream_events *events);

/** Close the connection; no event comes any more, also when called from within one. */
void frame_stream_close(struct frame_stream *take_stream);

/** Begin to read, or stop until called again. */
void frame_stream_read(struct frame_stream *stream, bool on);

/**
 * Queue bytes, or a frame with its payload; all copied.
 * returns  0; -ENOBUFS when too much waits for the other side; -ENOMEM; another negative errno.
 */
int frame_stream_write(struct frame_stream *stream, const void *bytes, size_t len);
int frame_stream_send(struct frame_stream *stream, const struct forward_head *head,
                      const void *payload);

#endif
