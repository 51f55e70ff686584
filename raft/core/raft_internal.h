#ifndef LICTOR_RAFT_INTERNAL_H
#define LICTOR_RAFT_INTERNAL_H

/** What the core's own files share. Times are the caller's now_ms. */

#include "raft/core/configuration.h"
#include "raft/core/log.h"
#include "raft/core/raft.h"

#define RAFT_INFLIGHT_MAX 64u
#define RAFT_ROUND_MAX    64u   /* rounds whose start is remembered for leases */
#define RAFT_READ_MAX     4096u /* reads waiting for a round */
#define RAFT_BATCH_MAX    64u   /* batches in flight that are told apart */

/* How the leader feeds one follower (thesis 10.2.1; etcd's names). */
enum progress_state {
        PROGRESS_PROBE,     /* where the logs agree is unknown: one request at a time */
        PROGRESS_REPLICATE, /* pipelining */
        PROGRESS_SNAPSHOT,  /* what it needs has been forgotten: chunks, one at a time */
};

struct progress {
        raft_server_id id;
        bool voter;
        enum progress_state state;
        raft_index match;     /* known to agree and to be durable there */
        uint64_t match_round; /* what is sent in this round or later is sent by one who knows */
        raft_index next;      /* the next entry to send; > match */

        raft_index
            inflight[RAFT_INFLIGHT_MAX]; /* last index of each unanswered request, oldest first */
        unsigned inflight_start;
        unsigned inflight_count;
        uint64_t progress_ms; /* when match moved, or a request went out with none in flight */
        bool probe_sent;

        /* Rounds of replication: what there was when one began (thesis 4.2.1). */
        raft_index catch_up_target;
        uint64_t catch_up_began_ms;
        bool caught_up;

        uint64_t snapshot_offset;
        raft_index snapshot_index;
        raft_term snapshot_term;
        struct raft_configuration snapshot_configuration;
        bool chunk_sent;

        uint64_t round_sent;
        uint64_t round_acked;
        uint64_t heard_ms;

        bool vote_answered;
        bool vote_granted;
};

struct message_list {
        struct raft_message *items;
        unsigned count;
        unsigned capacity;
};

/* Once this batch is durable, so is the log up to last. */
struct batch_mark {
        uint64_t batch;
        raft_index last;
};

struct pending_read {
        uint64_t ticket;
        uint64_t round;
        raft_index index;
};

struct raft {
        struct raft_options options;
        uint64_t random_state;
        uint64_t now_ms;

        struct raft_hard_state hard_state;
        bool hard_state_changed;
        enum raft_role role;
        raft_server_id leader;
        uint64_t contact_ms;  /* when a current leader was last heard; at start: then */
        uint64_t deadline_ms; /* followers and candidates: the election timeout */

        struct raft_log log;
        raft_index collected; /* handed out for storing up to here */
        raft_index durable;
        uint64_t batch;                          /* the last one collected */
        uint64_t batch_durable;                  /* the last one durable */
        uint64_t batch_hard_state;               /* the last one with a hard state */
        struct batch_mark marks[RAFT_BATCH_MAX]; /* batches in flight with entries, oldest first */
        unsigned mark_start;
        unsigned mark_count;
        raft_index commit;
        raft_index handed; /* handed out for applying up to here */
        raft_index applied;

        struct raft_configuration configuration; /* the log's latest */
        raft_index configuration_index;
        bool was_voter; /* this server, in the configuration before that */
        struct raft_configuration snapshot_configuration; /* as of snapshot_index */
        raft_index snapshot_index;
        raft_term snapshot_term;

        /* The incoming snapshot. */
        raft_index incoming_index;
        raft_term incoming_term;
        uint64_t incoming_offset;
        bool incoming_complete;

        /* Leader and candidates: one per server of the configuration, this one included. */
        struct progress peers[RAFT_SERVER_MAX];
        unsigned peer_count;
        uint64_t elected_ms;
        uint64_t heartbeat_due_ms;
        uint64_t round;
        uint64_t round_started_ms[RAFT_ROUND_MAX];
        bool lease_void; /* TIMEOUT_NOW went out: stickiness no longer holds in this term */
        raft_server_id transfer_to;
        uint64_t transfer_deadline_ms;
        bool transfer_sent;

        struct pending_read reads_pending[RAFT_READ_MAX];
        unsigned read_pending_count;
        struct raft_read reads_ready[RAFT_READ_MAX];
        unsigned read_ready_count;

        struct message_list now;
        struct message_list durable_messages;
        bool handed_out; /* the lists were shown by raft_collect: start afresh at the next input */
};

/*
 * Deliberate faults for the simulator to find (tests/raft/sim/README). A build with
 * -DRAFT_MUTATION=n misbehaves at the place marked RAFT_MUTANT(n); any other build does not hold
 * it.
 */
#ifdef RAFT_MUTATION
#define RAFT_MUTANT(n) (RAFT_MUTATION == (n))
#else
#define RAFT_MUTANT(n) false
#endif

/* raft.c */

/** Begin an input: time, and room for what it may send. returns 0 or -ENOMEM. */
int raft_begin(struct raft *r, uint64_t now_ms);

/** What raft_collect showed last has been used: start afresh. */
void raft_end_effects(struct raft *r);

/** A message to send; the sender, and unless set the term, are filled in. */
struct raft_message *raft_send(struct raft *r, struct message_list *list,
                               enum raft_message_type type, raft_server_id to);

void raft_become_follower(struct raft *r, raft_term term, raft_server_id leader);
void raft_set_hard_state(struct raft *r, raft_term term, raft_server_id vote);
void raft_restart_election_timer(struct raft *r);
struct progress *raft_peer(struct raft *r, raft_server_id id);

/** Fit peers to the latest configuration, keeping what is known of those that stay. */
void raft_update_peers(struct raft *r);

/**
 * Whether this server may stand for election: also while its removal is not known to be committed,
 * because the others may not be able to elect anybody else (thesis 4.2.2).
 */
bool raft_may_stand(const struct raft *r);

/** The configuration that holds at index, not before the snapshot; returns its entry's index. */
raft_index raft_configuration_at(const struct raft *r, raft_index index,
                                 struct raft_configuration *out);

/** Take the configuration from the log's latest configuration entry (thesis 4.1). */
void raft_reload_configuration(struct raft *r);

void raft_commit_to(struct raft *r, raft_index index);

/** Entries from index on are gone: no batch in flight proves them stored any more. */
void raft_forget_stored_from(struct raft *r, raft_index index);

/* The largest value that a majority of voters has reached. */
raft_index raft_quorum_match(const struct raft *r);
uint64_t raft_quorum_round(const struct raft *r);
uint64_t raft_quorum_heard_ms(const struct raft *r);

/* election.c */
void election_start(struct raft *r, bool pre_vote, bool transfer);
void election_handle_request(struct raft *r, const struct raft_message *m);
void election_handle_response(struct raft *r, const struct raft_message *m);
/** The hard state is durable: a candidate that needs no other votes has won. */
void election_vote_stored(struct raft *r);
int election_become_leader(struct raft *r);

/* append.c: the follower's side */
int append_handle_request(struct raft *r, const struct raft_message *m);

/* replicate.c: the leader's side */
int replicate_append(struct raft *r, enum raft_entry_type type, struct raft_buffer *take_data,
                     raft_index *index);
void replicate_handle_response(struct raft *r, const struct raft_message *m);
void replicate_collect(struct raft *r);
void replicate_advance_commit(struct raft *r);
void replicate_reset(struct progress *p, raft_index next, uint64_t now_ms);

/* snapshot.c */
void snapshot_handle_request(struct raft *r, const struct raft_message *m,
                             struct raft_snapshot_chunk *chunk);
void snapshot_handle_response(struct raft *r, const struct raft_message *m);
void snapshot_collect(struct raft *r, struct progress *p);

/* read.c */
void read_collect(struct raft *r);
void read_resolve(struct raft *r);
void read_fail_all(struct raft *r);

/* transfer.c */
void transfer_progress(struct raft *r);

#endif
