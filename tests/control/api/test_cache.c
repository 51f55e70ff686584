#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/control/api/fixture.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define ROUNDS       200

// Answers with this header are made anew: what kept ones must equal.
#define FRESH "Cache-Control: max-age=0\r\n"

static const char *const targets[] = {
    "/v1/catalog/nodes",
    "/v1/catalog/services",
    "/v1/catalog/service/web",
    "/v1/catalog/service/ghost",
    "/v1/catalog/node/n1",
    "/v1/catalog/node-services/n2",
    "/v1/health/service/web?passing",
    "/v1/health/service/WEB?tag=v1",
    "/v1/health/service/db?filter=Service.Port%20==%201",
    "/v1/health/checks/web",
    "/v1/health/node/n1",
    "/v1/health/state/critical",
    "/v1/health/state/any?pretty",
    "/v1/query",
    "/v1/kv/tree/a",
    "/v1/kv/tree/a?raw",
    "/v1/kv/tree/b?pretty",
    "/v1/kv/tree/ghost/",
    "/v1/kv/tree/?keys",
    "/v1/kv/tree?keys&separator=/",
    "/v1/kv/tree/?recurse",
};

static unsigned random_below(uint64_t *state, unsigned n)
{
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        return (unsigned)(*state >> 33) % n;
}

static void change_key(struct fixture *f, uint64_t *state)
{
        static const char *const keys[] = {"tree/a", "tree/b", "tree/a/c", "tree/ghost/d", "other"};
        unsigned kind = random_below(state, 6);
        struct exchange answer;
        char target[64], body[32];

        snprintf(target, sizeof(target), "/v1/kv/%s%s", keys[random_below(state, ARRAY_LEN(keys))],
                 kind == 0 ? "?recurse" : "");
        snprintf(body, sizeof(body), "%u", random_below(state, 100));
        fixture_ask(f, kind < 2 ? "DELETE" : "PUT", target, kind < 2 ? NULL : body, &answer);
        exchange_fini(&answer);
}

static void change(struct fixture *f, uint64_t *state)
{
        static const char *const names[] = {"web", "Web", "db"};
        static const char *const statuses[] = {"passing", "warning", "critical"};
        const char *name = names[random_below(state, 3)];
        unsigned node = random_below(state, 3), kind = random_below(state, 8);
        const char *target = "/v1/catalog/register";
        struct exchange answer;
        char body[512];

        if (kind == 0) {
                target = "/v1/catalog/deregister";
                snprintf(body, sizeof(body), "{\"Node\":\"n%u\"}", node);
        } else if (kind == 1) {
                target = "/v1/catalog/deregister";
                snprintf(body, sizeof(body), "{\"Node\":\"n%u\",\"ServiceID\":\"%s\"}", node, name);
        } else if (kind == 2) {
                snprintf(body, sizeof(body),
                         "{\"Node\":\"n%u\",\"Address\":\"10.0.0.%u\",\"Check\":{\"CheckID\":\"c\","
                         "\"Name\":\"c\",\"Status\":\"%s\"}}",
                         node, random_below(state, 3), statuses[random_below(state, 3)]);
        } else {
                snprintf(body, sizeof(body),
                         "{\"Node\":\"n%u\",\"Address\":\"10.0.0.1\",\"SkipNodeUpdate\":true,"
                         "\"Service\":{\"ID\":\"%s\",\"Service\":\"%s\",\"Port\":%u,"
                         "\"Tags\":[\"v%u\"]},\"Check\":{\"CheckID\":\"%s\",\"Name\":\"c\","
                         "\"ServiceID\":\"%s\",\"Status\":\"%s\"}}",
                         node, name, name, random_below(state, 2), random_below(state, 2), name,
                         name, statuses[random_below(state, 3)]);
        }
        fixture_ask(f, "PUT", target, body, &answer);
        exchange_fini(&answer);
}

static void ask(struct fixture *f, const char *target, const char *headers, struct exchange *out)
{
        exchange_request(&f->agent.loop, f->port, "GET", target, headers, NULL, out);
        cr_assert(out->status == 200 || out->status == 404, "%s: %u", target, out->status);
}

Test(api_cache, kept_answers_are_those_that_would_be_made)
{
        uint64_t seed = 20240611, state = seed;
        struct fixture f;

        fixture_start(&f, "{}");
        for (unsigned round = 0; round < ROUNDS; round++) {
                if (random_below(&state, 2) == 0)
                        change(&f, &state);
                else
                        change_key(&f, &state);
                for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
                        struct exchange kept, fresh;
                        char index[32];

                        // Asked twice a few rounds, so that some answers are kept over changes.
                        ask(&f, targets[i], "", &kept);
                        snprintf(index, sizeof(index), "%s",
                                 exchange_header(&kept, "X-Consul-Index"));
                        ask(&f, targets[i], FRESH, &fresh);
                        cr_expect_eq(kept.status, fresh.status, "seed %llu, round %u: %s",
                                     (unsigned long long)seed, round, targets[i]);
                        cr_expect_str_eq(kept.body, fresh.body, "seed %llu, round %u: %s",
                                         (unsigned long long)seed, round, targets[i]);
                        cr_expect_str_eq(index, exchange_header(&fresh, "X-Consul-Index"),
                                         "seed %llu, round %u: %s", (unsigned long long)seed, round,
                                         targets[i]);
                        exchange_fini(&kept);
                        exchange_fini(&fresh);
                }
        }
        fixture_stop(&f);
}

Test(api_cache, compressed_and_plain_answers_are_kept_apart)
{
        struct fixture f;

        fixture_start(&f, "{}");
        for (unsigned i = 0; i < 60; i++) {
                struct exchange answer;
                char body[200];

                snprintf(body, sizeof(body),
                         "{\"Node\":\"node-number-%u\",\"Address\":\"10.0.0.1\"}", i);
                fixture_ask(&f, "PUT", "/v1/catalog/register", body, &answer);
                exchange_fini(&answer);
        }
        for (unsigned i = 0; i < 4; i++) {
                struct exchange plain, packed;

                ask(&f, "/v1/catalog/nodes", "", &plain);
                ask(&f, "/v1/catalog/nodes", "Accept-Encoding: gzip\r\n", &packed);
                cr_expect_eq(plain.body[0], '[');
                cr_expect_null(exchange_header(&plain, "Content-Encoding"));
                cr_expect_str_eq(exchange_header(&packed, "Content-Encoding"), "gzip");
                cr_expect_lt(packed.body_len, plain.body_len / 2);
                exchange_fini(&plain);
                exchange_fini(&packed);
        }
        fixture_stop(&f);
}

Test(api_cache, many_different_questions_keep_within_bounds)
{
        struct fixture f;

        fixture_start(&f, "{}");
        for (unsigned i = 0; i < 9000; i++) {
                struct exchange answer;
                char target[80];

                snprintf(target, sizeof(target), "/v1/health/service/s%u", i / 3);
                ask(&f, target, "", &answer);
                cr_expect_str_eq(answer.body, "[]");
                exchange_fini(&answer);
        }
        fixture_stop(&f);
}
