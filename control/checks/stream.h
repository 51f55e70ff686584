#ifndef CONTROL_CHECKS_STREAM_H
#define CONTROL_CHECKS_STREAM_H

// A connection to HOST:PORT: names resolved off the loop, addresses tried in turn, TLS when asked
// for. Errors are worded as Go's dialer does.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

struct stream;

struct stream_target {
        const char *address; // borrowed until the stream is closed, as all texts
        uint64_t timeout_ms; // shared by the addresses of the name
        bool is_datagram;
        bool use_tls;
        bool tls_skip_verify;
        const char *tls_server_name; // "" takes the host
        const char *tls_protocol;    // for ALPN, or NULL
};

enum stream_event {
        STREAM_OPEN,
        STREAM_READABLE,
        STREAM_FAILED // @error says why; only closing is left
};

/** The stream may be closed from inside. @error borrowed until return, NULL but for a failure. */
typedef void (*stream_event_fn)(void *arg, enum stream_event event, const char *error);

/**
 * Open a stream. Events come from the loop, never from inside this call.
 * returns  NULL without memory.
 */
struct stream *stream_open(uv_loop_t *loop, const struct stream_target *target, stream_event_fn fn,
                           void *arg);

/** Send a few bytes at once. returns 0 or a negative errno. */
int stream_send(struct stream *stream, const void *bytes, size_t len);

/** Receive what is there. returns bytes, 0 at the end, -EAGAIN for nothing, or a negative errno. */
ssize_t stream_receive(struct stream *stream, void *bytes, size_t size);

/** The remote address it is connected to or tried last, as text. */
const char *stream_peer(const struct stream *stream);

/** Close; nothing is called back any more. Memory goes with the loop's next turns. */
void stream_close(struct stream *take_stream);

#endif
