#ifndef CONTROL_AGENT_LOCAL_INTERNAL_H
#define CONTROL_AGENT_LOCAL_INTERNAL_H

#include "control/agent/deadlines.h"
#include "control/agent/definition.h"
#include "control/agent/local.h"
#include "control/store/watch.h"

// A critical service is removed no sooner than this, whatever its check asks for, as in Consul.
#define LOCAL_REAP_MIN_MS 60000
// What the catalog did not take is offered again after this time, twice as long each time.
#define LOCAL_RETRY_MS     500
#define LOCAL_RETRY_MAX_MS 15000
// Whoever changes something waits no longer than this for the catalog to have it.
#define LOCAL_ANSWER_MS 500
// The catalog is compared with the local state this often, and up to twice as much later.
#define LOCAL_SYNC_MS    60000
#define LOCAL_OUTPUT_MAX 4096
// Deadlines run in one turn of the loop: each may write a file, and requests want their turn.
#define LOCAL_DEADLINE_BURST 64

struct local_service_entry {
        struct service_record *record;
        json_t *definition;
        bool from_config;
        bool marked;         // seen in the configuration being taken over
        uint32_t generation; // of the last change
        uint32_t pushed;     // generation the catalog has
        struct local_check_entry *checks;
};

enum local_deadline {
        LOCAL_DEADLINE_TTL,
        LOCAL_DEADLINE_REAP,
        LOCAL_DEADLINE_PUSH,
        LOCAL_DEADLINE_ALIAS,
        LOCAL_DEADLINE_ANSWER,
};

struct local_check_entry {
        struct local_check view;                                      // view.check is the record's
        struct local_check_entry *next_of_service, **link_of_service; // NULL: of the node
        struct check_record *record;
        json_t *definition;
        struct check_runner *runner; // NULL: not run by the engine
        struct local_check_entry *next_alias;
        size_t output_max;
        bool marked;
        uint32_t generation;
        uint32_t pushed;
        int64_t reap_after_ms; // 0: the service stays
        struct deadline ttl;
        struct deadline reap;
        struct deadline push;  // of a change of output alone
        struct deadline alias; // of looking at what it stands for
};

// Something the catalog should forget; kept until it has.
struct local_removal {
        char *service_id; // "" for a check
        char *check_id;
};

struct local_state {
        struct local_options options;
        char *node_id;
        char *data_dir;
        struct node_record *node;
        bool configured;
        bool loading; // what the data directory remembers
        bool node_pushed;
        bool node_in_flight;
        bool row_is_anothers; // in the catalog, at the last look
        bool scripts_local, scripts_remote;
        uint64_t output_interval_ms;

        struct local_service_entry **services; // sorted by id
        size_t service_count, service_capacity;
        struct local_check_entry **checks; // sorted by id
        size_t check_count, check_capacity;
        struct local_check_entry *node_checks; // those of no service, linked as a service's
        struct local_check_entry *aliases;
        struct check_engine *engine;
        size_t output_max;
        bool discard_output;
        struct local_removal *removals;
        size_t removal_count, removal_capacity;

        struct watch_hub *watches;
        struct deadlines deadlines;
        uint64_t now_ms;
        uint32_t generation;
        uv_timer_t timer;       // for the soonest deadline
        uv_timer_t retry_timer; // for what the catalog did not take
        uv_timer_t sync_timer;  // for comparing with the catalog
        uint64_t retry_ms;      // the next wait
        uint64_t random;
        size_t cluster_size;
        struct local_durable *durable;
        json_t *expiries;       // when TTLs would have run out; while loading only
        size_t reference_count; // one a timer, one a proposal on its way
        bool closing;
};

// local.c
void local_release(struct local_state *local);

// local_tables.c: the sorted arrays.
struct local_service_entry *local_find_service(const struct local_state *local, const char *id);
struct local_check_entry *local_find_check(const struct local_state *local, const char *id);
struct local_service_entry *local_add_service_entry(struct local_state *local, const char *id);
struct local_check_entry *local_add_check_entry(struct local_state *local, const char *id);
// A service's checks have to be dropped before.
void local_drop_service_entry(struct local_state *local, struct local_service_entry *entry);
void local_drop_check_entry(struct local_state *local, struct local_check_entry *entry);
// Puts a check among those of the service its record names, which exists, or of the node.
void local_link_check(struct local_state *local, struct local_check_entry *entry);
void local_free_tables(struct local_state *local);

// local_change.c: changes to the tables, not yet told to the catalog. 0 or -ENOMEM.
int local_put_service(struct local_state *local, const json_t *definition, bool from_config,
                      bool replace_checks);
int local_put_check(struct local_state *local, const json_t *definition, bool from_config);
// Every check has its service's name and tags of now.
int local_refresh_checks(struct local_state *local);
int local_put_maintenance(struct local_state *local, const char *check_id, const char *service_id,
                          const char *reason);
int local_set_check_state(struct local_state *local, struct local_check_entry *entry,
                          const char *status, const char *output);
// The catalog's tags for a service that lets them be changed there.
void local_take_tags(struct local_state *local, struct local_service_entry *entry,
                     const struct text_list *tags);
void local_forget_service(struct local_state *local, struct local_service_entry *entry);
void local_forget_check(struct local_state *local, struct local_check_entry *entry);

// local.c: a check's state as it came, pushed at once or, when only its output changed, later.
void local_note_state(struct local_state *local, struct local_check_entry *entry,
                      const char *status, const char *output, local_done_fn done, void *arg);

// local_checks.c: checks that are run.
int local_checks_open(struct local_state *local);
void local_checks_close(struct local_state *local);
// Keep a check up to date as its definition says, until it is stopped.
void local_start_check(struct local_state *local, struct local_check_entry *entry);
void local_stop_check(struct local_state *local, struct local_check_entry *entry);

// local_alias.c: checks that stand for others.
void local_start_alias(struct local_state *local, struct local_check_entry *entry);
void local_stop_alias(struct local_state *local, struct local_check_entry *entry);
void local_run_alias(struct local_state *local, struct local_check_entry *entry);
// A check of the service, or of the node with "", is not what it was.
void local_touch_aliases(struct local_state *local, const char *service_id);
void local_on_catalog_change(void *arg, const char *node);

// local_push.c: telling the catalog.
void local_push_node(struct local_state *local);
void local_push_service(struct local_state *local, const struct local_service_entry *entry,
                        local_done_fn done, void *arg);
void local_push_check(struct local_state *local, const struct local_check_entry *entry,
                      local_done_fn done, void *arg);
// One of the ids is "".
void local_push_removal(struct local_state *local, const char *service_id, const char *check_id,
                        local_done_fn done, void *arg);
// Everything the catalog does not have yet.
void local_push_all(struct local_state *local);
// The wait of who asked for a push is over; @push owns the deadline.
void local_push_answer(void *push);

// local_sync.c: comparing with the catalog, and pushing what differs.
// How many times the base interval a comparison may be put off in a cluster of this size.
unsigned local_sync_scale(size_t node_count);
// Compare after a short wait, which doubles when it comes again.
void local_sync_soon(struct local_state *local);
// The next wait after a failure; it doubles.
uint64_t local_retry_delay_ms(struct local_state *local);
// How long a change of output alone is held back.
uint64_t local_output_delay_ms(struct local_state *local);

// local_durable.c: syncing written files off the loop.
int local_durable_create(struct local_state *local);
void local_durable_destroy(struct local_state *local);
void local_durable_add(const struct local_state *local, const char *path);

// local_time.c: what time brings.
void local_arm_ttl(struct local_state *local, struct local_check_entry *entry);
void local_arm_reap(struct local_state *local, struct local_check_entry *entry);
// Do what is due, a burst at most; tests tell the time, the timer tells the loop's.
void local_run_deadlines(struct local_state *local, uint64_t now_ms);
void local_rearm_timer(struct local_state *local);

// local_files.c: what the data directory remembers. Nothing is kept without one.
int local_files_open(struct local_state *local, char *error, size_t error_size);
void local_files_load(struct local_state *local);
void local_files_save_service(const struct local_state *local,
                              const struct local_service_entry *entry);
void local_files_save_check(const struct local_state *local, const struct local_check_entry *entry);
void local_files_save_state(const struct local_state *local, const struct local_check_entry *entry);
// Write down when TTLs will have run out, and forget it again.
void local_files_save_expiries(const struct local_state *local);
void local_files_drop_expiries(struct local_state *local);
void local_files_remove_service(const struct local_state *local, const char *id);
void local_files_remove_check(const struct local_state *local, const char *id);
// Forget the definition but not the state.
void local_files_remove_check_definition(const struct local_state *local, const char *id);
// The state a TTL check had, unless its time ran out meanwhile. Strings to be freed.
bool local_files_load_state(const struct local_state *local, const char *id, char **status,
                            char **output);

#endif
