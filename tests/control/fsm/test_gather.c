#include "control/store/msgpack.h"
#include "lictor/bytes.h"
#include "tests/control/fsm/machine.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELD_MAX 4

static int append(void *arg, const uint8_t *bytes, size_t len)
{
        byte_buffer_append(arg, bytes, len);
        return 0;
}

// A held state, and what it was when it was gathered.
struct held {
        struct store_snapshot *snapshot;
        struct byte_buffer want;
};

static void hold(struct held *h, struct store *s)
{
        h->want = (struct byte_buffer)BYTE_BUFFER_INIT;
        cr_assert_eq(store_snapshot_write(s, append, &h->want), 0);
        h->snapshot = store_snapshot_gather(s);
        cr_assert_eq(store_snapshot_index(h->snapshot), store_applied_index(s));
}

static bool is_unchanged(const struct held *h)
{
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        bool same;

        store_snapshot_encode(h->snapshot, append, &bytes);
        same = bytes.len == h->want.len && memcmp(bytes.bytes, h->want.bytes, bytes.len) == 0;
        byte_buffer_fini(&bytes);
        return same;
}

static void let_go(struct held *h)
{
        store_snapshot_release(h->snapshot);
        byte_buffer_fini(&h->want);
        *h = (struct held){0};
}

static void restore(struct machine *m, const struct held *h)
{
        cr_assert_eq(store_snapshot_read(m->store, h->want.bytes, h->want.len), 0);
        local_log_destroy(m->log);
        m->log = local_log_create(m->fsm, store_applied_index(m->store));
}

// What is left is done by the next command or restore, or when the store is destroyed.
static void restore_in_pieces(struct machine *m, const struct held *h, unsigned pieces)
{
        struct store_state *state;

        cr_assert_eq(store_state_decode(h->want.bytes, h->want.len, &state), 0);
        store_adopt(m->store, state);
        while (pieces-- > 0)
                store_settle(m->store);
        local_log_destroy(m->log);
        m->log = local_log_create(m->fsm, store_applied_index(m->store));
}

static void run(uint64_t seed, unsigned steps)
{
        uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
        struct held held[HELD_MAX] = {0};
        struct machine m;

        machine_init(&m);
        for (unsigned i = 0; i < steps; i++) {
                struct held *h = &held[(state >> 7) % HELD_MAX];

                machine_random(&m, &state);
                if (i % 5 > 0)
                        continue;
                if (h->snapshot == NULL) {
                        hold(h, m.store);
                        continue;
                }
                cr_assert(is_unchanged(h), "seed %llu", (unsigned long long)seed);
                if (i % 7 == 0 && i % 2 == 0)
                        restore(&m, h);
                else if (i % 7 == 0)
                        restore_in_pieces(&m, h, i % 4);
                if (i % 3 == 0)
                        let_go(h);
        }
        for (size_t i = 0; i < HELD_MAX; i++) {
                if (held[i].snapshot == NULL)
                        continue;
                cr_assert(is_unchanged(&held[i]), "seed %llu", (unsigned long long)seed);
                let_go(&held[i]);
        }
        machine_fini(&m);
}

Test(gather, held_states_stay_as_they_were_whatever_is_applied_or_restored)
{
        for (uint64_t seed = 1; seed <= 30; seed++)
                run(seed, 400);
}

struct encoder {
        struct held *held;
        atomic_bool done;
        bool same;
        unsigned rounds;
};

static void *encode(void *arg)
{
        struct encoder *e = arg;

        e->same = true;
        for (; e->rounds > 0; e->rounds--)
                e->same = is_unchanged(e->held) && e->same;
        atomic_store(&e->done, true);
        return NULL;
}

Test(gather, a_state_is_encoded_by_another_thread_while_the_store_is_written)
{
        uint64_t state = 0x9e3779b97f4a7c15u;
        struct machine m;
        char name[16];

        machine_init(&m);
        for (int i = 0; i < 500; i++) {
                snprintf(name, sizeof(name), "n%d", i);
                machine_node(&m, name, "10.0.0.1");
                machine_service(&m, name, "1", "web", "v1", "", 80);
        }
        for (int round = 0; round < 8; round++) {
                struct held held;
                struct encoder e = {.held = &held, .rounds = 4};
                unsigned writes = 0;
                pthread_t thread;

                hold(&held, m.store);
                cr_assert_eq(pthread_create(&thread, NULL, encode, &e), 0);
                while (!atomic_load(&e.done) || writes < 1000) {
                        machine_random(&m, &state);
                        snprintf(name, sizeof(name), "n%u", (unsigned)(state % 600));
                        if (writes++ % 3 > 0)
                                machine_service(&m, name, "1", "web", "v1", "", (int)writes);
                        else if (writes % 2)
                                machine_deregister(&m, name, "", "");
                        else
                                machine_node(&m, name, "10.0.0.2");
                }
                cr_assert_eq(pthread_join(thread, NULL), 0);
                cr_assert(e.same, "round %d", round);
                let_go(&held);
        }
        machine_fini(&m);
}
