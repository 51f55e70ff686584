#include "control/upstream/replica.h"

#include <stdlib.h>
#include <time.h>

#include "control/upstream/dump.h"
#include "control/upstream/query_feed.h"

#define RETRY_MS        20u
#define RETRY_MAX_MS    2000u
#define BEAT_MS         1000u
#define BEAT_TIMEOUT_MS 10000u
#define REST_MIN_MS     5u
#define REST_MAX_MS     10000u
/* So many times what an answer took to apply. */
#define REST_FACTOR 5u
/* A caller waits no longer for the copy to be fresh. */
#define WAIT_MS 2000u
/* A leader that cannot be asked is still named by others for a while. */
#define LEADER_AGAIN_MS 2000u

// Somebody who waits for the copy to catch up.
struct waiter {
        struct waiter *next;
        follower_ready_fn done;
        void *arg;
};

struct replica {
        struct replica_options options;
        struct upstream_call *feed, *beat, *fresh; // on their way
        struct waiter *waiting;                    // for the next fresh answer
        struct waiter *asking;                     // for the one on its way
        uint64_t index;                            // of the latest answer; 0: none
        uint64_t heard_ms, contact_ms;
        bool current, known_leader, ever;
        bool doubtful; // the latest answer was older than one before
        bool any;      // the server asked answers for itself, as there may be no leader
        unsigned failures;
        uint64_t leader_again_ms; // not before that, since it could not be asked
        uint64_t answers;
        struct log_limit complaints;
        struct query_feed *queries;
        uv_timer_t again, beat_timer;
        unsigned handles_open;
};

static void ask_feed(struct replica *replica);
static void ask_fresh(struct replica *replica);

// --- What comes.

static void note_contact(struct replica *replica, const struct consul_meta *meta)
{
        replica->heard_ms = uv_now(replica->options.loop);
        replica->contact_ms = meta->last_contact_ms;
        replica->known_leader = meta->known_leader;
}

static void complain(struct replica *replica, const char *what, size_t count)
{
        uint64_t suppressed;

        if (log_limit_allow(&replica->complaints, uv_now(replica->options.loop), &suppressed))
                log_warn(replica->options.log, "client", "%s: rows=%zu others=%llu", what, count,
                         (unsigned long long)suppressed);
}

// Writes what came to the store. A server that answers for itself may be behind others: what it
// says then is not taken over, and the leader is asked. returns  0 or -EBADMSG.
static int apply(struct replica *replica, struct pack_slice body, bool was_stale)
{
        const char *datacenter = upstream_datacenter(replica->options.upstream);
        struct arena arena = ARENA_INIT;
        struct upstream_dump dump;
        int ret = upstream_dump_get(body, datacenter, &arena, &dump);
        size_t refused;

        replica->doubtful = ret == 0 && was_stale && dump.meta.index < replica->index;
        if (ret == 0 && !replica->doubtful) {
                refused = upstream_dump_apply(replica->options.store, &dump);
                if (refused > 0)
                        complain(replica, "some of the catalog cannot be taken over", refused);
                // It goes back when a state was restored.
                replica->index = dump.meta.index;
                replica->answers++;
                note_contact(replica, &dump.meta);
        }
        arena_fini(&arena);
        return ret;
}

static void become_current(struct replica *replica)
{
        replica->failures = 0;
        replica->ever = true;
        if (replica->current)
                return;
        replica->current = true;
        query_feed_wake(replica->queries);
        log_info(replica->options.log, "client",
                 "following the catalog of Consul's servers: "
                 "index=%llu",
                 (unsigned long long)replica->index);
        if (replica->options.synced != NULL)
                replica->options.synced(replica->options.arg);
}

static void lose(struct replica *replica, const char *error)
{
        bool was_current = replica->current;

        replica->current = false;
        if (!was_current) {
                log_debug(replica->options.log, "client", "the catalog cannot be followed: %s",
                          error);
                return;
        }
        log_warn(replica->options.log, "client", "the server followed is gone: %s", error);
        if (replica->options.lost != NULL)
                replica->options.lost(replica->options.arg);
}

// --- The feed.

static bool may_ask_leader(const struct replica *replica)
{
        return replica->known_leader && uv_now(replica->options.loop) >= replica->leader_again_ms;
}

static void on_again(uv_timer_t *timer)
{
        struct replica *replica = timer->data;

        if (replica->feed == NULL)
                ask_feed(replica);
}

static void ask_later(struct replica *replica, uint64_t delay_ms)
{
        uv_timer_start(&replica->again, on_again, delay_ms, 0);
}

static void fail(struct replica *replica, const char *error)
{
        uint64_t delay_ms = RETRY_MAX_MS;

        if (replica->failures < 16 && (uint64_t)RETRY_MS << replica->failures < delay_ms)
                delay_ms = (uint64_t)RETRY_MS << replica->failures;
        replica->failures++;
        lose(replica, error);
        // With no leader any server's word will do, with no such server the leader's.
        replica->any = !replica->any;
        if (replica->any)
                replica->leader_again_ms = uv_now(replica->options.loop) + LEADER_AGAIN_MS;
        // Agents whose server has gone do not come to the next one all at once.
        ask_later(replica, delay_ms / 2 + uv_hrtime() / 1000 % (delay_ms / 2 + 1));
}

// What this thread has worked: on a busy machine answers wait for nothing but that.
static uint64_t cpu_time_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void on_feed(void *arg, const char *error, struct pack_slice body)
{
        struct replica *replica = arg;
        uint64_t begin_ns = cpu_time_ns(), rest_ms;

        replica->feed = NULL;
        if (error != NULL || apply(replica, body, replica->any) < 0) {
                fail(replica, error != NULL ? error : "its answer cannot be read");
                return;
        }
        if (!replica->doubtful)
                become_current(replica);
        replica->any = replica->any && !replica->doubtful && !may_ask_leader(replica);
        rest_ms = REST_MIN_MS + (cpu_time_ns() - begin_ns) * REST_FACTOR / 1000000;
        ask_later(replica, rest_ms < REST_MAX_MS ? rest_ms : REST_MAX_MS);
}

static struct upstream_call *ask(struct replica *replica, struct consul_query *query,
                                 const char *method, uint64_t timeout_ms, upstream_done_fn done)
{
        const struct upstream_question question = {.method = method,
                                                   .repeatable = true,
                                                   .unlimited = true,
                                                   .timeout_ms = timeout_ms,
                                                   .done = done,
                                                   .arg = replica};

        query->datacenter = upstream_datacenter(replica->options.upstream);
        return upstream_query(replica->options.upstream, query, &question);
}

static void ask_feed(struct replica *replica)
{
        struct consul_query query = CONSUL_QUERY_INIT;
        bool follows = replica->current && !replica->doubtful;

        // After a failure the first answer comes at once, and shows that the copy is current.
        if (follows)
                query.min_index = replica->index > 0 ? replica->index : 1;
        // Followers hear late of what is new: up to 250 ms.
        query.stale = replica->any;
        replica->feed =
            ask(replica, &query, "Internal.NodeDump", follows ? 0 : UPSTREAM_ANSWER_MS, on_feed);
        if (replica->feed == NULL)
                fail(replica, "out of memory");
}

void replica_wake(struct replica *replica)
{
        if (replica->feed == NULL && !replica->current)
                ask_later(replica, 0);
}

// --- The beat.

static void on_beat(void *arg, const char *error, struct pack_slice body)
{
        struct replica *replica = arg;
        struct consul_meta meta;

        replica->beat = NULL;
        // The feed notices by itself what is wrong.
        if (error != NULL || !replica->current || consul_meta_get(body, &meta) < 0)
                return;
        note_contact(replica, &meta);
        if (!replica->any || !may_ask_leader(replica) || replica->feed == NULL)
                return;
        upstream_cancel(replica->feed);
        replica->feed = NULL;
        replica->any = false;
        ask_feed(replica);
}

static void on_beat_timer(uv_timer_t *timer)
{
        struct replica *replica = timer->data;
        struct consul_query query = CONSUL_QUERY_INIT;

        query.node = replica->options.node;
        query.stale = true;
        if (replica->current && replica->beat == NULL)
                replica->beat = ask(replica, &query, "Internal.NodeInfo", BEAT_TIMEOUT_MS, on_beat);
}

// --- Waiting.

static void finish_all(struct waiter *take_list, const char *error)
{
        while (take_list != NULL) {
                struct waiter *next = take_list->next;

                take_list->done(take_list->arg, error);
                free(take_list);
                take_list = next;
        }
}

static void on_fresh(void *arg, const char *error, struct pack_slice body)
{
        struct replica *replica = arg;
        struct waiter *list = replica->asking;

        replica->fresh = NULL;
        replica->asking = NULL;
        if (error == NULL && apply(replica, body, false) < 0)
                error = "the server's answer cannot be read";
        finish_all(list, error);
        if (replica->waiting != NULL && replica->fresh == NULL)
                ask_fresh(replica);
}

static void ask_fresh(struct replica *replica)
{
        struct consul_query query = CONSUL_QUERY_INIT;

        replica->asking = replica->waiting;
        replica->waiting = NULL;
        replica->fresh = ask(replica, &query, "Internal.NodeDump", WAIT_MS, on_fresh);
        if (replica->fresh == NULL) {
                struct waiter *list = replica->asking;

                replica->asking = NULL;
                finish_all(list, "out of memory");
        }
}

void replica_wait(struct replica *replica, follower_ready_fn done, void *arg)
{
        struct waiter *waiter = malloc(sizeof(*waiter));

        if (waiter == NULL) {
                done(arg, "out of memory");
                return;
        }
        *waiter = (struct waiter){replica->waiting, done, arg};
        replica->waiting = waiter;
        // One that is on its way may not show what was acknowledged meanwhile.
        if (replica->fresh == NULL)
                ask_fresh(replica);
}

void replica_state(const struct replica *replica, struct follower_state *out)
{
        uint64_t silent_ms = uv_now(replica->options.loop) - replica->heard_ms;

        *out = (struct follower_state){.following = replica->current,
                                       .known_leader = replica->current && replica->known_leader,
                                       .age_ms = replica->ever ? replica->contact_ms + silent_ms
                                                               : UINT64_MAX,
                                       .index = replica->index,
                                       .snapshots = replica->answers};
}

// --- Life.

struct replica *replica_create(const struct replica_options *options)
{
        struct replica *replica = calloc(1, sizeof(*replica));

        if (replica == NULL)
                return NULL;
        replica->queries = query_feed_create(options->loop, options->upstream, options->store);
        if (replica->queries == NULL) {
                free(replica);
                return NULL;
        }
        replica->options = *options;
        uv_timer_init(options->loop, &replica->again);
        uv_timer_init(options->loop, &replica->beat_timer);
        replica->again.data = replica->beat_timer.data = replica;
        replica->handles_open = 2;
        uv_timer_start(&replica->beat_timer, on_beat_timer, BEAT_MS, BEAT_MS);
        return replica;
}

static void on_closed(uv_handle_t *handle)
{
        struct replica *replica = handle->data;

        if (--replica->handles_open == 0)
                free(replica);
}

void replica_destroy(struct replica *take_replica)
{
        struct upstream_call *calls[3];
        struct waiter *lists[2];

        if (take_replica == NULL)
                return;
        query_feed_destroy(take_replica->queries);
        calls[0] = take_replica->feed;
        calls[1] = take_replica->beat;
        calls[2] = take_replica->fresh;
        for (size_t i = 0; i < 3; i++) {
                if (calls[i] != NULL)
                        upstream_cancel(calls[i]);
        }
        lists[0] = take_replica->asking;
        lists[1] = take_replica->waiting;
        take_replica->asking = take_replica->waiting = NULL;
        for (size_t i = 0; i < 2; i++)
                finish_all(lists[i], "agent is shutting down");
        uv_close((uv_handle_t *)&take_replica->again, on_closed);
        uv_close((uv_handle_t *)&take_replica->beat_timer, on_closed);
}
