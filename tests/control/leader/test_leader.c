#include "control/fsm/propose.h"
#include "control/leader/leader.h"
#include "control/leader/lock_delays.h"
#include "control/log/log.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define S1 "11111111-1111-1111-1111-111111111111"
#define S2 "22222222-2222-2222-2222-222222222222"

// A leader over a store; proposals are counted, and dropped while there is no quorum.
struct bench {
        uv_loop_t loop;
        struct log log;
        struct store *store;
        struct fsm *fsm;
        struct local_log *real;
        struct log_proposer proposer;
        struct leader *leader;
        bool has_quorum;
        unsigned proposed;
};

static int pass_on(struct log_proposer *self, const uint8_t *bytes, size_t len,
                   propose_done_fn done, void *arg)
{
        struct bench *b = (struct bench *)((char *)self - offsetof(struct bench, proposer));
        struct log_proposer *real = local_log_proposer(b->real);

        b->proposed++;
        return b->has_quorum ? real->propose(real, bytes, len, done, arg) : -EAGAIN;
}

static void start(struct bench *b)
{
        struct leader_options options = {&b->loop, NULL, &b->proposer, &b->log};
        struct command c = {.type = COMMAND_REGISTER};

        memset(b, 0, sizeof(*b));
        uv_loop_init(&b->loop);
        b->log = (struct log){.stream = stderr, .level = LOG_LEVEL_ERROR};
        b->store = store_create();
        b->fsm = fsm_create(b->store);
        b->real = local_log_create(b->fsm, 0);
        b->proposer.propose = pass_on;
        b->has_quorum = true;
        options.store = b->store;
        cr_assert_eq(leader_create(&b->leader, &options), 0);
        c.reg.node = (struct catalog_node)CATALOG_NODE_INIT;
        c.reg.node.name = "n";
        c.reg.node.address = "10.0.0.1";
        propose_command(local_log_proposer(b->real), &c, NULL, NULL);
}

static void stop(struct bench *b)
{
        leader_destroy(b->leader);
        uv_run(&b->loop, UV_RUN_DEFAULT);
        cr_expect_eq(uv_loop_close(&b->loop), 0);
        local_log_destroy(b->real);
        fsm_destroy(b->fsm);
        store_destroy(b->store);
}

static void make_session(struct bench *b, const char *id, const char *ttl, int64_t lock_delay_ms)
{
        struct command c = {.type = COMMAND_SESSION_CREATE};

        c.session_create = (struct catalog_session)CATALOG_SESSION_INIT;
        c.session_create.id = id;
        c.session_create.node = "n";
        c.session_create.ttl = ttl;
        c.session_create.lock_delay_ns = lock_delay_ms * 1000000;
        uv_update_time(&b->loop);
        propose_command(local_log_proposer(b->real), &c, NULL, NULL);
        cr_assert_not_null(store_session_get(b->store, id));
}

static void lock_key(struct bench *b, const char *key, const char *id, enum txn_verb verb)
{
        struct command c = {.type = COMMAND_KV};

        c.kv = (struct txn_op){.kind = TXN_KV, .verb = verb, .kv = KV_ENTRY_INIT};
        c.kv.kv.key = key;
        c.kv.kv.session = id;
        propose_command(local_log_proposer(b->real), &c, NULL, NULL);
}

static void end_session(struct bench *b, const char *id)
{
        struct command c = {.type = COMMAND_SESSION_DESTROY, .session_destroy = id};

        propose_command(local_log_proposer(b->real), &c, NULL, NULL);
}

// Turns of the loop until it has gone, and how long that took; 0 when it never does.
static uint64_t wait_for_end(struct bench *b, const char *id)
{
        uint64_t began_ms = uv_now(&b->loop);

        while (store_session_get(b->store, id)) {
                if (uv_run(&b->loop, UV_RUN_ONCE) == 0)
                        return 0;
        }
        return uv_now(&b->loop) - began_ms;
}

Test(leader, a_session_ends_after_twice_its_ttl)
{
        struct bench b;

        start(&b);
        leader_set(b.leader, true);
        make_session(&b, S1, "20ms", 0);
        make_session(&b, S2, "", 0);
        cr_expect_geq(wait_for_end(&b, S1), 40);
        cr_expect_not_null(store_session_get(b.store, S2), "one without TTL stays");
        stop(&b);
}

Test(leader, a_follower_ends_no_session_and_a_new_leader_gives_full_time)
{
        struct bench b;

        start(&b);
        make_session(&b, S1, "15ms", 0);
        // Only the session's timer could keep this loop alive.
        cr_expect_eq(uv_run(&b.loop, UV_RUN_NOWAIT), 0);
        leader_set(b.leader, true);
        leader_set(b.leader, false);
        cr_expect_eq(uv_run(&b.loop, UV_RUN_NOWAIT), 0);
        cr_expect_not_null(store_session_get(b.store, S1));
        uv_update_time(&b.loop);
        leader_set(b.leader, true);
        cr_expect_geq(wait_for_end(&b, S1), 30);
        stop(&b);
}

Test(leader, renewing_starts_the_time_afresh)
{
        struct bench b;

        start(&b);
        leader_set(b.leader, true);
        make_session(&b, S1, "40ms", 0);
        make_session(&b, S2, "10ms", 0);
        wait_for_end(&b, S2);
        leader_renew_session(b.leader, S1);
        cr_expect_geq(wait_for_end(&b, S1), 80);
        leader_renew_session(b.leader, S1);
        stop(&b);
}

Test(leader, an_end_that_was_not_applied_is_proposed_again)
{
        struct bench b;

        start(&b);
        leader_set(b.leader, true);
        make_session(&b, S1, "5ms", 0);
        b.has_quorum = false;
        while (b.proposed == 0)
                uv_run(&b.loop, UV_RUN_ONCE);
        cr_expect_not_null(store_session_get(b.store, S1));
        b.has_quorum = true;
        cr_expect_gt(wait_for_end(&b, S1), 0);
        cr_expect_eq(b.proposed, 2);
        stop(&b);
}

Test(leader, keys_of_a_session_that_ended_are_delayed_and_others_are_not)
{
        struct bench b;

        start(&b);
        make_session(&b, S1, "", 60000);
        make_session(&b, S2, "", 0);
        lock_key(&b, "held", S1, TXN_LOCK);
        lock_key(&b, "given", S1, TXN_LOCK);
        lock_key(&b, "given", S1, TXN_UNLOCK);
        lock_key(&b, "soon", S2, TXN_LOCK);
        end_session(&b, S1);
        end_session(&b, S2);
        cr_expect(leader_delays_lock(b.leader, "held"));
        cr_expect_not(leader_delays_lock(b.leader, "given"), "it was given back in time");
        cr_expect_not(leader_delays_lock(b.leader, "soon"), "its session had no delay");
        stop(&b);
}

Test(lock_delays, end_at_their_time)
{
        struct lock_delays *delays = lock_delays_create();

        lock_delays_add(delays, "a", 100);
        lock_delays_add(delays, "b", 200);
        lock_delays_add(delays, "c", 300);
        lock_delays_add(delays, "c", 150);
        cr_expect(lock_delays_has(delays, "a", 99));
        cr_expect_not(lock_delays_has(delays, "a", 100));
        cr_expect(lock_delays_has(delays, "c", 149));
        cr_expect_not(lock_delays_has(delays, "c", 150));
        cr_expect(lock_delays_has(delays, "b", 199));
        cr_expect_not(lock_delays_has(delays, "ab", 0));
        lock_delays_destroy(delays);
}
