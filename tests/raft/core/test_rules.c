// Rules of the paper and the thesis, one server at a time: what goes in, what comes out.

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "raft/core/raft.h"

#define ELECTION_MS 100u
#define QUIET_MS    1000u // far past any promise given at the start

static struct raft_configuration three_servers(void)
{
        struct raft_configuration c = {.server_count = 3};

        for (unsigned i = 0; i < 3; i++) {
                c.servers[i].id = i + 1;
                c.servers[i].voter = true;
                snprintf(c.servers[i].address, RAFT_ADDRESS_MAX, "s%u", i + 1);
        }
        return c;
}

static struct raft *server_1(const struct raft_entry *entries, size_t n, raft_term term)
{
        struct raft_options options = {.id = 1,
                                       .seed = 42,
                                       .election_timeout_ms = ELECTION_MS,
                                       .heartbeat_ms = 20,
                                       .message_bytes_max = 1024,
                                       .inflight_max = 4};
        struct raft_restored restored = {.hard_state.term = term,
                                         .configuration = three_servers(),
                                         .entries = entries,
                                         .entry_count = n};
        struct raft *r = NULL;

        cr_assert_eq(raft_create(&options, &restored, 0, &r), 0);
        return r;
}

static void step(struct raft *r, struct raft_message m, uint64_t now_ms)
{
        struct raft_snapshot_chunk chunk;

        m.to = 1;
        cr_assert_eq(raft_step(r, &m, now_ms, &chunk), 0);
}

// Collects and makes durable at once; returns the first durable message, or one of type
// RAFT_MESSAGE_TYPE_COUNT when there is none.
static struct raft_message answer(struct raft *r, uint64_t now_ms)
{
        struct raft_message first = {.type = RAFT_MESSAGE_TYPE_COUNT};
        struct raft_effects e;

        cr_assert_eq(raft_collect(r, now_ms, &e), 0);
        if (e.messages_durable_count > 0)
                first = e.messages_durable[0];
        raft_durable(r, e.batch);
        return first;
}

static void become_leader(struct raft *r)
{
        struct raft_message vote = {.type = RAFT_PRE_VOTE_RESPONSE, .from = 2, .granted = true};
        struct raft_status status;

        cr_assert_eq(raft_tick(r, QUIET_MS), 0);
        answer(r, QUIET_MS);
        raft_status(r, &status);
        vote.term = status.hard_state.term + 1;
        step(r, vote, QUIET_MS);
        answer(r, QUIET_MS);
        vote.type = RAFT_VOTE_RESPONSE;
        step(r, vote, QUIET_MS);
        raft_status(r, &status);
        cr_assert_eq(status.role, RAFT_LEADER);
}

Test(raft_rules, votes_go_only_to_logs_that_are_as_new)
{
        static const struct {
                const char *name;
                raft_index index;
                raft_term term;
                bool want;
        } cases[] = {
            {"the same log", 2, 3, true},          {"a longer one", 3, 3, true},
            {"a shorter one", 1, 3, false},        {"a newer, shorter one", 1, 4, true},
            {"an older, longer one", 9, 2, false},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct raft_entry entries[] = {{.index = 1, .term = 1}, {.index = 2, .term = 3}};
                struct raft *r = server_1(entries, 2, 5);

                step(r,
                     (struct raft_message){.type = RAFT_VOTE_REQUEST,
                                           .from = 2,
                                           .term = 6,
                                           .log_index = cases[i].index,
                                           .log_term = cases[i].term},
                     QUIET_MS);
                cr_expect_eq(answer(r, QUIET_MS).granted, cases[i].want, "%s", cases[i].name);
                raft_destroy(r);
        }
}

Test(raft_rules, there_is_one_vote_a_term)
{
        struct raft_message ask = {.type = RAFT_VOTE_REQUEST, .from = 2, .term = 1};
        struct raft *r = server_1(NULL, 0, 0);
        struct raft_effects e;

        step(r, ask, QUIET_MS);
        cr_assert_eq(raft_collect(r, QUIET_MS, &e), 0);
        cr_expect_eq(e.messages_now_count, 0, "no vote leaves before it is durable");
        cr_expect(e.hard_state_changed);
        cr_expect_eq(e.hard_state.vote, 2);
        cr_expect(e.messages_durable[0].granted);
        ask.from = 3;
        step(r, ask, QUIET_MS);
        cr_expect_not(answer(r, QUIET_MS).granted);
        ask.from = 2;
        step(r, ask, QUIET_MS);
        cr_expect(answer(r, QUIET_MS).granted, "asked again, it says the same");
        raft_destroy(r);
}

Test(raft_rules, who_hears_a_leader_takes_no_part_in_elections)
{
        struct raft_message ask = {.type = RAFT_VOTE_REQUEST, .from = 3, .term = 9};
        struct raft *r = server_1(NULL, 0, 0);

        step(r, (struct raft_message){.type = RAFT_APPEND_REQUEST, .from = 2, .term = 1}, QUIET_MS);
        answer(r, QUIET_MS);
        step(r, ask, QUIET_MS + ELECTION_MS - 1);
        cr_expect_eq(answer(r, QUIET_MS).type, RAFT_MESSAGE_TYPE_COUNT, "silence");
        ask.transfer = true;
        step(r, ask, QUIET_MS + ELECTION_MS - 1);
        cr_expect(answer(r, QUIET_MS).granted, "unless the leader asked for it");
        raft_destroy(r);
}

Test(raft_rules, a_restarted_server_keeps_the_promise_it_may_have_given)
{
        struct raft_message ask = {.type = RAFT_VOTE_REQUEST, .from = 3, .term = 9};
        struct raft *r = server_1(NULL, 0, 0);

        step(r, ask, ELECTION_MS - 1);
        cr_expect_eq(answer(r, ELECTION_MS - 1).type, RAFT_MESSAGE_TYPE_COUNT);
        step(r, ask, ELECTION_MS);
        cr_expect(answer(r, ELECTION_MS).granted);
        raft_destroy(r);
}

Test(raft_rules, conflicting_entries_give_way_and_matching_ones_stay)
{
        struct raft_entry held[] = {
            {.index = 1, .term = 1}, {.index = 2, .term = 1}, {.index = 3, .term = 1}};
        struct raft_entry sent[] = {{.index = 2, .term = 1}, {.index = 3, .term = 2}};
        struct raft_message append = {.type = RAFT_APPEND_REQUEST,
                                      .from = 2,
                                      .term = 2,
                                      .log_index = 1,
                                      .log_term = 1,
                                      .entries = sent,
                                      .entry_count = 1};
        struct raft *r = server_1(held, 3, 1);
        struct raft_status status;

        step(r, append, 0);
        raft_status(r, &status);
        cr_expect_eq(status.last_index, 3, "an old request does not shorten the log");
        answer(r, 0);
        append.entry_count = 2;
        step(r, append, 0);
        raft_status(r, &status);
        cr_expect_eq(status.last_index, 3);
        cr_expect_eq(status.last_term, 2);
        cr_expect_eq(answer(r, 0).log_index, 3);
        append.log_index = 9;
        append.log_term = 2;
        append.entry_count = 0;
        step(r, append, 0);
        cr_expect(answer(r, 0).refused, "a gap is refused");
        raft_destroy(r);
}

Test(raft_rules, a_leader_commits_only_entries_of_its_own_term_by_counting)
{
        struct raft_entry held[] = {{.index = 1, .term = 1}, {.index = 2, .term = 2}};
        struct raft_message ack = {.type = RAFT_APPEND_RESPONSE, .from = 2};
        struct raft *r = server_1(held, 2, 4);
        struct raft_status status;

        become_leader(r);
        raft_status(r, &status);
        cr_expect_eq(status.last_index, 3, "its no-op");
        answer(r, QUIET_MS);
        ack.term = status.hard_state.term;
        ack.log_index = 2;
        step(r, ack, QUIET_MS);
        raft_status(r, &status);
        cr_expect_eq(status.commit_index, 0, "an old term's entry, though a majority has it");
        ack.log_index = 3;
        step(r, ack, QUIET_MS);
        raft_status(r, &status);
        cr_expect_eq(status.commit_index, 3);
        raft_destroy(r);
}

Test(raft_rules, a_leader_counts_itself_only_once_its_own_entry_is_durable)
{
        struct raft_message ack = {.type = RAFT_APPEND_RESPONSE, .from = 2, .log_index = 1};
        struct raft *r = server_1(NULL, 0, 0);
        struct raft_status status;
        struct raft_effects e;

        become_leader(r);
        raft_status(r, &status);
        ack.term = status.hard_state.term;
        cr_assert_eq(raft_collect(r, QUIET_MS, &e), 0);
        step(r, ack, QUIET_MS);
        raft_status(r, &status);
        cr_expect_eq(status.commit_index, 0);
        raft_durable(r, e.batch);
        raft_status(r, &status);
        cr_expect_eq(status.commit_index, 1);
        raft_destroy(r);
}

Test(raft_rules, a_leader_cut_off_from_the_majority_steps_down)
{
        struct raft *r = server_1(NULL, 0, 0);
        struct raft_status status;

        become_leader(r);
        raft_tick(r, QUIET_MS + ELECTION_MS - 1);
        raft_status(r, &status);
        cr_expect_eq(status.role, RAFT_LEADER);
        raft_tick(r, QUIET_MS + ELECTION_MS);
        raft_status(r, &status);
        cr_expect_eq(status.role, RAFT_FOLLOWER);
        raft_destroy(r);
}

Test(raft_rules, membership_changes_wait_for_each_other_and_for_this_term)
{
        struct raft_server fourth = {.id = 4, .voter = true, .address = "s4"};
        struct raft_message ack = {.type = RAFT_APPEND_RESPONSE, .from = 2, .log_index = 1};
        struct raft *r = server_1(NULL, 0, 0);
        struct raft_status status;
        raft_index index;

        cr_expect_eq(raft_propose_server(r, &fourth, &index), -EPERM);
        become_leader(r);
        cr_expect_eq(raft_propose_server(r, &fourth, &index), -EBUSY, "nothing committed yet");
        raft_status(r, &status);
        ack.term = status.hard_state.term;
        answer(r, QUIET_MS);
        step(r, ack, QUIET_MS);
        cr_expect_eq(raft_propose_server(r, &fourth, &index), 0);
        cr_expect_eq(raft_configuration(r)->server_count, 4, "in force from its entry on");
        cr_expect_eq(raft_propose_removal(r, 3, &index), -EBUSY);
        raft_destroy(r);
}

Test(raft_rules, reads_wait_for_a_round_of_the_majority)
{
        struct raft_message ack = {.type = RAFT_APPEND_RESPONSE, .from = 2, .log_index = 1};
        struct raft *r = server_1(NULL, 0, 0);
        struct raft_status status;
        struct raft_effects e;

        cr_expect_eq(raft_read_index(r, 7, false, QUIET_MS), -EPERM);
        become_leader(r);
        cr_expect_eq(raft_read_index(r, 7, false, QUIET_MS), -EAGAIN, "nothing committed yet");
        raft_status(r, &status);
        ack.term = status.hard_state.term;
        answer(r, QUIET_MS);
        step(r, ack, QUIET_MS);
        cr_assert_eq(raft_read_index(r, 7, false, QUIET_MS), 0);
        cr_assert_eq(raft_collect(r, QUIET_MS, &e), 0);
        cr_expect_eq(e.read_count, 0);
        cr_assert_gt(e.messages_now_count, 0);
        ack.round = e.messages_now[e.messages_now_count - 1].round;
        raft_durable(r, e.batch);
        step(r, ack, QUIET_MS);
        cr_assert_eq(raft_collect(r, QUIET_MS, &e), 0);
        cr_assert_eq(e.read_count, 1);
        cr_expect_eq(e.reads[0].ticket, 7);
        cr_expect_eq(e.reads[0].index, 1);
        raft_destroy(r);
}

Test(raft_rules, handing_over_leadership_voids_the_lease_for_good)
{
        struct raft_message ack = {.type = RAFT_APPEND_RESPONSE, .from = 2, .log_index = 1};
        uint64_t later_ms = QUIET_MS + ELECTION_MS - 1;
        struct raft *r = server_1(NULL, 0, 0);
        struct raft_status status;
        struct raft_effects e;
        raft_index index;

        become_leader(r);
        raft_status(r, &status);
        ack.term = status.hard_state.term;
        answer(r, QUIET_MS);
        ack.round = 1;
        step(r, ack, QUIET_MS);
        cr_expect(raft_has_lease(r, QUIET_MS), "a majority answered the first round");
        cr_assert_eq(raft_transfer(r, 2, QUIET_MS), 0);
        cr_assert_eq(raft_collect(r, QUIET_MS, &e), 0);
        cr_expect_eq(e.messages_now[0].type, RAFT_TIMEOUT_NOW, "it has everything already");
        cr_expect_eq(raft_propose(r, NULL, &index), -EBUSY);
        // Nothing came of it and the followers are still there: but the message may yet arrive.
        step(r, ack, later_ms);
        raft_tick(r, QUIET_MS + ELECTION_MS);
        cr_assert_eq(raft_collect(r, QUIET_MS + ELECTION_MS, &e), 0);
        ack.round = 2;
        step(r, ack, QUIET_MS + ELECTION_MS);
        raft_status(r, &status);
        cr_expect_eq(status.role, RAFT_LEADER);
        cr_expect_not(raft_has_lease(r, QUIET_MS + ELECTION_MS));
        cr_expect_eq(raft_propose(r, raft_buffer_create("x", 1), &index), 0, "it leads on");
        raft_destroy(r);
}

Test(raft_rules, entries_behind_a_snapshot_may_be_forgotten_bit_by_bit)
{
        struct raft_entry entries[] = {
            {.index = 1, .term = 1}, {.index = 2, .term = 1}, {.index = 3, .term = 1}};
        struct raft *r = server_1(entries, 3, 1);
        struct raft_status status;

        step(r,
             (struct raft_message){.type = RAFT_APPEND_REQUEST,
                                   .from = 2,
                                   .term = 1,
                                   .log_index = 3,
                                   .log_term = 1,
                                   .commit_index = 3},
             QUIET_MS);
        answer(r, QUIET_MS);
        cr_expect_eq(raft_compact(r, 2, 2), -EINVAL, "nothing is applied yet");
        raft_applied(r, 3);
        for (raft_index keep_from = 1; keep_from <= 4; keep_from++) {
                cr_assert_eq(raft_compact(r, 2, keep_from), 0);
                raft_status(r, &status);
                cr_expect_eq(status.snapshot_index, 2);
                cr_expect_eq(status.log_entries, keep_from < 3 ? 4 - keep_from : 1,
                             "what is behind the snapshot stays");
        }
        raft_destroy(r);
}

// Leading before that, it could lead the same term twice, with two logs, around a crash.
Test(raft_rules, the_only_voter_leads_once_its_vote_is_durable)
{
        struct raft_options options = {.id = 1,
                                       .seed = 42,
                                       .election_timeout_ms = ELECTION_MS,
                                       .heartbeat_ms = 20,
                                       .message_bytes_max = 1024,
                                       .inflight_max = 4};
        struct raft_restored restored = {.configuration = {.server_count = 1}};
        struct raft_status status;
        struct raft_effects e;
        struct raft *r;

        restored.configuration.servers[0] = three_servers().servers[0];
        cr_assert_eq(raft_create(&options, &restored, 0, &r), 0);
        cr_assert_eq(raft_tick(r, QUIET_MS), 0);
        cr_assert_eq(raft_collect(r, QUIET_MS, &e), 0);
        cr_expect(e.hard_state_changed);
        cr_expect_eq(e.hard_state.vote, 1);
        raft_status(r, &status);
        cr_expect_eq(status.role, RAFT_CANDIDATE);
        raft_durable(r, e.batch);
        raft_status(r, &status);
        cr_expect_eq(status.role, RAFT_LEADER);
        raft_destroy(r);
}

static struct raft_buffer *first_configuration(unsigned voters)
{
        struct raft_configuration c = three_servers();
        struct raft_buffer *data;

        c.server_count = voters;
        data = raft_configuration_encode(&c);
        cr_assert_not_null(data);
        return data;
}

Test(raft_rules, only_an_empty_log_is_given_a_first_configuration)
{
        struct raft_entry entry = {.index = 1, .term = 1, .type = RAFT_ENTRY_NOOP};
        struct raft_buffer *data = first_configuration(3);
        struct raft *r = server_1(&entry, 1, 1);

        cr_expect_eq(raft_bootstrap(r, data, 0), -EEXIST);
        raft_destroy(r);
        r = server_1(NULL, 0, 0);
        cr_expect_eq(raft_bootstrap(r, data, 0), 0);
        cr_expect_eq(raft_configuration(r)->server_count, 3);
        data = first_configuration(3);
        cr_expect_eq(raft_bootstrap(r, data, 0), -EEXIST);
        raft_buffer_unref(data);
        raft_destroy(r);
}

Test(raft_rules, a_lone_voter_with_nothing_but_that_need_not_wait)
{
        struct raft_buffer *data = first_configuration(1);
        struct raft *r = server_1(NULL, 0, 0);

        cr_expect_eq(raft_bootstrap(r, data, 5), 0);
        cr_expect_eq(raft_deadline_ms(r), 5);
        raft_destroy(r);
}
