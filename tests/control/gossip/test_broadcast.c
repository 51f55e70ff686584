#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/gossip/broadcast.h"

#define MODEL_MAX 64

static uint64_t seed_of_run(void)
{
        const char *text = getenv("LICTOR_GOSSIP_SEED");

        return text ? strtoull(text, NULL, 10) : 7;
}

/* The same, as a plain array: newest last. */
struct model {
        struct {
                char key[8], message[16];
                unsigned sent;
        } rows[MODEL_MAX];
        unsigned count;
};

static void model_remove(struct model *m, unsigned at)
{
        m->count--;
        memmove(&m->rows[at], &m->rows[at + 1], (m->count - at) * sizeof(m->rows[0]));
}

static void model_add(struct model *m, const char *key, const char *message)
{
        for (unsigned i = 0; i < m->count && *key; i++)
                if (strcmp(m->rows[i].key, key) == 0)
                        model_remove(m, i--);
        snprintf(m->rows[m->count].key, sizeof(m->rows[0].key), "%s", key);
        snprintf(m->rows[m->count].message, sizeof(m->rows[0].message), "%s", message);
        m->rows[m->count++].sent = 0;
}

/* Counts a message as sent once more, in the place it then has: the newest of those sent so often.
 */
static bool model_sent(struct model *m, struct pack_slice message, unsigned limit)
{
        for (unsigned i = 0; i < m->count; i++) {
                if (!pack_slice_equal(pack_slice_of(m->rows[i].message), message))
                        continue;
                if (++m->rows[i].sent >= limit)
                        model_remove(m, i);
                return true;
        }
        return false;
}

static unsigned model_least_sent(const struct model *m)
{
        unsigned least = BROADCAST_TRANSMITS_MAX;

        for (unsigned i = 0; i < m->count; i++)
                least = m->rows[i].sent < least ? m->rows[i].sent : least;
        return least;
}

static void take_both(struct broadcast_queue *q, struct model *m, unsigned limit)
{
        struct byte_buffer out = BYTE_BUFFER_INIT;
        unsigned before = m->count, least = model_least_sent(m), taken, at = 0;
        uint32_t lengths[5];
        size_t room = 64;

        taken = broadcast_queue_take(q, limit, &room, 2, &out, lengths, 5);
        cr_assert(taken > 0 || before == 0);
        for (unsigned i = 0; i < taken; i++) {
                struct pack_slice message = {out.bytes + at, lengths[i]};

                if (i == 0)
                        for (unsigned j = 0; j < m->count; j++)
                                if (pack_slice_equal(pack_slice_of(m->rows[j].message), message))
                                        cr_assert_eq(m->rows[j].sent, least);
                cr_assert(model_sent(m, message, limit));
                at += lengths[i];
        }
        cr_assert_eq(out.len, at);
        cr_assert_eq(room, 64 - at - 2 * taken);
        byte_buffer_fini(&out);
}

Test(broadcast, the_queue_does_what_a_plain_array_does)
{
        uint64_t seed = seed_of_run();
        struct broadcast_queue q = {.seed = seed};
        struct model m = {.count = 0};
        unsigned chance = (unsigned)seed;

        for (unsigned round = 0; round < 200000; round++) {
                char key[16] = "", message[16];

                if (m.count < MODEL_MAX - 1 && rand_r(&chance) % 2) {
                        if (rand_r(&chance) % 4)
                                snprintf(key, sizeof(key), "k%d", rand_r(&chance) % 40);
                        snprintf(message, sizeof(message), "m%u", round);
                        model_add(&m, key, message);
                        broadcast_queue_add(&q, pack_slice_of(key), pack_slice_of(message));
                } else {
                        take_both(&q, &m, 3);
                }
                cr_assert_eq(q.count, m.count, "seed %lu", seed);
                snprintf(key, sizeof(key), "k%d", rand_r(&chance) % 40);
                bool wanted = false;
                for (unsigned i = 0; i < m.count; i++)
                        wanted |= strcmp(m.rows[i].key, key) == 0;
                cr_assert_eq(broadcast_queue_has(&q, pack_slice_of(key)), wanted, "seed %lu", seed);
        }
        broadcast_queue_fini(&q);
        cr_expect_eq(q.count, 0);
}

Test(broadcast, a_bounded_queue_loses_the_most_sent)
{
        struct broadcast_queue q = {.count_max = 2};
        struct byte_buffer out = BYTE_BUFFER_INIT;
        uint32_t lengths[4];
        size_t room = 100;

        broadcast_queue_add(&q, pack_slice_of("a"), pack_slice_of("1"));
        cr_assert_eq(broadcast_queue_take(&q, 4, &room, 0, &out, lengths, 4), 1);
        broadcast_queue_add(&q, pack_slice_of("b"), pack_slice_of("2"));
        broadcast_queue_add(&q, pack_slice_of("c"), pack_slice_of("3"));
        cr_expect_not(broadcast_queue_has(&q, pack_slice_of("a")));
        cr_expect(broadcast_queue_has(&q, pack_slice_of("b")));
        byte_buffer_fini(&out);
        broadcast_queue_fini(&q);
}

Test(broadcast, a_limit_that_shrinks_strands_nothing)
{
        struct broadcast_queue q = {.count = 0};
        struct byte_buffer out = BYTE_BUFFER_INIT;
        uint32_t lengths[4];
        size_t room = 100;

        broadcast_queue_add(&q, pack_slice_of("a"), pack_slice_of("1"));
        for (unsigned i = 0; i < 6; i++)
                cr_assert_eq(broadcast_queue_take(&q, 12, &room, 0, &out, lengths, 4), 1);
        cr_expect_eq(broadcast_queue_take(&q, 4, &room, 0, &out, lengths, 4), 1);
        cr_expect_eq(q.count, 0);
        byte_buffer_fini(&out);
        broadcast_queue_fini(&q);
}
