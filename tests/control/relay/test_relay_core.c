#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/relay/id_table.h"
#include "control/relay/relay_codec.h"
#include "control/relay/rotation.h"
#include "lictor/bytes.h"

static struct relay_text text(const char *from)
{
        return (struct relay_text){from, strlen(from)};
}

static bool is(const struct relay_text *got, const char *wanted)
{
        return got->len == strlen(wanted) && memcmp(got->text, wanted, got->len) == 0;
}

Test(relay_codec, heads_survive_the_wire)
{
        static const struct relay_head heads[] = {
            {0, RELAY_PING, true, 0},
            {1, RELAY_REQUEST, false, 1},
            {RELAY_PIECE_MAX, RELAY_ITEM, true, UINT64_MAX},
        };

        for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
                uint8_t bytes[RELAY_HEAD_SIZE];
                struct relay_head got;

                relay_head_encode(&heads[i], bytes);
                cr_expect_eq(relay_head_decode(bytes, &got), 0, "%zu", i);
                cr_expect_eq(got.length, heads[i].length, "%zu", i);
                cr_expect_eq(got.kind, heads[i].kind, "%zu", i);
                cr_expect_eq(got.last, heads[i].last, "%zu", i);
                cr_expect_eq(got.id, heads[i].id, "%zu", i);
        }
}

Test(relay_codec, heads_that_nobody_sends_are_refused)
{
        static const struct {
                const char *name;
                unsigned at;
                uint8_t value;
                int want;
        } cases[] = {
            {"another version", 4, 2, -EPROTONOSUPPORT}, {"no kind", 5, 0, -EBADMSG},
            {"a flag unknown", 6, 2, -EBADMSG},          {"a reserved byte", 7, 1, -EBADMSG},
            {"a piece too long", 0, 1, -EMSGSIZE},       {"one byte too long", 3, 1, -EMSGSIZE},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const struct relay_head head = {RELAY_PIECE_MAX, RELAY_REQUEST, true, 7};
                uint8_t bytes[RELAY_HEAD_SIZE];
                struct relay_head got;

                relay_head_encode(&head, bytes);
                bytes[cases[i].at] = cases[i].value;
                cr_expect_eq(relay_head_decode(bytes, &got), cases[i].want, "%s", cases[i].name);
        }
}

Test(relay_codec, requests_survive_the_wire_and_no_part_of_one_is_taken_for_it)
{
        struct relay_request in = {.method = 2,
                                   .hops = 1,
                                   .pieces = RELAY_LONG_ONES,
                                   .target = text("/v1/kv/a?dc=dc2"),
                                   .origin = text("node1"),
                                   .header_count = 2,
                                   .body = {"\0\1\2", 3}};
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        struct relay_request out;

        in.headers[0] = (struct relay_header){text("X-Consul-Token"), text("secret")};
        in.headers[1] = (struct relay_header){text("Cache-Control"), text("")};
        relay_request_encode(&in, &bytes);
        cr_assert_eq(relay_request_decode(bytes.bytes, bytes.len, &out), 0);
        cr_expect_eq(out.method, 2);
        cr_expect_eq(out.hops, 1);
        cr_expect_eq(out.pieces, RELAY_LONG_ONES);
        cr_expect(is(&out.target, "/v1/kv/a?dc=dc2"));
        cr_expect(is(&out.origin, "node1"));
        cr_assert_eq(out.header_count, 2);
        cr_expect(is(&out.headers[0].name, "X-Consul-Token"));
        cr_expect(is(&out.headers[1].value, ""));
        cr_expect_eq(out.body.len, 3);
        cr_expect_eq(memcmp(out.body.text, "\0\1\2", 3), 0);
        for (size_t len = 0; len < bytes.len - 3; len++)
                cr_expect_eq(relay_request_decode(bytes.bytes, len, &out), -EBADMSG, "%zu", len);
        byte_buffer_fini(&bytes);
}

Test(relay_codec, requests_that_no_agent_sends_are_refused)
{
        static const struct {
                const char *name, *target;
                uint64_t hops;
                uint32_t header_count;
                int want;
        } cases[] = {
            {"the last hop", "/", RELAY_HOP_MAX, 0, 0},
            {"passed on too often", "/", RELAY_HOP_MAX + 1, 0, -EBADMSG},
            {"no target", "", 0, 0, -EBADMSG},
            {"a target of another kind", "*", 0, 0, -EBADMSG},
            {"as many headers as may be", "/", 0, RELAY_HEADER_MAX, 0},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct relay_request in = {.method = 1,
                                           .hops = cases[i].hops,
                                           .target = text(cases[i].target),
                                           .header_count = cases[i].header_count},
                                     out;
                struct byte_buffer bytes = BYTE_BUFFER_INIT;

                for (uint32_t n = 0; n < in.header_count; n++)
                        in.headers[n] = (struct relay_header){text("A"), text("b")};
                relay_request_encode(&in, &bytes);
                cr_expect_eq(relay_request_decode(bytes.bytes, bytes.len, &out), cases[i].want,
                             "%s", cases[i].name);
                byte_buffer_fini(&bytes);
        }
}

Test(relay_codec, what_was_dealt_with_survives_the_wire_and_is_four_bytes)
{
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        uint32_t got = 0;

        relay_more_encode(0x80000001, &bytes);
        cr_assert_eq(bytes.len, 4);
        cr_expect_eq(relay_more_decode(bytes.bytes, 4, &got), 0);
        cr_expect_eq(got, 0x80000001);
        cr_expect_eq(relay_more_decode(bytes.bytes, 3, &got), -EBADMSG);
        byte_buffer_fini(&bytes);
}

Test(relay_codec, answers_survive_the_wire_and_strange_statuses_do_not)
{
        static const struct {
                uint64_t status;
                int want;
        } cases[] = {{199, -EBADMSG}, {200, 0}, {599, 0}, {600, -EBADMSG}};

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct relay_answer in = {.status = cases[i].status,
                                          .content_type = text("text/plain"),
                                          .header_count = 1,
                                          .body = text("body")};
                struct byte_buffer bytes = BYTE_BUFFER_INIT;
                struct relay_answer out;

                in.headers[0] = (struct relay_header){text("X-Consul-Index"), text("7")};
                relay_answer_encode(&in, &bytes);
                cr_expect_eq(relay_answer_decode(bytes.bytes, bytes.len, &out), cases[i].want);
                if (cases[i].want == 0) {
                        cr_expect(is(&out.content_type, "text/plain"));
                        cr_expect(is(&out.headers[0].value, "7"));
                        cr_expect(is(&out.body, "body"));
                }
                byte_buffer_fini(&bytes);
        }
}

Test(relay_codec, indexes_survive_the_wire)
{
        const struct relay_index in = {.error = "No cluster leader", .catalog_index = 77};
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        struct relay_index out;

        relay_index_encode(&in, &bytes);
        cr_assert_eq(relay_index_decode(bytes.bytes, bytes.len, &out), 0);
        cr_expect_str_eq(out.error, in.error);
        cr_expect_eq(out.catalog_index, 77);
        cr_expect_eq(relay_index_decode(bytes.bytes, bytes.len - 1, &out), -EBADMSG);
        byte_buffer_fini(&bytes);
}

static const char *const three[] = {"10.0.0.1:8300", "10.0.0.2:8300", "10.0.0.3:8300"};

Test(rotation, without_servers_nobody_is_picked)
{
        struct rotation rotation;

        rotation_init(&rotation, 1);
        cr_expect_eq(rotation_pick(&rotation, 0), -1);
        rotation_fail(&rotation, "10.0.0.1:8300", 0);
        rotation_succeed(&rotation, "10.0.0.1:8300");
}

Test(rotation, as_many_failures_as_servers_reach_every_server)
{
        for (uint64_t seed = 0; seed < 50; seed++) {
                struct rotation rotation;
                unsigned seen = 0;

                rotation_init(&rotation, seed);
                rotation_set(&rotation, three, 3);
                for (unsigned i = 0; i < 3; i++) {
                        int at = rotation_pick(&rotation, 100);
                        char address[ROTATION_ADDRESS_MAX];

                        snprintf(address, sizeof(address), "%s", rotation.servers[at].address);
                        seen |= 1u << (address[7] - '1');
                        rotation_fail(&rotation, address, 100);
                }
                cr_expect_eq(seen, 7, "seed %llu", (unsigned long long)seed);
        }
}

Test(rotation, the_server_in_use_stays_until_it_fails_and_comes_back_after_its_rest)
{
        struct rotation rotation;
        char first[ROTATION_ADDRESS_MAX], second[ROTATION_ADDRESS_MAX];

        rotation_init(&rotation, 3);
        rotation_set(&rotation, three, 3);
        snprintf(first, sizeof(first), "%s", rotation.servers[rotation_pick(&rotation, 0)].address);
        cr_expect_str_eq(rotation.servers[rotation_pick(&rotation, 9999)].address, first);
        rotation_fail(&rotation, first, 0);
        snprintf(second, sizeof(second), "%s",
                 rotation.servers[rotation_pick(&rotation, 1)].address);
        cr_expect_str_neq(first, second);
        // Only the first is left: it is picked although it rests.
        rotation_set(&rotation, (const char *const[]){first}, 1);
        cr_expect_str_eq(rotation.servers[rotation_pick(&rotation, 1)].address, first);
        rotation_succeed(&rotation, first);
        cr_expect_eq(rotation.servers[0].failures, 0);
}

Test(rotation, rests_double_up_to_their_bound)
{
        struct rotation rotation;
        uint64_t rest_ms = ROTATION_BACKOFF_MS;

        rotation_init(&rotation, 3);
        rotation_set(&rotation, three, 1);
        for (unsigned i = 0; i < 100; i++) {
                rotation_fail(&rotation, three[0], 1000);
                cr_expect_eq(rotation.servers[0].rest_until_ms, 1000 + rest_ms, "%u", i);
                rest_ms = 2 * rest_ms < ROTATION_REST_MAX_MS ? 2 * rest_ms : ROTATION_REST_MAX_MS;
        }
}

Test(rotation, agents_spread_over_the_servers)
{
        unsigned firsts[3] = {0};

        for (uint64_t seed = 0; seed < 300; seed++) {
                struct rotation rotation;

                rotation_init(&rotation, seed * 7919);
                rotation_set(&rotation, three, 3);
                rotation_shuffle(&rotation);
                cr_assert_eq(rotation.count, 3);
                firsts[rotation.servers[0].address[7] - '1']++;
        }
        for (unsigned i = 0; i < 3; i++)
                cr_expect_gt(firsts[i], 50, "server %u is first for %u of 300", i, firsts[i]);
}

Test(rotation, more_servers_than_fit_are_passed_over)
{
        char texts[ROTATION_MAX + 1][32];
        const char *addresses[ROTATION_MAX + 1];
        struct rotation rotation;

        for (unsigned i = 0; i <= ROTATION_MAX; i++) {
                snprintf(texts[i], sizeof(texts[i]), "10.0.1.%u:8300", i);
                addresses[i] = texts[i];
        }
        rotation_init(&rotation, 3);
        rotation_set(&rotation, addresses, ROTATION_MAX + 1);
        cr_expect_eq(rotation.count, ROTATION_MAX);
        rotation_set(&rotation, addresses, 0);
        cr_expect_eq(rotation.count, 0);
}

Test(rate_limit, a_burst_passes_then_the_rate_decides)
{
        struct rate_limit limit;

        rate_limit_init(&limit, 10, 3, 0);
        for (unsigned i = 0; i < 3; i++)
                cr_expect(rate_limit_take(&limit, 0), "%u", i);
        cr_expect(!rate_limit_take(&limit, 0));
        cr_expect(!rate_limit_take(&limit, 99));
        cr_expect(rate_limit_take(&limit, 100));
        cr_expect(!rate_limit_take(&limit, 100));
        // A long rest fills the burst and no more.
        for (unsigned i = 0; i < 3; i++)
                cr_expect(rate_limit_take(&limit, 100000), "%u", i);
        cr_expect(!rate_limit_take(&limit, 100000));
        rate_limit_init(&limit, 0, 0, 0);
        cr_expect(rate_limit_take(&limit, 0));
}

Test(id_table, behaves_as_a_plain_list_does)
{
        enum { COUNT = 3000 };
        static struct id_node nodes[COUNT];
        static bool is_in[COUNT];
        struct id_table table;
        unsigned seed = 12345;
        size_t count = 0;

        cr_assert_eq(id_table_init(&table), 0);
        for (unsigned step = 0; step < 20000; step++) {
                size_t i;

                seed = seed * 1103515245 + 12345;
                i = (seed >> 8) % COUNT;
                if (is_in[i]) {
                        id_table_remove(&table, &nodes[i]);
                        count--;
                } else {
                        nodes[i].id = i * 3;
                        id_table_add(&table, &nodes[i]);
                        count++;
                }
                is_in[i] = !is_in[i];
                cr_assert_eq(table.count, count);
        }
        for (size_t i = 0; i < COUNT; i++)
                cr_expect_eq(id_table_find(&table, i * 3), is_in[i] ? &nodes[i] : NULL, "%zu", i);
        id_table_fini(&table);
}
