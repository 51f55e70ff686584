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
 * Insert or update one row. Values as command_prepare leaves them; borrowed.
 * returns  0, or -EINVAL with @error filled (conflicting node id or name, unknown node or service).
 */
int store_set_node(struct store *s, const struct catalog_node *node, struct store_error *error);
int store_set_service(struct store *s, const struct catalog_service *service,
                      struct store_error *error);
int store_set_check(struct store *s, const struct catalog_check *check, struct store_error *error);
int store_set_query(struct store *s, const struct catalog_query *query, struct store_error *error);

/** Delete one row and what hangs on it. returns  whether there was one. */
bool store_delete_node(struct store *s, const char *node);
bool store_delete_service(struct store *s, const char *node, const char *service_id);
bool store_delete_check(struct store *s, const char *node, const char *check_id);
bool store_delete_query(struct store *s, const char *id);

#endif
