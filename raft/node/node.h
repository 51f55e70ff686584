#ifndef LICTOR_RAFT_NODE_H
#define LICTOR_RAFT_NODE_H

/**
 * One Raft server on a libuv loop: the core, its storage, its connections and its timers.
 *
 * Everything here is called on the loop's thread, and calls back there unless a callback says
 * otherwise. The log is written on a thread of its own: one job at a time, and whatever queues up
 * meanwhile shares the next sync. Snapshots are in libuv's pool. No call below blocks, except
 * raft_node_create, which reads the storage.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "raft/core/raft.h"
#include "raft/files/files.h"

#define RAFT_PROPOSAL_MAX (8u << 20) /* bytes of one command */

/** The byte a connection for raft_node_accept starts with. */
#define RAFT_CONNECTION_BYTE 0x4c

struct raft_node;

/* returns 0, or a negative errno that ends the snapshot. */
typedef int (*raft_write_fn)(void *arg, const void *bytes, size_t length);
/* status: 0, or a negative errno. Called once for every call that returned 0. */
typedef void (*raft_node_done_fn)(void *arg, int status);

/* A committed command. */
struct raft_node_entry {
        raft_index index;
        raft_term term;
        const uint8_t *bytes; /* borrowed until return */
        size_t length;
        void *proposal; /* as given to raft_node_propose here; NULL for anybody else's */
};

/* What is replicated. Calls from within these back into the node may only propose or read. */
struct raft_state_machine {
        void *arg;
        /* In log order, each committed command once since the last restore. */
        void (*apply)(void *arg, const struct raft_node_entry *entry);
        /* Hold on to the state as it is now, in O(references). NULL: not now, try again later. */
        void *(*snapshot_begin)(void *arg);
        /* Write what was gathered. Runs on a pool thread, beside apply. returns 0 or -errno. */
        int (*snapshot_encode)(void *gather, raft_write_fn write, void *write_arg);
        /* Let go of it; called once for every snapshot_begin that gave one. */
        void (*snapshot_end)(void *arg, void *take_gather);
        /* Whether this command may be applied now; not, while the machine is busy with what takes
           longer. With NULL: whether restore_swap may be called. Asked again after
           raft_node_resume, and perhaps before. May be NULL: always. */
        bool (*ready)(void *arg, const struct raft_node_entry *entry);
        /* Read what snapshot_encode wrote into a state of its own. Runs on a pool thread, beside
           apply; at the start on the loop's. returns 0 and a state; -errno: the server stops. */
        int (*restore_decode)(void *arg, const uint8_t *bytes, size_t length, void **state);
        /* Put it in the place of the whole state; everything up to index is in it. */
        void (*restore_swap)(void *arg, raft_index index, void *take_state);
        /* Or let go of it, on any thread. */
        void (*restore_discard)(void *arg, void *take_state);
};

enum raft_log_level { RAFT_LOG_DEBUG, RAFT_LOG_INFO, RAFT_LOG_WARN, RAFT_LOG_ERROR };

/* What the owner is told. Any may be NULL. */
struct raft_node_events {
        void *arg;
        /* leading: this server leads and has applied everything earlier leaders committed. Lost
           once for each time gained. */
        void (*leadership)(void *arg, bool leading, raft_term term);
        /* The leader changed or became unknown (NULL). Borrowed until return; its address may be
           "" while the configuration does not name it. */
        void (*leader)(void *arg, const struct raft_server *leader);
        /* The latest configuration in the log changed. Borrowed until return. */
        void (*configuration)(void *arg, const struct raft_configuration *configuration);
        /* This proposal will not come through apply: leadership was lost or the node closes. It may
           have taken effect, or may yet. */
        void (*abandoned)(void *arg, void *proposal);
        /* A write, a sync or a restore failed: nothing more is acknowledged, and the process must
           stop. Called once. */
        void (*fatal)(void *arg, const char *text);
        /* A line for the log, without a newline. */
        void (*log)(void *arg, enum raft_log_level level, const char *text);
};

struct raft_node_options {
        uv_loop_t *loop; /* borrowed for the node's life */
        const char *dir; /* the storage's directory, made when missing; NULL: in memory */
        const struct raft_files *files; /* of dir; NULL: the kernel's. Outlive the node */
        const char *node_id;            /* a UUID's 36 characters */
        const char *address;            /* "ip:port" where others reach raft_node_accept */
        uint64_t seed;                  /* for election timeouts and back-off */

        uint32_t election_timeout_ms; /* see raft_node_options_init */
        uint32_t heartbeat_ms;
        uint32_t snapshot_interval_ms; /* how often to look whether a snapshot is due */
        uint64_t snapshot_threshold;   /* entries since the last one that make it due */
        uint64_t trailing_logs;        /* entries kept behind a snapshot for slow followers */
        uint64_t log_bytes_max;        /* in memory: makes a snapshot due, half of it is kept */

        /* Who the servers are from now on, whatever the storage says: for a cluster that has lost
           its majority for good. All that is in the log counts as committed, and becomes a snapshot
           before raft_node_create returns. Servers without a node_id are those who had the address.
           Borrowed until then; NULL: nothing is changed. */
        const struct raft_configuration *recover;

        struct raft_state_machine machine;
        struct raft_node_events events;
};

/**
 * Defaults: everything but loop, node_id, address, seed, machine and events.
 * @multiplier  Consul's raft_multiplier, 1 (fast) to 10; 5 is its default. Elections begin 300 to
 *              600 ms times that after the last sign of the leader: sooner than Consul's, because
 *              pre-votes make a false alarm harmless.
 */
void raft_node_options_init(struct raft_node_options *options, unsigned multiplier);

/**
 * The id of the server with this UUID text: its first 8 bytes, the last when those are all zero;
 * RAFT_NO_SERVER when malformed.
 */
raft_server_id raft_server_id_of(const char *node_id);

/**
 * Open the storage, restore the state machine from the newest valid snapshot and start: a follower,
 * or with an empty storage nobody until bootstrapped or added by a leader.
 * @options  borrowed until return.
 * @error    on failure one line for the operator, at most error_size bytes.
 * returns 0; -EINVAL options; -EBADMSG damaged or foreign storage; -ENOMEM; other negative errnos.
 */
int raft_node_create(const struct raft_node_options *options, struct raft_node **out, char *error,
                     size_t error_size);

/**
 * Stop: abandon proposals, fail reads, end connections, wait for disk work, free.
 * @closed  called last, when the node is gone. May be NULL.
 */
void raft_node_close(struct raft_node *take_node, void (*closed)(void *arg), void *arg);

/**
 * Take over a connection of another server.
 * @take_connection  from malloc, on the node's loop, RAFT_CONNECTION_BYTE read from it and nothing
 *                   more; not being read.
 */
void raft_node_accept(struct raft_node *node, uv_tcp_t *take_connection);

/**
 * Give an empty server its first configuration. Every server given the same one (in any order) may
 * do this by itself; it is the cluster's identity.
 * returns 0; -EEXIST unless empty; -EINVAL without this server as a voter, or malformed.
 */
int raft_node_bootstrap(struct raft_node *node, const struct raft_configuration *configuration);

/**
 * Propose a command.
 * @bytes     copied.
 * @proposal  not NULL; comes back exactly once, through machine.apply or events.abandoned, and
 *            never before return.
 * @index, @term  where it stands in the log. May be NULL.
 * returns 0; -EPERM not the leader; -EBUSY leadership is being handed over; -EMSGSIZE; -ENOMEM;
 *         -EIO after events.fatal.
 */
int raft_node_propose(struct raft_node *node, const void *bytes, size_t length, void *proposal,
                      raft_index *index, raft_term *term);

/**
 * Ask for a linearizable read: with status 0 the state machine shows everything that was committed
 * when this was called.
 * @lease  answer from the leader's lease when there is one: trusts that clocks run alike to 10 %,
 *         and that all servers have the same election timeout.
 * @done   called when the state may be read; -EAGAIN leadership was lost, -ECANCELED closing. May
 *         be called before return.
 * returns 0; -EPERM not the leader; -EAGAIN a new leader not ready yet; -ENOSPC too many waiting.
 */
int raft_node_read_index(struct raft_node *node, bool lease, raft_node_done_fn done, void *arg);

/**
 * Change the cluster, one server at a time. @done is told 0 once the change is committed,
 * -ECANCELED when its outcome is unknown (leadership lost); may be NULL. A server without a log
 * grants no votes: begin new ones as non-voters.
 * returns 0; -EPERM not the leader; -EBUSY another change is under way, or the leader is new;
 *         -EEXIST nothing would change, or another server has this id; -ENOENT; -EINVAL;
 *         -ENOSPC RAFT_SERVER_MAX. raft_node_promote: -EAGAIN not caught up.
 */
int raft_node_put_server(struct raft_node *node, const char *node_id, const char *address,
                         bool voter, raft_node_done_fn done, void *arg);
int raft_node_promote(struct raft_node *node, raft_server_id id, raft_node_done_fn done, void *arg);
int raft_node_remove(struct raft_node *node, raft_server_id id, raft_node_done_fn done, void *arg);

/**
 * Hand leadership to a voter; RAFT_NO_SERVER picks the most up-to-date one.
 * @done  0 another server leads; -ETIMEDOUT it did not come to that.
 * returns 0; -EPERM not the leader; -EINVAL no such voter; -EBUSY under way already.
 */
int raft_node_transfer(struct raft_node *node, raft_server_id to, raft_node_done_fn done,
                       void *arg);

/** The state machine, which was not ready, is. */
void raft_node_resume(struct raft_node *node);

/** Take a snapshot now. returns 0; -EBUSY one is under way; -ENODATA nothing new; -EAGAIN. */
int raft_node_snapshot(struct raft_node *node);

struct raft_node_status {
        raft_server_id id;
        enum raft_role role;
        bool leading;    /* as events.leadership said last */
        bool empty;      /* never bootstrapped nor added */
        bool failed;     /* events.fatal was called */
        bool has_leader; /* leader is known */
        bool has_lease;  /* reads can be answered without a round of messages now */
        bool is_voter;   /* this server, in the latest configuration */
        struct raft_server leader;
        uint64_t cluster_id; /* 0: not known yet */
        raft_term term;
        raft_index commit_index;
        raft_index applied_index;
        raft_index last_index;
        raft_term last_term;
        raft_index snapshot_index;
        uint64_t last_contact_ms; /* since the leader was last heard; 0 on it; UINT64_MAX never */
};

/** What this server knows of itself and its leader. */
void raft_node_status(const struct raft_node *node, struct raft_node_status *out);

/** The latest configuration in the log. Borrowed until the next event. */
const struct raft_configuration *raft_node_configuration(const struct raft_node *node);

struct raft_node_peer {
        struct raft_server server;
        bool leader;
        bool caught_up; /* follows the log within an election timeout (thesis 4.2.1) */
        raft_index match_index;
        uint64_t last_contact_ms; /* since it last answered */
};

/** The leader's view of all servers, itself included. returns how many; 0 unless leader. */
unsigned raft_node_peers(const struct raft_node *node, struct raft_node_peer out[RAFT_SERVER_MAX]);

#define RAFT_LATENCY_BUCKETS 32u

/* bucket[i] counts what took at least 2^i - 1 us and less than 2^(i+1) - 1. Since the start. */
struct raft_latency {
        uint64_t count;
        uint64_t sum_us;
        uint64_t max_us;
        uint64_t bucket[RAFT_LATENCY_BUCKETS];
};

struct raft_node_metrics {
        struct raft_latency commit; /* a leader's proposals, until applied */
        struct raft_latency apply;  /* a batch of entries in the state machine */
        struct raft_latency sync;   /* a write job, its sync included */
        uint64_t leader_changes;
        uint64_t elections_started;
        uint64_t log_entries; /* held in memory */
        uint64_t log_bytes;   /* their bytes */
        uint64_t disk_bytes_written;
        uint64_t write_jobs;
        uint64_t proposals;
        uint64_t proposal_bytes;
        uint64_t proposals_waiting;
        uint64_t snapshots_taken;
        uint64_t snapshots_installed;
        uint64_t snapshot_ms; /* how long the last one took */
        uint64_t messages_sent;
        uint64_t messages_received;
        uint64_t messages_dropped; /* full queues and lost connections */
        uint64_t connections_refused;
};

/** Counters since the start. */
void raft_node_metrics(const struct raft_node *node, struct raft_node_metrics *out);

#endif
