#include "control/leader/leader.h"
#include "control/agent/deadlines.h"
#include "control/fsm/propose.h"
#include "control/leader/lock_delays.h"
#include "control/log/log.h"
#include "control/store/memory.h"
#include "control/store/store.h"
#include "control/text/duration.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS 1000000
// A session lives for up to twice its TTL, as Consul's do: the client's renewal may be late.
#define TTL_MULTIPLIER 2
// A destruction that was not applied, for want of a quorum, is proposed again.
#define RETRY_MS 1000
// Longer lock delays count as this one.
#define LOCK_DELAY_MAX_MS 60000
// Tombstones live for between TOMBSTONE_SLOTS - 1 and TOMBSTONE_SLOTS intervals: 15 minutes.
#define TOMBSTONE_INTERVAL_MS 30000
#define TOMBSTONE_SLOTS       31

enum due { DUE_SESSION, DUE_TOMBSTONES };

// A session with a TTL.
struct session_timer {
        struct deadline deadline;
        uint64_t ttl_ms;
        uint32_t id_len;
        char id[];
};

struct leader {
        struct leader_options options;
        struct ordered_index *timers; // by id as the session spells it
        struct deadlines heap;
        struct deadline reaping;
        uint64_t applied_index[TOMBSTONE_SLOTS]; // at each of the last intervals
        unsigned slot;
        struct lock_delays *delays;
        uv_timer_t timer;
        bool leads;
};

static uint64_t now_ms(const struct leader *leader)
{
        return uv_now(leader->options.loop);
}

static void on_timer(uv_timer_t *timer);

static void arm(struct leader *leader)
{
        const struct deadline *first = deadlines_first(&leader->heap);
        uint64_t now = now_ms(leader);

        if (first == NULL)
                uv_timer_stop(&leader->timer);
        else
                uv_timer_start(&leader->timer, on_timer,
                               first->at_ms > now ? first->at_ms - now : 0, 0);
}

static void propose(struct leader *leader, struct command *command)
{
        propose_command(leader->options.proposer, command, NULL, NULL);
}

static void end_session(struct leader *leader, struct session_timer *timer)
{
        struct command command = {.type = COMMAND_SESSION_DESTROY, .session_destroy = timer->id};

        log_debug(leader->options.log, "leader", "Session TTL expired: session=%s", timer->id);
        deadlines_set(&leader->heap, &timer->deadline, now_ms(leader) + RETRY_MS);
        // Applied at once it frees the timer.
        propose(leader, &command);
}

static void reap_tombstones(struct leader *leader)
{
        struct command command = {.type = COMMAND_TOMBSTONE_REAP};
        uint64_t *oldest = &leader->applied_index[leader->slot];

        command.reap_index = *oldest;
        *oldest = store_applied_index(leader->options.store);
        leader->slot = (leader->slot + 1) % TOMBSTONE_SLOTS;
        deadlines_set(&leader->heap, &leader->reaping, now_ms(leader) + TOMBSTONE_INTERVAL_MS);
        if (command.reap_index > 0 &&
            store_oldest_tombstone(leader->options.store) <= command.reap_index)
                propose(leader, &command);
}

static void on_timer(uv_timer_t *handle)
{
        struct leader *leader = handle->data;
        struct deadline *first;

        while ((first = deadlines_first(&leader->heap)) != NULL && first->at_ms <= now_ms(leader)) {
                if (first->kind == DUE_SESSION)
                        end_session(leader, first->owner);
                else
                        reap_tombstones(leader);
        }
        arm(leader);
}

static struct session_timer *find(const struct leader *leader, const char *id)
{
        return ordered_index_get(leader->timers, (const uint8_t *)id, strlen(id));
}

static void start_session(struct leader *leader, const struct catalog_session *session)
{
        struct session_timer *timer;
        int64_t ttl_ns = 0;

        if (*session->ttl == 0 || duration_parse(session->ttl, &ttl_ns) < 0 || ttl_ns <= 0)
                return;
        timer = find(leader, session->id);
        if (timer == NULL) {
                size_t len = strlen(session->id);

                timer = memory_get_zeroed(1, sizeof(*timer) + len + 1);
                timer->deadline.kind = DUE_SESSION;
                timer->deadline.owner = timer;
                timer->id_len = (uint32_t)len;
                memcpy(timer->id, session->id, len + 1);
                ordered_index_set(leader->timers, (const uint8_t *)timer->id, len, timer);
        }
        timer->ttl_ms = (uint64_t)(ttl_ns / NS_PER_MS) + (ttl_ns % NS_PER_MS != 0);
        if (deadlines_set(&leader->heap, &timer->deadline,
                          now_ms(leader) + TTL_MULTIPLIER * timer->ttl_ms) < 0)
                log_error(leader->options.log, "leader",
                          "out of memory: session %s will not expire", session->id);
}

static void stop_session(struct leader *leader, const char *id)
{
        struct session_timer *timer = find(leader, id);

        if (timer == NULL)
                return;
        ordered_index_remove(leader->timers, (const uint8_t *)timer->id, timer->id_len);
        deadlines_clear(&leader->heap, &timer->deadline);
        free(timer);
}

// The session held these when it ended.
static void delay_locks(struct leader *leader, const struct catalog_session *session,
                        const struct store_change changes[], size_t count)
{
        uint64_t delay_ms = (uint64_t)(session->lock_delay_ns / NS_PER_MS);

        if (session->lock_delay_ns <= 0)
                return;
        if (delay_ms > LOCK_DELAY_MAX_MS)
                delay_ms = LOCK_DELAY_MAX_MS;
        for (size_t i = 0; i < count; i++) {
                const struct kv_record *before = changes[i].before.kv;

                if (changes[i].table == STORE_KV && before != NULL && before->session_len > 0 &&
                    strcmp(kv_record_session(before), session->id) == 0)
                        lock_delays_add(leader->delays, kv_record_key(before),
                                        now_ms(leader) + delay_ms);
        }
}

static void on_change(void *arg, uint64_t index, const struct store_change changes[], size_t count)
{
        struct leader *leader = arg;

        (void)index;
        for (size_t i = 0; i < count; i++) {
                if (changes[i].table != STORE_SESSIONS)
                        continue;
                if (changes[i].after.session == NULL) {
                        const struct catalog_session *gone = &changes[i].before.session->session;

                        delay_locks(leader, gone, changes, count);
                        stop_session(leader, gone->id);
                } else if (leader->leads) {
                        start_session(leader, &changes[i].after.session->session);
                }
                arm(leader);
        }
}

static void start_leading(struct leader *leader)
{
        const struct session_record *session;
        struct store_iter it;

        store_sessions(leader->options.store, &it);
        while ((session = store_next_session(&it)) != NULL)
                start_session(leader, &session->session);
        memset(leader->applied_index, 0, sizeof(leader->applied_index));
        deadlines_set(&leader->heap, &leader->reaping, now_ms(leader) + TOMBSTONE_INTERVAL_MS);
}

static void stop_leading(struct leader *leader)
{
        struct session_timer *timer;
        struct ordered_cursor c;

        for (;;) {
                ordered_index_seek(leader->timers, NULL, 0, &c);
                timer = ordered_cursor_next(&c, NULL, NULL);
                if (timer == NULL)
                        break;
                stop_session(leader, timer->id);
        }
        deadlines_clear(&leader->heap, &leader->reaping);
}

void leader_set(struct leader *leader, bool leads)
{
        if (leads == leader->leads)
                return;
        leader->leads = leads;
        if (leads)
                start_leading(leader);
        else
                stop_leading(leader);
        arm(leader);
}

void leader_renew_session(struct leader *leader, const char *id)
{
        const struct session_record *session = store_session_get(leader->options.store, id);

        if (session == NULL || !leader->leads)
                return;
        start_session(leader, &session->session);
        arm(leader);
}

bool leader_delays_lock(const struct leader *leader, const char *key)
{
        return leader != NULL && lock_delays_has(leader->delays, key, now_ms(leader));
}

static void free_leader(uv_handle_t *handle)
{
        free(handle->data);
}

int leader_create(struct leader **out, const struct leader_options *options)
{
        struct leader *leader = memory_get_zeroed(1, sizeof(*leader));
        int ret;

        leader->options = *options;
        leader->reaping.kind = DUE_TOMBSTONES;
        ret = store_listen(options->store, on_change, leader);
        if (ret < 0) {
                free(leader);
                return ret;
        }
        leader->timers = ordered_index_create();
        leader->delays = lock_delays_create();
        uv_timer_init(options->loop, &leader->timer);
        leader->timer.data = leader;
        *out = leader;
        return 0;
}

void leader_destroy(struct leader *take_leader)
{
        if (take_leader == NULL)
                return;
        store_unlisten(take_leader->options.store, on_change, take_leader);
        stop_leading(take_leader);
        ordered_index_destroy(take_leader->timers);
        lock_delays_destroy(take_leader->delays);
        deadlines_fini(&take_leader->heap);
        uv_close((uv_handle_t *)&take_leader->timer, free_leader);
}
