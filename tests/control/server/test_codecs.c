#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/rpc/dial.h"
#include "control/server/forward_codec.h"
#include "control/server/introduction.h"
#include "control/server/result_codec.h"
#include "lictor/bytes.h"

Test(server_codecs, a_head_comes_out_as_it_went_in)
{
        const struct forward_head in = {
            .length = 0x012345,
            .kind = FORWARD_PROPOSE | FORWARD_ANSWER,
            .status = FORWARD_REFUSED,
            .cluster_id = UINT64_C(0x1122334455667788),
            .request_id = UINT64_MAX,
        };
        uint8_t bytes[FORWARD_HEAD_SIZE];
        struct forward_head out;

        forward_head_encode(&in, bytes);
        cr_assert_eq(forward_head_decode(bytes, &out), 0);
        cr_expect_eq(out.length, in.length);
        cr_expect_eq(out.kind, in.kind);
        cr_expect_eq(out.status, in.status);
        cr_expect_eq(out.cluster_id, in.cluster_id);
        cr_expect_eq(out.request_id, in.request_id);
}

// What one byte of a sound request head is changed to, and what that makes of it.
static const struct {
        size_t at;
        uint8_t value;
        int expected;
} heads[] = {
    {4, FORWARD_VERSION + 1, -EPROTONOSUPPORT},
    {4, 0, -EPROTONOSUPPORT},
    {0, 0xff, -EMSGSIZE},
    {0, 0x01, -EMSGSIZE},
    {5, 0, -EBADMSG},
    {5, FORWARD_ANSWER, -EBADMSG},
    {6, 1, -EBADMSG},
    {7, 1, -EBADMSG},
    {3, 9, 0},
    {5, 0x7f, 0},
};

Test(server_codecs, a_head_that_no_server_sends_is_refused)
{
        for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
                const struct forward_head in = {.length = 1, .kind = FORWARD_PROPOSE};
                uint8_t bytes[FORWARD_HEAD_SIZE];
                struct forward_head out;

                forward_head_encode(&in, bytes);
                bytes[heads[i].at] = heads[i].value;
                cr_expect_eq(forward_head_decode(bytes, &out), heads[i].expected, "row %zu", i);
        }
}

static struct introduction *sample(void)
{
        static struct introduction said;

        memset(&said, 0, sizeof(said));
        snprintf(said.own.name, sizeof(said.own.name), "%s", "node1");
        snprintf(said.own.node_id, sizeof(said.own.node_id), "%s",
                 "11111111-2222-3333-4444-555555555555");
        snprintf(said.own.address, sizeof(said.own.address), "%s", "127.0.0.1:8300");
        snprintf(said.own.datacenter, sizeof(said.own.datacenter), "%s", "dc1");
        snprintf(said.own.version, sizeof(said.own.version), "%s", "1.2.3");
        said.own.expect = 3;
        said.own.empty = true;
        said.own.serf_port = 8301;
        said.own.cluster_id = 7;
        said.own.candidates = 9;
        said.founder_count = 1;
        snprintf(said.founders[0].node_id, sizeof(said.founders[0].node_id), "%s",
                 said.own.node_id);
        snprintf(said.founders[0].address, sizeof(said.founders[0].address), "%s",
                 said.own.address);
        return &said;
}

Test(server_codecs, an_introduction_comes_out_as_it_went_in)
{
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        const struct introduction *in = sample();
        static struct introduction out;

        introduction_encode(in, &bytes);
        cr_assert_eq(introduction_decode(bytes.bytes, bytes.len, &out), 0);
        cr_expect_eq(memcmp(in, &out, sizeof(out)), 0);
        for (size_t len = 0; len < bytes.len; len++)
                cr_expect_eq(introduction_decode(bytes.bytes, len, &out), -EBADMSG, "cut to %zu",
                             len);
        byte_buffer_fini(&bytes);
}

Test(server_codecs, an_introduction_with_impossible_texts_is_refused)
{
        static const char *const ids[] = {"", "x", "11111111-2222-3333-4444-55555555555g",
                                          "11111111222233334444555555555555----"};
        static const char *const addresses[] = {
            "", "host:8300", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:99999", "[::1]"};
        static struct introduction out;

        for (size_t i = 0; i < ARRAY_LEN(ids) + ARRAY_LEN(addresses); i++) {
                struct byte_buffer bytes = BYTE_BUFFER_INIT;
                struct introduction *in = sample();

                if (i < ARRAY_LEN(ids))
                        snprintf(in->own.node_id, sizeof(in->own.node_id), "%s", ids[i]);
                else
                        snprintf(in->own.address, sizeof(in->own.address), "%s",
                                 addresses[i - ARRAY_LEN(ids)]);
                introduction_encode(in, &bytes);
                cr_expect_eq(introduction_decode(bytes.bytes, bytes.len, &out), -EBADMSG, "row %zu",
                             i);
                byte_buffer_fini(&bytes);
        }
}

static const struct {
        const char *text;
        uint16_t default_port;
        const char *expected; // NULL: refused
} addresses[] = {
    {"127.0.0.1", 8300, "127.0.0.1:8300"},
    {"127.0.0.1:1", 8300, "127.0.0.1:1"},
    {"127.0.0.1:65535", 0, "127.0.0.1:65535"},
    {"::1", 8300, "[::1]:8300"},
    {"[::1]", 8300, "[::1]:8300"},
    {"[::1]:9", 8300, "[::1]:9"},
    {"2001:db8:0:0:0:0:0:1", 8300, "[2001:db8::1]:8300"},
    {"127.0.0.1", 0, NULL},
    {"127.0.0.1:", 8300, NULL},
    {"127.0.0.1:65536", 8300, NULL},
    {"127.0.0.1:x", 8300, NULL},
    {"127.0.0.1:1x", 8300, NULL},
    {"[::1", 8300, NULL},
    {"[::1]x", 8300, NULL},
    {"localhost", 8300, NULL},
    {"", 8300, NULL},
};

Test(server_codecs, addresses_get_one_spelling)
{
        for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
                char out[SERVER_ADDRESS_MAX];
                struct sockaddr_storage address;
                int ret = server_address_parse(addresses[i].text, addresses[i].default_port, out);

                cr_expect_eq(ret, addresses[i].expected != NULL ? 0 : -EINVAL, "\"%s\"",
                             addresses[i].text);
                if (ret < 0)
                        continue;
                cr_expect_str_eq(out, addresses[i].expected);
                cr_expect_eq(dial_address_parse(out, &address), 0, "%s", out);
        }
}

Test(server_codecs, a_result_with_errors_comes_out_as_it_went_in)
{
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        struct store_error error = {"no such key"};
        struct fsm_result in, out;

        fsm_result_init(&in);
        in.index = 77;
        in.refused = true;
        snprintf(in.error.text, sizeof(in.error.text), "%s", "it did not work");
        fsm_result_add_error(&in, 3, &error);
        fsm_result_encode(&in, &bytes);
        cr_assert_eq(fsm_result_decode(bytes.bytes, bytes.len, &out), 0);
        cr_expect_eq(out.index, 77);
        cr_expect(out.refused);
        cr_expect_str_eq(out.error.text, "it did not work");
        cr_assert_eq(out.txn_error_count, 1);
        cr_expect_eq(out.txn_errors[0].op_index, 3);
        cr_expect_str_eq(out.txn_errors[0].error.text, "no such key");
        fsm_result_fini(&out);
        for (size_t len = 0; len < bytes.len; len++) {
                cr_expect_eq(fsm_result_decode(bytes.bytes, len, &out), -EBADMSG);
                fsm_result_fini(&out);
        }
        fsm_result_fini(&in);
        byte_buffer_fini(&bytes);
}

Test(server_codecs, a_result_carries_rows)
{
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        struct catalog_node node = CATALOG_NODE_INIT;
        struct kv_entry entry = {
            .key = "k", .session = "", .value = (const uint8_t *)"v", .value_len = 1, .flags = 5};
        struct txn_result_row rows[2] = {{.kind = TXN_NODE},
                                         {.kind = TXN_KV, .without_value = true}};
        struct fsm_result in, out;

        node.name = "n";
        node.address = "10.0.0.1";
        rows[0].row.node = node_record_create(&node, 4, 6);
        rows[1].row.kv = kv_record_create(&entry, 5, 7);
        fsm_result_init(&in);
        in.txn_rows = rows;
        in.txn_row_count = 2;
        fsm_result_encode(&in, &bytes);
        cr_assert_eq(fsm_result_decode(bytes.bytes, bytes.len, &out), 0);
        cr_assert_eq(out.txn_row_count, 2);
        cr_expect_eq(out.txn_rows[0].row.record->create_index, 4);
        cr_expect_eq(out.txn_rows[0].row.record->modify_index, 6);
        cr_expect(catalog_node_equal(&out.txn_rows[0].row.node->node, &node));
        cr_expect(out.txn_rows[1].without_value);
        cr_expect(kv_record_equals(out.txn_rows[1].row.kv, &entry));
        record_release(rows[0].row.record);
        record_release(rows[1].row.record);
        fsm_result_fini(&out);
        byte_buffer_fini(&bytes);
}

Test(server_codecs, operator_requests_and_answers_come_out_as_they_went_in)
{
        const struct operator_request in = {
            .action = OPERATOR_REMOVE_BY_ADDRESS, .pretty = true, .argument = "127.0.0.1:8300"};
        const struct operator_answer said = {
            .status = 429, .is_json = true, .body = "{}", .body_len = 2};
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        struct operator_request out;
        struct operator_answer heard;

        operator_request_encode(&in, &bytes);
        cr_assert_eq(operator_request_decode(bytes.bytes, bytes.len, &out), 0);
        cr_expect_eq(out.action, in.action);
        cr_expect_eq(out.pretty, in.pretty);
        cr_expect_str_eq(out.argument, in.argument);
        cr_expect_eq(operator_request_decode(bytes.bytes, bytes.len - 1, &out), -EBADMSG);
        bytes.len = 0;
        operator_answer_encode(&said, &bytes);
        cr_assert_eq(operator_answer_decode(bytes.bytes, bytes.len, &heard), 0);
        cr_expect_eq(heard.status, 429);
        cr_expect(heard.is_json);
        cr_expect_eq(heard.body_len, 2);
        cr_expect_eq(operator_answer_decode(bytes.bytes, 2, &heard), -EBADMSG);
        byte_buffer_fini(&bytes);
}
