#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "control/follow/intake.h"
#include "control/store/msgpack.h"
#include "tests/control/fsm/machine.h"

struct fixture {
        uv_loop_t loop;
        struct machine server;
        struct store *copy;
        struct intake *intake;
        struct byte_buffer snapshot;
        unsigned done_count, told; // rows that listeners heard of
        int result;
};

static int append(void *arg, const uint8_t *bytes, size_t len)
{
        byte_buffer_append(arg, bytes, len);
        return 0;
}

static void on_done(void *arg, int result)
{
        struct fixture *f = arg;

        f->done_count++;
        f->result = result;
}

static void on_changes(void *arg, uint64_t index, const struct store_change changes[], size_t count)
{
        struct fixture *f = arg;

        (void)index;
        (void)changes;
        f->told += (unsigned)count;
}

static void setup(struct fixture *f, unsigned node_count)
{
        struct store_snapshot *gathered;

        *f = (struct fixture){.snapshot = BYTE_BUFFER_INIT, .result = 1};
        cr_assert_eq(uv_loop_init(&f->loop), 0);
        machine_init(&f->server);
        for (unsigned i = 0; i < node_count; i++) {
                char name[16];

                snprintf(name, sizeof(name), "n%u", i);
                machine_node(&f->server, name, "10.0.0.1");
        }
        gathered = store_snapshot_gather(f->server.store);
        cr_assert_eq(store_snapshot_encode_catalog(gathered, append, &f->snapshot), 0);
        store_snapshot_release(gathered);
        f->copy = store_create();
        cr_assert_eq(store_listen(f->copy, on_changes, f), 0);
        f->intake = intake_create(&f->loop, f->copy, on_done, f);
}

static void teardown(struct fixture *f)
{
        if (f->intake != NULL)
                intake_destroy(f->intake);
        uv_run(&f->loop, UV_RUN_DEFAULT);
        cr_expect_eq(uv_loop_close(&f->loop), 0, "something of the intake is left on the loop");
        byte_buffer_fini(&f->snapshot);
        store_unlisten(f->copy, on_changes, f);
        store_destroy(f->copy);
        machine_fini(&f->server);
}

Test(intake, a_snapshot_is_in_the_store_and_told_to_listeners_when_done_is_called)
{
        struct fixture f;

        setup(&f, 5000);
        cr_assert_eq(intake_begin(f.intake, f.snapshot.bytes, f.snapshot.len), 0);
        cr_expect(intake_is_busy(f.intake));
        cr_expect_eq(store_count(f.copy, STORE_NODES), 0, "the loop has not turned yet");
        uv_run(&f.loop, UV_RUN_DEFAULT);
        cr_expect_eq(f.done_count, 1);
        cr_expect_eq(f.result, 0);
        cr_expect_not(intake_is_busy(f.intake));
        cr_expect_eq(store_count(f.copy, STORE_NODES), 5000);
        cr_expect_eq(f.told, 5000);
        teardown(&f);
}

Test(intake, bytes_that_are_no_snapshot_leave_the_store_as_it_was)
{
        struct fixture f;

        setup(&f, 3);
        for (size_t len = 0; len < f.snapshot.len; len += 7) {
                cr_assert_eq(intake_begin(f.intake, f.snapshot.bytes, len), 0);
                uv_run(&f.loop, UV_RUN_DEFAULT);
                cr_expect_eq(f.result, -EBADMSG, "%zu bytes", len);
                cr_expect_eq(store_count(f.copy, STORE_NODES), 0, "%zu bytes", len);
        }
        cr_assert_eq(intake_begin(f.intake, f.snapshot.bytes, f.snapshot.len), 0);
        uv_run(&f.loop, UV_RUN_DEFAULT);
        cr_expect_eq(f.result, 0, "a good one after bad ones");
        teardown(&f);
}

Test(intake, one_given_up_at_any_turn_calls_nobody_and_leaves_nothing)
{
        for (unsigned turns = 0; turns < 8; turns++) {
                struct fixture f;

                setup(&f, 20000);
                cr_assert_eq(intake_begin(f.intake, f.snapshot.bytes, f.snapshot.len), 0);
                for (unsigned i = 0; i < turns && f.done_count == 0; i++)
                        uv_run(&f.loop, UV_RUN_ONCE);
                f.done_count = 0;
                intake_destroy(f.intake);
                f.intake = NULL;
                uv_run(&f.loop, UV_RUN_DEFAULT);
                cr_expect_eq(f.done_count, 0, "after %u turns", turns);
                teardown(&f);
        }
}
