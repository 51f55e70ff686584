#include <criterion/criterion.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dataplane/worker/slow_path.h"

#define MS 1000000ull

static unsigned dropped_count;

static void count_drop(struct port_queue *q, const struct port_retained *slot)
{
        (void)q;
        (void)slot;
        dropped_count++;
}

static const struct port_operations operations = {.drop_retained = count_drop};
static struct port_queue queue = {.operations = &operations};
static struct slow_path *path;
static int wake_fd;

static void set_up(void)
{
        wake_fd = eventfd(0, EFD_NONBLOCK);
        cr_assert_eq(slow_path_create(64, wake_fd, &path), 0);
}

static void tear_down(void)
{
        slow_path_destroy(path);
        close(wake_fd);
}

TestSuite(slow_path, .init = set_up, .fini = tear_down);

static void punt_at(uint64_t now_ns)
{
        struct slow_item *item = slow_path_reserve(path);

        cr_assert_not_null(item);
        item->queue = &queue;
        item->query.received_ns = now_ns;
        slow_path_punt(path, item);
}

static uint64_t wakeups(void)
{
        uint64_t count = 0;

        if (read(wake_fd, &count, sizeof(count)) < 0)
                return 0;
        return count;
}

// What the worker does with what comes back.
static unsigned recycle(void)
{
        struct slow_item *item;
        unsigned n = 0;

        for (; (item = slow_path_next_reply(path)) != NULL; n++)
                slow_path_release(path, item);
        return n;
}

Test(slow_path, serves_the_newest_query_first)
{
        for (uint64_t t = 1; t <= 4; t++)
                punt_at(t * MS);
        slow_path_drain(path, 5 * MS);
        for (uint64_t t = 4; t >= 1; t--) {
                cr_expect_eq(slow_path_newest_ns(path), t * MS);
                cr_assert_eq(slow_path_take(path)->query.received_ns, t * MS);
        }
        cr_expect_null(slow_path_take(path));
        cr_expect_eq(slow_path_newest_ns(path), 0);
}

Test(slow_path, drops_what_waited_past_the_deadline_and_counts_it)
{
        punt_at(1 * MS);
        punt_at(2 * MS);
        punt_at(3 * MS);
        slow_path_drain(path, (2 + RUNTIME_SLOW_DEADLINE_MS) * MS);
        cr_expect_eq(slow_path_dropped(path).late, 1, "only the first is over the line");
        cr_expect_eq(recycle(), 1);
        slow_path_drain(path, (3 + RUNTIME_SLOW_DEADLINE_MS) * MS + 1);
        cr_expect_eq(slow_path_dropped(path).late, 3);
        cr_expect_null(slow_path_take(path));
        cr_expect_eq(recycle(), 2);
}

Test(slow_path, wakes_the_control_thread_once_until_it_has_drained)
{
        punt_at(MS);
        punt_at(MS);
        cr_expect_eq(wakeups(), 1);
        slow_path_drain(path, MS);
        punt_at(MS);
        punt_at(MS);
        cr_expect_eq(wakeups(), 1);
}

Test(slow_path, gives_out_no_more_items_than_it_has)
{
        for (unsigned i = 0; i < SLOW_ITEM_COUNT; i++)
                punt_at(MS);
        cr_expect_null(slow_path_reserve(path));
}

Test(slow_path, a_full_one_loses_its_oldest_queries_to_the_newest)
{
        for (uint64_t i = 1; i <= SLOW_ITEM_COUNT; i++)
                punt_at(i);
        slow_path_drain(path, MS);
        cr_expect_eq(slow_path_dropped(path).full, SLOW_ITEM_COUNT - SLOW_PENDING_MAX);
        cr_expect_eq(recycle(), SLOW_ITEM_COUNT - SLOW_PENDING_MAX);
        punt_at(SLOW_ITEM_COUNT + 1);
        slow_path_drain(path, MS);
        cr_expect_eq(slow_path_take(path)->query.received_ns, SLOW_ITEM_COUNT + 1);
        for (unsigned i = 1; i < SLOW_PENDING_MAX; i++)
                cr_assert_not_null(slow_path_take(path));
        cr_expect_null(slow_path_take(path));
}

Test(slow_path, returns_items_with_their_verdict)
{
        struct slow_item *item;

        punt_at(MS);
        slow_path_drain(path, MS);
        item = slow_path_take(path);
        item->query.message.verdict = DNS_ANSWERED;
        slow_path_reply(path, item);
        cr_assert_eq(slow_path_next_reply(path), item);
        cr_expect_eq(item->query.message.verdict, DNS_ANSWERED);
        slow_path_release(path, item);
}

Test(slow_path, never_hands_out_one_item_twice_in_a_long_run)
{
        uint64_t now_ns = MS;

        for (unsigned round = 0; round < 5000; round++) {
                for (unsigned i = 0; i < round % 7; i++)
                        punt_at(now_ns++);
                slow_path_drain(path, now_ns);
                for (unsigned i = 0; i < round % 5; i++) {
                        struct slow_item *item = slow_path_take(path);

                        if (item != NULL)
                                slow_path_reply(path, item);
                }
                recycle();
                now_ns += round % 11 == 0 ? 100 * MS : 0;
        }
        while (slow_path_newest_ns(path) != 0)
                slow_path_reply(path, slow_path_take(path));
        recycle();
        for (unsigned i = 0; i < SLOW_ITEM_COUNT; i++)
                cr_assert_not_null(slow_path_reserve(path), "item %u was lost", i);
        cr_expect_null(slow_path_reserve(path));
}

Test(slow_path, drops_what_is_left_when_destroyed)
{
        dropped_count = 0;
        punt_at(MS);
        punt_at(2 * MS);
        slow_path_drain(path, 2 * MS);
        punt_at(3 * MS);
        slow_path_destroy(path);
        path = NULL;
        cr_expect_eq(dropped_count, 3);
}
