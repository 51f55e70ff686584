#ifndef CONTROL_UPSTREAM_SESSION_H
#define CONTROL_UPSTREAM_SESSION_H

/* A connection to one of Consul's servers, within this module: transport.c moves its bytes, lanes.c
   puts calls on streams and takes their answers. */

#include <sys/queue.h>

#include "control/relay/id_table.h"
#include "control/relay/relay.h"
#include "control/rpc/rpc_codec.h"
#include "control/yamux/yamux.h"

#define SESSION_CHUNK_SIZE 65536u

// A stream, and the call that is on it.
struct lane {
        struct id_node node; // while a call is on it
        TAILQ_ENTRY(lane) entry;
        struct session *session;
        struct yamux_stream *yamux;
        struct rpc_reader reader;
        bool is_busy;
        bool is_finished; // we send no more on it
};

TAILQ_HEAD(lanes, lane);

// A call for which no stream can be opened yet.
struct pending {
        TAILQ_ENTRY(pending) entry;
        uint64_t id;
        size_t len;
        uint8_t bytes[];
};

TAILQ_HEAD(pendings, pending);

struct session {
        uv_tcp_t *tcp;
        uv_prepare_t flush;
        uv_timer_t tick;
        struct relay_stream_events events;
        struct yamux *yamux;
        struct id_table calls;
        struct lanes idle, others;
        unsigned idle_count;
        struct pendings pending;
        struct byte_buffer stash, scratch;
        uv_write_t write;
        uint8_t *writing;   // bytes of it; NULL: nothing is being written
        const char *broken; // to be told at the loop's next turn
        bool has_begun, is_ended, is_closing;
        unsigned handles_open;
        uint8_t chunk[SESSION_CHUNK_SIZE];
};

/** Something is to be sent before the loop waits. */
void session_touch(struct session *session);
/** It is over; who uses it is told at the loop's next turn. @why  "" for an ordinary end. */
void session_break(struct session *session, const char *why);
/** Whether nothing is to be done with it any more. */
bool session_is_over(const struct session *session);

/** Put a call on a stream, at once or as soon as one can be had. returns  0 or a negative errno. */
int lanes_put(struct session *session, uint64_t id, const uint8_t *bytes, size_t len);
/** Forget a call; the server is told. */
void lanes_cancel(struct session *session, uint64_t id);
/** What yamux has told. */
void lanes_handle(struct session *session, const struct yamux_event *event);
/** Free all streams and calls. */
void lanes_fini(struct session *session);

#endif
