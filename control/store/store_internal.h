#ifndef CONTROL_STORE_STORE_INTERNAL_H
#define CONTROL_STORE_STORE_INTERNAL_H

/**
 * Inside the store. Every change of a row goes through store_put, which keeps all indexes of its
 * table in step and notes the change; a commit turns the notes into moved indexes and the change
 * feed, an abort plays them backwards.
 */

#include "control/store/record_key.h"
#include "control/store/store_write.h"

/* What moves although records do not: the last index that concerned a node or service name. */
struct store_mark {
        uint64_t index;
        uint32_t instance_count; /* of a service name; it goes with the last one */
        uint32_t key_len;
        uint8_t key[];
};

/* Each maps to records of one kind, but for the two of marks. */
struct store_tables {
        struct ordered_index *nodes;
        struct ordered_index *nodes_by_id;
        struct ordered_index *nodes_by_address;
        struct ordered_index *services;         /* by node, id */
        struct ordered_index *services_by_name; /* by name, node, id */
        struct ordered_index *services_by_address;
        struct ordered_index *checks;             /* by node, check id */
        struct ordered_index *checks_by_instance; /* by node, service id, check id */
        struct ordered_index *checks_by_service;  /* by service name, node, check id */
        struct ordered_index *queries;            /* by id */
        struct ordered_index *queries_by_name;
        struct ordered_index *queries_by_service;
        struct ordered_index *sessions;            /* by id */
        struct ordered_index *sessions_by_node;    /* by node, id */
        struct ordered_index *kv;                  /* by key */
        struct ordered_index *kv_by_session;       /* locked ones by session, key */
        struct ordered_index *tombstones;          /* by key */
        struct ordered_index *tombstones_by_index; /* by index, key */
        struct ordered_index *coordinates;         /* by node, segment */
        struct ordered_index *settings;            /* by name */
        struct ordered_index *node_marks;
        struct ordered_index *service_marks;
        uint64_t table_index[STORE_TABLE_COUNT];
        uint64_t vanished_index; /* when a service name last went */
        uint64_t applied_index;
        uint64_t index_offset; /* by which a restored state's indexes are ahead of the log's */
};

struct store_listener {
        store_listener_fn fn;
        void *arg;
};

/* A key whose watches are to fire. It lies in a record that stays until the next command. */
struct store_touch {
        enum store_watch_kind kind;
        uint32_t key_len;
        const uint8_t *key;
};

/*
 * The format of a snapshot: a magic, one version byte, then msgpack: the applied index, the index
 * offset, the table indexes, the vanished index; for each table its row count and rows (create
 * index, modify index, value); the marks of nodes and services in key order, whose number follows
 * from the rows.
 */
#define SNAPSHOT_VERSION        5
#define SNAPSHOT_VERSION_OLDEST 4 /* without the index offset */
extern const uint8_t store_snapshot_magic[8];

/* What has left the tables but is still held: a chain of blocks of pointers. */
struct store_retired {
        struct store_retired_block *first, *last;
};

/*
 * A held state shares leaves, rows and marks with the store. What leaves the tables goes to the
 * newest one that may know it, and from there, when that is released, to the next older one.
 */
struct store_snapshot {
        struct store *store;
        struct store_snapshot *older, *newer;
        struct ordered_frozen *rows[STORE_TABLE_COUNT];
        struct ordered_frozen *node_marks;
        struct ordered_frozen *service_marks;
        uint64_t table_index[STORE_TABLE_COUNT];
        uint64_t vanished_index;
        uint64_t applied_index;
        uint64_t index_offset;
        struct store_retired records; /* a reference each */
        struct store_retired marks;
        struct store_old_tables *old_tables; /* which a restored snapshot has replaced */
};

/* A state read from a snapshot, shared with nobody yet. */
struct store_state {
        struct store_tables tables;
};

/* One of two versions of a table that are walked side by side. */
struct store_side {
        struct ordered_cursor cursor;
        union store_row row;
        const uint8_t *key;
        size_t key_len;
};

/* How far the taking in of a new state has come. */
struct store_settling {
        bool taken_over;        /* by the heir */
        enum store_table table; /* whose differences are told */
        bool walking;           /* the sides stand in it */
        struct store_side old, new;
};

struct store {
        struct store_tables tables;
        struct store_change *journal; /* holds a reference to each row in it */
        size_t journal_len;
        size_t journal_capacity;
        uint64_t open_index; /* of the command being applied, 0 between commands */
        struct store_listener listeners[STORE_LISTENER_MAX];
        unsigned listener_count;
        bool telling;
        struct store_snapshot *newest;
        struct store_retired garbage_records; /* freed a few with each command */
        struct store_retired garbage_marks;
        struct store_old_tables *garbage_tables;
        struct store *former; /* only its tables; while a new state is being taken in */
        struct store_settling settling;
        struct store_heir heir;
        uint64_t restore_count;
        struct watch_hub *watches;
        struct store_touch *touched; /* by the commands told now */
        size_t touched_len;
        size_t touched_capacity;
};

void store_tables_init(struct store_tables *t);
/** Releases every record. */
void store_tables_fini(struct store_tables *t);

/**
 * Put one row's new record in place of its old one in every index of its table.
 * @before  NULL when the row is new; stays referenced: the tables' reference passes to the caller.
 * @after   NULL when the row goes; the caller's reference passes to the tables.
 */
void store_tables_put(struct store_tables *t, enum store_table table, union store_row before,
                      union store_row after);

/** store_tables_put between begin and commit, noted in the journal. */
void store_put(struct store *s, enum store_table table, union store_row before,
               union store_row after);

/** Note a change without making it; takes over both references. */
void store_note(struct store *s, enum store_table table, union store_row before,
                union store_row after);

/** Note that what is known of a key has changed: its watches fire when the command is told. */
void store_touch(struct store *s, enum store_watch_kind kind, const uint8_t *key, size_t key_len);

/** Begin at the front of a table's main index in both versions. */
void store_sides_begin(struct store *s, enum store_table table, const struct ordered_index *old,
                       const struct ordered_index *new);
/**
 * Note in which of the next @limit rows they differ.
 * returns  how many of the limit were not needed: above 0 at the end.
 */
size_t store_sides_note(struct store *s, enum store_table table, size_t limit);

/**
 * Read a snapshot into tables made by store_tables_init.
 * returns  as store_snapshot_read; on failure the tables hold what had been read.
 */
int store_tables_read(struct store_tables *t, const uint8_t *bytes, size_t len);

/** Tell the listeners what the journal holds, fire the watches
 * of what was touched, and empty both. */
void store_tell(struct store *s, uint64_t index);

/** Release a record that has left the tables, once nobody holds it. */
void store_retire_record(struct store *s, const struct record *take_record);

/** Likewise free the tables that a restored snapshot has replaced. @tables  copied. */
void store_retire_tables(struct store *s, const struct store_tables *tables);

/**
 * Free some of what is not held any more, all of it when @limit is SIZE_MAX.
 * returns  how many of the limit were not needed.
 */
size_t store_collect(struct store *s, size_t limit);

#define STORE_INDEX_MAX 3

/** A table's indexes; the first orders snapshots. */
unsigned store_table_index_count(enum store_table table);
struct ordered_index **store_table_index_at(struct store_tables *t, enum store_table table,
                                            unsigned i);

/** A row's entries in its table's indexes; of no bytes where it has none. @row  may be NULL. */
void store_row_keys(union store_row row, struct ordered_entry keys[STORE_INDEX_MAX]);

void store_delete_coordinates(struct store *s, const char *node);

/** End the sessions that hang on a check, or on a node. */
void store_invalidate_check(struct store *s, const char *node, const char *check_id);
void store_invalidate_node(struct store *s, const char *node);

/**
 * Marks, by their lower-cased name. Insert one if there is none; move one's index and hand it out
 * to be changed further (NULL when there is none); remove one. @marks  one of the store's indexes.
 */
struct store_mark *store_mark_create(const uint8_t *key, size_t key_len, uint64_t index);
void store_mark_add(struct ordered_index *marks, const uint8_t *key, size_t key_len,
                    uint64_t index);
struct store_mark *store_mark_change(struct store *s, struct ordered_index *marks,
                                     const uint8_t *key, size_t key_len, uint64_t index);
void store_mark_drop(struct store *s, struct ordered_index *marks, const uint8_t *key,
                     size_t key_len);

/** Look up a key made of parts. */
void *store_find(const struct ordered_index *ix, const char *const parts[], size_t part_count);

/** Begin a walk over the keys that begin with these parts. */
void store_seek(const struct ordered_index *ix, const char *const parts[], size_t part_count,
                struct store_iter *it);

#endif
