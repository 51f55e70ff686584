#ifndef CONTROL_STORE_STORE_WRITE_H
#define CONTROL_STORE_STORE_WRITE_H

/**
 * Writing the store. Only the state machine does, one command at a time:
 *
 *         store_begin(s, index);
 *         error = store_register(...) ...
 *         if (error) store_abort(s); else store_commit(s);
 *
 * Between begin and commit reads see the changes already made. Commit moves the indexes and tells
 * the listeners; abort takes everything back as if nothing had been done. A write that would change
 * nothing leaves its record, and so the indexes, alone.
 */

#include "control/store/store.h"

/* What a client is told, in Consul's words where Consul has any. "" means success. */
struct store_error {
        char text[512];
};

/** Fill it in as printf does, cut to fit. returns  -EINVAL, for the caller to return. */
int store_error_set(struct store_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Bracket one command: begin, then commit or abort. @index  the log index, greater than 0. */
void store_begin(struct store *s, uint64_t index);
void store_commit(struct store *s);
void store_abort(struct store *s);

/**
 * Put a snapshot's state, perhaps of another cluster, in the place of this one, as a command does.
 * Where its indexes are not smaller than @index, all indexes from now on are so much ahead of the
 * log's that they go on rising.
 * @index   the command's, not begun.
 * returns  as store_snapshot_read; on failure nothing has changed.
 */
int store_restore(struct store *s, uint64_t index, const uint8_t *bytes, size_t len);

/** Likewise with a state that was read before; what is left to do is store_settle's. */
void store_restore_state(struct store *s, uint64_t index, struct store_state *take_state);

/**
 * Put one row of another cluster in, its indexes as they are, replacing one of the same key.
 * Between begin and commit, on a store whose state is only going to be a snapshot.
 * returns  0; -ENOENT when what it hangs on is not there (the node, service or session): nothing is
 *          done. The reference is taken in any case.
 */
int store_load(struct store *s, const struct record *take_record);

/** Say when a table last changed, no later than the last command. Not between begin and commit. */
void store_load_index(struct store *s, enum store_table table, uint64_t index);

/** What is added to a log index to give the index of a command. */
uint64_t store_index_offset(const struct store *s);

/**
 * Insert or update one row. Values as command_prepare leaves them; borrowed.
 * returns  0, or -EINVAL with @error filled (conflicting node id or name, unknown node or service).
 */
int store_set_node(struct store *s, const struct catalog_node *node, struct store_error *error);
int store_set_service(struct store *s, const struct catalog_service *service,
                      struct store_error *error);
int store_set_check(struct store *s, const struct catalog_check *check, struct store_error *error);
int store_set_query(struct store *s, const struct catalog_query *query, struct store_error *error);

/**
 * Change one key. A plain write keeps the holder of the key's lock; the value's session and lock
 * index are not looked at.
 */
void store_kv_set(struct store *s, const struct kv_entry *entry);

enum store_kv_outcome { STORE_KV_DONE, STORE_KV_REFUSED, STORE_KV_FAILED /* @error says why */ };

/** Only when @index is the key's modify index, or 0 and there is none. */
enum store_kv_outcome store_kv_cas(struct store *s, const struct kv_entry *entry, uint64_t index);
/** Write and become the holder; refused when another session is. */
enum store_kv_outcome store_kv_lock(struct store *s, const struct kv_entry *entry,
                                    struct store_error *error);
/** Write and give the lock back; refused when the entry's session does not hold it. */
enum store_kv_outcome store_kv_unlock(struct store *s, const struct kv_entry *entry,
                                      struct store_error *error);
void store_kv_delete(struct store *s, const char *key);
/** Refused when the key is there with another modify index than @index. */
enum store_kv_outcome store_kv_delete_cas(struct store *s, const char *key, uint64_t index);
/** All keys that begin with @prefix; "" is all there are. */
void store_kv_delete_tree(struct store *s, const char *prefix);
/** Forget the tombstones of deletions up to this index. */
void store_kv_reap(struct store *s, uint64_t index);

/** Refused for an unknown node, and unless all its checks are there and none is critical. */
int store_create_session(struct store *s, const struct catalog_session *session,
                         struct store_error *error);

/** End a session: what it holds is given back or deleted. returns  whether there was one. */
bool store_destroy_session(struct store *s, const char *id);

/** Set one of the cluster's settings. */
void store_set_setting(struct store *s, const struct catalog_setting *setting);

/** Set a node's coordinate. returns  false for an unknown node, where nothing is done. */
bool store_set_coordinate(struct store *s, const struct catalog_coordinate *coordinate);

/** Delete one row and what hangs on it. returns  whether there was one. */
bool store_delete_node(struct store *s, const char *node);
bool store_delete_service(struct store *s, const char *node, const char *service_id);
bool store_delete_check(struct store *s, const char *node, const char *check_id);
bool store_delete_query(struct store *s, const char *id);

#endif
