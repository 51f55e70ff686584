#ifndef LICTOR_RAFT_H
#define LICTOR_RAFT_H

/**
 * Raft's consensus core: inputs in, effects out.
 *
 * Pure and deterministic: no clock (every input carries now_ms, which never goes back), no I/O, no
 * threads, no globals; randomness comes from the seed given at creation. Implements Raft as in
 * Ongaro and Ousterhout's paper ("the paper") and Ongaro's dissertation ("the thesis"): pre-vote
 * (thesis 9.6), check-quorum and leader stickiness (6.2, 4.2.3), single-server membership change
 * (4.1), leadership transfer (3.10), ReadIndex and leases (6.4), pipelined replication (10.2.1),
 * snapshots in chunks (5).
 *
 * The caller's loop: give inputs (raft_step, raft_tick, raft_propose, ...); then raft_collect, and
 *   1. send effects->messages_now;
 *   2. write effects->hard_state and effects->entries to stable storage, in that order; the entries
 *      replace whatever the storage holds from entries[0].index on;
 *   3. once that and all earlier batches are durable, send effects->messages_durable and call
 *      raft_durable with effects->batch (also for a batch that had nothing to write);
 *   4. apply effects->committed in order, then call raft_applied;
 *   5. serve effects->reads once everything up to their index is applied.
 * Steps 1, 4 and 5 need not wait for 2 and 3; any number of batches may be in flight as long as
 * each step takes them in order. All of it happens on one thread.
 *
 * Inputs return 0 or a negative errno; -ENOMEM leaves the state as it was.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RAFT_SERVER_MAX     16u /* voters and non-voters together */
#define RAFT_ADDRESS_MAX    64u
#define RAFT_NODE_ID_MAX    37u /* a UUID's text and its NUL */
#define RAFT_NO_SERVER      0u
#define RAFT_BOOTSTRAP_TERM 1u /* of a first configuration, before any election */

typedef uint64_t raft_server_id; /* not 0 */
typedef uint64_t raft_term;      /* 0 before the first election */
typedef uint64_t raft_index;     /* the first entry is 1 */

/* Reference-counted bytes, shared by the log, messages and the state machine. One thread. */
struct raft_buffer {
        uint32_t reference_count;
        uint32_t length;
        uint8_t bytes[];
};

/** A buffer with one reference, or NULL. */
struct raft_buffer *raft_buffer_create(const void *bytes, size_t length);
/** Take one more reference; NULL is allowed. */
struct raft_buffer *raft_buffer_ref(struct raft_buffer *buffer);
/** Drop a reference; NULL is allowed. */
void raft_buffer_unref(struct raft_buffer *take_buffer);

enum raft_entry_type {
        RAFT_ENTRY_NOOP,          /* a new leader's first entry (thesis 6.4) */
        RAFT_ENTRY_COMMAND,       /* for the state machine */
        RAFT_ENTRY_CONFIGURATION, /* raft_configuration_encode's bytes */
};

struct raft_entry {
        raft_index index;
        raft_term term;
        enum raft_entry_type type;
        struct raft_buffer *data; /* NULL for RAFT_ENTRY_NOOP */
};

struct raft_server {
        raft_server_id id;
        bool voter;
        char address[RAFT_ADDRESS_MAX]; /* NUL-terminated; the transport's business */
        char node_id[RAFT_NODE_ID_MAX]; /* NUL-terminated; for operators */
};

struct raft_configuration {
        uint64_t cluster_id; /* set at bootstrap, the same ever after; 0: not known */
        unsigned server_count;
        struct raft_server servers[RAFT_SERVER_MAX];
};

/* What must survive a crash besides the log (the paper, figure 2). */
struct raft_hard_state {
        raft_term term;
        raft_server_id vote; /* RAFT_NO_SERVER: none in this term */
};

enum raft_role { RAFT_FOLLOWER, RAFT_PRE_CANDIDATE, RAFT_CANDIDATE, RAFT_LEADER };

enum raft_message_type {
        RAFT_PRE_VOTE_REQUEST,
        RAFT_PRE_VOTE_RESPONSE,
        RAFT_VOTE_REQUEST,
        RAFT_VOTE_RESPONSE,
        RAFT_APPEND_REQUEST, /* without entries it is a heartbeat */
        RAFT_APPEND_RESPONSE,
        RAFT_SNAPSHOT_REQUEST, /* one chunk */
        RAFT_SNAPSHOT_RESPONSE,
        RAFT_TIMEOUT_NOW, /* leadership transfer: stand for election at once */
        RAFT_MESSAGE_TYPE_COUNT
};

/*
 * One message. Fields a type does not name are 0. Incoming messages are borrowed for the call.
 */
struct raft_message {
        enum raft_message_type type;
        raft_server_id from;
        raft_server_id to;
        raft_term term; /* pre-votes: the term the candidate would enter */

        raft_index log_index; /* vote requests: last entry; append requests: the one before entries;
                                 append responses: last entry matched, or the hint after a refusal;
                                 snapshot messages: last entry included */
        raft_term log_term;   /* its term; in a refusal the term of the hint (0: none) */
        bool granted;         /* votes */
        bool refused;         /* append responses */
        raft_index refused_index; /* append responses: the log_index that did not match */
        bool transfer;            /* vote requests: the leader asked for this election */

        raft_index commit_index; /* append requests */
        uint64_t round; /* append requests and their responses: ReadIndex and lease round */
        const struct raft_entry *entries;
        unsigned entry_count;

        /* Snapshot requests: the shell fills bytes, length and last from the snapshot file;
           responses: offset is how much the follower has. */
        uint64_t offset;
        const uint8_t *bytes;
        uint32_t length;
        bool last;
        const struct raft_configuration *configuration; /* as of log_index; borrowed */
};

/* A chunk the shell must write at offset of the incoming snapshot (and start it anew at 0). */
struct raft_snapshot_chunk {
        raft_index index; /* 0: no chunk */
        raft_term term;
        uint64_t offset;
        const uint8_t *bytes; /* borrowed from the message given to raft_step */
        uint32_t length;
        bool last; /* then verify and install it, and call raft_snapshot_installed */
};

struct raft_read {
        uint64_t ticket;  /* as given to raft_read_index */
        raft_index index; /* serve once this is applied; 0: leadership was lost, ask again */
};

/*
 * Everything here is borrowed until the next call on this raft; take references to entry data that
 * is needed for longer.
 */
struct raft_effects {
        uint64_t batch; /* counts up from 1 */
        const struct raft_message *messages_now;
        unsigned messages_now_count;
        const struct raft_message *messages_durable;
        unsigned messages_durable_count;
        bool hard_state_changed;
        struct raft_hard_state hard_state;
        const struct raft_entry *entries; /* to store */
        unsigned entry_count;
        const struct raft_entry *committed; /* to apply */
        unsigned committed_count;
        const struct raft_read *reads;
        unsigned read_count;
};

struct raft_options {
        raft_server_id id;
        uint64_t seed;
        uint32_t election_timeout_ms;  /* minimum; the actual one is drawn from [1, 2) times it */
        uint32_t heartbeat_ms;         /* well below the election timeout */
        uint32_t clock_drift_permille; /* bound on how much faster any clock runs; for leases */
        uint32_t message_bytes_max;    /* entry bytes in one append request */
        uint32_t inflight_max;         /* append requests not yet answered, per follower */
};

/*
 * What the storage held at start. Entries are consecutive and leave no gap behind the snapshot;
 * ones before it may be there too and spare slow followers a snapshot.
 */
struct raft_restored {
        struct raft_hard_state hard_state;
        raft_index snapshot_index; /* 0: no snapshot */
        raft_term snapshot_term;
        struct raft_configuration configuration; /* of the snapshot, or the bootstrap one */
        const struct raft_entry *entries;        /* data references are taken over on success */
        size_t entry_count;
};

struct raft;

/**
 * A server as its storage left it, a follower without a leader.
 * returns 0; -EINVAL for options or contents that cannot be; -ENOMEM.
 */
int raft_create(const struct raft_options *options, const struct raft_restored *restored,
                uint64_t now_ms, struct raft **out);
/** Free it; nothing is written or sent. */
void raft_destroy(struct raft *take_raft);

/**
 * Start an empty log with its first configuration as entry 1 of RAFT_BOOTSTRAP_TERM. Every server
 * that does so must be given the same one.
 * @take_data  raft_configuration_encode's; the reference is taken on success only.
 * returns 0; -EEXIST unless the log and the term are empty; -EINVAL; -ENOMEM.
 */
int raft_bootstrap(struct raft *r, struct raft_buffer *take_data, uint64_t now_ms);

/** Handle a message. Ones from strangers, of other clusters' shape, or stale are ignored. */
int raft_step(struct raft *r, const struct raft_message *message, uint64_t now_ms,
              struct raft_snapshot_chunk *chunk);

/** Let time pass. raft_deadline_ms says when the next call is due. */
int raft_tick(struct raft *r, uint64_t now_ms);
uint64_t raft_deadline_ms(const struct raft *r);

/**
 * Append a command. returns 0 with *index set; -EPERM when not the leader, -EBUSY while leadership
 * is being transferred. The reference is taken on success only.
 */
int raft_propose(struct raft *r, struct raft_buffer *take_data, raft_index *index);

/**
 * Add a server, change its vote or address, or remove it: one at a time.
 * returns 0 with *index set; -EPERM not the leader; -EBUSY another change is not committed yet, or
 * this term has no committed entry yet; -EEXIST nothing would change; -ENOENT; -ENOSPC.
 */
int raft_propose_server(struct raft *r, const struct raft_server *server, raft_index *index);
int raft_propose_removal(struct raft *r, raft_server_id id, raft_index *index);

/**
 * Ask for a linearizable read; the answer comes in effects->reads.
 * @lease  allow answering from the leader's lease, without a round of messages.
 * returns 0; -EPERM when not the leader; -EAGAIN until this term has a committed entry; -ENOSPC.
 */
int raft_read_index(struct raft *r, uint64_t ticket, bool lease, uint64_t now_ms);

/** Whether a read could be answered from the lease at this moment. */
bool raft_has_lease(const struct raft *r, uint64_t now_ms);

/** Hand leadership to a voter. returns 0; -EPERM not the leader; -EINVAL no such voter. */
int raft_transfer(struct raft *r, raft_server_id to, uint64_t now_ms);

/** Step down, because of a stalled disk for example. The term stays. */
void raft_step_down(struct raft *r, uint64_t now_ms);

/**
 * Collect what has to be done since the last time.
 * returns 0 or -ENOMEM.
 */
int raft_collect(struct raft *r, uint64_t now_ms, struct raft_effects *out);

/** This batch and all before it are durable. */
void raft_durable(struct raft *r, uint64_t batch);

/** Everything up to index has been applied. */
void raft_applied(struct raft *r, raft_index index);

/**
 * A snapshot up to index is durable: forget entries before keep_from (at most index + 1). Takes
 * about 60 ns an entry; to spread that, call it again with the same index and a later keep_from.
 * returns 0; -EINVAL when index has not been applied.
 */
int raft_compact(struct raft *r, raft_index index, raft_index keep_from);

/**
 * Where the end of the log begins that holds at most @bytes_max of data; behind the last entry when
 * that alone holds more. Takes time for each entry in it.
 */
raft_index raft_tail(const struct raft *r, uint64_t bytes_max);

/**
 * The snapshot that this server has to send to another is not there any more: begin again with the
 * latest one.
 */
void raft_snapshot_unavailable(struct raft *r, raft_server_id to);

/** The incoming snapshot could not be verified or stored: it will be sent again from its start. */
void raft_snapshot_failed(struct raft *r);

/**
 * The incoming snapshot is durable and the state machine restored from it. The log before index is
 * gone; unless the stored entry at index had this term, so is everything behind it.
 */
int raft_snapshot_installed(struct raft *r, raft_index index, raft_term term,
                            const struct raft_configuration *configuration, uint64_t now_ms);

struct raft_status {
        enum raft_role role;
        raft_server_id leader; /* RAFT_NO_SERVER: unknown */
        struct raft_hard_state hard_state;
        raft_index commit_index;
        raft_index applied_index;
        raft_index last_index;
        raft_term last_term;
        raft_index snapshot_index;
        uint64_t log_entries;       /* held in memory */
        uint64_t log_bytes;         /* of their data */
        uint64_t leader_contact_ms; /* when a follower last heard from the leader */
};

/** What this server knows of itself and the cluster. */
void raft_status(const struct raft *r, struct raft_status *out);

/** The latest configuration in the log, committed or not (thesis 4.1). Borrowed. */
const struct raft_configuration *raft_configuration(const struct raft *r);

/** The configuration as of the last entry applied: a snapshot's. */
void raft_configuration_applied(const struct raft *r, struct raft_configuration *out);

struct raft_peer_status {
        raft_server_id id;
        bool voter;
        bool caught_up; /* its last round of replication took less than an election timeout */
        raft_index match_index;
        uint64_t last_contact_ms;
};

/** The leader's view of its followers. returns how many were written, at most RAFT_SERVER_MAX. */
unsigned raft_peers(const struct raft *r, struct raft_peer_status out[]);

/** Configuration as entry data. encode returns NULL without memory; decode 0 or -EINVAL. */
struct raft_buffer *raft_configuration_encode(const struct raft_configuration *configuration);
int raft_configuration_decode(const uint8_t *bytes, size_t length,
                              struct raft_configuration *configuration);

/** Whether both name the same cluster and the same servers, votes and addresses, in this order. */
bool raft_configuration_equal(const struct raft_configuration *a,
                              const struct raft_configuration *b);

#endif
