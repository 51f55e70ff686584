#ifndef CONTROL_RPC_CONSUL_INTERNAL_H
#define CONTROL_RPC_CONSUL_INTERNAL_H

#include <sys/queue.h>

#include "control/rpc/chunk_writer.h"
#include "control/rpc/consul_rpc.h"
#include "control/rpc/rpc_codec.h"
#include "control/rpc/rpc_methods.h"
#include "control/yamux/yamux.h"
#include "lictor/address.h"

struct consul_link;
struct call_stream;

LIST_HEAD(rpc_calls, rpc_call);
LIST_HEAD(call_streams, call_stream);
TAILQ_HEAD(call_stream_queue, call_stream);
LIST_HEAD(consul_links, consul_link);
TAILQ_HEAD(consul_link_queue, consul_link);

struct rpc_call {
        LIST_ENTRY(rpc_call) entry; /* of the stream's */
        struct call_stream *stream;
        void (*cancel)(void *arg, struct rpc_call *call);
        void *cancel_arg;
        struct pack_slice args; /* until serve returns */
        uint64_t seq;
        uint32_t method_length;
        uint8_t method[];
};

/* A stream of calls: one of a session's, or a whole connection. */
struct call_stream {
        struct consul_link *link;
        LIST_ENTRY(call_stream) entry;
        TAILQ_ENTRY(call_stream) held_entry;    /* while is_held */
        TAILQ_ENTRY(call_stream) partial_entry; /* while is_partial; the oldest first */
        TAILQ_ENTRY(call_stream) due_entry;     /* while is_due */
        struct yamux_stream *yamux;             /* NULL: the connection itself */
        struct rpc_calls calls;
        struct rpc_reader reader;
        size_t unconsumed;   /* bytes the other side was not told of yet */
        uint64_t partial_ms; /* since when a call is not whole */
        bool is_held;        /* reads no calls until there is room for their answers */
        bool is_partial;
        bool is_due;   /* something may have to be done before the loop waits */
        bool is_ended; /* no call is read any more */
        bool is_finished;
        bool is_gone; /* nothing can be sent any more */
        bool peer_finished;
};

/* A connection. */
struct consul_link {
        struct consul_rpc *rpc;
        LIST_ENTRY(consul_link) entry;
        TAILQ_ENTRY(consul_link) dirty_entry; /* while is_dirty */
        uv_tcp_t *tcp;
        struct yamux *yamux;        /* NULL: one stream of calls */
        struct call_stream *single; /* that one */
        struct byte_buffer single_out;
        size_t single_out_at;
        struct call_streams streams;
        struct call_stream_queue held, partial, due;
        unsigned call_count;
        size_t kept;              /* bytes of calls that are not whole, or held */
        struct byte_buffer stash; /* input that is not taken before output is */
        struct chunk_writer writer;
        bool is_dirty;
        bool is_reading;
        bool is_over; /* nothing more can be read */
        bool is_closing;
        const char *broken; /* why it is to be closed, "" for no complaint; NULL: it is not */
        struct sockaddr_storage source;
        char source_text[ADDRESS_TEXT_MAX];
};

struct consul_rpc {
        struct consul_rpc_options options;
        struct rpc_methods methods;
        struct consul_links links;
        struct consul_link_queue dirty;
        unsigned dirty_count;
        uv_timer_t timer;
        uv_idle_t idle; /* while there are dirty links */
        struct consul_rpc_counters counters;
        struct log_limit log_limit;
        size_t kept; /* of all connections */
        struct byte_buffer scratch;
        uint8_t *chunk; /* CONSUL_CHUNK_SIZE, read into and written from */
        bool is_closing;
        unsigned handles_open; /* that hold this structure */
        void (*closed)(void *arg);
        void *closed_arg;
};

#define CONSUL_CHUNK_SIZE 65536u

/** One line a while. */
void consul_complain(struct consul_rpc *rpc, const char *source, const char *what);
/** Break those who keep most when all keep too much. */
void consul_make_room(struct consul_rpc *rpc);
/** A handle of a link or of the service itself is closed. */
void consul_handle_closed(struct consul_rpc *rpc);

/** Take over a connection whose first byte was read. */
void consul_link_start(struct consul_rpc *rpc, uv_tcp_t *take_tcp, const char *peer,
                       bool is_multiplexed);
/** See to it before the loop waits. */
void consul_link_touch(struct consul_link *link);
/** It needs nothing any more. */
void consul_link_untouch(struct consul_link *link);
/** Do all that is due; it may be closed by that. */
void consul_link_flush(struct consul_link *link);
/** Close it then, not now. @why  see broken. */
void consul_link_break(struct consul_link *link, const char *why);
/** Cancel its calls and close it. */
void consul_link_close(struct consul_link *take_link);
/** Pings and deadlines; it may be broken by that. */
void consul_link_tick(struct consul_link *link, uint64_t now_ms);
/** Whether no calls are read before some were answered or sent. */
bool consul_link_is_full(const struct consul_link *link);

/** returns  NULL without memory. */
struct call_stream *call_stream_create(struct consul_link *link, struct yamux_stream *yamux);
/** Cancel its calls and free it. */
void call_stream_destroy(struct call_stream *take_stream);
/** Bytes came. */
void call_stream_take(struct call_stream *stream, const uint8_t *bytes, size_t len);
/** No more will come; it may be gone by that. */
void call_stream_take_end(struct call_stream *stream);
/** Read on, finish, or whatever else is due; it may be gone by that. */
void call_stream_settle(struct call_stream *stream);
/** A call took too long to come, or too much memory: end it. It is gone after that, or its
 * connection is broken. */
void call_stream_refuse(struct call_stream *take_stream, const char *why);

#endif
