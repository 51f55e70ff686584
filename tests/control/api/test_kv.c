#include "control/leader/leader.h"
#include "lictor/bytes.h"
#include "tests/control/api/fixture.h"
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
        const char *method, *target, *body;
        unsigned status;
        const char *want;
};

static void expect_rows(struct fixture *f, const struct row rows[], size_t count)
{
        for (size_t i = 0; i < count; i++)
                fixture_expect(f, rows[i].method, rows[i].target, rows[i].body, rows[i].status,
                               rows[i].want);
}

Test(api_kv, keys_are_what_the_path_says)
{
        static const struct row rows[] = {
            {"PUT", "/v1/kv/a%20b%2Fc%25", "1", 200, "true"},
            {"GET", "/v1/kv/a%20b/c%25?raw", NULL, 200, "1"},
            {"GET", "/v1/kv/?keys", NULL, 200, "[\"a b/c%\"]"},
            {"PUT", "/v1/kv/%FF", "2", 200, "true"},
            {"GET", "/v1/kv/%ff?raw", NULL, 200, "2"},
            {"GET", "/v1/kv/%FF?keys", NULL, 200, "~ufffd"},
            {"GET", "/v1/kv/%zz", NULL, 400, "400 Bad Request"},
            {"GET", "/v1/kv/a%00b", NULL, 400, "400 Bad Request"},
            {"GET", "/v1/kv/", NULL, 400, "Missing key name"},
            {"PUT", "/v1/kv/%3Fkeys", "3", 200, "true"},
            {"GET", "/v1/kv/%3F?keys", NULL, 200, "[\"?keys\"]"},
        };
        struct fixture f;

        fixture_start(&f, "{}");
        expect_rows(&f, rows, ARRAY_LEN(rows));
        fixture_stop(&f);
}

Test(api_kv, odd_parameters_get_the_answers_clients_know)
{
        static const struct row rows[] = {
            {"PUT", "/v1/kv/a?flags=", "", 500, "strconv.ParseUint: parsing \"\": invalid syntax"},
            {"PUT", "/v1/kv/a?flags=-1", "", 500,
             "strconv.ParseUint: parsing \"-1\": invalid syntax"},
            {"PUT", "/v1/kv/a?flags=18446744073709551616", "", 500,
             "strconv.ParseUint: parsing \"18446744073709551616\": value out of range"},
            {"PUT", "/v1/kv/a?cas=1.5", "", 500,
             "strconv.ParseUint: parsing \"1.5\": invalid syntax"},
            {"DELETE", "/v1/kv/a?cas=x", NULL, 500,
             "strconv.ParseUint: parsing \"x\": invalid syntax"},
            {"PUT", "/v1/kv/a?release=b&z=%20%26&cas=1&z=1", "", 400,
             "Conflicting flags: cas=1&release=b&z=+%26&z=1"},
            {"PUT", "/v1/kv/a?acquire=", "", 500, "raft apply failed: missing session"},
            {"PUT", "/v1/kv/a?release=", "", 500, "raft apply failed: missing session"},
            {"PUT", "/v1/kv/a?index=x", "", 400, "Invalid index"},
            {"DELETE", "/v1/kv/a?wait=x", NULL, 400, "Invalid wait time"},
            {"PUT", "/v1/kv/a?dc=elsewhere", "", 500, "No path to datacenter"},
            {"GET", "/v1/kv/a?stale&consistent", NULL, 400,
             "Cannot specify ?stale with ?consistent, conflicting semantics."},
            {"GET", "/v1/kv/?keys", NULL, 200, "[]"},
            {"GET", "/v1/kv/?recurse", NULL, 404, ""},
        };
        struct fixture f;

        fixture_start(&f, "{}");
        expect_rows(&f, rows, ARRAY_LEN(rows));
        fixture_stop(&f);
}

Test(api_kv, separators_of_any_length_part_keys)
{
        static const struct row rows[] = {
            {"PUT", "/v1/kv/a--b--c", "", 200, "true"},
            {"PUT", "/v1/kv/a--d", "", 200, "true"},
            {"PUT", "/v1/kv/a-e", "", 200, "true"},
            {"GET", "/v1/kv/?keys&separator=--", NULL, 200, "[\"a--\",\"a-e\"]"},
            {"GET", "/v1/kv/a--?keys&seperator=--", NULL, 200, "[\"a--b--\",\"a--d\"]"},
            {"GET", "/v1/kv/a--?keys&separator=", NULL, 200, "[\"a--b--c\",\"a--d\"]"},
            {"GET", "/v1/kv/a--?keys&separator=%2F", NULL, 200, "[\"a--b--c\",\"a--d\"]"},
        };
        struct fixture f;

        fixture_start(&f, "{}");
        expect_rows(&f, rows, ARRAY_LEN(rows));
        fixture_stop(&f);
}

static void fill(struct fixture *f, unsigned count)
{
        struct command c = {.type = COMMAND_KV};
        static const uint8_t value[100];
        char key[32];

        c.kv = (struct txn_op){.kind = TXN_KV, .verb = TXN_SET, .kv = KV_ENTRY_INIT};
        c.kv.kv.key = key;
        c.kv.kv.value = value;
        c.kv.kv.value_len = sizeof(value);
        for (unsigned i = 0; i < count; i++) {
                snprintf(key, sizeof(key), "big/%06u", i);
                propose_command(f->agent.proposer, &c, NULL, NULL);
        }
}

// The body of a chunked answer, in place.
static size_t join_chunks(char *body)
{
        char *from = body, *to = body, *after;

        for (;;) {
                unsigned long len = strtoul(from, &after, 16);

                if (len == 0)
                        break;
                memmove(to, after + 2, len);
                to += len;
                from = after + 2 + len + 2;
        }
        *to = '\0';
        return (size_t)(to - body);
}

Test(api_kv, a_large_tree_is_sent_whole_as_it_was_asked_for)
{
        static const char *const targets[] = {"/v1/kv/big/?recurse", "/v1/kv/big/?recurse&pretty"};
        struct exchange got;
        struct fixture f;

        fixture_start(&f, "{}");
        fill(&f, 2000);
        for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
                json_t *rows;

                fixture_ask(&f, "GET", targets[i], NULL, &got);
                cr_assert_eq(got.status, 200);
                cr_expect_null(exchange_header(&got, "Content-Length"));
                rows = json_loadb(got.body, join_chunks(got.body), 0, NULL);
                cr_assert_eq(json_array_size(rows), 2000);
                cr_expect_str_eq(
                    json_string_value(json_object_get(json_array_get(rows, 1999), "Key")),
                    "big/001999");
                json_decref(rows);
                exchange_fini(&got);
        }
        fixture_stop(&f);
}

Test(api_session, options_are_read_as_clients_write_them)
{
        static const struct {
                const char *body;
                unsigned status;
                const char *want; /* a part of the session, or of the refusal */
        } rows[] = {
            {"{\"LockDelay\":\"500ns\"}", 200, "\"LockDelay\":500000000000,"},
            {"{\"LockDelay\":1000}", 200, "\"LockDelay\":1000,"},
            {"{\"LockDelay\":999}", 200, "\"LockDelay\":999000000000,"},
            {"{\"LockDelay\":1e10}", 200, "\"LockDelay\":10000000000,"},
            {"{\"LockDelay\":0}", 200, "\"LockDelay\":0,"},
            {"{\"lockdelay\":\"1m\"}", 200, "\"LockDelay\":60000000000,"},
            {"{\"Checks\":[]}", 200, "\"NodeChecks\":[],\"ServiceChecks\":null"},
            {"{\"Checks\":[\"serfHealth\"]}", 200, "\"NodeChecks\":[\"serfHealth\"]"},
            {"{\"Checks\":[],\"NodeChecks\":[\"nope\"]}", 200,
             "\"NodeChecks\":[],\"ServiceChecks\":null,\"CreateIndex\""},
            {"{\"Checks\":null,\"NodeChecks\":null}", 200, "\"NodeChecks\":[],"},
            {"{\"NodeChecks\":null,\"ServiceChecks\":null}", 200,
             "\"NodeChecks\":null,\"ServiceChecks\":null,\"CreateIndex\""},
            {"{\"Checks\":[\"nope\"],\"NodeChecks\":[]}", 200,
             "\"NodeChecks\":[],\"ServiceChecks\":null,\"CreateIndex\""},
            {"{\"Checks\":[\"serfHealth\",\"serfHealth\"]}", 200,
             "\"NodeChecks\":[\"serfHealth\"],\"ServiceChecks\":null,"
             "\"Checks\":[\"serfHealth\",\"serfHealth\"],"},
            {"{\"Node\":null,\"Name\":null,\"LockDelay\":null,\"TTL\":null}", 200,
             "\"LockDelay\":15000000000,"},
            {"{\"Checks\":[\"nope\"]}", 500, "apply failed: Missing check 'nope' registration"},
            {"{\"NodeChecks\":[\"\"]}", 500, "apply failed: failed check lookup: index error: "},
            {"{\"ServiceChecks\":[],\"NodeChecks\":[]}", 200, "\"ServiceChecks\":[]"},
            {"{\"ServiceChecks\":[{\"ID\":\"serfHealth\",\"Namespace\":\"x\"}]}", 200,
             "\"ServiceChecks\":[{\"ID\":\"serfHealth\",\"Namespace\":\"x\"}]"},
            {"{\"Unknown\":1,\"Name\":\"n\"}", 200, "\"Name\":\"n\""},
            {"{\"TTL\":\"10s\"}", 200, "\"TTL\":\"10s\""},
            {"{\"TTL\":\"0s\"}", 200, "\"TTL\":\"0s\""},
            {"{\"TTL\":\"24h\"}", 200, "\"TTL\":\"24h\""},
            {"{\"TTL\":\"24h1ns\"}", 500, "must be between [10s=24h0m0s]"},
            {"{\"TTL\":\"-10s\"}", 500, "Invalid Session TTL '-10000000000'"},
            {"{\"Name\":5}", 400, "Request decode failed: "},
            {"[]", 400, "Request decode failed: "},
            {"{\"ServiceChecks\":[{\"ID\":\"nope\"}]}", 500,
             "apply failed: Missing check 'nope' registration"},
            {"{\"Node\":\"\"}", 500, "Must provide Node"},
        };
        struct fixture f;

        fixture_start(&f, "{}");
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                char target[128], part[160], id[37] = "";
                struct exchange got;

                fixture_ask(&f, "PUT", "/v1/session/create", rows[i].body, &got);
                cr_expect_eq(got.status, rows[i].status, "%s: %u %s", rows[i].body, got.status,
                             got.body);
                snprintf(part, sizeof(part), "~%s", rows[i].want);
                if (got.status == 200 && sscanf(got.body, "{\"ID\":\"%36s", id) == 1) {
                        snprintf(target, sizeof(target), "/v1/session/info/%s", id);
                        fixture_expect(&f, "GET", target, NULL, 200, part);
                } else {
                        cr_expect_not_null(strstr(got.body, rows[i].want), "%s: %s", rows[i].body,
                                           got.body);
                }
                exchange_fini(&got);
        }
        fixture_expect(&f, "GET", "/v1/session/info/abc", NULL, 500,
                       "failed session lookup: index error: UUID must be 36 characters");
        fixture_stop(&f);
}

Test(api_txn, keys_take_every_number_and_value_a_client_may_send)
{
        static const struct row rows[] = {
            {"PUT", "/v1/txn",
             "[{\"KV\":{\"Verb\":\"set\",\"Key\":\"a\",\"Value\":\"MQ==\","
             "\"Flags\":18446744073709551615}}]",
             200, "~\"Flags\":18446744073709551615"},
            {"PUT", "/v1/txn",
             "[{\"KV\":{\"Verb\":\"check-index\",\"Key\":\"a\",\"Index\":18446744073709551614}}]",
             409, "~!= 18446744073709551614"},
            {"PUT", "/v1/txn", "[{\"KV\":{\"Verb\":\"set\",\"Key\":\"b\",\"Flags\":-1}}]", 400,
             "~Failed to parse body: "},
            {"PUT", "/v1/txn",
             "[{\"KV\":{\"Verb\":\"set\",\"Key\":\"b\",\"Flags\":18446744073709551616}}]", 400,
             "~Failed to parse body: "},
            {"PUT", "/v1/txn", "[{\"KV\":{\"Verb\":\"set\",\"Key\":\"b\",\"Flags\":\"1\"}}]", 400,
             "~Failed to parse body: "},
            {"PUT", "/v1/txn",
             "[{\"KV\":{\"Verb\":\"set\",\"Key\":\"12345678901234567890\\\"\",\"Value\":null}}]",
             200, "~\"Key\":\"12345678901234567890\\\"\""},
            {"PUT", "/v1/txn", "[{\"KV\":{\"Verb\":\"get-tree\",\"Key\":\"\"}}]", 409,
             "~Must provide key"},
            {"PUT", "/v1/txn",
             "[{\"KV\":{\"Verb\":\"set\",\"Key\":\"c\"}},{\"KV\":{\"Verb\":\"explode\","
             "\"Key\":\"d\"}}]",
             409,
             "{\"Results\":null,\"Errors\":[{\"OpIndex\":1,\"What\":\"unknown KV verb "
             "\\\"explode\\\"\"}]}"},
            {"PUT", "/v1/txn",
             "[{\"Session\":{\"Verb\":\"delete\",\"Session\":{\"ID\":"
             "\"11111111-2222-3333-4444-555555555555\"}}}]",
             200, "{\"Results\":[],\"Errors\":null}"},
            {"PUT", "/v1/txn", "[{\"Session\":{\"Verb\":\"get\",\"Session\":{\"ID\":\"x\"}}}]", 409,
             "~unknown Session verb \\\"get\\\""},
            {"GET", "/v1/kv/?keys", NULL, 200, "[\"12345678901234567890\\\"\",\"a\"]"},
            {"PUT", "/v1/txn", "[{\"KV\":{\"Verb\":\"delete-tree\",\"Key\":\"\"}}]", 200, NULL},
            {"GET", "/v1/kv/?keys", NULL, 200, "[]"},
        };
        struct fixture f;

        fixture_start(&f, "{}");
        expect_rows(&f, rows, ARRAY_LEN(rows));
        fixture_stop(&f);
}

Test(api_txn, values_have_their_limit_within_a_transaction_too)
{
        static const struct row rows[] = {
            {"PUT", "/v1/txn", "[{\"KV\":{\"Verb\":\"set\",\"Key\":\"a\",\"Value\":\"MTIzNDU=\"}}]",
             413, "Value for key \"a\" is too large (5 > 4 bytes)"},
            {"PUT", "/v1/txn", "[{\"KV\":{\"Verb\":\"set\",\"Key\":\"a\",\"Value\":\"MTIzNA==\"}}]",
             200, NULL},
        };
        struct fixture f;

        fixture_start(&f, "{\"limits\":{\"kv_max_value_size\":4,\"txn_max_req_len\":1000}}");
        expect_rows(&f, rows, ARRAY_LEN(rows));
        fixture_stop(&f);
}

Test(api_event, events_concern_those_who_run_the_service_with_the_tag)
{
        static const struct row rows[] = {
            {"PUT", "/v1/agent/service/register",
             "{\"Name\":\"web\",\"ID\":\"web1\",\"Tags\":[\"v1\",\"blue\"]}", 200, NULL},
            {"PUT", "/v1/event/fire/a?service=web&tag=bl", NULL, 200, "~\"TagFilter\":\"bl\""},
            {"PUT", "/v1/event/fire/b?service=web&tag=green", NULL, 200, NULL},
            {"PUT", "/v1/event/fire/c?service=db", NULL, 200, NULL},
            {"PUT", "/v1/event/fire/d?service=%5Eweb", NULL, 200, NULL},
            {"PUT", "/v1/event/fire/e?service=web&tag=v1&node=other", NULL, 200, NULL},
            {"GET", "/v1/event/list?name=a", NULL, 200, "~\"Name\":\"a\""},
            {"GET", "/v1/event/list?name=b", NULL, 200, "[]"},
            {"GET", "/v1/event/list?name=c", NULL, 200, "[]"},
            {"GET", "/v1/event/list?name=d", NULL, 200, "~\"Name\":\"d\""},
            {"GET", "/v1/event/list?name=e", NULL, 200, "[]"},
            {"GET", "/v1/event/list?index=5&wait=1s", NULL, 200, "~\"Name\":\"a\""},
        };
        struct fixture f;

        fixture_start(&f, "{}");
        expect_rows(&f, rows, ARRAY_LEN(rows));
        fixture_stop(&f);
}
