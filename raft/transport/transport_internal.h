#ifndef LICTOR_RAFT_TRANSPORT_INTERNAL_H
#define LICTOR_RAFT_TRANSPORT_INTERNAL_H

/** What the transport's own files share: link.c sends, inbound.c receives, transport.c owns both.
 */

#include "raft/transport/transport.h"

#define TRANSPORT_PEER_MAX     (3u * RAFT_SERVER_MAX)
#define TRANSPORT_INBOUND_MAX  (4u * CODEC_CHANNEL_COUNT * RAFT_SERVER_MAX)
#define TRANSPORT_HELLO_MS     5000u  /* for an incoming connection to say who it is */
#define TRANSPORT_FORGET_MS    60000u /* a peer outside the configuration, after its last message */
#define TRANSPORT_SWEEP_MS     1000u
#define TRANSPORT_PAUSE_MIN_MS 20u
#define TRANSPORT_PAUSE_MAX_MS 400u
#define TRANSPORT_STEADY_MS    1000u /* a connection that lived this long was a good one */
#define TRANSPORT_LOG_MS       10000u
#define LINK_WAITING_MAX       64u /* prompt frames while there is no connection */
#define LINK_FRAMES_MAX        4096u
#define LINK_BYTES_MAX         (32u << 20)
#define LINK_WRITE_MAX         64u /* frames in one write */

struct frame {
        struct frame *next;
        size_t length;
        uint8_t bytes[];
};

enum link_state {
        LINK_DOWN, /* opens with the next frame */
        LINK_CONNECTING,
        LINK_UP,
        LINK_PAUSED, /* until pause_until_ms */
};

/* One direction to one peer. */
struct link {
        struct peer *peer;
        enum codec_channel channel;
        enum link_state state;
        struct connection *connection; /* while connecting and up */
        struct frame *queue;
        struct frame **queue_end;
        unsigned queue_count;
        size_t queue_bytes;
        size_t sent_of_first; /* of the first frame, written already */
        uint64_t since_ms;    /* of the connection */
        uint64_t pause_until_ms;
        uint32_t pause_ms;
};

/* A socket of a link; outlives the link while it closes. */
struct connection {
        uv_tcp_t tcp;
        uv_connect_t connect;
        uv_write_t write;
        struct link *link; /* NULL: given up */
        struct raft_transport *transport;
        struct frame *writing; /* frames of the write in progress */
        uint8_t trash[64];
};

struct peer {
        struct peer *next;
        struct raft_transport *transport;
        raft_server_id id;
        char address[RAFT_ADDRESS_MAX];
        bool configured;
        uint64_t used_ms;
        struct link links[CODEC_CHANNEL_COUNT];
};

/* A connection another server opened. */
struct inbound {
        struct inbound *next;
        struct inbound **link;
        struct raft_transport *transport;
        uv_tcp_t *tcp;
        uint64_t since_ms;
        bool greeted;
        bool closing;
        raft_server_id from;
        enum codec_channel channel;
        uint8_t *buffer;
        size_t length;
        size_t capacity;
        struct codec_entries entries;
};

struct raft_transport {
        struct raft_transport_options options;
        char address[RAFT_ADDRESS_MAX];
        uint64_t random_state;
        struct peer *peers;
        unsigned peer_count;
        struct inbound *inbound;
        unsigned inbound_count;
        uv_timer_t sweep;
        unsigned handles_open; /* everything that still points here */
        bool closing;
        void (*closed)(void *arg);
        void *closed_arg;
        uint64_t warn_after_ms;
        uint64_t warnings_held;
        struct raft_transport_counters counters;
};

/* transport.c */
void transport_handle_closed(struct raft_transport *t);
void transport_warn(struct raft_transport *t, const uv_tcp_t *tcp, const char *what);
struct peer *transport_peer(struct raft_transport *t, raft_server_id id);
/** Remember where a server can be reached. returns NULL when there is no room or memory. */
struct peer *transport_learn(struct raft_transport *t, raft_server_id id, const char *address);

/* link.c */
void link_init(struct link *link, struct peer *peer, enum codec_channel channel);
void link_send(struct link *link, struct frame *take_frame);
void link_flush(struct link *link);
/** Drop the connection and what is queued. */
void link_end(struct link *link);
void link_sweep(struct link *link);

/* inbound.c */
void inbound_accept(struct raft_transport *t, uv_tcp_t *take_connection);
void inbound_end(struct inbound *in);
void inbound_sweep(struct raft_transport *t);

#endif
