#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lictor/random.h"
#include "raft/core/raft_internal.h"

#define MESSAGES_PER_INPUT (2 * RAFT_SERVER_MAX)

static int list_reserve(struct message_list *list, unsigned n)
{
        unsigned capacity = list->capacity ? list->capacity : MESSAGES_PER_INPUT;
        struct raft_message *items;

        if (list->count + n <= list->capacity)
                return 0;
        while (capacity < list->count + n)
                capacity *= 2;
        items = realloc(list->items, capacity * sizeof(*items));
        if (items == NULL)
                return -ENOMEM;
        list->items = items;
        list->capacity = capacity;
        return 0;
}

void raft_end_effects(struct raft *r)
{
        if (!r->handed_out)
                return;
        r->now.count = 0;
        r->durable_messages.count = 0;
        r->read_ready_count = 0;
        r->handed_out = false;
}

int raft_begin(struct raft *r, uint64_t now_ms)
{
        raft_end_effects(r);
        if (now_ms > r->now_ms)
                r->now_ms = now_ms;
        if (list_reserve(&r->now, MESSAGES_PER_INPUT) != 0)
                return -ENOMEM;
        return list_reserve(&r->durable_messages, MESSAGES_PER_INPUT);
}

struct raft_message *raft_send(struct raft *r, struct message_list *list,
                               enum raft_message_type type, raft_server_id to)
{
        struct raft_message *m;

        assert(list->count < list->capacity);
        m = &list->items[list->count++];
        memset(m, 0, sizeof(*m));
        m->type = type;
        m->from = r->options.id;
        m->to = to;
        m->term = r->hard_state.term;
        return m;
}

void raft_restart_election_timer(struct raft *r)
{
        uint32_t timeout = r->options.election_timeout_ms;

        r->deadline_ms = r->now_ms + timeout + random_next(&r->random_state) % timeout;
}

void raft_set_hard_state(struct raft *r, raft_term term, raft_server_id vote)
{
        if (r->hard_state.term == term && r->hard_state.vote == vote)
                return;
        assert(term >= r->hard_state.term);
        r->hard_state.term = term;
        r->hard_state.vote = vote;
        r->hard_state_changed = true;
}

void raft_become_follower(struct raft *r, raft_term term, raft_server_id leader)
{
        if (term > r->hard_state.term)
                raft_set_hard_state(r, term, RAFT_NO_SERVER);
        if (r->role == RAFT_LEADER)
                read_fail_all(r);
        if (r->role != RAFT_FOLLOWER || r->leader != leader)
                raft_restart_election_timer(r);
        r->role = RAFT_FOLLOWER;
        r->leader = leader;
        r->transfer_to = RAFT_NO_SERVER;
}

struct progress *raft_peer(struct raft *r, raft_server_id id)
{
        for (unsigned i = 0; i < r->peer_count; i++)
                if (r->peers[i].id == id)
                        return &r->peers[i];
        return NULL;
}

void raft_update_peers(struct raft *r)
{
        struct progress kept[RAFT_SERVER_MAX];
        unsigned count = 0;

        for (unsigned i = 0; i < r->configuration.server_count; i++) {
                const struct raft_server *server = &r->configuration.servers[i];
                struct progress *old = raft_peer(r, server->id);
                struct progress *p = &kept[count++];

                if (old != NULL) {
                        *p = *old;
                } else {
                        memset(p, 0, sizeof(*p));
                        p->id = server->id;
                        replicate_reset(p, log_last_index(&r->log) + 1, r->now_ms);
                        p->heard_ms = r->now_ms;
                }
                p->voter = server->voter;
        }
        memcpy(r->peers, kept, count * sizeof(kept[0]));
        r->peer_count = count;
}

bool raft_may_stand(const struct raft *r)
{
        return configuration_is_voter(&r->configuration, r->options.id) ||
               (r->was_voter && r->configuration_index > r->commit);
}

raft_index raft_configuration_at(const struct raft *r, raft_index index,
                                 struct raft_configuration *out)
{
        for (; index > r->snapshot_index; index--) {
                const struct raft_entry *entry = log_at(&r->log, index);

                if (entry->type == RAFT_ENTRY_CONFIGURATION &&
                    raft_configuration_decode(entry->data->bytes, entry->data->length, out) == 0)
                        return index;
        }
        *out = r->snapshot_configuration;
        return r->snapshot_index;
}

void raft_reload_configuration(struct raft *r)
{
        struct raft_configuration before;

        r->configuration_index =
            raft_configuration_at(r, log_last_index(&r->log), &r->configuration);
        if (r->configuration_index > r->snapshot_index)
                raft_configuration_at(r, r->configuration_index - 1, &before);
        else
                before = r->configuration;
        r->was_voter = configuration_is_voter(&before, r->options.id);
        raft_update_peers(r);
}

void raft_commit_to(struct raft *r, raft_index index)
{
        assert(index <= log_last_index(&r->log));
        if (index > r->commit)
                r->commit = index;
}

void raft_forget_stored_from(struct raft *r, raft_index index)
{
        if (r->durable >= index)
                r->durable = index - 1;
        if (r->collected >= index)
                r->collected = index - 1;
        for (unsigned i = 0; i < RAFT_BATCH_MAX; i++)
                if (r->marks[i].last >= index)
                        r->marks[i].last = index - 1;
}

static int compare_descending(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return x < y ? 1 : x > y ? -1 : 0;
}

static uint64_t majority_value(uint64_t values[], unsigned count)
{
        if (count == 0)
                return 0;
        qsort(values, count, sizeof(values[0]), compare_descending);
        return values[count / 2];
}

raft_index raft_quorum_match(const struct raft *r)
{
        uint64_t values[RAFT_SERVER_MAX];
        unsigned count = 0;

        for (unsigned i = 0; i < r->peer_count; i++)
                if (r->peers[i].voter)
                        values[count++] =
                            r->peers[i].id == r->options.id ? r->durable : r->peers[i].match;
        return majority_value(values, count);
}

uint64_t raft_quorum_round(const struct raft *r)
{
        uint64_t values[RAFT_SERVER_MAX];
        unsigned count = 0;

        for (unsigned i = 0; i < r->peer_count; i++)
                if (r->peers[i].voter)
                        values[count++] =
                            r->peers[i].id == r->options.id ? r->round : r->peers[i].round_acked;
        return majority_value(values, count);
}

uint64_t raft_quorum_heard_ms(const struct raft *r)
{
        uint64_t values[RAFT_SERVER_MAX];
        unsigned count = 0;

        for (unsigned i = 0; i < r->peer_count; i++)
                if (r->peers[i].voter)
                        values[count++] =
                            r->peers[i].id == r->options.id ? r->now_ms : r->peers[i].heard_ms;
        return majority_value(values, count);
}

static bool options_valid(const struct raft_options *o)
{
        return o->id != RAFT_NO_SERVER && o->election_timeout_ms > 0 && o->heartbeat_ms > 0 &&
               o->heartbeat_ms < o->election_timeout_ms && o->message_bytes_max > 0 &&
               o->inflight_max > 0 && o->inflight_max <= RAFT_INFLIGHT_MAX;
}

static bool restored_valid(const struct raft_restored *restored)
{
        const struct raft_entry *entries = restored->entries;
        size_t n = restored->entry_count;

        for (size_t i = 0; i < n; i++)
                if (entries[i].index != entries[0].index + i || entries[i].term == 0 ||
                    entries[i].term > restored->hard_state.term)
                        return false;
        return n == 0 ||
               (entries[0].index > 0 && entries[0].index <= restored->snapshot_index + 1 &&
                entries[n - 1].index >= restored->snapshot_index);
}

static int restore_log(struct raft *r, const struct raft_restored *restored)
{
        int ret = log_reserve(&r->log, restored->entry_count);

        if (ret != 0)
                return ret;
        r->log.base_index = restored->snapshot_index;
        r->log.base_term = restored->snapshot_term;
        for (size_t i = 0; i < restored->entry_count; i++) {
                // An entry before the snapshot comes with nothing known before it: it is the base.
                if (i == 0 && restored->entries[i].index <= restored->snapshot_index) {
                        r->log.base_index = restored->entries[i].index;
                        r->log.base_term = restored->entries[i].term;
                        raft_buffer_unref(restored->entries[i].data);
                        continue;
                }
                log_append(&r->log, &restored->entries[i]);
        }
        return 0;
}

// Whether this server cannot have promised another leader not to stand: it voted for itself in its
// term, or there is nothing but the first configuration, which no leader wrote.
static bool owes_nobody(const struct raft *r)
{
        if (r->hard_state.vote == r->options.id)
                return true;
        return r->hard_state.term == RAFT_BOOTSTRAP_TERM && log_last_index(&r->log) == 1 &&
               r->configuration_index == 1;
}

// Alone there is nobody to wait for.
static void start_election_timer(struct raft *r)
{
        raft_restart_election_timer(r);
        if (configuration_voter_count(&r->configuration) == 1 &&
            configuration_is_voter(&r->configuration, r->options.id) && owes_nobody(r))
                r->deadline_ms = r->now_ms;
}

int raft_create(const struct raft_options *options, const struct raft_restored *restored,
                uint64_t now_ms, struct raft **out)
{
        struct raft *r;
        int ret;

        if (!options_valid(options) || !restored_valid(restored))
                return -EINVAL;
        r = calloc(1, sizeof(*r));
        if (r == NULL)
                return -ENOMEM;
        r->options = *options;
        r->random_state = options->seed;
        r->now_ms = now_ms;
        // A server cannot know what it promised a leader just before it went down, so it keeps the
        // promise as if it had heard from one now; leases depend on that.
        r->contact_ms = now_ms;
        r->hard_state = restored->hard_state;
        r->snapshot_index = restored->snapshot_index;
        r->snapshot_term = restored->snapshot_term;
        r->snapshot_configuration = restored->configuration;
        ret = raft_begin(r, now_ms);
        if (ret == 0)
                ret = restore_log(r, restored);
        if (ret != 0) {
                raft_destroy(r);
                return ret;
        }
        r->collected = r->durable = log_last_index(&r->log);
        r->commit = r->handed = r->applied = restored->snapshot_index;
        raft_reload_configuration(r);
        start_election_timer(r);
        *out = r;
        return 0;
}

int raft_bootstrap(struct raft *r, struct raft_buffer *take_data, uint64_t now_ms)
{
        struct raft_entry entry = {.index = 1,
                                   .term = RAFT_BOOTSTRAP_TERM,
                                   .type = RAFT_ENTRY_CONFIGURATION,
                                   .data = take_data};
        struct raft_configuration configuration;
        int ret = raft_begin(r, now_ms);

        if (ret != 0)
                return ret;
        if (log_last_index(&r->log) != 0 || r->hard_state.term != 0)
                return -EEXIST;
        if (raft_configuration_decode(take_data->bytes, take_data->length, &configuration) != 0 ||
            configuration_voter_count(&configuration) == 0)
                return -EINVAL;
        ret = log_reserve(&r->log, 1);
        if (ret != 0)
                return ret;
        raft_set_hard_state(r, RAFT_BOOTSTRAP_TERM, RAFT_NO_SERVER);
        log_append(&r->log, &entry);
        raft_reload_configuration(r);
        start_election_timer(r);
        return 0;
}

void raft_destroy(struct raft *take_raft)
{
        if (take_raft == NULL)
                return;
        log_fini(&take_raft->log);
        free(take_raft->now.items);
        free(take_raft->durable_messages.items);
        free(take_raft);
}
