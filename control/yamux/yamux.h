#ifndef CONTROL_YAMUX_YAMUX_H
#define CONTROL_YAMUX_YAMUX_H

/**
 * One end of a yamux session, version 0 (github.com/hashicorp/yamux, spec.md): many streams of
 * bytes, each with flow control of its own, in one connection. A frame is a head of 12 bytes, all
 * numbers big-endian, and for DATA what it announces:
 *
 *      0  1  version, 0
 *      1  1  type: 0 DATA, 1 WINDOW, 2 PING, 3 GO_AWAY
 *      2  2  flags: 1 SYN, 2 ACK, 4 FIN, 8 RST
 *      4  4  stream; the client's are odd, the server's even, 0 is the session
 *      8  4  DATA: bytes that follow; WINDOW: bytes more that may be sent; PING: a value to give
 *            back; GO_AWAY: why
 *
 * Either side may send YAMUX_WINDOW bytes of a stream before it is granted more.
 *
 * Pure: bytes come in, events and bytes come out; time is told and the seed given. Bytes that come
 * in may be hostile. What came in is never kept here, so it costs only what its owner keeps, at
 * most YAMUX_WINDOW unconsumed bytes of a stream. An idle stream takes about 150 bytes.
 *
 * A stream is its owner's until YAMUX_RESET came, yamux_reset was called, or both yamux_finish was
 * called and YAMUX_FINISHED came; it must not be named after that.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define YAMUX_WINDOW     (256u << 10)
#define YAMUX_OUTPUT_MIN 64u

struct yamux;
struct yamux_stream;

/* Why a session ends, as GO_AWAY tells it. */
enum yamux_code { YAMUX_NORMAL = 0, YAMUX_PROTOCOL_ERROR = 1, YAMUX_INTERNAL_ERROR = 2 };

struct yamux_options {
        bool client;
        uint64_t seed;         /* of the table of streams: unknown to the other side */
        uint32_t streams_max;  /* of both sides; 0: 65536 */
        uint32_t backlog_max;  /* streams opened by a side and not accepted yet; 0: 256 */
        size_t send_max;       /* bytes queued and not taken; 0: 256 MiB */
        uint64_t keepalive_ms; /* between pings; 0: none */
        uint64_t patience_ms;  /* for an answer to a ping, or anything; 0: 10000 */
};

/** returns  0 or -ENOMEM. */
int yamux_create(const struct yamux_options *options, uint64_t now_ms, struct yamux **out);

/** Free it with its streams; NULL is allowed. */
void yamux_destroy(struct yamux *take_session);

enum yamux_event_kind {
        YAMUX_NOTHING,  /* all bytes are taken */
        YAMUX_BLOCKED,  /* nothing more is taken before output was */
        YAMUX_OPENED,   /* the other side opened a stream: accept or reset it */
        YAMUX_ACCEPTED, /* ours was accepted */
        YAMUX_DATA,     /* bytes of a stream */
        YAMUX_FINISHED, /* no more will come; we may still send */
        YAMUX_RESET,    /* the stream is gone, both ways */
        YAMUX_GO_AWAY   /* no more streams can be opened; with a code not NORMAL it is over */
};

struct yamux_event {
        enum yamux_event_kind kind;
        struct yamux_stream *stream;
        void *tag;            /* the stream's */
        const uint8_t *bytes; /* of those given */
        size_t len;
        uint32_t code; /* of GO_AWAY */
};

/**
 * Take bytes up to the next event; to be called until it is NOTHING or BLOCKED.
 * @bytes   may be NULL when len is 0.
 * @used    set to how many bytes were taken.
 * returns  0; negative when the session is over: -EPROTO for what the other side sent (a GO_AWAY
 *          that says so is in the output), -ECONNRESET when it said so itself, -ETIMEDOUT.
 */
int yamux_receive(struct yamux *session, const uint8_t *bytes, size_t len, size_t *used,
                  struct yamux_event *event);

/** What the last error was about, for a log line; "" without one. */
const char *yamux_complaint(const struct yamux *session);

/**
 * Take bytes for the other side: whole frames, streams in turn.
 * @size    at least YAMUX_OUTPUT_MIN.
 * returns  how many; 0 when there are none.
 */
size_t yamux_take_output(struct yamux *session, uint8_t *out, size_t size);

/** Whether yamux_take_output would give anything. */
bool yamux_has_output(const struct yamux *session);

/** Bytes queued, those that wait for their stream's window with them. */
size_t yamux_backlog(const struct yamux *session);

/** Streams there are, those that only wait for their last bytes to be taken with them. */
uint32_t yamux_stream_count(const struct yamux *session);

/**
 * Let time pass: a ping is sent when it is due.
 * returns  0 or -ETIMEDOUT: the other side is silent and the session is over.
 */
int yamux_tick(struct yamux *session, uint64_t now_ms);

/** Open a stream. returns 0; -EAGAIN before earlier ones are accepted; -ENOBUFS at streams_max;
 * -ESHUTDOWN when the session goes away or no numbers are left; -ENOMEM. */
int yamux_open(struct yamux *session, void *tag, struct yamux_stream **out);

/** Accept a stream that was OPENED. */
void yamux_accept(struct yamux_stream *stream, void *tag);

/** Its number on the wire. */
uint32_t yamux_stream_id(const struct yamux_stream *stream);

/**
 * Queue bytes, which are copied.
 * returns  0; -ENOBUFS when the session has send_max queued; -ESHUTDOWN after yamux_finish.
 */
int yamux_send(struct yamux_stream *stream, const void *bytes, size_t len);

/** Bytes that came and were dealt with: the other side may send as many more. */
void yamux_consume(struct yamux_stream *stream, size_t len);

/** Send no more once all that is queued was taken. */
void yamux_finish(struct yamux_stream *stream);

/** End it both ways; what is queued is dropped. */
void yamux_reset(struct yamux_stream *take_stream);

/** Say why it ends; streams the other side opens from now on are refused. */
void yamux_go_away(struct yamux *session, enum yamux_code code);

#endif
