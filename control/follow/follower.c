#include "control/follow/follower.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/follow/follow_codec.h"
#include "control/follow/intake.h"

#define RETRY_MS     20u
#define RETRY_MAX_MS 2000u
/* A copy that does not catch up in that time is not waited for. */
#define WAIT_MS 2000u
/* Changes of some seconds at any rate a server commits them. */
#define HELD_BYTES_MAX (256u << 20)

/* Somebody who waits for the copy to catch up. */
struct waiter {
        struct follower *follower;
        struct waiter *next, **prev;
        struct relay_call *call; /* asks how far; NULL: answered */
        uint64_t index;          /* then: what is waited for */
        uint64_t deadline_ms;
        follower_ready_fn done;
        void *arg;
};

/* What came while a snapshot was being taken in. */
struct held_item {
        struct held_item *next;
        size_t len;
        uint8_t bytes[];
};

struct follower {
        struct follower_options options;
        struct intake *intake;
        struct follow_item snapshot; /* the one being taken in, but for its bytes */
        struct held_item *held, **held_end;
        size_t held_len;         /* in bytes */
        struct relay_call *call; /* NULL: it is to be tried again */
        uint64_t cluster_id, index;
        uint64_t heard_ms, contact_ms;
        bool current; /* since the call began, the copy has become as new as its server's state */
        bool known_leader, ever;
        bool based; /* index is of a snapshot, 0 if need be, and what came after it */
        unsigned failures;
        uint64_t snapshots, deltas;
        struct waiter *waiters;
        uv_timer_t retry, wait;
        unsigned handles_open;
};

static void follow(struct follower *follower);

// --- Waiting.

static void finish_waiter(struct waiter *take_waiter, const char *error)
{
        follower_ready_fn done = take_waiter->done;
        void *arg = take_waiter->arg;

        *take_waiter->prev = take_waiter->next;
        if (take_waiter->next != NULL)
                take_waiter->next->prev = take_waiter->prev;
        if (take_waiter->call != NULL)
                relay_cancel(take_waiter->call);
        free(take_waiter);
        done(arg, error);
}

static void tell_waiters(struct follower *follower)
{
        uint64_t now_ms = uv_now(follower->options.loop);
        struct waiter *next;

        for (struct waiter *waiter = follower->waiters; waiter != NULL; waiter = next) {
                next = waiter->next;
                if (waiter->call == NULL && follower->current && follower->index >= waiter->index)
                        finish_waiter(waiter, NULL);
                else if (now_ms >= waiter->deadline_ms)
                        finish_waiter(waiter, "the copy of the catalog is out of date");
        }
        if (follower->waiters == NULL)
                uv_timer_stop(&follower->wait);
}

static void on_wait(uv_timer_t *timer)
{
        tell_waiters(timer->data);
}

static void on_index(void *arg, enum relay_error error, const uint8_t *bytes, size_t len)
{
        struct waiter *waiter = arg;
        struct follower *follower = waiter->follower;
        struct relay_index index;

        waiter->call = NULL;
        if (error != RELAY_OK) {
                finish_waiter(waiter, relay_error_text(error, true));
        } else if (relay_index_decode(bytes, len, &index) < 0 || index.error[0] != '\0') {
                finish_waiter(waiter, "the server cannot be read");
        } else {
                waiter->index = index.catalog_index;
                tell_waiters(follower);
        }
}

void follower_wait(struct follower *follower, follower_ready_fn done, void *arg)
{
        const struct relay_question question = {
            .kind = RELAY_INDEX, .datacenter = "", .repeatable = true, .unlimited = true};
        struct waiter *waiter = calloc(1, sizeof(*waiter));

        if (waiter == NULL) {
                done(arg, "out of memory");
                return;
        }
        *waiter = (struct waiter){.follower = follower,
                                  .next = follower->waiters,
                                  .prev = &follower->waiters,
                                  .deadline_ms = uv_now(follower->options.loop) + WAIT_MS,
                                  .done = done,
                                  .arg = arg};
        if (waiter->next != NULL)
                waiter->next->prev = &waiter->next;
        follower->waiters = waiter;
        waiter->call = relay_start(follower->options.relay, &question,
                                   &(struct relay_events){.arg = waiter, .done = on_index});
        if (waiter->call == NULL)
                finish_waiter(waiter, "out of memory");
        else if (!uv_is_active((uv_handle_t *)&follower->wait))
                uv_timer_start(&follower->wait, on_wait, WAIT_MS / 4, WAIT_MS / 4);
}

// --- Following.

static void on_retry(uv_timer_t *timer)
{
        follow(timer->data);
}

static void drop_held(struct follower *follower)
{
        struct held_item *item;

        while ((item = follower->held) != NULL) {
                follower->held = item->next;
                free(item);
        }
        follower->held_end = &follower->held;
        follower->held_len = 0;
}

static void try_again(struct follower *follower)
{
        uint64_t delay_ms = RETRY_MAX_MS;

        follower->call = NULL;
        follower->current = false;
        drop_held(follower);
        if (follower->failures < 16 && (uint64_t)RETRY_MS << follower->failures < delay_ms)
                delay_ms = (uint64_t)RETRY_MS << follower->failures;
        follower->failures++;
        // Agents whose server has gone do not come to the next one all at once.
        uv_timer_start(&follower->retry, on_retry,
                       delay_ms / 2 + uv_hrtime() / 1000 % (delay_ms / 2 + 1), 0);
}

static void begin_anew(struct follower *follower, const char *what)
{
        log_warn(follower->options.log, "client", "following the catalog anew: reason=\"%s\"",
                 what);
        relay_cancel(follower->call);
        follower->index = 0;
        follower->based = false;
        try_again(follower);
}

static void become_current(struct follower *follower)
{
        follower->failures = 0;
        follower->ever = true;
        if (follower->current)
                return;
        follower->current = true;
        log_info(follower->options.log, "client", "following the catalog: index=%llu",
                 (unsigned long long)follower->index);
        if (follower->options.synced != NULL)
                follower->options.synced(follower->options.arg);
}

static void take_snapshot(struct follower *follower, const struct follow_item *item)
{
        if (intake_begin(follower->intake, item->bytes, item->len) < 0) {
                begin_anew(follower, "no memory for a snapshot");
                return;
        }
        follower->snapshot = *item;
        follower->snapshot.bytes = NULL;
}

static void take_delta(struct follower *follower, const struct follow_item *item)
{
        // A server that is behind tells again what is known.
        if (item->index <= follower->index)
                return;
        if (item->before > follower->index) {
                begin_anew(follower, "a change is missing");
                return;
        }
        if (follow_rows_apply(follower->options.store, item->index, item->bytes, item->len) < 0) {
                begin_anew(follower, "a change that does not fit");
                return;
        }
        follower->deltas++;
        follower->index = item->index;
}

// With the first beat the server has said whether it is a snapshot that comes.
static void take_beat(struct follower *follower, const struct follow_item *item)
{
        follower->contact_ms = item->contact_ms;
        follower->known_leader = item->known_leader;
        if (follower->based && item->index >= follower->index)
                become_current(follower);
}

static void take_item(struct follower *follower, const uint8_t *bytes, size_t len)
{
        struct follow_item item;

        if (follow_item_decode(bytes, len, &item) < 0)
                begin_anew(follower, "bytes that no server sends");
        else if (item.kind == FOLLOW_SNAPSHOT)
                take_snapshot(follower, &item);
        else if (!follower->based && item.kind == FOLLOW_DELTA)
                begin_anew(follower, "a change of an unknown state");
        else if (item.kind == FOLLOW_DELTA)
                take_delta(follower, &item);
        else
                take_beat(follower, &item);
}

static void hold_item(struct follower *follower, const uint8_t *bytes, size_t len)
{
        struct held_item *item = NULL;

        if (follower->held_len + len <= HELD_BYTES_MAX)
                item = malloc(sizeof(*item) + len);
        if (item == NULL) {
                begin_anew(follower, "too many changes while a snapshot was taken in");
                return;
        }
        item->next = NULL;
        item->len = len;
        memcpy(item->bytes, bytes, len);
        *follower->held_end = item;
        follower->held_end = &item->next;
        follower->held_len += len;
}

static void take_held(struct follower *follower)
{
        struct held_item *item;

        while ((item = follower->held) != NULL && !intake_is_busy(follower->intake)) {
                follower->held = item->next;
                if (item->next == NULL)
                        follower->held_end = &follower->held;
                follower->held_len -= item->len;
                take_item(follower, item->bytes, item->len);
                free(item);
        }
}

static void on_item(void *arg, const uint8_t *bytes, size_t len)
{
        struct follower *follower = arg;

        follower->heard_ms = uv_now(follower->options.loop);
        if (intake_is_busy(follower->intake))
                hold_item(follower, bytes, len);
        else
                take_item(follower, bytes, len);
        tell_waiters(follower);
}

static void on_taken_in(void *arg, int result)
{
        struct follower *follower = arg;

        if (result < 0 && follower->call != NULL) {
                begin_anew(follower, "a snapshot that cannot be read");
                return;
        }
        if (result == 0) {
                follower->snapshots++;
                follower->cluster_id = follower->snapshot.cluster_id;
                follower->index = follower->snapshot.index;
                follower->based = true;
        }
        if (follower->call == NULL) {
                follow(follower);
                return;
        }
        become_current(follower);
        take_held(follower);
        tell_waiters(follower);
}

static void on_done(void *arg, enum relay_error error, const uint8_t *bytes, size_t len)
{
        struct follower *follower = arg;

        bool was_current = follower->current;

        (void)bytes;
        (void)len;
        if (was_current)
                log_warn(follower->options.log, "client", "the server followed is gone: %s",
                         error != RELAY_OK ? relay_error_text(error, true) : "it ended the stream");
        try_again(follower);
        if (was_current && follower->options.lost != NULL)
                follower->options.lost(follower->options.arg);
}

static void follow(struct follower *follower)
{
        struct follow_request request = {follower->cluster_id, follower->index, ""};
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        struct relay_question question = {
            .kind = RELAY_FOLLOW, .datacenter = "", .unlimited = true};

        uv_timer_stop(&follower->retry);
        // What is being taken in is where to go on from.
        if (intake_is_busy(follower->intake))
                return;
        if (follower->options.datacenter != NULL)
                question.datacenter = follower->options.datacenter;
        if (follower->options.followed != NULL)
                snprintf(request.datacenter, sizeof(request.datacenter), "%s",
                         follower->options.followed);
        follow_request_encode(&request, &bytes);
        question.bytes = bytes.bytes;
        question.len = bytes.len;
        follower->call =
            relay_start(follower->options.relay, &question,
                        &(struct relay_events){.arg = follower, .done = on_done, .item = on_item});
        byte_buffer_fini(&bytes);
        if (follower->call == NULL)
                try_again(follower);
}

void follower_wake(struct follower *follower)
{
        if (follower->call == NULL)
                uv_timer_start(&follower->retry, on_retry, 0, 0);
}

void follower_state(const struct follower *follower, struct follower_state *out)
{
        uint64_t silent_ms = uv_now(follower->options.loop) - follower->heard_ms;

        *out = (struct follower_state){.following = follower->current,
                                       .known_leader = follower->current && follower->known_leader,
                                       .age_ms = follower->ever ? follower->contact_ms + silent_ms
                                                                : UINT64_MAX,
                                       .index = follower->index,
                                       .cluster_id = follower->cluster_id,
                                       .snapshots = follower->snapshots,
                                       .deltas = follower->deltas};
}

// --- Life.

struct follower *follower_create(const struct follower_options *options)
{
        struct follower *follower = calloc(1, sizeof(*follower));

        if (follower == NULL)
                return NULL;
        follower->options = *options;
        follower->held_end = &follower->held;
        follower->intake = intake_create(options->loop, options->store, on_taken_in, follower);
        if (follower->intake == NULL) {
                free(follower);
                return NULL;
        }
        uv_timer_init(options->loop, &follower->retry);
        uv_timer_init(options->loop, &follower->wait);
        follower->retry.data = follower->wait.data = follower;
        follower->handles_open = 2;
        uv_timer_start(&follower->retry, on_retry, 0, 0);
        return follower;
}

static void on_closed(uv_handle_t *handle)
{
        struct follower *follower = handle->data;

        if (--follower->handles_open == 0)
                free(follower);
}

void follower_destroy(struct follower *take_follower)
{
        if (take_follower == NULL)
                return;
        if (take_follower->call != NULL)
                relay_cancel(take_follower->call);
        while (take_follower->waiters != NULL)
                // NOLINTNEXTLINE(clang-analyzer-unix.Malloc)
                finish_waiter(take_follower->waiters, "agent is shutting down");
        drop_held(take_follower);
        intake_destroy(take_follower->intake);
        uv_close((uv_handle_t *)&take_follower->retry, on_closed);
        uv_close((uv_handle_t *)&take_follower->wait, on_closed);
}
