#ifndef LICTOR_RAFT_SIM_H
#define LICTOR_RAFT_SIM_H

/**
 * A whole Raft cluster in one thread, on simulated clocks, network and disks, from one seed.
 *
 * sim.c drives it: an event queue, faults, then healing and required progress. sim_server.c is the
 * shell around one core (what a real server does with its effects). sim_check.c watches Raft's
 * safety from outside after every event. history.c judges what clients saw.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raft/core/raft.h"
#include "tests/raft/sim/history.h"

#define SIM_SERVER_MAX 7u
#define SIM_KEY_COUNT  4u
#define SIM_CLIENT_MAX 5u
#define SIM_READ_MAX   512u
#define SIM_COMMIT_MAX 65536u
#define SIM_TERM_MAX   65536u

#define SIM_ELECTION_MS  150u
#define SIM_HEARTBEAT_MS 30u
#define SIM_INSTALL_US   400000u /* a snapshot is verified within this time */

struct sim_random {
        uint64_t state;
};

uint64_t sim_random(struct sim_random *random);
/** Uniform in [0, bound); bound > 0. */
uint64_t sim_below(struct sim_random *random, uint64_t bound);
/** True once in n. */
bool sim_one_in(struct sim_random *random, uint64_t n);

/* The replicated state: a few registers. */
struct sim_state {
        uint64_t value[SIM_KEY_COUNT];
};

struct sim_snapshot {
        raft_index index;
        raft_term term;
        struct raft_configuration configuration;
        struct sim_state state;
};

/* A write on its way to the disk, and what waits for it. */
struct sim_batch {
        struct sim_batch *next;
        uint64_t number;
        bool has_hard_state;
        struct raft_hard_state hard_state;
        struct raft_entry *entries;
        unsigned entry_count;
        struct raft_message **messages;
        unsigned message_count;
        bool has_snapshot; /* an installed snapshot replaces the log before it */
        struct sim_snapshot snapshot;
};

struct sim_disk {
        struct raft_hard_state hard_state;
        struct sim_snapshot snapshot;
        struct raft_entry *entries; /* consecutive; the first may lie at or before the snapshot */
        size_t entry_count;
        size_t entry_capacity;
        struct sim_batch *pending; /* oldest first */
        struct sim_batch **pending_end;
        bool syncing;
        uint64_t syncing_since_us;
        bool fails; /* the next sync does, which ends the server */
};

/* A client's operation a server has promised to answer. */
struct sim_waiting {
        unsigned client;
        uint64_t operation;
        raft_index index; /* writes: where it was proposed; reads: what must be applied */
        raft_term term;
        bool is_read;
        bool read_ready;
        unsigned key;
};

struct sim_server {
        raft_server_id id;
        bool up;
        bool ever_started;
        unsigned incarnation; /* events of earlier ones are void */
        struct raft *raft;
        struct sim_disk disk;
        struct sim_state state;
        raft_index applied;
        struct sim_snapshot incoming;
        bool installing; /* it is complete and being verified */
        struct sim_waiting waiting[SIM_READ_MAX];
        unsigned waiting_count;
        int clock_skew_permille; /* its clock runs this much fast or slow */
        uint64_t clock_offset_ms;
        uint32_t sync_us;               /* how long its disk takes */
        uint64_t handing_over_until_us; /* its disk has stalled; 0: not */
        bool led;                       /* after the last event */
};

enum sim_event_kind {
        SIM_DELIVER,
        SIM_TICK,
        SIM_SYNC_DONE,
        SIM_INSTALL,
        SIM_CLIENT,
        SIM_CHAOS,
        SIM_RESTART,
};

struct sim_event {
        uint64_t at_us;
        uint64_t order; /* ties are broken by age */
        enum sim_event_kind kind;
        unsigned server; /* or the client */
        unsigned incarnation;
        struct raft_message *message;
};

struct sim_client {
        bool busy;
        uint64_t operation;
        uint64_t give_up_us;
        unsigned preferred; /* the server it believes to lead */
};

/* What is known of each committed index and each term, from outside. */
struct sim_truth {
        raft_term committed_term[SIM_COMMIT_MAX];
        raft_index committed_count;
        raft_server_id leader_of_term[SIM_TERM_MAX];
        raft_server_id vote[SIM_TERM_MAX][SIM_SERVER_MAX];
};

struct sim_options {
        uint64_t seed;
        uint64_t events; /* of chaos, before healing */
};

struct sim {
        struct sim_options options;
        struct sim_random random;
        uint64_t now_us;
        uint64_t event_order;
        struct sim_event *events; /* a binary heap */
        size_t event_count;
        size_t event_capacity;
        uint64_t events_done;

        struct sim_server servers[SIM_SERVER_MAX];
        unsigned server_count;
        bool cut[SIM_SERVER_MAX][SIM_SERVER_MAX]; /* from, to */
        unsigned loss_permille;
        unsigned duplicate_permille;
        uint32_t delay_us[SIM_SERVER_MAX][SIM_SERVER_MAX]; /* the most a message takes now */
        uint32_t chaos_pause_us;                           /* the most between two faults */
        uint32_t crash_one_in; /* chance that a server crashes in the middle of an event */
        bool healed;
        /* Figure 8 of the paper: leaders that reach one other server, die as they are elected or as
           they commit, and replicate an entry a message. */
        bool adversary;

        struct sim_client clients[SIM_CLIENT_MAX];
        uint32_t client_pause_us; /* the most between two looks of a client */
        struct history history;
        uint64_t next_value;
        uint64_t writes_done;
        uint64_t reads_done;
        uint64_t elections;
        uint64_t handovers;

        struct sim_truth *truth;
        const char *failure; /* the first broken promise */
        char failure_text[256];
};

struct sim_outcome {
        uint64_t events;
        uint64_t writes;
        uint64_t reads;
        uint64_t elections;
        char failure[256]; /* "" when all promises were kept */
};

/** Run one seed to its end. */
void sim_run(const struct sim_options *options, struct sim_outcome *out);

/* sim.c, for the others */
void sim_schedule(struct sim *sim, uint64_t delay_us, enum sim_event_kind kind, unsigned server,
                  struct raft_message *take_message);
void sim_send(struct sim *sim, const struct raft_message *message);
void sim_fail(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct raft_message *sim_message_copy(const struct raft_message *message);
void sim_message_free(struct raft_message *take_message);

/* sim_server.c */
int sim_server_start(struct sim *sim, struct sim_server *server,
                     const struct raft_configuration *bootstrap);
void sim_server_crash(struct sim *sim, struct sim_server *server);
void sim_server_deliver(struct sim *sim, struct sim_server *server, const struct raft_message *m);
void sim_server_tick(struct sim *sim, struct sim_server *server);
/** The incoming snapshot has been verified. */
void sim_server_install(struct sim *sim, struct sim_server *server);
void sim_server_sync_done(struct sim *sim, struct sim_server *server);
void sim_server_snapshot(struct sim_server *server, raft_index keep);
void sim_server_pump(struct sim *sim, struct sim_server *server);
uint64_t sim_server_now_ms(const struct sim *sim, const struct sim_server *server);
void sim_server_fini(struct sim_server *server);

/* sim_client.c */
void sim_client_run(struct sim *sim, unsigned client);
void sim_client_answered(struct sim *sim, const struct sim_waiting *waiting, bool done,
                         uint64_t value);
struct raft_buffer *sim_command_create(uint64_t operation, unsigned key, uint64_t value);
void sim_command_apply(struct sim_state *state, const struct raft_buffer *data,
                       uint64_t *operation);

/* sim_chaos.c */
void sim_chaos(struct sim *sim);
void sim_calm(struct sim *sim);
void sim_heal(struct sim *sim);
void sim_crash(struct sim *sim, unsigned server);

/* sim_check.c */
void sim_check_server(struct sim *sim, struct sim_server *server);
void sim_check_commit(struct sim *sim, struct sim_server *server, const struct raft_entry *entry);
void sim_check_vote(struct sim *sim, const struct raft_message *message);
void sim_check_end(struct sim *sim);

#endif
