#ifndef LICTOR_RAFT_SNAPSHOT_JOBS_INTERNAL_H
#define LICTOR_RAFT_SNAPSHOT_JOBS_INTERNAL_H

/** What the three snapshot_*.c share. Fields marked pool are written there while a job runs. */

#include "raft/node/node_internal.h"

#define SENDER_IDLE_MS 60000u
#define COMPACT_US     1000u /* spent on forgetting entries before the loop gets its turn */
#define COMPACT_STEP   64u   /* entries between two looks at the clock */

struct take_job {
        uv_work_t work;
        bool running;
        struct storage_snapshot snapshot;
        void *gather;
        uint64_t began_ms;
        raft_index older_index; /* pool */
        int result;             /* pool */
        char error[STORAGE_ERROR_MAX];
};

struct install_job {
        uv_work_t work;
        bool busy; /* from when the last chunk came: the receiver is nobody else's until it ends */
        uint64_t cluster_id;
        struct storage_snapshot snapshot; /* pool, and below */
        size_t body_length;
        void *state; /* decoded; NULL: none */
        int decoded; /* what that returned */
        int result;
        bool waiting; /* for the state machine to be ready */
        char error[STORAGE_ERROR_MAX];
};

/* One follower's transfer; kept open between chunks. */
struct node_sender {
        uv_work_t work;
        struct raft_node *node;
        bool running;
        bool ended; /* while running: close when back */
        uint64_t used_ms;
        struct raft_message request;
        raft_index index;
        raft_term term;
        struct storage_sender *sender; /* pool, and below */
        uint64_t total;
        int64_t result; /* bytes, or a negative errno */
        uint8_t buffer[NODE_CHUNK_BYTES];
};

struct node_snapshots {
        struct take_job take;
        struct install_job install;
        raft_index compact_index; /* of the snapshot that lets entries be forgotten */
        raft_index compact_to;    /* up to this one, exclusive; 0: done */
        struct node_sender *senders[RAFT_SERVER_MAX];
};

/* snapshot_send.c */

/** Let go of a state that was not installed. The server closes. */
void install_fini(struct raft_node *node);

/** Close transfers that nobody has asked about for a while; all: every one. */
void senders_close(struct raft_node *node, bool all);

#endif
