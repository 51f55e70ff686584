#include "control/store/msgpack.h"
#include "lictor/bytes.h"
#include "tests/control/fsm/machine.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define expect_ok(got) cr_expect_str_eq((got), "")

static struct txn_op op_node(enum txn_verb verb, const char *node, const char *address,
                             uint64_t index)
{
        struct txn_op op = {.kind = TXN_NODE, .verb = verb, .index = index};

        op.node = (struct catalog_node)CATALOG_NODE_INIT;
        op.node.name = node;
        op.node.address = address;
        return op;
}

static struct txn_op op_service(enum txn_verb verb, const char *node, const char *id,
                                const char *name, uint64_t index)
{
        struct txn_op op = {.kind = TXN_SERVICE, .verb = verb, .index = index};

        op.service = (struct catalog_service)CATALOG_SERVICE_INIT;
        op.service.node = node;
        op.service.id = id;
        op.service.name = name;
        return op;
}

static struct txn_op op_check(enum txn_verb verb, const char *node, const char *id,
                              const char *service_id, uint64_t index)
{
        struct txn_op op = {.kind = TXN_CHECK, .verb = verb, .index = index};

        op.check = (struct catalog_check)CATALOG_CHECK_INIT;
        op.check.node = node;
        op.check.id = id;
        op.check.service_id = service_id;
        return op;
}

static const char *run_one(struct machine *m, struct txn_op op)
{
        return machine_txn(m, &op, 1);
}

Test(txn, operations_build_on_each_other_and_give_their_rows)
{
        struct machine m;

        machine_init(&m);
        struct txn_op ops[] = {
            op_node(TXN_SET, "tx", "10.6.0.1", 0), op_service(TXN_SET, "tx", "s1", "svc", 0),
            op_check(TXN_SET, "tx", "c1", "s1", 0), op_check(TXN_GET, "tx", "c1", "", 0),
            op_service(TXN_DELETE, "tx", "ghost", "x", 0)};
        expect_ok(machine_txn(&m, ops, ARRAY_LEN(ops)));
        cr_expect_eq(m.last.txn_row_count, 4);
        cr_expect_str_eq(store_check_get(m.store, "tx", "c1")->check.service_name, "svc");
        cr_expect_str_eq(m.touched, "tx/ tx/svc tx/svc");
        cr_expect_eq(m.change_index, 1);
        machine_fini(&m);
}

Test(txn, refusals_speak_as_consul_does_and_change_nothing)
{
        struct txn_op bad_verb = op_node(txn_verb_of("zap"), "tx", "10.6.0.1", 0);
        struct machine m;

        machine_init(&m);
        expect_ok(machine_node(&m, "tx", "10.6.0.1"));
        expect_ok(machine_service(&m, "tx", "s1", "svc", NULL, "", 80));
        expect_ok(machine_check(&m, "tx", "c1", "s1", "passing"));
        bad_verb.verb_text = "zap";
        const struct {
                struct txn_op op;
                const char *want;
        } cases[] = {
            {op_node(TXN_CAS, "tx", "10.6.0.2", 9), "failed to set node \"tx\", index is stale"},
            {op_node(TXN_GET, "ghost", "", 0), "node \"ghost\" doesn't exist"},
            {op_service(TXN_GET, "tx", "ghost", "", 0),
             "service \"ghost\" on node \"tx\" doesn't exist"},
            {op_check(TXN_GET, "tx", "ghost", "", 0),
             "check \"ghost\" on node \"tx\" doesn't exist"},
            {op_service(TXN_SET, "ghost", "s1", "svc", 0), "Missing node registration"},
            {op_check(TXN_SET, "ghost", "s1", "", 0), "Missing node registration"},
            {op_check(TXN_SET, "tx", "c", "ghost", 0), "Missing service registration"},
            {op_service(TXN_DELETE, "tx", "s1", "", 0), "Must provide service name with ID"},
            {op_service(TXN_CAS, "tx", "s1", "svc", 1),
             "failed to set service \"s1\" on node \"tx\", index is stale"},
            {op_check(TXN_DELETE_CAS, "tx", "c1", "", 2),
             "failed to delete check \"c1\" on node \"tx\", index is stale"},
            {op_node(TXN_DELETE_CAS, "ghost", "", 0),
             "failed to delete node \"ghost\", index is stale"},
            {bad_verb, "unknown Node verb \"zap\""},
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                cr_expect_str_eq(run_one(&m, cases[i].op), cases[i].want);
                cr_expect_eq(m.last.txn_error_count, 1);
                cr_expect_eq(m.last.txn_row_count, 0);
                cr_expect_eq(m.change_count, 0, "%s", cases[i].want);
        }
        cr_expect_eq(store_table_index(m.store, STORE_CHECKS), 3);
        machine_fini(&m);
}

Test(txn, compare_and_set_takes_the_current_index_or_zero_for_none)
{
        struct machine m;

        machine_init(&m);
        expect_ok(run_one(&m, op_node(TXN_CAS, "tx", "10.6.0.1", 0)));
        cr_expect_str_eq(run_one(&m, op_node(TXN_CAS, "tx", "10.6.0.1", 0)),
                         "failed to set node \"tx\", index is stale");
        expect_ok(run_one(&m, op_node(TXN_CAS, "tx", "10.6.0.2", 1)));
        cr_expect_str_eq(store_node_get(m.store, "tx")->node.address, "10.6.0.2");
        expect_ok(run_one(&m, op_node(TXN_DELETE_CAS, "tx", "", 3)));
        cr_expect_null(store_node_get(m.store, "tx"));
        machine_fini(&m);
}

Test(txn, a_row_whose_index_is_right_but_that_cannot_be_set_stays_without_an_error)
{
        struct machine m;

        machine_init(&m);
        expect_ok(machine_node(&m, "tx", "10.6.0.1"));
        expect_ok(run_one(&m, op_check(TXN_CAS, "ghost", "c", "", 0)));
        cr_expect_eq(m.last.txn_row_count, 0);
        expect_ok(run_one(&m, op_check(TXN_CAS, "tx", "c", "ghost", 0)));
        cr_expect_eq(m.last.txn_row_count, 0);
        expect_ok(machine_check(&m, "tx", "c", "", "passing"));
        expect_ok(run_one(&m, op_check(TXN_CAS, "tx", "c", "ghost", 4)));
        cr_expect_eq(m.last.txn_row_count, 1);
        cr_expect_str_eq(store_check_get(m.store, "tx", "c")->check.service_id, "");
        cr_expect_str_eq(run_one(&m, op_service(TXN_CAS, "ghost", "s", "svc", 0)),
                         "Missing node registration");
        machine_fini(&m);
}

static int append(void *arg, const uint8_t *bytes, size_t len)
{
        byte_buffer_append(arg, bytes, len);
        return 0;
}

Test(txn, a_failing_operation_takes_everything_back)
{
        struct byte_buffer before = BYTE_BUFFER_INIT, after = BYTE_BUFFER_INIT;
        struct machine m;

        machine_init(&m);
        expect_ok(machine_node(&m, "tx", "10.6.0.1"));
        expect_ok(machine_service(&m, "tx", "s1", "svc", "t", "10.0.0.5", 80));
        expect_ok(machine_check(&m, "tx", "c1", "s1", "passing"));
        struct txn_op ops[] = {op_node(TXN_SET, "new", "10.6.0.9", 0),
                               op_service(TXN_SET, "new", "s", "svc", 0),
                               op_service(TXN_SET, "tx", "s1", "other", 0),
                               op_check(TXN_DELETE, "tx", "c1", "", 0),
                               op_node(TXN_DELETE, "tx", "", 0),
                               op_node(TXN_SET, "tx", "10.6.0.2", 0),
                               op_node(TXN_GET, "nope", "", 0),
                               op_service(TXN_GET, "tx", "s1", "", 0)};
        store_snapshot_write(m.store, append, &before);
        cr_expect_str_eq(machine_txn(&m, ops, ARRAY_LEN(ops)), "node \"nope\" doesn't exist");
        cr_expect_eq(m.last.txn_error_count, 2);
        // But for the applied index, one byte here, the state is what it was.
        store_snapshot_write(m.store, append, &after);
        cr_assert_eq(before.len, after.len);
        cr_expect_eq(after.bytes[9], 4);
        after.bytes[9] = before.bytes[9];
        cr_expect_arr_eq(before.bytes, after.bytes, before.len);
        byte_buffer_fini(&before);
        byte_buffer_fini(&after);
        machine_fini(&m);
}

Test(txn, reading_needs_no_log_and_refuses_writes)
{
        struct fsm_result result;
        struct machine m;

        machine_init(&m);
        expect_ok(machine_node(&m, "tx", "10.6.0.1"));
        struct txn_op ops[] = {op_node(TXN_GET, "tx", "", 0), op_node(TXN_SET, "tx", "1.1.1.1", 0)};
        fsm_read_txn(m.fsm, &(struct command_txn){ops, 1}, &result);
        cr_assert(fsm_result_ok(&result));
        cr_assert_eq(result.txn_row_count, 1);
        cr_expect_str_eq(result.txn_rows[0].row.node->node.address, "10.6.0.1");
        fsm_result_fini(&result);
        fsm_read_txn(m.fsm, &(struct command_txn){ops, 2}, &result);
        cr_expect(!fsm_result_ok(&result));
        cr_expect_str_eq(store_node_get(m.store, "tx")->node.address, "10.6.0.1");
        fsm_result_fini(&result);
        machine_fini(&m);
}

Test(txn, too_many_operations_are_refused)
{
        struct txn_op ops[COMMAND_TXN_MAX + 1];
        struct machine m;

        machine_init(&m);
        for (size_t i = 0; i < ARRAY_LEN(ops); i++)
                ops[i] = op_node(TXN_SET, "n", "10.0.0.1", 0);
        expect_ok(machine_txn(&m, ops, COMMAND_TXN_MAX));
        cr_expect_str_eq(machine_txn(&m, ops, COMMAND_TXN_MAX + 1),
                         "Transaction contains too many operations (129 > 128)");
        machine_fini(&m);
}

Test(fsm, entries_that_are_no_commands_are_skipped_with_an_error)
{
        struct fsm_result result;
        struct machine m;

        machine_init(&m);
        fsm_apply(m.fsm, 7, (const uint8_t *)"\x01\xee\x80", 3, &result);
        cr_expect_str_eq(result.error.text,
                         "log entry 7 has version 1 and type 238, which are unknown");
        fsm_result_fini(&result);
        fsm_apply(m.fsm, 8, (const uint8_t *)"\x01", 1, &result);
        cr_expect_str_eq(result.error.text, "log entry 8 is damaged");
        fsm_result_fini(&result);
        cr_expect_eq(store_applied_index(m.store), 8);
        cr_expect_eq(m.change_count, 0);
        machine_fini(&m);
}

struct nested {
        struct machine *m;
        uint64_t order[4];
        unsigned count;
};

static void note_second(void *arg, const struct fsm_result *result)
{
        struct nested *n = arg;

        n->order[n->count++] = result->index;
}

static void propose_another(void *arg, const struct fsm_result *result)
{
        struct command c = {.type = COMMAND_NOOP};
        struct nested *n = arg;

        propose_command(local_log_proposer(n->m->log), &c, note_second, n);
        n->order[n->count++] = result->index;
}

Test(propose, what_is_proposed_from_a_callback_comes_after_it)
{
        struct command c = {.type = COMMAND_NOOP};
        struct machine m;
        struct nested n = {.m = &m};

        machine_init(&m);
        propose_command(local_log_proposer(m.log), &c, propose_another, &n);
        cr_assert_eq(n.count, 2);
        cr_expect_eq(n.order[0], 1);
        cr_expect_eq(n.order[1], 2);
        machine_fini(&m);
}

Test(propose, unknown_types_are_refused_before_the_log)
{
        struct log_proposer *p;
        struct machine m;

        machine_init(&m);
        p = local_log_proposer(m.log);
        cr_expect_eq(p->propose(p, (const uint8_t *)"\x01\x99\x80", 3, NULL, NULL), -ENOTSUP);
        cr_expect_eq(p->propose(p, (const uint8_t *)"\x02\x00\x80", 3, NULL, NULL), -ENOTSUP);
        cr_expect_eq(p->propose(p, (const uint8_t *)"\x01", 1, NULL, NULL), -ENOTSUP);
        cr_expect_eq(store_applied_index(m.store), 0);
        cr_expect_eq(p->propose(p, (const uint8_t *)"\x01\x00\x80", 3, NULL, NULL), 0);
        cr_expect_eq(store_applied_index(m.store), 1);
        machine_fini(&m);
}
