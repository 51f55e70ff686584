#ifndef CONTROL_POOL_POOL_INTERNAL_H
#define CONTROL_POOL_POOL_INTERNAL_H

#include "control/gossip/envelope.h"
#include "control/pool/pool.h"

#define STREAMS_IN_MAX 128u
#define PACKET_MAX     65536u

struct stream;

struct pool {
        struct pool_options options;
        struct serf *serf;
        struct envelope envelope;
        struct swim_address address;
        uv_udp_t udp;
        uv_tcp_t listener;
        uv_timer_t timer;
        struct stream *streams;
        unsigned streams_in;
        unsigned open_handles; /* uv's, streams' included, until their close callbacks */
        bool closing;
        void (*closed)(void *arg);
        void *closed_arg;
        struct pool_counters counters;
        uint64_t members_refused; /* by the hook that admits them */
        const char *group_fault;  /* against the group that was to be joined last; borrowed */
        struct log_limit refusal_limit;
        struct byte_buffer wire, opened, unpacked;
        uint8_t received[PACKET_MAX];
};

/* stream.c */
int pool_stream_accept(struct pool *pool);
/* @done  may be NULL. */
int pool_stream_push_pull(struct pool *pool, const struct sockaddr *address, bool join,
                          pool_joined_fn done, void *arg);
void pool_stream_ping(struct pool *pool, const struct swim_address *to, struct pack_slice ping,
                      uint32_t sequence);
void pool_streams_close(struct pool *pool);

/* pool.c */
void pool_handle_closed(struct pool *pool);
/* Counts what was refused, with a line in the log once in a while. */
void pool_refuse(struct pool *pool, int error, const struct sockaddr *from);
/* As pool_refuse, of whoever asked to join with a group_fault. */
void pool_refuse_group(struct pool *pool, const struct sockaddr *from);
/* Whether an address is in an allowed network. */
bool pool_allows(const struct pool *pool, const struct swim_address *address);
/* returns 0 or -EIO. */
int pool_nonce(uint8_t nonce[KEYRING_NONCE_BYTES]);

#endif
