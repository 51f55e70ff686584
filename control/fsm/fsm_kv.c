#include "control/fsm/fsm_internal.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

// A key as Go's %q shows it, as far as an error has room.
struct quoted {
        char text[220];
};

static struct quoted quote(const char *key)
{
        static const char plain[] = "\a\b\f\n\r\t\v\"\\";
        static const char letters[] = "abfnrtv\"\\";
        struct quoted q = {"\""};
        size_t len = 1;

        for (const char *c = key; *c && len + 6 < sizeof(q.text); c++) {
                const char *found = strchr(plain, *c);

                if (found) {
                        q.text[len++] = '\\';
                        q.text[len++] = letters[found - plain];
                } else if ((unsigned char)*c < 0x20 || *c == 0x7f) {
                        len += (size_t)snprintf(q.text + len, 5, "\\x%02x", (unsigned char)*c);
                } else {
                        q.text[len++] = *c;
                }
        }
        q.text[len++] = '"';
        q.text[len] = 0;
        return q;
}

static enum store_kv_outcome write_key(struct store *s, const struct txn_op *op,
                                       struct store_error *error)
{
        switch (op->verb) {
        case TXN_SET:
                store_kv_set(s, &op->kv);
                return STORE_KV_DONE;
        case TXN_CAS:
                return store_kv_cas(s, &op->kv, op->index);
        case TXN_LOCK:
                return store_kv_lock(s, &op->kv, error);
        case TXN_UNLOCK:
                return store_kv_unlock(s, &op->kv, error);
        case TXN_DELETE:
                store_kv_delete(s, op->kv.key);
                return STORE_KV_DONE;
        case TXN_DELETE_CAS:
                return store_kv_delete_cas(s, op->kv.key, op->index);
        case TXN_DELETE_TREE:
                store_kv_delete_tree(s, op->kv.key);
                return STORE_KV_DONE;
        default:
                fsm_refuse_verb(op, error);
                return STORE_KV_FAILED;
        }
}

int fsm_apply_kv(struct store *s, const struct txn_op *op, struct fsm_result *result)
{
        enum store_kv_outcome outcome = write_key(s, op, &result->error);

        result->refused = outcome == STORE_KV_REFUSED;
        return outcome == STORE_KV_FAILED ? -EINVAL : 0;
}

static int check_key(const struct kv_record *row, const struct txn_op *op,
                     struct store_error *error)
{
        const char *what = op->verb == TXN_CHECK_INDEX ? "index" : "session";
        struct quoted key = quote(op->kv.key);

        if (row == NULL)
                return store_error_set(error, "failed to check %s, key %s doesn't exist", what,
                                       key.text);
        if (op->verb == TXN_CHECK_INDEX && row->head.modify_index != op->index)
                return store_error_set(
                    error, "failed index check for key %s, current modify index %llu != %llu",
                    key.text, (unsigned long long)row->head.modify_index,
                    (unsigned long long)op->index);
        if (op->verb == TXN_CHECK_SESSION && strcmp(kv_record_session(row), op->kv.session) != 0)
                return store_error_set(
                    error,
                    "failed session check for key %s, current session \"%.60s\" != \"%.60s\"",
                    key.text, kv_record_session(row), op->kv.session);
        return 0;
}

static int read_key(struct store *s, const struct txn_op *op, struct fsm_result *result,
                    struct store_error *error)
{
        const struct kv_record *row = store_kv_get(s, op->kv.key);
        struct store_iter it;

        switch (op->verb) {
        case TXN_GET:
                if (row == NULL)
                        return store_error_set(error, "key %s doesn't exist",
                                               quote(op->kv.key).text);
                fsm_add_row(result, TXN_KV, &row->head, false);
                return 0;
        case TXN_GET_TREE:
                store_kv(s, op->kv.key, &it);
                while ((row = store_next_kv(&it)))
                        fsm_add_row(result, TXN_KV, &row->head, false);
                return 0;
        case TXN_CHECK_NOT_EXISTS:
                return row ? store_error_set(error, "key %s exists", quote(op->kv.key).text) : 0;
        case TXN_CHECK_INDEX:
        case TXN_CHECK_SESSION:
                if (check_key(row, op, error) < 0)
                        return -EINVAL;
                fsm_add_row(result, TXN_KV, &row->head, true);
                return 0;
        default:
                return fsm_refuse_verb(op, error);
        }
}

static int explain_refusal(const struct txn_op *op, struct store_error *error)
{
        struct quoted key = quote(op->kv.key);

        switch (op->verb) {
        case TXN_LOCK:
                return store_error_set(error, "failed to lock key %s, lock is already held",
                                       key.text);
        case TXN_UNLOCK:
                return store_error_set(error,
                                       "failed to unlock key %s, lock isn't held, or is held by "
                                       "another session",
                                       key.text);
        case TXN_DELETE_CAS:
                return store_error_set(error, "failed to delete key %s, index is stale", key.text);
        default:
                return store_error_set(error, "failed to set key %s, index is stale", key.text);
        }
}

int fsm_run_kv_op(struct store *s, const struct txn_op *op, struct fsm_result *result,
                  struct store_error *error)
{
        const struct kv_record *row;

        if (txn_op_is_read(op))
                return read_key(s, op, result, error);
        switch (write_key(s, op, error)) {
        case STORE_KV_FAILED:
                return -EINVAL;
        case STORE_KV_REFUSED:
                return explain_refusal(op, error);
        case STORE_KV_DONE:
                break;
        }
        // What was deleted is not shown.
        row = store_kv_get(s, op->kv.key);
        if (row && op->verb != TXN_DELETE && op->verb != TXN_DELETE_CAS &&
            op->verb != TXN_DELETE_TREE)
                fsm_add_row(result, TXN_KV, &row->head, true);
        return 0;
}
