#include "control/store/msgpack.h"
#include "lictor/bytes.h"
#include "tests/control/fsm/machine.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int append(void *arg, const uint8_t *bytes, size_t len)
{
        byte_buffer_append(arg, bytes, len);
        return 0;
}

static int fail_late(void *arg, const uint8_t *bytes, size_t len)
{
        int *left = arg;

        (void)bytes;
        (void)len;
        return (*left)-- > 0 ? 0 : -EIO;
}

static struct byte_buffer snapshot_of(const struct machine *m)
{
        struct byte_buffer bytes = BYTE_BUFFER_INIT;

        cr_assert_eq(store_snapshot_write(m->store, append, &bytes), 0);
        return bytes;
}

static void expect_same(struct byte_buffer *a, struct byte_buffer *b, uint64_t seed)
{
        cr_assert_eq(a->len, b->len, "seed %llu", (unsigned long long)seed);
        cr_assert_eq(memcmp(a->bytes, b->bytes, a->len), 0, "seed %llu", (unsigned long long)seed);
        byte_buffer_fini(b);
}

Test(snapshot, the_same_log_gives_the_same_bytes_also_by_way_of_a_snapshot)
{
        for (uint64_t seed = 1; seed <= 20; seed++) {
                uint64_t states[3] = {seed * 0x9e3779b97f4a7c15u + 1};
                struct byte_buffer bytes, other;
                struct machine a, b, c;

                states[1] = states[2] = states[0];
                machine_init(&a);
                machine_init(&b);
                machine_init(&c);
                for (int i = 0; i < 200; i++) {
                        machine_random(&a, &states[0]);
                        machine_random(&b, &states[1]);
                        machine_random(&c, &states[2]);
                }
                bytes = snapshot_of(&a);
                other = snapshot_of(&b);
                expect_same(&bytes, &other, seed);
                // c goes its own way, is given a's state, and from then on is as a.
                for (int i = 0; i < 50; i++)
                        machine_random(&c, &states[2]);
                cr_assert_eq(store_snapshot_read(c.store, bytes.bytes, bytes.len), 0);
                other = snapshot_of(&c);
                expect_same(&bytes, &other, seed);
                byte_buffer_fini(&bytes);
                local_log_destroy(c.log);
                c.log = local_log_create(c.fsm, store_applied_index(c.store));
                states[2] = states[0];
                for (int i = 0; i < 50; i++) {
                        machine_random(&a, &states[0]);
                        machine_random(&c, &states[2]);
                }
                bytes = snapshot_of(&a);
                other = snapshot_of(&c);
                expect_same(&bytes, &other, seed);
                byte_buffer_fini(&bytes);
                machine_fini(&a);
                machine_fini(&b);
                machine_fini(&c);
        }
}

Test(snapshot, damage_is_refused_and_leaves_the_state_alone)
{
        struct byte_buffer bytes, before, after;
        uint64_t state = 99;
        struct machine m, from;

        machine_init(&from);
        machine_init(&m);
        for (int i = 0; i < 60; i++)
                machine_random(&from, &state);
        for (int i = 0; i < 30; i++)
                machine_random(&m, &state);
        bytes = snapshot_of(&from);
        before = snapshot_of(&m);
        for (size_t len = 0; len < bytes.len; len++) {
                uint8_t *copy = malloc(len ? len : 1);

                memcpy(copy, bytes.bytes, len);
                cr_expect_eq(store_snapshot_read(m.store, copy, len), -EBADMSG, "%zu", len);
                free(copy);
        }
        bytes.bytes[8] = UINT8_MAX;
        cr_expect_eq(store_snapshot_read(m.store, bytes.bytes, bytes.len), -ENOTSUP);
        bytes.bytes[8] = 0;
        cr_expect_eq(store_snapshot_read(m.store, bytes.bytes, bytes.len), -EBADMSG);
        after = snapshot_of(&m);
        expect_same(&before, &after, 99);
        byte_buffer_fini(&before);
        byte_buffer_fini(&bytes);
        machine_fini(&m);
        machine_fini(&from);
}

Test(snapshot, any_flipped_byte_is_refused_or_gives_a_sound_state)
{
        struct byte_buffer bytes;
        uint64_t state = 7;
        struct machine m;

        machine_init(&m);
        for (int i = 0; i < 60; i++)
                machine_random(&m, &state);
        bytes = snapshot_of(&m);
        machine_fini(&m);
        for (size_t i = 0; i < bytes.len; i++) {
                struct store *s = store_create();
                uint8_t kept = bytes.bytes[i];

                bytes.bytes[i] ^= (uint8_t)(1u << (i % 8));
                if (store_snapshot_read(s, bytes.bytes, bytes.len) == 0) {
                        struct byte_buffer again = BYTE_BUFFER_INIT;

                        cr_expect_eq(store_snapshot_write(s, append, &again), 0);
                        cr_expect_eq(store_snapshot_read(s, again.bytes, again.len), 0);
                        byte_buffer_fini(&again);
                }
                bytes.bytes[i] = kept;
                store_destroy(s);
        }
        byte_buffer_fini(&bytes);
}

Test(snapshot, listeners_are_told_the_rows_that_differ)
{
        struct byte_buffer bytes;
        struct machine m;

        machine_init(&m);
        machine_node(&m, "a", "10.0.0.1");
        machine_node(&m, "b", "10.0.0.2");
        machine_service(&m, "a", "1", "web", NULL, "", 80);
        bytes = snapshot_of(&m);
        machine_node(&m, "b", "10.0.0.3");
        machine_node(&m, "c", "10.0.0.4");
        machine_deregister(&m, "a", "1", "");
        m.change_count = 0;
        cr_assert_eq(store_snapshot_read(m.store, bytes.bytes, bytes.len), 0);
        cr_expect_str_eq(m.touched, "b/ c/ a/web");
        cr_expect_eq(m.change_index, 3);
        m.change_count = 0;
        cr_assert_eq(store_snapshot_read(m.store, bytes.bytes, bytes.len), 0);
        cr_expect_eq(m.change_count, 0);
        byte_buffer_fini(&bytes);
        machine_fini(&m);
}

static void adopt(struct store *s, const struct byte_buffer *bytes)
{
        struct store_state *state;

        cr_assert_eq(store_state_decode(bytes->bytes, bytes->len, &state), 0);
        store_adopt(s, state);
}

static void on_watch(struct watch *watch)
{
        ++*(unsigned *)watch->arg;
}

Test(snapshot, a_state_is_there_at_once_and_told_of_some_rows_at_a_time)
{
        struct byte_buffer bytes, again;
        unsigned fired = 0, steps = 0;
        struct watch watch = {.fire = on_watch, .arg = &fired};
        struct machine m;
        char name[32];

        machine_init(&m);
        machine_node(&m, "first", "10.0.0.1");
        bytes = snapshot_of(&m);
        for (int i = 0; i < 2000; i++) {
                snprintf(name, sizeof(name), "key-%d", i);
                machine_kv(&m, TXN_SET, name, "value", "", 0);
        }
        store_watch_name(m.store, &watch, STORE_WATCH_NODE, "first");
        adopt(m.store, &bytes);
        cr_expect_eq(fired, 1);
        cr_expect_eq(store_count(m.store, STORE_KV), 0);
        cr_expect(store_is_settling(m.store));
        for (; store_is_settling(m.store); steps++)
                store_settle(m.store);
        cr_expect_geq(steps, 4);
        while (store_settle(m.store))
                continue;
        again = snapshot_of(&m);
        expect_same(&bytes, &again, 0);
        byte_buffer_fini(&bytes);
        machine_fini(&m);
}

Test(snapshot, a_command_or_another_state_waits_for_nobody_who_has_not_heard_yet)
{
        struct byte_buffer one, two;
        struct machine m;

        machine_init(&m);
        machine_node(&m, "a", "10.0.0.1");
        one = snapshot_of(&m);
        machine_node(&m, "b", "10.0.0.2");
        two = snapshot_of(&m);
        adopt(m.store, &one);
        adopt(m.store, &two);
        cr_expect_str_eq(m.touched, "b/", "of the first, that it has gone");
        cr_expect(store_is_settling(m.store));
        machine_node(&m, "c", "10.0.0.3");
        cr_expect_str_eq(m.touched, "c/");
        cr_expect_not(store_is_settling(m.store));
        cr_expect_eq(store_count(m.store, STORE_NODES), 3);
        adopt(m.store, &one);
        byte_buffer_fini(&one);
        byte_buffer_fini(&two);
        machine_fini(&m);
}

Test(snapshot, a_large_state_is_written_in_pieces_and_a_failing_writer_ends_it)
{
        struct byte_buffer bytes, again;
        struct machine m, to;
        int left = 1;
        char name[32];

        machine_init(&m);
        machine_init(&to);
        for (int i = 0; i < 3000; i++) {
                snprintf(name, sizeof(name), "node-%d", i);
                machine_node(&m, name, "10.0.0.1");
                machine_service(&m, name, "web", "web", "a,b", "10.0.0.2", i);
        }
        bytes = snapshot_of(&m);
        cr_expect_gt(bytes.len, 200000);
        cr_expect_eq(store_snapshot_write(m.store, fail_late, &left), -EIO);
        // Listeners of the machine keep few rows: read into a store of its own.
        store_destroy(to.store);
        fsm_destroy(to.fsm);
        local_log_destroy(to.log);
        to.store = store_create();
        cr_assert_eq(store_snapshot_read(to.store, bytes.bytes, bytes.len), 0);
        again = snapshot_of(&to);
        expect_same(&bytes, &again, 0);
        store_destroy(to.store);
        byte_buffer_fini(&bytes);
        machine_fini(&m);
}
