#ifndef LICTOR_TESTS_RAFT_CLUSTER_H
#define LICTOR_TESTS_RAFT_CLUSTER_H

/** Real servers in one process: one loop, loopback sockets, folders of their own. */

#include "raft/node/node.h"

#define CLUSTER_MAX  7u
#define CLUSTER_KEYS 64u

/* The replicated state: how often each key was set, to what, and a running digest of the order. */
struct cluster_state {
        uint64_t count;
        uint64_t digest;
        raft_index last_index;
        uint64_t value[CLUSTER_KEYS];
};

struct cluster_server {
        struct cluster *cluster;
        unsigned number;
        char node_id[RAFT_NODE_ID_MAX];
        char address[RAFT_ADDRESS_MAX];
        char dir[256];
        uv_tcp_t *listener;
        struct raft_node *node; /* NULL: down */
        struct cluster_state state;
        uint32_t padding; /* bytes a snapshot is made larger by */
        bool leading;
        bool failed;
        unsigned gained, lost;
        unsigned snapshots_running;
        unsigned restores;
        raft_server_id known_leader;
        bool encode_slowly;
        bool unready;                   /* the machine is busy */
        const struct raft_files *files; /* NULL: the kernel's */
};

struct cluster {
        uv_loop_t loop;
        struct cluster_server servers[CLUSTER_MAX];
        unsigned count;
        bool on_disk;
        uint64_t snapshot_threshold;
        uint64_t log_bytes_max; /* 0: the default */
        uint64_t trailing_logs;
        const struct raft_configuration *recover; /* by servers that are started from now on */
        uint64_t applied;                         /* own proposals that came back */
        uint64_t abandoned;                       /* or did not */
        unsigned open_listeners;
};

/** Servers 0..count-1, not started. */
void cluster_init(struct cluster *c, unsigned count, bool on_disk);
/** Stop everything and remove the folders. */
void cluster_fini(struct cluster *c);
void cluster_start(struct cluster *c, unsigned server);
/** As cluster_start, but it may fail: returns raft_node_create's result and error. */
int cluster_try_start(struct cluster *c, unsigned server, char error[1024]);
void cluster_stop(struct cluster *c, unsigned server);
/** Remove the folder of a server that is down. */
void cluster_wipe(struct cluster *c, unsigned server);
/** Start all and give each the configuration of the first voters servers. */
void cluster_bootstrap(struct cluster *c, unsigned voters);
/** Run the loop until check says so. returns false after patience_ms. */
bool cluster_run(struct cluster *c, bool (*check)(struct cluster *c), uint64_t patience_ms);
/** The server that leads, in the highest term; NULL: none. */
struct cluster_server *cluster_leader(struct cluster *c);
bool cluster_has_leader(struct cluster *c);
/** All running servers have applied the same, and as much as the leader. */
bool cluster_agrees(struct cluster *c);
/** Propose key = value on the leader. returns raft_node_propose's result. */
int cluster_write(struct cluster *c, unsigned key, uint64_t value);
/** Write n times and wait until that is applied. */
bool cluster_write_many(struct cluster *c, unsigned n);

#endif
