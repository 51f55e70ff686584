#include "control/relay/relay.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "control/relay/relay_internal.h"
#include "control/server/result_codec.h"
#include "control/store/store_write.h"

#define TICK_MS    50u
#define SHUFFLE_MS 120000u
/* How often calls are looked at for being late. */
#define LATE_MS 500u
/* How old the list of servers may be that a call is answered by. */
#define LOOK_MS 200u
/* Reads are tried again after up to this part of the time they are held. */
#define JITTER_DIVISOR 16

static uint64_t random_below(struct relay *relay, uint64_t bound)
{
        relay->random = relay->random * 6364136223846793005u + 1442695040888963407u;
        return bound > 0 ? (relay->random >> 33) % bound : 0;
}

static void link_into(struct relay_call *call, struct relay_call **list)
{
        call->next = *list;
        call->prev = list;
        if (call->next != NULL)
                call->next->prev = &call->next;
        *list = call;
}

void relay_call_unlink(struct relay_call *call)
{
        if (call->prev == NULL)
                return;
        *call->prev = call->next;
        if (call->next != NULL)
                call->next->prev = call->prev;
        call->prev = NULL;
        call->next = NULL;
}

static void forget_deadline(struct relay_call *call)
{
        if (call->deadline_ms != 0)
                LIST_REMOVE(call, timed);
        call->deadline_ms = 0;
}

// Take a call out of everything.
static void remove_call(struct relay_call *call)
{
        id_table_remove(&call->relay->calls, &call->node);
        forget_deadline(call);
        relay_call_unlink(call);
}

static void finish(struct relay_call *take_call, enum relay_error error, const uint8_t *bytes,
                   size_t len)
{
        const struct relay_events events = take_call->events;

        remove_call(take_call);
        free(take_call);
        events.done(events.arg, error, bytes, len);
}

static void on_ending(uv_timer_t *timer)
{
        struct relay *relay = timer->data;
        struct relay_call *call;

        while ((call = relay->ending) != NULL)
                finish(call, call->ending, NULL, 0); // NOLINT(clang-analyzer-unix.Malloc)
}

// Whoever asked may be in the middle of something: it is told at the loop's next turn.
static void end_soon(struct relay_call *call, enum relay_error error)
{
        struct relay *relay = call->relay;

        relay_call_unlink(call);
        forget_deadline(call);
        call->link = NULL;
        call->ending = error;
        link_into(call, &relay->ending);
        if (!relay->closing && !uv_is_active((uv_handle_t *)&relay->ending_timer))
                uv_timer_start(&relay->ending_timer, on_ending, 0, 0);
}

// --- Servers.

struct found {
        const char *addresses[ROTATION_MAX];
        char texts[ROTATION_MAX][ROTATION_ADDRESS_MAX];
        size_t count;
};

static void add_found(void *arg, const char *address)
{
        struct found *found = arg;

        if (found->count == ROTATION_MAX || strlen(address) >= ROTATION_ADDRESS_MAX)
                return;
        memcpy(found->texts[found->count], address, strlen(address) + 1);
        found->addresses[found->count] = found->texts[found->count];
        found->count++;
}

static void look_for_servers(struct relay *relay, struct relay_area *area)
{
        uint64_t now_ms = uv_now(relay->options.loop);
        struct found found = {.count = 0};

        if (area->looked_ms != 0 && now_ms - area->looked_ms < LOOK_MS)
                return;
        area->looked_ms = now_ms;
        relay->options.servers(relay->options.arg, area->datacenter, add_found, &found);
        rotation_set(&area->rotation, found.addresses, found.count);
}

static struct relay_area *find_area(struct relay *relay, const char *datacenter)
{
        size_t size = strlen(datacenter) + 1;
        struct relay_area *area = relay->areas;

        while (area != NULL && strcmp(area->datacenter, datacenter) != 0)
                area = area->next;
        if (area != NULL)
                return area;
        area = calloc(1, sizeof(*area) + size);
        if (area == NULL)
                return NULL;
        memcpy(area->datacenter, datacenter, size);
        rotation_init(&area->rotation, relay->random + ++relay->next_id);
        area->next = relay->areas;
        relay->areas = area;
        return area;
}

// --- Trying.

// Send a call to the next server it has not tried, or end it.
static void try_call(struct relay_call *call)
{
        struct relay *relay = call->relay;
        struct relay_area *area = call->area;
        struct relay_link *link = NULL;

        look_for_servers(relay, area);
        // Those that fail go to the end, so that as many attempts reach every server.
        while (link == NULL && call->attempts++ < area->rotation.count) {
                int at = rotation_pick(&area->rotation, uv_now(relay->options.loop));
                char address[ROTATION_ADDRESS_MAX];

                memcpy(address, area->rotation.servers[at].address, sizeof(address));
                link = relay_link_find(relay, address);
                if (link == NULL)
                        relay_server_failed(relay, address);
        }
        if (link != NULL)
                relay_link_put(link, call);
        else
                end_soon(call, RELAY_NO_SERVERS);
}

static void try_later(struct relay_call *call, uint64_t now_ms)
{
        struct relay *relay = call->relay;

        call->link = NULL;
        call->sent = false;
        call->attempts = 0;
        call->again_ms = now_ms + random_below(relay, relay->options.hold_ms / JITTER_DIVISOR + 1);
        link_into(call, &relay->waiting);
}

void relay_call_failed(struct relay_call *call)
{
        struct relay *relay = call->relay;
        uint64_t now_ms = uv_now(relay->options.loop);

        if (relay->closing) {
                end_soon(call, RELAY_STOPPED);
                return;
        }
        if (!call->sent) {
                try_call(call);
                return;
        }
        if (call->hold_until_ms == 0)
                call->hold_until_ms = now_ms + relay->options.hold_ms;
        if (call->repeatable && now_ms < call->hold_until_ms)
                try_later(call, now_ms);
        else
                end_soon(call, RELAY_LOST);
}

static void tell_cancelled(const struct relay_call *call)
{
        const struct relay_link *link = call->link;

        if (link != NULL && link->stream != NULL && call->sent)
                call->relay->options.transport->cancel(link->stream, call->node.id);
}

static void end_late_calls(struct relay *relay, uint64_t now_ms)
{
        for (struct relay_call *call = LIST_FIRST(&relay->timed), *next; call != NULL;
             call = next) {
                next = LIST_NEXT(call, timed);
                if (now_ms < call->deadline_ms)
                        continue;
                tell_cancelled(call);
                end_soon(call, RELAY_LOST);
        }
}

static void on_tick(uv_timer_t *timer)
{
        struct relay *relay = timer->data;
        uint64_t now_ms = uv_now(relay->options.loop);

        for (struct relay_call *call = relay->waiting, *next; call != NULL; call = next) {
                next = call->next;
                if (call->again_ms > now_ms)
                        continue;
                relay_call_unlink(call);
                try_call(call);
        }
        relay_link_tick(relay, now_ms);
        if (now_ms >= relay->late_ms) {
                relay->late_ms = now_ms + LATE_MS;
                end_late_calls(relay, now_ms);
        }
        if (now_ms >= relay->shuffle_ms) {
                relay->shuffle_ms = now_ms + SHUFFLE_MS + random_below(relay, SHUFFLE_MS);
                for (struct relay_area *area = relay->areas; area != NULL; area = area->next)
                        rotation_shuffle(&area->rotation);
        }
        if (relay->links == NULL && relay->calls.count == 0)
                uv_timer_stop(timer);
}

struct relay_call *relay_start(struct relay *relay, const struct relay_question *question,
                               const struct relay_events *events)
{
        struct relay_area *area = find_area(relay, question->datacenter);
        struct relay_call *call = malloc(sizeof(*call) + question->len);

        if (area == NULL || call == NULL) {
                free(call);
                return NULL;
        }
        *call = (struct relay_call){.relay = relay,
                                    .area = area,
                                    .node.id = ++relay->next_id,
                                    .events = *events,
                                    .kind = (uint8_t)question->kind,
                                    .repeatable = question->repeatable,
                                    .len = (uint32_t)question->len};
        if (question->len > 0)
                memcpy(call->bytes, question->bytes, question->len);
        id_table_add(&relay->calls, &call->node);
        if (question->timeout_ms > 0) {
                call->deadline_ms = uv_now(relay->options.loop) + question->timeout_ms;
                LIST_INSERT_HEAD(&relay->timed, call, timed);
        }
        relay->stats.calls++;
        if (!uv_is_active((uv_handle_t *)&relay->tick))
                uv_timer_start(&relay->tick, on_tick, TICK_MS, TICK_MS);
        if (relay->closing) {
                end_soon(call, RELAY_STOPPED);
        } else if (!question->unlimited &&
                   !rate_limit_take(&relay->limit, uv_now(relay->options.loop))) {
                relay->stats.limited++;
                end_soon(call, RELAY_LIMITED);
        } else {
                try_call(call);
        }
        return call;
}

void relay_more(struct relay_call *call, uint32_t dealt_with)
{
        const struct relay_link *link = call->link;
        struct byte_buffer bytes = BYTE_BUFFER_INIT;

        if (link == NULL || link->stream == NULL || !call->sent)
                return;
        relay_more_encode(dealt_with, &bytes);
        // A connection that ends while it is written to says so in an event of its own.
        call->relay->options.transport->send(link->stream, RELAY_MORE, call->node.id, bytes.bytes,
                                             bytes.len);
        byte_buffer_fini(&bytes);
}

void relay_cancel(struct relay_call *take_call)
{
        tell_cancelled(take_call);
        remove_call(take_call);
        free(take_call);
}

bool relay_take_message(struct relay *relay, enum relay_kind kind, uint64_t id,
                        const uint8_t *bytes, size_t len, const char *address)
{
        struct relay_call *call = (struct relay_call *)id_table_find(&relay->calls, id);

        if (kind != RELAY_ANSWER && kind != RELAY_ITEM)
                return kind == RELAY_PONG;
        // It may have been cancelled while the answer was on its way.
        if (call == NULL || call->link == NULL || !call->sent)
                return true;
        rotation_succeed(&call->area->rotation, address);
        if (kind == RELAY_ANSWER) {
                finish(call, RELAY_OK, bytes, len);
        } else if (call->events.item != NULL) {
                call->repeatable = false;
                call->events.item(call->events.arg, bytes, len);
        }
        return true;
}

const char *relay_error_text(enum relay_error error, bool own_datacenter)
{
        switch (error) {
        case RELAY_NO_SERVERS:
                return own_datacenter ? RELAY_NO_SERVERS_TEXT : RELAY_NO_PATH_TEXT;
        case RELAY_LIMITED:
                return RELAY_RATE_TEXT;
        case RELAY_LOST:
                return "rpc error making call: EOF";
        case RELAY_STOPPED:
                return "agent is shutting down";
        case RELAY_OK:
                break;
        }
        return "";
}

void relay_stats(const struct relay *relay, struct relay_stats *out)
{
        *out = relay->stats;
        out->outstanding = relay->calls.count;
        for (const struct relay_link *link = relay->links; link != NULL; link = link->next)
                out->connections += link->stream != NULL;
}

void relay_server_failed(struct relay *relay, const char *address)
{
        relay->stats.failed++;
        for (struct relay_area *area = relay->areas; area != NULL; area = area->next)
                rotation_fail(&area->rotation, address, uv_now(relay->options.loop));
}

// --- Changes.

struct proposal {
        propose_done_fn done;
        void *arg;
};

static void on_proposed(void *arg, enum relay_error error, const uint8_t *bytes, size_t len)
{
        struct proposal *proposal = arg;
        struct fsm_result result;

        if (error != RELAY_OK || fsm_result_decode(bytes, len, &result) < 0) {
                if (error == RELAY_OK)
                        fsm_result_fini(&result);
                fsm_result_init(&result);
                store_error_set(&result.error, "%s",
                                error != RELAY_OK ? relay_error_text(error, true)
                                                  : "the server's answer cannot be read");
        }
        if (proposal->done != NULL)
                proposal->done(proposal->arg, &result);
        fsm_result_fini(&result);
        free(proposal);
}

static int propose(struct log_proposer *self, const uint8_t *bytes, size_t len,
                   propose_done_fn done, void *arg)
{
        struct relay *relay = (struct relay *)((char *)self - offsetof(struct relay, proposer));
        const struct relay_question question = {
            .kind = RELAY_PROPOSE, .datacenter = "", .bytes = bytes, .len = len};
        struct proposal *proposal;

        if (len > COMMAND_BYTES_MAX)
                return -E2BIG;
        proposal = malloc(sizeof(*proposal));
        if (proposal == NULL)
                return -ENOMEM;
        *proposal = (struct proposal){done, arg};
        if (relay_start(relay, &question,
                        &(struct relay_events){.arg = proposal, .done = on_proposed}) == NULL) {
                free(proposal);
                return -ENOMEM;
        }
        // cppcheck-suppress memleak ; it comes back with the answer
        return 0;
}

struct log_proposer *relay_proposer(struct relay *relay)
{
        return &relay->proposer;
}

// --- Life.

static void free_relay(struct relay *relay)
{
        while (relay->areas != NULL) {
                struct relay_area *area = relay->areas;

                relay->areas = area->next;
                free(area);
        }
        id_table_fini(&relay->calls);
        free(relay);
}

static void on_timer_closed(uv_handle_t *handle)
{
        struct relay *relay = handle->data;

        if (--relay->open_timers > 0)
                return;
        if (relay->closed != NULL)
                relay->closed(relay->closed_arg);
        free_relay(relay);
}

struct relay *relay_create(const struct relay_options *options)
{
        struct relay *relay = calloc(1, sizeof(*relay));

        if (relay == NULL)
                return NULL;
        if (id_table_init(&relay->calls) < 0) {
                free(relay);
                return NULL;
        }
        relay->options = *options;
        LIST_INIT(&relay->timed);
        if (options->transport == NULL)
                relay->options.transport = &relay_own_transport;
        relay->proposer.propose = propose;
        if (getrandom(&relay->random, sizeof(relay->random), 0) < 0)
                relay->random = uv_hrtime();
        rate_limit_init(&relay->limit, options->rate, options->burst, uv_now(options->loop));
        relay->shuffle_ms = uv_now(options->loop) + SHUFFLE_MS;
        uv_timer_init(options->loop, &relay->tick);
        uv_timer_init(options->loop, &relay->ending_timer);
        relay->tick.data = relay->ending_timer.data = relay;
        relay->open_timers = 2;
        return relay;
}

void relay_set_limit(struct relay *relay, double rate, double burst)
{
        if (rate != relay->limit.per_s || burst != relay->limit.burst)
                rate_limit_init(&relay->limit, rate, burst, uv_now(relay->options.loop));
}

void relay_close(struct relay *take_relay, void (*closed)(void *arg), void *arg)
{
        struct relay *relay = take_relay;

        relay->closing = true;
        relay->closed = closed;
        relay->closed_arg = arg;
        while (relay->links != NULL)
                relay_link_drop(relay->links, "");
        while (relay->waiting != NULL)
                // NOLINTNEXTLINE(clang-analyzer-unix.Malloc)
                finish(relay->waiting, RELAY_STOPPED, NULL, 0);
        while (relay->ending != NULL)
                finish(relay->ending, RELAY_STOPPED, NULL, 0); // NOLINT(clang-analyzer-unix.Malloc)
        uv_close((uv_handle_t *)&relay->tick, on_timer_closed);
        uv_close((uv_handle_t *)&relay->ending_timer, on_timer_closed);
}
