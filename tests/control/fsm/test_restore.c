#include "control/store/msgpack.h"
#include "machine.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static int append(void *arg, const uint8_t *bytes, size_t len)
{
        byte_buffer_append(arg, bytes, len);
        return 0;
}

static struct byte_buffer state_of(struct machine *m)
{
        struct byte_buffer out = BYTE_BUFFER_INIT;

        store_snapshot_write(m->store, append, &out);
        return out;
}

static const char *send(struct machine *m, const char *id, const struct byte_buffer *state,
                        size_t offset, size_t len)
{
        struct command c = {.type = COMMAND_RESTORE};

        c.restore =
            (struct command_restore){id, offset, state->len, state->bytes + offset, (uint32_t)len};
        return machine_run(m, &c);
}

static bool has(struct machine *m, const char *key)
{
        return store_kv_get(m->store, key) != NULL;
}

static void expect_same(struct machine *a, struct machine *b)
{
        struct byte_buffer x = state_of(a), y = state_of(b);

        cr_assert_eq(x.len, y.len);
        cr_expect_arr_eq(x.bytes, y.bytes, x.len);
        byte_buffer_fini(&x);
        byte_buffer_fini(&y);
}

Test(restore, nothing_changes_before_the_last_piece_and_everything_with_it)
{
        struct byte_buffer state;
        struct machine m;

        machine_init(&m);
        machine_node(&m, "n", "10.0.0.1");
        machine_kv(&m, TXN_SET, "old", "1", "", 0);
        state = state_of(&m);
        machine_kv(&m, TXN_SET, "new", "2", "", 0);
        machine_kv(&m, TXN_DELETE, "old", "", "", 0);
        cr_expect_str_eq(send(&m, "a", &state, 0, 10), "");
        cr_expect(fsm_is_restoring(m.fsm));
        machine_kv(&m, TXN_SET, "between", "3", "", 0);
        cr_expect(has(&m, "new") && has(&m, "between") && !has(&m, "old"));
        cr_expect_str_eq(send(&m, "a", &state, 10, state.len - 10), "");
        cr_expect(!fsm_is_restoring(m.fsm));
        cr_expect(!has(&m, "new") && !has(&m, "between") && has(&m, "old"));
        cr_expect_eq(store_restore_count(m.store), 1);
        // The log goes on where it was.
        cr_expect_eq(store_applied_index(m.store), m.last.index);
        cr_expect_eq(store_index_offset(m.store), 0);
        machine_kv(&m, TXN_SET, "later", "4", "", 0);
        cr_expect_eq(store_kv_get(m.store, "later")->head.modify_index, m.last.index);
        byte_buffer_fini(&state);
        machine_fini(&m);
}

Test(restore, indexes_go_on_above_those_of_a_state_that_is_ahead)
{
        struct byte_buffer state, again;
        struct machine a, b, c;

        machine_init(&a);
        machine_init(&b);
        machine_init(&c);
        for (int i = 0; i < 50; i++)
                machine_kv(&a, TXN_SET, "k", i % 2 ? "odd" : "even", "", 0);
        state = state_of(&a);
        machine_kv(&b, TXN_SET, "x", "1", "", 0);
        cr_expect_str_eq(send(&b, "r", &state, 0, state.len), "");
        cr_expect_eq(store_applied_index(b.store), 51);
        machine_kv(&b, TXN_SET, "k", "next", "", 0);
        cr_expect_eq(store_kv_get(b.store, "k")->head.modify_index, 52);
        cr_expect_eq(b.last.index, 52);
        // What is ahead stays so in a snapshot of it.
        again = state_of(&b);
        cr_assert_eq(store_snapshot_read(c.store, again.bytes, again.len), 0);
        cr_expect_eq(store_index_offset(c.store), store_index_offset(b.store));
        expect_same(&b, &c);
        byte_buffer_fini(&state);
        byte_buffer_fini(&again);
        machine_fini(&a);
        machine_fini(&b);
        machine_fini(&c);
}

Test(restore, a_held_state_outlives_a_restore)
{
        struct byte_buffer small, before, after = BYTE_BUFFER_INIT;
        struct store_snapshot *held;
        struct machine m;

        machine_init(&m);
        small = state_of(&m);
        for (int i = 0; i < 300; i++) {
                char key[16];

                snprintf(key, sizeof(key), "k%d", i);
                machine_kv(&m, TXN_SET, key, "v", "", 0);
        }
        before = state_of(&m);
        held = store_snapshot_gather(m.store);
        cr_expect_str_eq(send(&m, "r", &small, 0, small.len), "");
        for (int i = 0; i < 300; i++)
                machine_kv(&m, TXN_SET, "k1", i % 2 ? "a" : "b", "", 0);
        cr_assert_eq(store_snapshot_encode(held, append, &after), 0);
        cr_assert_eq(before.len, after.len);
        cr_expect_arr_eq(before.bytes, after.bytes, after.len);
        store_snapshot_release(held);
        byte_buffer_fini(&small);
        byte_buffer_fini(&before);
        byte_buffer_fini(&after);
        machine_fini(&m);
}

Test(restore, a_damaged_state_changes_nothing)
{
        struct byte_buffer state;
        struct machine m;

        machine_init(&m);
        machine_kv(&m, TXN_SET, "k", "v", "", 0);
        state = state_of(&m);
        state.bytes[state.len - 1] ^= 0xff;
        cr_expect_str_neq(send(&m, "r", &state, 0, state.len), "");
        cr_expect(has(&m, "k"));
        cr_expect(!fsm_is_restoring(m.fsm));
        cr_expect_eq(store_restore_count(m.store), 0);
        cr_expect_eq(store_applied_index(m.store), m.last.index);
        byte_buffer_fini(&state);
        machine_fini(&m);
}

Test(restore, a_piece_that_comes_twice_is_let_pass_and_a_missing_one_is_not)
{
        struct byte_buffer state;
        struct machine m;

        machine_init(&m);
        machine_kv(&m, TXN_SET, "k", "v", "", 0);
        state = state_of(&m);
        cr_expect_str_eq(send(&m, "a", &state, 0, 5), "");
        cr_expect_str_eq(send(&m, "a", &state, 0, 5), "");
        cr_expect_str_neq(send(&m, "a", &state, 6, 1), "");
        cr_expect_str_eq(send(&m, "a", &state, 5, state.len - 5), "");
        cr_expect_str_eq(send(&m, "a", &state, 5, state.len - 5), "");
        cr_expect_eq(store_restore_count(m.store), 1);
        byte_buffer_fini(&state);
        machine_fini(&m);
}

Test(restore, a_second_one_ends_the_first)
{
        struct byte_buffer state;
        struct machine m;

        machine_init(&m);
        machine_kv(&m, TXN_SET, "k", "v", "", 0);
        state = state_of(&m);
        cr_expect_str_eq(send(&m, "a", &state, 0, 5), "");
        cr_expect_str_eq(send(&m, "b", &state, 0, 5), "");
        cr_expect_str_neq(send(&m, "a", &state, 5, state.len - 5), "");
        cr_expect_str_eq(send(&m, "b", &state, 5, state.len - 5), "");
        cr_expect_eq(store_restore_count(m.store), 1);
        byte_buffer_fini(&state);
        machine_fini(&m);
}

Test(restore, one_nobody_goes_on_with_is_forgotten)
{
        struct byte_buffer state;
        struct machine m;

        machine_init(&m);
        machine_kv(&m, TXN_SET, "k", "v", "", 0);
        state = state_of(&m);
        cr_expect_str_eq(send(&m, "a", &state, 0, 5), "");
        for (int i = 0; i < 4096; i++)
                machine_kv(&m, TXN_SET, "k", i % 2 ? "a" : "b", "", 0);
        cr_expect(fsm_is_restoring(m.fsm));
        machine_kv(&m, TXN_SET, "k", "v", "", 0);
        cr_expect(!fsm_is_restoring(m.fsm));
        byte_buffer_fini(&state);
        machine_fini(&m);
}
