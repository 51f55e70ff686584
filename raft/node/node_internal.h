#ifndef LICTOR_RAFT_NODE_INTERNAL_H
#define LICTOR_RAFT_NODE_INTERNAL_H

/**
 * What the node's own files share. node.c owns and drives; peers.c sends and receives; disk.c
 * writes; apply.c feeds the state machine and answers proposals and reads; watch.c tells the owner
 * what changed; membership.c changes the cluster; snapshot_*.c take, send and install snapshots.
 */

#include "raft/core/configuration.h"
#include "raft/node/node.h"
#include "raft/node/storage.h"
#include "raft/transport/transport.h"

#define NODE_READ_SLOTS  8192u /* a power of two; reads waiting, the core's limit and some */
#define NODE_APPLY_US    2000u /* before the loop gets its turn */
#define NODE_APPLY_STEP  16u   /* entries between two looks at the clock */
#define NODE_BACKLOG     1024u /* entries not applied yet that put a snapshot off */
#define NODE_CHUNK_BYTES (256u << 10)
#define NODE_TEXT_MAX    (STORAGE_ERROR_MAX + 256u)

struct entry_list {
        struct raft_entry *items; /* references are held */
        size_t start;
        size_t count;
        size_t capacity;
};

/* A piece of an incoming snapshot on its way to the disk. */
struct node_chunk {
        struct node_chunk *next;
        raft_index index;
        raft_term term;
        uint64_t offset;
        bool last;
        uint32_t length;
        uint8_t bytes[];
};

/* What the disk has to do next, and what may be said once it has. */
struct disk_job {
        uint64_t batch; /* the last one in here; 0: none */
        bool has_hard_state;
        struct raft_hard_state hard_state;
        struct entry_list entries;
        bool has_reset; /* before the entries */
        raft_index reset_index;
        raft_term reset_term;
        raft_index trim_to;  /* after them; 0: no */
        uint64_t cluster_id; /* to be noted as the folder's; 0: no */
        bool make_room;
        bool wants_room; /* set by the job: make some when there is nothing else to do */
        struct node_chunk *chunks;
        struct node_chunk **chunks_end;
        struct raft_message *messages;
        size_t message_count;
        size_t message_capacity;
        int result;
        uint64_t duration_us;
        uint64_t bytes_written;
};

struct proposal {
        raft_index index;
        raft_term term;
        void *cookie;
        uint64_t began_us;
};

struct proposal_queue {
        struct proposal *items; /* a ring */
        size_t start;
        size_t count;
        size_t capacity; /* a power of two */
};

struct waiting_read {
        uint64_t ticket;  /* 0: free */
        raft_index index; /* 0: not known yet */
        raft_node_done_fn done;
        void *arg;
};

/* A membership change or a transfer: one of each at a time. */
struct waiting_call {
        bool active;
        raft_index index;
        raft_term term;
        uint64_t deadline_ms;
        raft_node_done_fn done;
        void *arg;
};

struct node_snapshots; /* snapshot_internal.h */

struct raft_node {
        struct raft_node_options options;
        char *dir;
        char address[RAFT_ADDRESS_MAX];
        raft_server_id id;
        struct raft *raft;
        struct storage *storage;
        struct raft_transport *transport;

        uv_timer_t timer;
        uv_timer_t snapshot_timer;
        uv_check_t check;
        uv_prepare_t prepare;
        uv_idle_t idle; /* runs while there is work that must not wait for the next event */
        unsigned handles_open;
        unsigned jobs_running; /* in the pool */
        bool transport_open;
        bool closing;
        void (*closed)(void *arg);
        void *closed_arg;
        bool dirty; /* inputs since the last collection */
        bool tick_due;
        bool failed;

        struct disk_job disk_jobs[2];
        unsigned disk_filling; /* the other one is being written while disk_busy */
        bool disk_busy;
        uint64_t disk_began_ms;
        struct disk_thread *disk_thread; /* made for the first write */
        bool handing_over;               /* because of a stalled disk */
        uint64_t handing_over_until_ms;

        struct entry_list to_apply;
        raft_index applied;
        raft_term applied_term;
        struct proposal_queue proposals;
        struct waiting_read *reads;
        uint64_t read_ticket; /* the latest */
        uint64_t read_oldest; /* the oldest that may still wait */
        struct waiting_call change;
        struct waiting_call transfer;

        /* What the owner was told last. */
        bool leading;
        raft_term leading_term;
        raft_term proposing_term; /* the core leads in it; 0: it does not */
        enum raft_role role;
        bool heard_leader;
        bool vote_withheld;
        raft_index snapshot_index;
        raft_server_id leader;
        struct raft_configuration configuration;

        struct node_snapshots *snapshots;
        struct raft_node_metrics metrics;
};

/* node.c */

uint64_t node_now_ms(void);
uint64_t node_now_us(void);

/** Something was given to the core: collect before the loop waits again. */
void node_wake(struct raft_node *node);

/** Nothing can be promised any more. */
void node_fail(struct raft_node *node, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void node_log(struct raft_node *node, enum raft_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** One more handle is gone; while closing, the last one frees the node. */
void node_handle_closed(struct raft_node *node);

/** A pool job ended; while closing, the last one frees the node. returns whether it is closing. */
bool node_job_ended(struct raft_node *node);

/** Create the transport. returns 0 or -ENOMEM. */
int peers_open(struct raft_node *node);
void node_send(struct raft_node *node, const struct raft_message *message);

void latency_add(struct raft_latency *latency, uint64_t us);

/* recover.c */

/** Make options->recover the storage's configuration. returns 0 or a negative errno, and error. */
int recover(const struct raft_node_options *options, char *error, size_t error_size);

/* entries.c */

/** Append with a new reference. returns 0 or -ENOMEM. */
int entry_list_push(struct entry_list *list, const struct raft_entry *entry);
/** Drop those at index and behind. */
void entry_list_cut(struct entry_list *list, raft_index index);
/** Drop the first n. */
void entry_list_pop(struct entry_list *list, size_t n);
void entry_list_fini(struct entry_list *list);

/* disk.c */

void disk_init(struct raft_node *node);
void disk_fini(struct raft_node *node);
/** Take over what effects want stored and said after it. returns 0 or -ENOMEM. */
int disk_queue(struct raft_node *node, const struct raft_effects *effects);
/** Start writing, if there is something and the disk is free. */
void disk_start(struct raft_node *node);
void disk_queue_reset(struct raft_node *node, raft_index index, raft_term term);
void disk_queue_trim(struct raft_node *node, raft_index keep_from);
/** The cluster has become known. */
void disk_queue_join(struct raft_node *node, uint64_t cluster_id);
void disk_queue_chunk(struct raft_node *node, struct node_chunk *take_chunk);
/** The node closes: end the thread now, or when its job is done. */
void disk_close(struct raft_node *node);
/** A leader whose disk has stalled for an election timeout makes way. */
void disk_watch(struct raft_node *node);

/* apply.c */

int apply_queue(struct raft_node *node, const struct raft_effects *effects);
/** Apply up to a turn's worth. returns whether there is more. */
bool apply_run(struct raft_node *node);
/** The state machine was restored up to here. */
void apply_restored(struct raft_node *node, raft_index index, raft_term term);
int apply_take_reads(struct raft_node *node, const struct raft_effects *effects);
/** Proposals behind commit, of a leadership that has ended. */
void apply_abandon(struct raft_node *node, raft_index behind);
void apply_fini(struct raft_node *node);

/* watch.c */

/** Tell the owner what has changed. */
void watch_update(struct raft_node *node);

/* membership.c */

void membership_applied(struct raft_node *node, const struct raft_entry *entry);
void membership_update(struct raft_node *node, const struct raft_status *status);
void membership_fini(struct raft_node *node);
/** The voter whose log is most like ours and who was heard lately; RAFT_NO_SERVER: none. */
raft_server_id membership_best_successor(const struct raft_node *node);

/* snapshot_take.c, snapshot_send.c, snapshot_install.c */

int snapshots_init(struct raft_node *node);
void snapshots_fini(struct raft_node *node);
/** Forget some of the entries that a snapshot has made needless. returns whether there are more. */
bool snapshots_compact(struct raft_node *node);
bool snapshots_compacting(const struct raft_node *node);
/** Whether one is due by now. */
void snapshots_poll(struct raft_node *node);
/** Fill a snapshot request from the file, off the loop, and send it. */
void snapshots_send(struct raft_node *node, const struct raft_message *request);
/** Have it written; without memory the whole snapshot is asked for again. */
void snapshots_take_chunk(struct raft_node *node, const struct raft_snapshot_chunk *chunk);
/** This chunk of an incoming snapshot is on the disk. */
void snapshots_chunk_written(struct raft_node *node, const struct node_chunk *chunk);
/** The state machine is ready again: a snapshot that waits for that is installed. */
void snapshots_resume(struct raft_node *node);
/** Leadership was lost: transfers are over. */
void snapshots_end_transfers(struct raft_node *node);

#endif
