#ifndef CONTROL_STORE_STORE_H
#define CONTROL_STORE_STORE_H

/**
 * The state store: the catalog's records in ordered indexes, changed only by the state machine.
 *
 * context  One thread. Records handed out are borrowed until the next write unless a reference is
 *          taken (record_take). Names of nodes, services and queries are found in any letter case.
 *          Memory that cannot be had ends the process: a server that cannot apply an entry must
 *          stop rather than differ from the others.
 *
 * Reading is below. Writing is in control/store/store_write.h and belongs to the state machine.
 */

#include "control/store/coordinate_record.h"
#include "control/store/kv_record.h"
#include "control/store/ordered_index.h"
#include "control/store/records.h"
#include "control/store/setting_record.h"
#include "control/store/watch.h"

struct store;

enum store_table {
        STORE_NODES,
        STORE_SERVICES,
        STORE_CHECKS,
        STORE_QUERIES,
        STORE_SESSIONS,
        STORE_KV,
        STORE_TOMBSTONES, /* of deleted keys */
        STORE_COORDINATES,
        STORE_SETTINGS,
        STORE_TABLE_COUNT
};

/** An empty store, owned by the caller; destroying it releases its references to records. */
struct store *store_create(void);
void store_destroy(struct store *s);

/* ---- Single records ---- */

/** returns  the record, or NULL when there is none. */
const struct node_record *store_node_get(const struct store *s, const char *name);
const struct node_record *store_node_get_by_id(const struct store *s, const char *id);
/** The only node whose id begins with @prefix, which is in lower case; NULL without or with more.
 */
const struct node_record *store_node_get_by_id_prefix(const struct store *s, const char *prefix);
const struct service_record *store_service_get(const struct store *s, const char *node,
                                               const char *service_id);
const struct check_record *store_check_get(const struct store *s, const char *node,
                                           const char *check_id);
const struct query_record *store_query_get(const struct store *s, const char *id);
const struct query_record *store_query_find(const struct store *s, const char *name);
const struct setting_record *store_setting_get(const struct store *s, const char *name);
const struct session_record *store_session_get(const struct store *s, const char *id);
const struct kv_record *store_kv_get(const struct store *s, const char *key);

struct store_error;

/** Whether a text can be a session's id. returns  0, or -EINVAL with @error in Consul's words. */
int store_session_check_id(const char *id, struct store_error *error);

/* ---- Sets, in ascending order of their keys. ---- */

/*
 * A walk over one set. It sees the state at the time it was begun and ends with the next write:
 * using it afterwards is a bug and asserted. Nothing needs to be closed.
 */
struct store_iter {
        struct ordered_cursor cursor;
};

/** Begin a walk. Names need not exist: the walk is then empty. */
void store_nodes(const struct store *s, struct store_iter *it);
void store_services(const struct store *s, struct store_iter *it); /* by name, node, id */
void store_services_of_node(const struct store *s, const char *node, struct store_iter *it);
void store_instances(const struct store *s, const char *service, struct store_iter *it);
void store_checks(const struct store *s, struct store_iter *it); /* by node and check id */
void store_checks_of_node(const struct store *s, const char *node, struct store_iter *it);
/* service_id "" gives the checks of the node itself. */
void store_checks_of_instance(const struct store *s, const char *node, const char *service_id,
                              struct store_iter *it);
void store_checks_of_service(const struct store *s, const char *service, struct store_iter *it);
void store_queries(const struct store *s, struct store_iter *it); /* by id */
void store_queries_of_service(const struct store *s, const char *service, struct store_iter *it);

void store_sessions(const struct store *s, struct store_iter *it); /* by id */
void store_sessions_of_node(const struct store *s, const char *node, struct store_iter *it);
/* Keys that begin with @prefix; their letter case counts. */
void store_kv(const struct store *s, const char *prefix, struct store_iter *it);
void store_kv_of_session(const struct store *s, const char *id, struct store_iter *it);

/* Coordinates, by node and segment. */
void store_coordinates(const struct store *s, struct store_iter *it);
void store_coordinates_of_node(const struct store *s, const char *node, struct store_iter *it);

/** The next record of a walk of that kind, or NULL at its end. */
const struct node_record *store_next_node(struct store_iter *it);
const struct service_record *store_next_service(struct store_iter *it);
const struct check_record *store_next_check(struct store_iter *it);
const struct query_record *store_next_query(struct store_iter *it);
const struct session_record *store_next_session(struct store_iter *it);
const struct kv_record *store_next_kv(struct store_iter *it);
const struct coordinate_record *store_next_coordinate(struct store_iter *it);

/** Distinct service names, each as its first instance spells it. Borrowed as records are. */
void store_service_names(const struct store *s, struct store_iter *it);
const char *store_next_service_name(struct store_iter *it);

/** Who has this address (key of address_key_make): nodes by name, services by name, node, id. */
void store_nodes_by_address(const struct store *s, const uint8_t *key, size_t key_len,
                            struct store_iter *it);
void store_services_by_address(const struct store *s, const uint8_t *key, size_t key_len,
                               struct store_iter *it);

/* ---- Health ---- */

enum store_health {
        STORE_PASSING,
        STORE_WARNING,
        STORE_CRITICAL,
        STORE_HEALTH_OTHER /* a status of none of these texts: not passing, weighs 1 */
};

enum store_health store_health_of(const char *status);

/**
 * The worst state among an instance's own checks and its node's (which hold serfHealth and
 * maintenance too). Without any check: passing.
 * @ignored  check ids that do not count, or NULL.
 */
enum store_health store_instance_health(const struct store *s, const struct service_record *service,
                                        const struct text_list *ignored);

/* ---- Indexes for X-Consul-Index and blocking queries; 0 before the first write. ---- */

/** The last index that changed a table; of several, take the largest. */
uint64_t store_table_index(const struct store *s, enum store_table table);

/** The last index applied, whether or not it changed anything. */
uint64_t store_applied_index(const struct store *s);

/**
 * The last index that changed what is known of a service: its instances, their checks and nodes.
 * For an unknown service: when any service last vanished.
 */
uint64_t store_service_index(const struct store *s, const char *service);

/** Whether a change of this node is remembered; it may be gone. */
bool store_node_was_known(const struct store *s, const char *node);

/** Likewise of a node: itself, its services and checks. For an unknown node: the tables' largest.
 */
uint64_t store_node_index(const struct store *s, const char *node);

/**
 * The last index that changed any key with this prefix, deletions included as long as their
 * tombstones are there. When there is neither key nor tombstone: the table's. Costs as much as
 * walking the keys.
 */
uint64_t store_kv_prefix_index(const struct store *s, const char *prefix);

/** The index of the oldest deletion that is remembered; UINT64_MAX when there is none. */
uint64_t store_oldest_tombstone(const struct store *s);

/** Rows of a table, and distinct service names. */
size_t store_count(const struct store *s, enum store_table table);
size_t store_service_name_count(const struct store *s);

/* ---- Watches: told when what they have read changes, see control/store/watch.h. ---- */

/* Kinds of keys. Names are lower-cased; store_watch_add does it. */
enum store_watch_kind {
        STORE_WATCH_TABLE,   /* any row of a table; the key is enum store_table in one byte */
        STORE_WATCH_NODE,    /* a node, its services and checks: store_node_index of a known one */
        STORE_WATCH_SERVICE, /* instances, their checks and nodes: store_service_index likewise */
        STORE_WATCH_SESSION, /* a session, by its id */
        STORE_WATCH_KEY,     /* a key of the key/value store, as its bytes are */
        STORE_WATCH_COORDINATE, /* the coordinates of a node, by its name */
        STORE_WATCH_KIND_COUNT
};

/**
 * The store's watches. They fire after a command has been applied and the listeners have been told;
 * a snapshot that replaces the state fires all of them.
 */
struct watch_hub *store_watches(const struct store *s);

/** Make keys' hashes unforeseeable. Before the first watch. */
void store_seed_watches(struct store *s, uint64_t seed);

/** How often a snapshot has replaced the state; indexes may have gone back each time. */
uint64_t store_restore_count(const struct store *s);

/** Wait for a table, and for a node or service by name, which need not exist. */
void store_watch_table(const struct store *s, struct watch *watch, enum store_table table);
void store_watch_name(const struct store *s, struct watch *watch, enum store_watch_kind kind,
                      const char *name);

/* ---- Change feed ---- */

union store_row {
        const struct record *record; /* the head of whichever it is */
        const struct node_record *node;
        const struct service_record *service;
        const struct check_record *check;
        const struct query_record *query;
        const struct session_record *session;
        const struct kv_record *kv;
        const struct tombstone_record *tombstone;
        const struct coordinate_record *coordinate;
        const struct setting_record *setting;
};

struct store_change {
        enum store_table table;
        union store_row before; /* .record is NULL for an insertion */
        union store_row after;  /* .record is NULL for a removal */
        const char *node;       /* the node concerned; "" for queries and keys */
        const char *service;    /* the service's name; "" for nodes and node checks */
};

/**
 * Told once per applied command, after all of it has been applied, in the order of registration.
 * A command that changed nothing is not told. Listeners may read the store, not write it.
 * @changes  borrowed until return; a row may appear more than once.
 */
typedef void (*store_listener_fn)(void *arg, uint64_t index, const struct store_change changes[],
                                  size_t change_count);

#define STORE_LISTENER_MAX 8

/** returns 0, or -ENOSPC beyond STORE_LISTENER_MAX. */
int store_listen(struct store *s, store_listener_fn fn, void *arg);
void store_unlisten(struct store *s, store_listener_fn fn, void *arg);

/* ---- Snapshots: the same state gives the same bytes on every server. ---- */

/** Takes a piece of the encoding; returns 0, or a negative errno that ends the writing. */
typedef int (*store_write_fn)(void *arg, const uint8_t *bytes, size_t len);

/* The state as it was at one index, held while the store goes on. */
struct store_snapshot;

/**
 * Hold the present state. Copies no record: what is changed afterwards is copied then.
 * context  the control thread, between commands; blocks it for a fraction of a millisecond per
 *          million rows. Several may be held at once.
 * returns  owned by the caller; to be released before the store is destroyed.
 */
struct store_snapshot *store_snapshot_gather(struct store *s);

/** The last index applied in it. context  any thread. */
uint64_t store_snapshot_index(const struct store_snapshot *snapshot);

/**
 * Write a held state.
 * context  any one thread at a time, also while the control thread writes the store.
 * returns  0 or what @write returned.
 */
int store_snapshot_encode(const struct store_snapshot *snapshot, store_write_fn write, void *arg);

/** Likewise, but nodes, services, checks and prepared queries only: what names lead to. */
int store_snapshot_encode_catalog(const struct store_snapshot *snapshot, store_write_fn write,
                                  void *arg);

/**
 * Let go of a held state. What only it held is freed little by little, by the commits to come.
 * context  the control thread; no encoding of it may be running. NULL is let pass.
 */
void store_snapshot_release(struct store_snapshot *take_snapshot);

/** Gather, write and release at once. returns  0 or what @write returned. */
int store_snapshot_write(struct store *s, store_write_fn write, void *arg);

/* ---- Taking in a whole state. ---- */

/* A state read from a snapshot, not in a store yet. */
struct store_state;

/**
 * Read a snapshot.
 * context  any thread.
 * returns  0; -EBADMSG for bytes that are no snapshot; -ENOTSUP for a newer version of the format.
 */
int store_state_decode(const uint8_t *bytes, size_t len, struct store_state **out);
/** Let go of one that is not wanted. context  any thread. NULL is let pass. */
void store_state_discard(struct store_state *take_state);
/** The last index applied in it. */
uint64_t store_state_index(const struct store_state *state);

/**
 * Put it in the place of the present state, in a moment whatever their size. All watches fire.
 * What takes longer is done by store_settle: the heir takes over, then listeners are told the rows
 * that differ, some at a time, then the former state is freed.
 */
void store_adopt(struct store *s, struct store_state *take_state);

/** Do some of what is left, for less than a millisecond. returns  whether there may be more. */
bool store_settle(struct store *s);

/** Whether somebody has yet to hear of a new state. A command begun now has all of it done first.
 */
bool store_is_settling(const struct store *s);

/*
 * Who follows the store but is not told row by row which ones a new state changes: it compares for
 * itself, a piece at a time, while both states lie still.
 */
struct store_heir {
        void (*begin)(void *arg, const struct store *former);
        bool (*step)(void *arg); /* returns whether there is more; else the former state goes */
        void *arg;
};

/** Have one, or with NULL none any more. It may have to go while a new state is taken in. */
void store_set_heir(struct store *s, const struct store_heir *heir);

/** Decode, adopt and settle at once. returns  as store_state_decode; then nothing has changed. */
int store_snapshot_read(struct store *s, const uint8_t *bytes, size_t len);

/**
 * Whether store_snapshot_read would succeed.
 * @index   on success the last index applied in it.
 * returns  as it does.
 * context  any thread; needs the memory of the whole state.
 */
int store_snapshot_check(const uint8_t *bytes, size_t len, uint64_t *index);

/** Hears of a row: the bytes it takes, and the key of one of the key/value store's tables. */
typedef void (*store_visit_fn)(void *arg, enum store_table table, size_t len, const char *key);

/** Tell of every row of a snapshot. returns  as store_snapshot_check. */
int store_snapshot_visit(const uint8_t *bytes, size_t len, store_visit_fn fn, void *arg);

#endif
