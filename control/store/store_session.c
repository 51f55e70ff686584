#include "control/store/memory.h"
#include "control/store/store_internal.h"
#include "control/store/text.h"
#include "lictor/bytes.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NO_ROW ((union store_row){NULL})
#define ID_LEN 36

const struct session_record *store_session_get(const struct store *s, const char *id)
{
        return store_find(s->tables.sessions, &id, 1);
}

void store_sessions(const struct store *s, struct store_iter *it)
{
        ordered_index_seek(s->tables.sessions, NULL, 0, &it->cursor);
}

void store_sessions_of_node(const struct store *s, const char *node, struct store_iter *it)
{
        store_seek(s->tables.sessions_by_node, &node, 1, it);
}

const struct session_record *store_next_session(struct store_iter *it)
{
        return ordered_cursor_next(&it->cursor, NULL, NULL);
}

int store_session_check_id(const char *id, struct store_error *error)
{
        unsigned hyphens = 0;

        if (strlen(id) != ID_LEN)
                return store_error_set(
                    error, "failed session lookup: index error: UUID must be 36 characters");
        for (const char *c = id; *c; c++)
                hyphens += *c == '-';
        if (hyphens > 4)
                return store_error_set(error,
                                       "failed session lookup: index error: UUID should have "
                                       "maximum of 4 \"-\"; got %u",
                                       hyphens);
        for (const char *c = id; *c; c++)
                if (*c != '-' && !isxdigit((unsigned char)*c))
                        return store_error_set(error,
                                               "failed session lookup: index error: Invalid UUID: "
                                               "encoding/hex: invalid byte: U+%04X '%c'",
                                               (unsigned char)*c, *c);
        return 0;
}

static int check_lists(const struct store *s, const struct catalog_session *session,
                       struct store_error *error)
{
        const struct text_list *const lists[] = {&session->checks, &session->node_checks,
                                                 &session->service_checks};

        for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
                for (uint32_t n = 0; n < lists[i]->count; n++) {
                        const char *id = lists[i]->items[n];
                        const struct check_record *check = store_check_get(s, session->node, id);

                        if (id[0] == '\0')
                                return store_error_set(error, "failed check lookup: index error: "
                                                              "object is missing a value for "
                                                              "this index");
                        if (check == NULL)
                                return store_error_set(error, "Missing check '%.200s' registration",
                                                       id);
                        if (store_health_of(check->check.status) == STORE_CRITICAL)
                                return store_error_set(error, "Check '%.200s' is in critical state",
                                                       id);
                }
        }
        return 0;
}

int store_create_session(struct store *s, const struct catalog_session *session,
                         struct store_error *error)
{
        const struct node_record *node = store_node_get(s, session->node);
        struct catalog_session value = *session;
        union store_row after;

        if (node == NULL)
                return store_error_set(error, "Missing node registration");
        if (check_lists(s, session, error) < 0)
                return -EINVAL;
        if (store_session_get(s, session->id))
                return store_error_set(error, "Session \"%.40s\" exists", session->id);
        value.node = node->node.name;
        after.session = session_record_create(&value, s->open_index, s->open_index);
        store_put(s, STORE_SESSIONS, NO_ROW, after);
        return 0;
}

static void give_back_locks(struct store *s, const struct session_record *session)
{
        bool deletes = strcmp(session->session.behavior, "delete") == 0;
        const struct kv_record *row;
        struct store_iter it;

        for (;;) {
                struct kv_entry entry;
                union store_row before, after;

                store_kv_of_session(s, session->session.id, &it);
                row = store_next_kv(&it);
                if (row == NULL)
                        return;
                if (deletes) {
                        store_kv_delete(s, kv_record_key(row));
                        continue;
                }
                entry = kv_record_entry(row);
                entry.session = "";
                before.kv = row;
                after.kv = kv_record_create(&entry, row->head.create_index, s->open_index);
                store_put(s, STORE_KV, before, after);
        }
}

// A prepared query that was made with a session goes with it.
static void delete_queries(struct store *s, const char *id)
{
        const struct query_record *query;
        struct store_iter it;

        store_queries(s, &it);
        while ((query = store_next_query(&it))) {
                if (!text_equal_fold(query->query.session, id))
                        continue;
                store_delete_query(s, query->query.id);
                store_queries(s, &it);
        }
}

static void destroy(struct store *s, const struct session_record *session)
{
        union store_row row = {.session = session};

        // The journal keeps the record while what hangs on it goes.
        store_put(s, STORE_SESSIONS, row, NO_ROW);
        give_back_locks(s, session);
        delete_queries(s, session->session.id);
}

bool store_destroy_session(struct store *s, const char *id)
{
        const struct session_record *session = store_session_get(s, id);

        if (session)
                destroy(s, session);
        return session != NULL;
}

static bool hangs_on(const struct session_record *row, const char *check_id)
{
        const struct catalog_session *session = &row->session;

        return text_list_has(&session->checks, check_id) ||
               text_list_has(&session->node_checks, check_id) ||
               text_list_has(&session->service_checks, check_id);
}

void store_invalidate_check(struct store *s, const char *node, const char *check_id)
{
        const struct session_record *session;
        struct store_iter it;

        store_sessions_of_node(s, node, &it);
        while ((session = store_next_session(&it))) {
                if (!hangs_on(session, check_id))
                        continue;
                destroy(s, session);
                store_sessions_of_node(s, node, &it);
        }
}

void store_invalidate_node(struct store *s, const char *node)
{
        const struct session_record *session;
        struct store_iter it;

        for (;;) {
                store_sessions_of_node(s, node, &it);
                session = store_next_session(&it);
                if (session == NULL)
                        return;
                destroy(s, session);
        }
}
