#include "control/fsm/fsm_internal.h"
#include "control/store/memory.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static union store_row find(const struct store *s, const struct txn_op *op)
{
        union store_row row = {NULL};

        switch (op->kind) {
        case TXN_NODE:
                if (*op->node.id)
                        row.node = store_node_get_by_id(s, op->node.id);
                if (row.node == NULL)
                        row.node = store_node_get(s, op->node.name);
                break;
        case TXN_SERVICE:
                row.service = store_service_get(s, op->service.node, op->service.id);
                break;
        case TXN_CHECK:
                row.check = store_check_get(s, op->check.node, op->check.id);
                break;
        case TXN_KV:
        case TXN_SESSION:
        case TXN_KIND_COUNT:
                break;
        }
        return row;
}

// How an error calls the row: node "n"; service "s" on node "n"; check "c" on node "n".
struct title {
        char text[360];
};

static struct title title_of(const struct txn_op *op)
{
        struct title t = {""};

        if (op->kind == TXN_NODE)
                snprintf(t.text, sizeof(t.text), "node \"%.150s\"", op->node.name);
        else if (op->kind == TXN_SERVICE)
                snprintf(t.text, sizeof(t.text), "service \"%.150s\" on node \"%.150s\"",
                         op->service.id, op->service.node);
        else
                snprintf(t.text, sizeof(t.text), "check \"%.150s\" on node \"%.150s\"",
                         op->check.id, op->check.node);
        return t;
}

static int set(struct store *s, const struct txn_op *op, struct store_error *error)
{
        switch (op->kind) {
        case TXN_NODE:
                return store_set_node(s, &op->node, error);
        case TXN_SERVICE:
                return store_set_service(s, &op->service, error);
        case TXN_CHECK:
                return store_set_check(s, &op->check, error);
        case TXN_KV:
        case TXN_SESSION:
        case TXN_KIND_COUNT:
                break;
        }
        return -EINVAL;
}

// Consul forgets why a node or a check of the right index is not set: the row stays as it is.
static int compare_and_set(struct store *s, const struct txn_op *op, uint64_t index,
                           struct store_error *error)
{
        // Index 0 asks that there be none yet.
        if (index != op->index)
                return store_error_set(error, "failed to set %s, index is stale",
                                       title_of(op).text);
        if (set(s, op, error) < 0) {
                if (op->kind == TXN_SERVICE)
                        return -EINVAL;
                error->text[0] = '\0';
        }
        return 0;
}

static void remove_row(struct store *s, union store_row row, enum txn_kind kind)
{
        if (row.record == NULL)
                return;
        if (kind == TXN_NODE)
                store_delete_node(s, row.node->node.name);
        else if (kind == TXN_SERVICE)
                store_delete_service(s, row.service->service.node, row.service->service.id);
        else
                store_delete_check(s, row.check->check.node, row.check->check.id);
}

static int run_op(struct store *s, const struct txn_op *op, struct store_error *error)
{
        union store_row row = find(s, op);
        uint64_t index = row.record ? row.record->modify_index : 0;

        switch (op->verb) {
        case TXN_GET:
                return row.record ? 0
                                  : store_error_set(error, "%s doesn't exist", title_of(op).text);
        case TXN_CAS:
                return compare_and_set(s, op, index, error);
        case TXN_SET:
                return set(s, op, error);
        case TXN_DELETE_CAS:
                if (row.record == NULL || index != op->index)
                        return store_error_set(error, "failed to delete %s, index is stale",
                                               title_of(op).text);
                remove_row(s, row, op->kind);
                return 0;
        case TXN_DELETE:
                remove_row(s, row, op->kind);
                return 0;
        default:
                return fsm_refuse_verb(op, error);
        }
}

void fsm_add_row(struct fsm_result *result, enum txn_kind kind, const struct record *row,
                 bool without_value)
{
        uint32_t count = result->txn_row_count;

        // Room is doubled, when the count reaches a power of two.
        if ((count & (count - 1)) == 0)
                result->txn_rows = memory_resize(result->txn_rows, (count ? 2 * (size_t)count : 1) *
                                                                       sizeof(*result->txn_rows));
        result->txn_rows[count] = (struct txn_result_row){kind, without_value, {.record = row}};
        result->txn_row_count++;
        record_take(row);
}

static void run_in_order(struct store *s, const struct txn_op *op, struct fsm_result *result,
                         struct store_error *error)
{
        union store_row row;

        if (op->kind == TXN_KV) {
                fsm_run_kv_op(s, op, result, error);
                return;
        }
        if (op->kind == TXN_SESSION) {
                store_destroy_session(s, op->session_id);
                return;
        }
        if (run_op(s, op, error) < 0 || op->verb == TXN_DELETE || op->verb == TXN_DELETE_CAS)
                return;
        row = find(s, op);
        if (row.record)
                fsm_add_row(result, op->kind, row.record, false);
}

void fsm_run_txn(struct store *s, const struct command_txn *txn, struct fsm_result *result)
{
        for (uint32_t i = 0; i < txn->op_count; i++) {
                struct store_error error = {""};

                run_in_order(s, &txn->ops[i], result, &error);
                if (error.text[0] != 0)
                        fsm_result_add_error(result, i, &error);
        }
        if (result->txn_error_count == 0)
                return;
        for (uint32_t i = 0; i < result->txn_row_count; i++)
                record_release(result->txn_rows[i].row.record);
        free(result->txn_rows);
        result->txn_rows = NULL;
        result->txn_row_count = 0;
}

void fsm_read_txn(struct fsm *fsm, const struct command_txn *txn, struct fsm_result *result)
{
        fsm_result_init(result);
        result->index = store_applied_index(fsm->store);
        for (uint32_t i = 0; i < txn->op_count; i++)
                if (!txn_op_is_read(&txn->ops[i])) {
                        store_error_set(&result->error, "operation %u is not a read", i);
                        return;
                }
        fsm_run_txn(fsm->store, txn, result);
}
