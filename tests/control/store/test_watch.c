#include "control/store/watch.h"
#include "lictor/bytes.h"
#include "lictor/random.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WATCHES 400
#define KEY_MAX 6

// The naive model: every watch knows what it waits for and is asked one by one.
struct item {
        struct watch watch;
        struct model *model;
        enum watch_scope scope;
        unsigned kind;
        size_t len;
        char key[KEY_MAX];
        bool in;
        unsigned fired; // since the last look
        int does;       // when it fires: 0 nothing, 1 waits again, 2 takes its neighbour out
};

struct model {
        struct watch_hub *hub;
        struct item items[WATCHES];
};

static void add(struct item *it)
{
        it->in = true;
        watch_add(it->model->hub, &it->watch, it->kind, it->scope, it->key, it->len);
}

static void take_out(struct item *it)
{
        it->in = false;
        watch_remove(it->model->hub, &it->watch);
}

static void on_fire(struct watch *watch)
{
        struct item *it = watch->arg;

        cr_assert(it->in && !watch_is_in(watch));
        it->in = false;
        it->fired++;
        if (it->does == 1)
                add(it);
        if (it->does == 2)
                take_out(&it->model->items[(size_t)(it - it->model->items + 1) % WATCHES]);
}

static size_t random_key(uint64_t *state, char key[KEY_MAX])
{
        size_t len = random_next(state) % (KEY_MAX + 1);

        for (size_t i = 0; i < len; i++)
                key[i] = (char)('a' + random_next(state) % 2);
        return len;
}

static bool concerns(const struct item *it, unsigned kind, const char *key, size_t len)
{
        if (it->kind != kind || it->len > len || memcmp(it->key, key, it->len) != 0)
                return false;
        return it->scope == WATCH_PREFIX || it->len == len;
}

static void check_notify(struct model *m, uint64_t *state, uint64_t seed)
{
        unsigned kind = (unsigned)(random_next(state) % 2);
        bool due[WATCHES];
        char key[KEY_MAX];
        size_t len = random_key(state, key);

        for (size_t i = 0; i < WATCHES; i++) {
                due[i] = m->items[i].in && concerns(&m->items[i], kind, key, len);
                m->items[i].fired = 0;
        }
        watch_notify(m->hub, kind, key, len);
        for (size_t i = 0; i < WATCHES; i++) {
                const struct item *before = &m->items[(i + WATCHES - 1) % WATCHES];
                // A neighbour that fired first may have taken it out.
                bool may_miss = before->does == 2 && before->fired > 0;

                cr_assert(m->items[i].fired == due[i] || (m->items[i].fired == 0 && may_miss),
                          "seed %llu: watch %zu fired %u times", (unsigned long long)seed, i,
                          m->items[i].fired);
        }
}

static size_t count_in(const struct model *m)
{
        size_t count = 0;

        for (size_t i = 0; i < WATCHES; i++)
                count += m->items[i].in;
        return count;
}

static void run(uint64_t seed)
{
        struct model *m = calloc(1, sizeof(*m));
        uint64_t state = seed;

        m->hub = watch_hub_create(seed);
        for (size_t i = 0; i < WATCHES; i++)
                m->items[i] =
                    (struct item){.watch = {.fire = on_fire, .arg = &m->items[i]}, .model = m};
        for (int step = 0; step < 3000; step++) {
                struct item *it = &m->items[random_next(&state) % WATCHES];

                if (it->in && random_next(&state) % 3 == 0) {
                        take_out(it);
                } else if (!it->in) {
                        it->kind = (unsigned)(random_next(&state) % 2);
                        it->scope = random_next(&state) % 3 ? WATCH_EXACT : WATCH_PREFIX;
                        it->does = (int)(random_next(&state) % 3);
                        it->len = random_key(&state, it->key);
                        add(it);
                }
                if (random_next(&state) % 8 == 0)
                        check_notify(m, &state, seed);
                cr_assert_eq(watch_count(m->hub), count_in(m), "seed %llu",
                             (unsigned long long)seed);
        }
        watch_hub_destroy(m->hub);
        free(m);
}

Test(watch, exactly_those_fire_that_a_naive_model_names)
{
        for (uint64_t seed = 1; seed <= 20; seed++)
                run(seed);
}

static void count_fire(struct watch *watch)
{
        (*(unsigned *)watch->arg)++;
}

Test(watch, notifying_all_fires_every_watch_once)
{
        struct watch_hub *hub = watch_hub_create(7);
        struct watch watches[300];
        unsigned fired = 0;

        for (unsigned i = 0; i < ARRAY_LEN(watches); i++) {
                watches[i] = (struct watch){.fire = count_fire, .arg = &fired};
                watch_add(hub, &watches[i], i % 5, i % 2 ? WATCH_PREFIX : WATCH_EXACT, &i,
                          i % 4 ? sizeof(i) : 0);
        }
        watch_notify_all(hub);
        cr_expect_eq(fired, ARRAY_LEN(watches));
        cr_expect_eq(watch_count(hub), 0);
        watch_notify_all(hub);
        cr_expect_eq(fired, ARRAY_LEN(watches));
        watch_hub_destroy(hub);
}

Test(watch, destroying_a_hub_leaves_its_watches_out)
{
        struct watch_hub *hub = watch_hub_create(7);
        unsigned fired = 0;
        struct watch watch = {.fire = count_fire, .arg = &fired};

        watch_add(hub, &watch, 0, WATCH_EXACT, "k", 1);
        cr_expect(watch_is_in(&watch));
        watch_hub_destroy(hub);
        cr_expect_not(watch_is_in(&watch));
        cr_expect_eq(fired, 0);
}
