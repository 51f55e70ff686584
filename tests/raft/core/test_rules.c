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

static void append(struct raft *r, const struct raft_entry *entries, unsigned n, raft_term term,
                   raft_index commit)
{
        step(r,
             (struct raft_message){.type = RAFT_APPEND_REQUEST,
                                   .from = 2,
                                   .term = term,
                                   .round = 7,
                                   .entries = entries,
                                   .entry_count = n,
                                   .commit_index = commit},
             QUIET_MS);
}

// A snapshot is verified beside the log; the leader may have sent its entries meanwhile, and what
// answers them is on its way.
Test(raft_rules, a_snapshot_takes_nothing_back_that_is_being_acknowledged)
{
        struct raft_entry entries[] = {{.index = 1, .term = 1},
                                       {.index = 2, .term = 1},
                                       {.index = 3, .term = 1},
                                       {.index = 4, .term = 1}};
        struct raft_configuration servers = three_servers();

        for (unsigned collected = 0; collected <= 1; collected++) {
                struct raft *r = server_1(NULL, 0, 0);
                struct raft_status status;
                struct raft_effects e = {0};
                struct raft_message said;
                unsigned handed = 0;

                append(r, entries, 4, 1, 0);
                if (collected == 1) {
                        cr_assert_eq(raft_collect(r, QUIET_MS, &e), 0);
                        said = e.messages_durable[0];
                        handed = e.entry_count;
                }
                cr_assert_eq(raft_snapshot_installed(r, 3, 1, &servers, QUIET_MS), 0);
                cr_assert_eq(raft_collect(r, QUIET_MS, &e), 0);
                if (collected == 0)
                        said = e.messages_durable[0];
                cr_expect_eq(handed + e.entry_count, 4, "all of them are stored");
                cr_expect_eq(e.committed_count, 0, "the state has them");
                raft_durable(r, e.batch);
                raft_status(r, &status);
                cr_expect_eq(said.log_index, 4);
                cr_expect_eq(status.last_index, 4, "what was acknowledged stays");
                cr_expect_eq(status.commit_index, 3);
                cr_expect_eq(status.snapshot_index, 3);
                append(r, entries, 4, 1, 4);
                cr_assert_eq(raft_collect(r, QUIET_MS, &e), 0);
                cr_expect_eq(e.committed_count, 1);
                cr_expect_eq(e.committed[0].index, 4);
                raft_destroy(r);
        }
}

Test(raft_rules, a_refusal_of_an_old_term_confirms_no_round_of_the_new_one)
{
        struct raft *r = server_1(NULL, 0, 5);
        struct raft_message refusal;

        append(r, NULL, 0, 4, 0);
        refusal = answer(r, QUIET_MS);
        cr_expect(refusal.refused);
        cr_expect_eq(refusal.term, 5);
        cr_expect_eq(refusal.round, 0);
        raft_destroy(r);
}

Test(raft_rules, a_leader_of_a_newer_term_is_followed_by_the_old_one_at_once)
{
        static const enum raft_message_type types[] = {RAFT_APPEND_REQUEST, RAFT_SNAPSHOT_REQUEST};

        for (unsigned i = 0; i < 2; i++) {
                struct raft *r = server_1(NULL, 0, 0);
                struct raft_message m = {.type = types[i], .from = 3};
                struct raft_status status;

                become_leader(r);
                raft_status(r, &status);
                m.term = status.hard_state.term;
                step(r, m, QUIET_MS);
                raft_status(r, &status);
                cr_expect_eq(status.role, RAFT_LEADER, "there is one leader a term");
                m.term++;
                step(r, m, QUIET_MS);
                raft_status(r, &status);
                cr_expect_eq(status.role, RAFT_FOLLOWER);
                cr_expect_eq(status.leader, 3);
                raft_destroy(r);
        }
}

// The entries that a leader sends to server 2 now; returns the last of them, or 0.
static raft_index sent_to_2(struct raft *r, uint64_t now_ms, raft_index *before, uint64_t *round)
{
        raft_index last = 0;
        struct raft_effects e;

        cr_assert_eq(raft_collect(r, now_ms, &e), 0);
        for (unsigned i = 0; i < e.messages_now_count; i++) {
                const struct raft_message *m = &e.messages_now[i];

                if (m->to != 2 || m->type != RAFT_APPEND_REQUEST)
                        continue;
                *round = m->round;
                *before = m->log_index;
                last = m->log_index + m->entry_count;
        }
        raft_durable(r, e.batch);
        return last;
}

Test(raft_rules, a_follower_whose_disk_was_emptied_is_sent_everything_again)
{
        struct raft_message said = {.type = RAFT_APPEND_RESPONSE, .from = 2};
        struct raft *r = server_1(NULL, 0, 0);
        struct raft_peer_status peers[RAFT_SERVER_MAX];
        struct raft_status status;
        raft_index before = 0;
        uint64_t round = 0;

        become_leader(r);
        raft_status(r, &status);
        said.term = status.hard_state.term;
        cr_expect_eq(sent_to_2(r, QUIET_MS, &before, &round), 1);
        said.log_index = 1;
        said.round = round;
        step(r, said, QUIET_MS);
        said.refused = true;
        said.refused_index = 1;
        said.log_index = 0;
        step(r, said, QUIET_MS);
        raft_peers(r, peers);
        cr_expect_eq(peers[1].match_index, 1, "a refusal from before the success is late");
        sent_to_2(r, QUIET_MS + 20, &before, &round);
        cr_expect_eq(before, 1, "a heartbeat names what is known to be there");
        said.round = round;
        step(r, said, QUIET_MS + 20);
        raft_peers(r, peers);
        cr_expect_eq(peers[1].match_index, 0);
        cr_expect_eq(sent_to_2(r, QUIET_MS + 20, &before, &round), 1);
        cr_expect_eq(before, 0);
        raft_destroy(r);
}
