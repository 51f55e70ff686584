#include "control/fsm/command.h"
#include "control/store/arena.h"
#include "control/store/msgpack.h"
#include "lictor/bytes.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct text_pair unsorted[] = {{"b", "2"}, {"a", "1"}, {"b", "3"}, {"", "0"}};
static const char *const tags[] = {"v2", "V1"};
static const struct service_address wan[] = {{"wan", "198.51.100.5", -1}, {"lan", "::1", 70000}};

static struct catalog_node some_node(void)
{
        struct catalog_node n = CATALOG_NODE_INIT;

        n.id = "11111111-2222-3333-4444-555555555555";
        n.name = "n\xc3\xb6"
                 "de";
        n.address = "10.0.0.1";
        n.datacenter = "dc1";
        n.meta = (struct text_map){unsorted, ARRAY_LEN(unsorted)};
        return n;
}

static struct catalog_service some_service(void)
{
        struct catalog_service s = CATALOG_SERVICE_INIT;

        s.node = "n";
        s.id = "web1";
        s.name = "web";
        s.proxy_json = "{\"Mode\":\"\"}";
        s.tags = (struct text_list){tags, ARRAY_LEN(tags)};
        s.tagged_addresses = (struct service_address_map){wan, ARRAY_LEN(wan)};
        s.port = 65535;
        s.weight_passing = INT32_MAX;
        s.weight_warning = INT32_MIN;
        s.enable_tag_override = true;
        return s;
}

static struct catalog_check some_check(void)
{
        struct catalog_check c = CATALOG_CHECK_INIT;

        c.node = "n";
        c.id = "c";
        c.status = "passing";
        c.output = "a text longer than thirty-one bytes, so that its length takes a byte";
        c.exposed_port = -33;
        return c;
}

static void encode(const struct command *c, struct byte_buffer *out)
{
        out->len = 0;
        cr_assert_eq(command_encode(c, out), 0);
}

static struct kv_entry some_entry(void)
{
        return (struct kv_entry){.key = "a/\xff",
                                 .value = (const uint8_t *)"\0\xff",
                                 .value_len = 2,
                                 .session = "s",
                                 .flags = UINT64_MAX};
}

static struct catalog_session some_session(void)
{
        struct catalog_session s = CATALOG_SESSION_INIT;

        s.id = "s";
        s.node = "n";
        s.behavior = "delete";
        s.lock_delay_ns = INT64_MIN;
        s.node_checks = (struct text_list){tags, ARRAY_LEN(tags)};
        s.service_checks = s.node_checks;
        s.service_check_namespaces = s.node_checks;
        s.service_checks_given = true;
        return s;
}

static struct command some_command(enum command_type type, struct txn_op ops[5],
                                   struct catalog_check *check)
{
        struct command c = {.type = type};

        *check = some_check();
        ops[0] = (struct txn_op){TXN_NODE, TXN_SET, "", 0, {.node = some_node()}};
        ops[1] = (struct txn_op){TXN_SERVICE, TXN_CAS, "", UINT64_MAX, {.service = some_service()}};
        ops[2] = (struct txn_op){TXN_CHECK, TXN_DELETE_CAS, "", 300, {.check = *check}};
        ops[3] = (struct txn_op){TXN_KV, TXN_CHECK_NOT_EXISTS, "", 0, {.kv = some_entry()}};
        ops[4] = (struct txn_op){TXN_SESSION, TXN_DELETE, "", 0, {.session_id = "s"}};
        if (type == COMMAND_REGISTER) {
                c.reg =
                    (struct command_register){some_node(), true, true, some_service(), check, 1};
        } else if (type == COMMAND_DEREGISTER) {
                c.dereg = (struct command_deregister){"n", "", "c"};
        } else if (type == COMMAND_TXN) {
                c.txn = (struct command_txn){ops, 5};
        } else if (type == COMMAND_QUERY_SET) {
                c.query_set.create = true;
                c.query_set.query = (struct catalog_query)CATALOG_QUERY_INIT;
                c.query_set.query.id = "q";
                c.query_set.query.service = "web";
                c.query_set.query.dns_ttl_s = 0;
                c.query_set.query.tags = (struct text_list){tags, ARRAY_LEN(tags)};
        } else if (type == COMMAND_QUERY_DELETE) {
                c.query_delete.id = "q";
        } else if (type == COMMAND_KV) {
                c.kv = (struct txn_op){TXN_KV, TXN_LOCK, "", 0, {.kv = some_entry()}};
        } else if (type == COMMAND_SESSION_CREATE) {
                c.session_create = some_session();
        } else if (type == COMMAND_SESSION_DESTROY) {
                c.session_destroy = "s";
        } else if (type == COMMAND_TOMBSTONE_REAP) {
                c.reap_index = UINT64_MAX;
        } else if (type == COMMAND_SETTING) {
                c.setting = (struct command_setting){{"autopilot", "{}"}, true, 7};
        } else if (type == COMMAND_RESTORE) {
                c.restore = (struct command_restore){"r", 2, 5, (const uint8_t *)"abc", 3};
        }
        return c;
}

Test(command, every_type_survives_encoding_and_decoding)
{
        for (int type = 0; type < COMMAND_TYPE_COUNT; type++) {
                struct byte_buffer first = BYTE_BUFFER_INIT, second = BYTE_BUFFER_INIT;
                struct arena arena = ARENA_INIT;
                struct catalog_check check;
                struct txn_op ops[5];
                struct command c = some_command((enum command_type)type, ops, &check);
                struct command decoded;

                encode(&c, &first);
                cr_assert_eq(command_decode(first.bytes, first.len, &arena, &decoded), 0, "%d",
                             type);
                cr_expect_eq(decoded.type, c.type);
                encode(&decoded, &second);
                cr_assert_eq(first.len, second.len, "%d", type);
                cr_expect_arr_eq(first.bytes, second.bytes, first.len, "%d", type);
                arena_fini(&arena);
                byte_buffer_fini(&first);
                byte_buffer_fini(&second);
        }
}

Test(command, a_registration_keeps_every_field)
{
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        struct arena arena = ARENA_INIT;
        struct catalog_check check;
        struct txn_op ops[5];
        struct command c = some_command(COMMAND_REGISTER, ops, &check);
        struct catalog_service want_service = some_service();
        struct service_address sorted[] = {wan[1], wan[0]};
        struct command got;

        encode(&c, &bytes);
        cr_assert_eq(command_decode(bytes.bytes, bytes.len, &arena, &got), 0);
        want_service.tagged_addresses.items = sorted;
        cr_expect(catalog_service_equal(&got.reg.service, &want_service));
        cr_expect(catalog_check_equal(&got.reg.checks[0], &check));
        cr_expect_eq(got.reg.check_count, 1);
        cr_expect(got.reg.skip_node_update && got.reg.has_service);
        // Maps come sorted, and of equal keys the last one counts.
        cr_assert_eq(got.reg.node.meta.count, 3);
        cr_expect_str_eq(got.reg.node.meta.pairs[0].key, "");
        cr_expect_str_eq(got.reg.node.meta.pairs[1].value, "1");
        cr_expect_str_eq(got.reg.node.meta.pairs[2].value, "3");
        arena_fini(&arena);
        byte_buffer_fini(&bytes);
}

Test(command, every_truncation_and_any_trailing_byte_is_refused)
{
        for (int type = 0; type < COMMAND_TYPE_COUNT; type++) {
                struct byte_buffer bytes = BYTE_BUFFER_INIT;
                struct arena arena = ARENA_INIT;
                struct catalog_check check;
                struct txn_op ops[5];
                struct command c = some_command((enum command_type)type, ops, &check);

                encode(&c, &bytes);
                for (size_t len = 0; len < bytes.len; len++) {
                        // A copy of its own, so that ASan sees a read past the end.
                        uint8_t *copy = malloc(len ? len : 1);

                        memcpy(copy, bytes.bytes, len);
                        cr_expect_eq(command_decode(copy, len, &arena, &c), -EBADMSG, "%d %zu",
                                     type, len);
                        free(copy);
                }
                byte_buffer_append(&bytes, "\xc2", 1);
                cr_expect_eq(command_decode(bytes.bytes, bytes.len, &arena, &c), -EBADMSG, "%d",
                             type);
                arena_fini(&arena);
                byte_buffer_fini(&bytes);
        }
}

Test(command, odd_bytes_are_refused)
{
        static const struct {
                const char *name, *bytes;
                size_t len;
                int want;
        } cases[] = {
            {"a later version", "\x02\x00\x80", 3, -ENOTSUP},
            {"version 0", "\x00\x00\x80", 3, -ENOTSUP},
            {"an unknown type", "\x01\x7f\x80", 3, -ENOTSUP},
            {"not a map", "\x01\x00\x90", 3, -EBADMSG},
            {"an unknown key", "\x01\x05\x81\xa2XD\xa1q", 8, -EBADMSG},
            {"an empty id", "\x01\x05\x81\xa2ID\xa0", 7, -EBADMSG},
            {"a NUL in a text", "\x01\x05\x81\xa2ID\xa2q\0", 9, -EBADMSG},
            {"a good deletion", "\x01\x05\x81\xa2ID\xa1q", 8, 0},
            {"a text that says 4 GiB", "\x01\x05\x81\xa2ID\xdb\xff\xff\xff\xff", 11, -EBADMSG},
            {"a list that says 4 G items", "\x01\x03\x81\xa3Ops\xdd\xff\xff\xff\xff", 12, -EBADMSG},
            {"a key operation without a key",
             "\x01\x06\x81\xa2Op\x94\x03\x01\x00\x95\xa0\xc4\x01x\x00\x00\xa0", 18, -EBADMSG},
            {"a good key operation",
             "\x01\x06\x81\xa2Op\x94\x03\x01\x00\x95\xa1k\xc4\x01x\x00\x00\xa0", 19, 0},
            {"a key operation with a verb of nobody's",
             "\x01\x06\x81\xa2Op\x94\x03\x0c\x00\x95\xa1k\xc4\x01x\x00\x00\xa0", 19, -EBADMSG},
            {"a value beyond the end",
             "\x01\x06\x81\xa2Op\x94\x03\x01\x00\x95\xa1k\xc6\xff\xff\xff\xff", 17, -EBADMSG},
            {"a session that is locked", "\x01\x06\x81\xa2Op\x94\x04\x05\x00\xa1s", 11, -EBADMSG},
            {"a session of no node", "\x01\x07\x81\xa7Session\x81\xa2ID\xa1q", 17, -EBADMSG},
            {"no operations", "\x01\x03\x81\xa3Ops\x90", 8, 0},
            {"an unknown operation", "\x01\x03\x81\xa3Ops\x91\x94\x03\x00\x00\x80", 13, -EBADMSG},
            {"a register without a node", "\x01\x01\x80", 3, -EBADMSG},
            {"a node without a name", "\x01\x01\x81\xa4Node\x80", 9, -EBADMSG},
            {"fields out of order", "\x01\x01\x81\xa4Node\x82\xa4Node\xa1x\xa2ID\xa1y", 21,
             -EBADMSG},
            {"a default written out", "\x01\x01\x81\xa4Node\x82\xa2ID\xa0\xa4Node\xa1x", 20,
             -EBADMSG},
            {"a good node", "\x01\x01\x81\xa4Node\x81\xa4Node\xa1x", 16, 0},
            {"an unsorted map",
             "\x01\x01\x81\xa4Node\x82\xa4Node\xa1x\xa4Meta\x82\xa1"
             "b\xa1y\xa1"
             "a\xa1z",
             30, -EBADMSG},
        };
        struct arena arena = ARENA_INIT;
        struct command c;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                cr_expect_eq(
                    command_decode((const uint8_t *)cases[i].bytes, cases[i].len, &arena, &c),
                    cases[i].want, "%s", cases[i].name);
                arena_reset(&arena);
        }
        arena_fini(&arena);
}

Test(command, integers_are_read_at_the_edges_of_every_width)
{
        static const int64_t values[] = {0,         -1,        31,        -32,       -33,
                                         127,       128,       -128,      -129,      255,
                                         256,       -32768,    -32769,    65535,     65536,
                                         INT32_MIN, INT32_MAX, INT64_MIN, INT64_MAX, UINT32_MAX};

        for (size_t i = 0; i < ARRAY_LEN(values); i++) {
                struct byte_buffer b = BYTE_BUFFER_INIT;
                struct msgpack_reader r;
                int64_t got;

                msgpack_put_int(&b, values[i]);
                r = (struct msgpack_reader){b.bytes, b.bytes + b.len};
                cr_assert_eq(msgpack_get_int(&r, &got), 0, "%lld", (long long)values[i]);
                cr_expect_eq(got, values[i]);
                cr_expect(msgpack_at_end(&r));
                byte_buffer_fini(&b);
        }
}

Test(command, what_is_too_large_is_refused_when_encoded)
{
        struct command c = {.type = COMMAND_QUERY_DELETE};
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        // Version, type, map, key and the text's own five bytes come before it.
        size_t room = COMMAND_BYTES_MAX - 11;
        char *id = malloc(room + 2);

        memset(id, 'q', room + 1);
        id[room] = 0;
        c.query_delete.id = id;
        cr_expect_eq(command_encode(&c, &bytes), 0);
        cr_expect_eq(bytes.len, COMMAND_BYTES_MAX);
        id[room] = 'q';
        id[room + 1] = 0;
        bytes.len = 0;
        cr_expect_eq(command_encode(&c, &bytes), -E2BIG);
        cr_expect_eq(bytes.len, 0);
        c.type = COMMAND_TYPE_COUNT;
        cr_expect_eq(command_encode(&c, &bytes), -EINVAL);
        byte_buffer_fini(&bytes);
        free(id);
}
