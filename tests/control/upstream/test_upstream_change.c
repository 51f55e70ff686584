#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/upstream/change.h"
#include "control/upstream/queries.h"
#include "lictor/bytes.h"

static struct pack_slice slice_of(const struct byte_buffer *b)
{
        return (struct pack_slice){b->bytes, (uint32_t)b->len};
}

Test(upstream_change, commands_are_consul_s_calls)
{
        struct catalog_coordinate place = {.node = "n", .segment = ""};
        struct txn_op read_op = {.kind = TXN_KV, .verb = TXN_GET, .kv = KV_ENTRY_INIT},
                      write_op = {.kind = TXN_KV, .verb = TXN_SET, .kv = KV_ENTRY_INIT};
        struct catalog_query query = CATALOG_QUERY_INIT;
        struct command rows[] = {
            {.type = COMMAND_DEREGISTER, .dereg = {"n", "", ""}},
            {.type = COMMAND_KV, .kv = {.kind = TXN_KV, .verb = TXN_SET, .kv = KV_ENTRY_INIT}},
            {.type = COMMAND_KV, .kv = {.kind = TXN_KV, .verb = TXN_CAS, .kv = KV_ENTRY_INIT}},
            {.type = COMMAND_SESSION_CREATE, .session_create = CATALOG_SESSION_INIT},
            {.type = COMMAND_SESSION_DESTROY, .session_destroy = "id"},
            {.type = COMMAND_QUERY_SET},
            {.type = COMMAND_QUERY_DELETE, .query_delete = {"id"}},
            {.type = COMMAND_COORDINATES, .coordinates = {&place, 1}},
            {.type = COMMAND_COORDINATES, .coordinates = {&place, 0}},
            {.type = COMMAND_TXN, .txn = {&read_op, 1}},
            {.type = COMMAND_TXN, .txn = {&write_op, 1}},
            {.type = COMMAND_NOOP},
        };
        static const struct {
                const char *method;
                enum upstream_answer answer;
        } want[] = {
            {"Catalog.Deregister", UPSTREAM_NOTHING},
            {"KVS.Apply", UPSTREAM_NOTHING},
            {"KVS.Apply", UPSTREAM_APPLIED},
            {"Session.Apply", UPSTREAM_ID},
            {"Session.Apply", UPSTREAM_NOTHING},
            {"PreparedQuery.Apply", UPSTREAM_ID},
            {"PreparedQuery.Apply", UPSTREAM_NOTHING},
            {"Coordinate.Update", UPSTREAM_NOTHING},
            {NULL, UPSTREAM_NOTHING},
            {"Txn.Read", UPSTREAM_TXN},
            {"Txn.Apply", UPSTREAM_TXN},
            {NULL, UPSTREAM_NOTHING},
        };

        query.raw_json = "{\"ID\":\"x\",\"Name\":\"q\"}";
        rows[5].query_set.query = query;
        rows[5].query_set.create = true;
        cr_assert_eq(ARRAY_LEN(rows), ARRAY_LEN(want));
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct byte_buffer args = BYTE_BUFFER_INIT;
                enum upstream_answer answer;
                const char *method = upstream_change_put(&args, "dc2", &rows[i], &answer);
                struct arena arena = ARENA_INIT;
                const char *datacenter;

                cr_expect_eq(method == NULL, want[i].method == NULL, "row %zu", i);
                if (method != NULL && want[i].method != NULL) {
                        cr_expect_str_eq(method, want[i].method);
                        cr_expect_eq(answer, want[i].answer, "row %zu", i);
                        cr_assert_eq(consul_datacenter_get(slice_of(&args), &arena, &datacenter),
                                     0);
                        cr_expect_str_eq(datacenter, "dc2", "row %zu", i);
                }
                byte_buffer_fini(&args);
                arena_fini(&arena);
        }
}

Test(upstream_change, an_operation_on_a_key_is_read_as_it_was_put)
{
        struct command in = {.type = COMMAND_KV}, out;
        struct byte_buffer args = BYTE_BUFFER_INIT;
        struct arena arena = ARENA_INIT;
        enum upstream_answer answer;
        const char *op;

        in.kv = (struct txn_op){.kind = TXN_KV, .verb = TXN_CAS, .index = 7, .kv = KV_ENTRY_INIT};
        in.kv.kv.key = "a/b";
        in.kv.kv.value = (const uint8_t *)"\0\xff";
        in.kv.kv.value_len = 2;
        in.kv.kv.flags = UINT64_MAX;
        in.kv.kv.session = "s";
        upstream_change_put(&args, "dc1", &in, &answer);
        cr_assert_eq(consul_kvs_get(slice_of(&args), &arena, &out, &op), 0);
        cr_expect_str_eq(op, "cas");
        cr_expect_eq(out.kv.verb, TXN_CAS);
        cr_expect_eq(out.kv.index, 7);
        cr_expect_str_eq(out.kv.kv.key, "a/b");
        cr_expect_str_eq(out.kv.kv.session, "s");
        cr_expect_eq(out.kv.kv.flags, UINT64_MAX);
        cr_assert_eq(out.kv.kv.value_len, 2);
        cr_expect_arr_eq(out.kv.kv.value, "\0\xff", 2);
        byte_buffer_fini(&args);
        arena_fini(&arena);
}

Test(upstream_change, a_place_is_read_as_it_was_put)
{
        struct catalog_coordinate in = {
            .node = "n1", .segment = "", .at = {.vec = {1, -2.5}, .error = 0.5, .height = 1e-5}};
        const struct command command = {.type = COMMAND_COORDINATES, .coordinates = {&in, 1}};
        struct byte_buffer args = BYTE_BUFFER_INIT;
        struct arena arena = ARENA_INIT;
        struct catalog_coordinate out;
        enum upstream_answer answer;
        bool has;

        upstream_change_put(&args, "dc1", &command, &answer);
        cr_assert_eq(consul_coordinate_update_get(slice_of(&args), &arena, &out, &has), 0);
        cr_expect(has && catalog_coordinate_equal(&in, &out));
        byte_buffer_fini(&args);
        arena_fini(&arena);
}

Test(upstream_change, a_transaction_is_read_as_it_was_put)
{
        struct txn_op ops[5] = {{.kind = TXN_KV, .verb = TXN_DELETE_TREE, .kv = KV_ENTRY_INIT},
                                {.kind = TXN_NODE, .verb = TXN_CAS, .index = 3},
                                {.kind = TXN_SERVICE, .verb = TXN_SET},
                                {.kind = TXN_CHECK, .verb = TXN_DELETE},
                                {.kind = TXN_SESSION, .verb = TXN_DELETE, .session_id = "s1"}};
        struct command in = {.type = COMMAND_TXN, .txn = {ops, 5}}, out;
        struct byte_buffer args = BYTE_BUFFER_INIT;
        struct arena arena = ARENA_INIT;
        enum upstream_answer answer;

        ops[0].kv.key = "k";
        ops[1].node = (struct catalog_node)CATALOG_NODE_INIT;
        ops[1].node.name = "n1";
        ops[2].service = (struct catalog_service)CATALOG_SERVICE_INIT;
        ops[2].service.node = "n1";
        ops[2].service.id = "w1";
        ops[2].service.name = "web";
        ops[3].check = (struct catalog_check)CATALOG_CHECK_INIT;
        ops[3].check.node = "n1";
        ops[3].check.id = "c1";
        upstream_change_put(&args, "dc1", &in, &answer);
        cr_assert_eq(consul_txn_get(slice_of(&args), "dc1", &arena, &out), 0);
        cr_assert_eq(out.txn.op_count, 5);
        for (size_t i = 0; i < 5; i++) {
                cr_expect_eq(out.txn.ops[i].kind, ops[i].kind, "operation %zu", i);
                cr_expect_eq(out.txn.ops[i].verb, ops[i].verb, "operation %zu", i);
        }
        cr_expect_str_eq(out.txn.ops[0].kv.key, "k");
        cr_expect_eq(out.txn.ops[1].index, 3);
        cr_expect_str_eq(out.txn.ops[2].service.node, "n1");
        cr_expect_str_eq(out.txn.ops[2].service.name, "web");
        cr_expect_str_eq(out.txn.ops[3].check.id, "c1");
        cr_expect_str_eq(out.txn.ops[4].session_id, "s1");
        byte_buffer_fini(&args);
        arena_fini(&arena);
}

Test(upstream_change, what_a_transaction_answers_is_taken)
{
        struct kv_entry entry = KV_ENTRY_INIT;
        struct txn_result_row row = {.kind = TXN_KV};
        struct fsm_result in, out;
        struct byte_buffer body = BYTE_BUFFER_INIT;
        struct store_error error = {"no such key"};

        entry.key = "k";
        entry.value = (const uint8_t *)"v";
        entry.value_len = 1;
        entry.lock_index = 4;
        row.row.kv = kv_record_create(&entry, 10, 11);
        fsm_result_init(&in);
        in.txn_rows = &row;
        in.txn_row_count = 1;
        consul_put_txn(&body, &in, NULL);
        fsm_result_init(&out);
        cr_assert_eq(upstream_change_get(UPSTREAM_TXN, slice_of(&body), &out), 0);
        cr_assert_eq(out.txn_row_count, 1);
        cr_expect(kv_record_equals(out.txn_rows[0].row.kv, &entry));
        cr_expect_eq(out.txn_rows[0].row.record->create_index, 10);
        cr_expect_eq(out.txn_rows[0].row.record->modify_index, 11);
        fsm_result_fini(&out);
        record_release(row.row.record);
        in.txn_rows = NULL;
        in.txn_row_count = 0;
        fsm_result_add_error(&in, 3, &error);
        body.len = 0;
        consul_put_txn(&body, &in, NULL);
        fsm_result_init(&out);
        cr_assert_eq(upstream_change_get(UPSTREAM_TXN, slice_of(&body), &out), 0);
        cr_assert_eq(out.txn_error_count, 1);
        cr_expect_eq(out.txn_errors[0].op_index, 3);
        cr_expect_str_eq(out.txn_errors[0].error.text, "no such key");
        fsm_result_fini(&out);
        fsm_result_fini(&in);
        byte_buffer_fini(&body);
}

Test(upstream_change, answers_that_are_none_are_refused)
{
        static const struct {
                enum upstream_answer answer;
                const char *bytes;
                size_t len;
                int want;
                bool refused;
                const char *id;
        } rows[] = {
            {UPSTREAM_NOTHING, "\xc1", 1, 0, false, ""},
            {UPSTREAM_APPLIED, "\xc3", 1, 0, false, ""},
            {UPSTREAM_APPLIED, "\xc2", 1, 0, true, ""},
            {UPSTREAM_APPLIED, "\xa1y", 2, -EBADMSG, true, ""},
            {UPSTREAM_ID, "\xa2id", 3, 0, false, "id"},
            {UPSTREAM_ID, "\xa2i", 2, -EBADMSG, false, ""},
            {UPSTREAM_ID,
             "\xda\0\x25"
             "0123456789012345678901234567890123456",
             40, -EBADMSG, false, ""},
            {UPSTREAM_TXN,
             "\x81\xa7"
             "Results\xa1x",
             11, -EBADMSG, false, ""},
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct fsm_result result;

                fsm_result_init(&result);
                cr_expect_eq(upstream_change_get(rows[i].answer,
                                                 (struct pack_slice){(const uint8_t *)rows[i].bytes,
                                                                     (uint32_t)rows[i].len},
                                                 &result),
                             rows[i].want, "row %zu", i);
                cr_expect_eq(result.refused, rows[i].refused, "row %zu", i);
                cr_expect_str_eq(result.given_id, rows[i].id, "row %zu", i);
                fsm_result_fini(&result);
        }
}

static void put_query(struct byte_buffer *b, const char *json)
{
        json_t *value = json_loads(json, 0, NULL);

        cr_assert_not_null(value);
        wire_put_json(b, value);
        json_decref(value);
}

Test(upstream_queries, a_store_s_queries_become_those_of_the_servers)
{
        static const char one[] =
            "{\"ID\":\"11111111-2222-3333-4444-555555555555\",\"Name\":\"a\","
            "\"Service\":{\"Service\":\"web\",\"Tags\":null},\"DNS\":{\"TTL\":"
            "\"10s\"},\"CreateIndex\":4,\"ModifyIndex\":5}",
                          two[] = "{\"ID\":\"21111111-2222-3333-4444-555555555555\",\"Name\":\"b\","
                                  "\"Service\":{\"Service\":\"db\"}}",
                          none[] = "{\"ID\":\"31111111-2222-3333-4444-555555555555\"}";
        struct store *store = store_create();
        struct byte_buffer b = BYTE_BUFFER_INIT;
        uint64_t index;

        pack_put_map(&b, 2);
        wire_put_name(&b, "Index");
        pack_put_uint(&b, 9);
        wire_put_name(&b, "Queries");
        pack_put_array(&b, 3);
        put_query(&b, one);
        put_query(&b, two);
        put_query(&b, none);
        cr_assert_eq(upstream_queries_apply(store, slice_of(&b), &index), 0);
        cr_expect_eq(index, 9);
        cr_expect_eq(store_count(store, STORE_QUERIES), 2);
        cr_assert_not_null(store_query_find(store, "a"));
        cr_expect_eq(store_query_find(store, "a")->query.dns_ttl_s, 10);
        cr_expect_str_eq(store_query_find(store, "b")->query.service, "db");
        b.len = 0;
        pack_put_map(&b, 1);
        wire_put_name(&b, "Queries");
        pack_put_array(&b, 1);
        put_query(&b, two);
        cr_assert_eq(upstream_queries_apply(store, slice_of(&b), &index), 0);
        cr_expect_eq(store_count(store, STORE_QUERIES), 1);
        cr_expect_null(store_query_find(store, "a"));
        b.len = 1;
        cr_expect_eq(upstream_queries_apply(store, slice_of(&b), &index), -EBADMSG);
        cr_expect_eq(store_count(store, STORE_QUERIES), 1);
        byte_buffer_fini(&b);
        store_destroy(store);
}
