#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/consul/consul_internal.h"
#include "control/server/server.h"
#include "control/text/filter.h"
#include "lictor/random.h"

// Limits of MaxQueryTime, and what is added so that watchers do not come back together.
#define WAIT_DEFAULT_MS     UINT64_C(300000)
#define WAIT_MAX_MS         UINT64_C(600000)
#define WAIT_JITTER_DIVISOR 16
#define NS_PER_MS           1000000
// Arguments are a few hundred bytes. Of longer ones so many are kept for calls that wait.
#define ARGS_SHORT     1024u
#define ARGS_KEPT_MAX  ((size_t)64 << 20)
#define ARGS_KEPT_TEXT "too many calls with long arguments are waiting"

// A call that waits: for the store to be fresh enough, then for a change. What it asks is read
// again each time, so that one that waits for long holds its arguments and nothing else.
struct consul_waiting {
        struct consul_service *service;
        struct consul_call *call; // NULL once it is cancelled
        const struct consul_read_kind *kind;
        uint64_t restores; // of the store, when it began
        bool blocked;
        uv_timer_t timer; // once it is blocked
        struct watch_hub *hub;
        struct watch watches[CONSUL_WATCHES_MAX];
        unsigned watch_count;
        uint32_t args_len;
        uint8_t args[];
};

static struct pack_slice args_of(const struct consul_waiting *waiting)
{
        return (struct pack_slice){waiting->args, waiting->args_len};
}

static void free_waiting(uv_handle_t *handle)
{
        free(handle->data);
}

static void stop_watching(struct consul_waiting *waiting)
{
        while (waiting->watch_count > 0)
                watch_remove(waiting->hub, &waiting->watches[--waiting->watch_count]);
}

static size_t kept_of(uint32_t args_len)
{
        return args_len > ARGS_SHORT ? args_len : 0;
}

static void end_waiting(struct consul_waiting *take_waiting)
{
        stop_watching(take_waiting);
        // The service may have ended after the call was cancelled.
        if (take_waiting->call != NULL)
                take_waiting->service->kept -= kept_of(take_waiting->args_len);
        if (take_waiting->blocked)
                uv_close((uv_handle_t *)&take_waiting->timer, free_waiting);
        else
                free(take_waiting);
}

static void on_cancelled(void *arg)
{
        struct consul_waiting *waiting = arg;

        waiting->service->kept -= kept_of(waiting->args_len);
        waiting->call = NULL;
        // Before that, whoever lets it read frees it.
        if (waiting->blocked)
                end_waiting(waiting);
}

struct watch *consul_next_watch(const struct consul_read *read)
{
        struct consul_waiting *waiting = read->waiting;

        assert(waiting->watch_count < CONSUL_WATCHES_MAX);
        return &waiting->watches[waiting->watch_count++];
}

void consul_meta_now(const struct agent *agent, bool stale, uint64_t index, struct consul_meta *out)
{
        struct server_contact contact;

        server_contact(agent->server, &contact);
        *out = (struct consul_meta){.index = index,
                                    .last_contact_ms = stale ? contact.last_contact_ms : 0,
                                    .known_leader = contact.known_leader};
}

static uint64_t current_index(const struct consul_read *read)
{
        uint64_t index = read->waiting->kind->index(read);

        // Zero would not block a client that sends it back.
        return index > 0 ? index : 1;
}

static void answer(const struct consul_read *read)
{
        const struct consul_waiting *waiting = read->waiting;
        const struct consul_read_kind *kind = waiting->kind;
        struct byte_buffer body = BYTE_BUFFER_INIT;
        struct consul_meta meta;

        consul_meta_now(read->service->agent, read->query.stale, current_index(read), &meta);
        meta.not_modified = kind->unmodified != NULL && read->query.allow_not_modified &&
                            read->query.min_index > 0 && read->query.min_index == meta.index;
        pack_put_map(&body, kind->pair_count + CONSUL_META_PAIRS);
        if (meta.not_modified) {
                wire_put_name(&body, kind->unmodified);
                pack_put_nil(&body);
        } else {
                kind->write(read, &body);
        }
        consul_put_meta(&body, &meta);
        consul_call_answer(waiting->call, &body);
}

static void on_time_over(uv_timer_t *timer);
static void on_touched(struct watch *watch);

static void start_watching(const struct consul_read *read)
{
        struct consul_waiting *waiting = read->waiting;

        for (size_t i = 0; i < CONSUL_WATCHES_MAX; i++)
                waiting->watches[i] = (struct watch){.fire = on_touched, .arg = waiting};
        waiting->kind->watch(read);
}

static void block(const struct consul_read *read)
{
        struct consul_waiting *waiting = read->waiting;
        uint64_t wait_ms = WAIT_DEFAULT_MS;

        if (!waiting->blocked) {
                if (read->query.max_wait_ns > 0)
                        wait_ms = (uint64_t)read->query.max_wait_ns / NS_PER_MS;
                wait_ms = wait_ms > WAIT_MAX_MS ? WAIT_MAX_MS : wait_ms;
                wait_ms +=
                    random_next(&read->service->random) % (wait_ms / WAIT_JITTER_DIVISOR + 1);
                uv_timer_init(&read->service->agent->loop, &waiting->timer);
                waiting->timer.data = waiting;
                uv_timer_start(&waiting->timer, on_time_over, wait_ms, 0);
                waiting->blocked = true;
        }
        start_watching(read);
}

// Whether the caller has what is there.
static bool is_up_to_date(const struct consul_read *read)
{
        // A state that has been replaced may have smaller indexes: callers then begin anew.
        return read->query.min_index > 0 && current_index(read) <= read->query.min_index &&
               read->waiting->restores == store_restore_count(read->store);
}

// What is wrong with a read, into @error; "" for nothing.
static void find_refusal(struct consul_read *read, struct arena *arena, struct store_error *error)
{
        const struct consul_read_kind *kind = read->waiting->kind;
        char text[FILTER_ERROR_MAX];

        error->text[0] = '\0';
        if (consul_query_get(args_of(read->waiting), arena, &read->query) < 0)
                store_error_set(error, CONSUL_UNREADABLE_TEXT);
        else if (read->query.filter[0] != '\0' && kind->selectors != NULL &&
                 filter_compile(read->query.filter, kind->selectors, &read->filter, text) < 0)
                store_error_set(error, "Failed to create boolean expression evaluator: %s", text);
        else if (kind->refuse != NULL)
                kind->refuse(read, error);
}

// Answers, or waits for a change unless its time is over.
static void proceed(struct consul_waiting *waiting, bool may_wait)
{
        struct consul_read read = {.service = waiting->service,
                                   .store = waiting->service->agent->store,
                                   .waiting = waiting};
        struct arena arena = ARENA_INIT;
        struct store_error error;
        bool waits = false;

        find_refusal(&read, &arena, &error);
        if (error.text[0] != '\0') {
                consul_call_refuse(waiting->call, "%s", error.text);
        } else if (may_wait && is_up_to_date(&read)) {
                waits = true;
                block(&read);
        } else {
                answer(&read);
        }
        filter_destroy(read.filter);
        arena_fini(&arena);
        if (!waits)
                end_waiting(waiting);
}

static void on_time_over(uv_timer_t *timer)
{
        proceed(timer->data, false);
}

static void on_touched(struct watch *watch)
{
        struct consul_waiting *waiting = watch->arg;

        stop_watching(waiting);
        proceed(waiting, true);
}

static void on_readable(void *arg, const char *error)
{
        struct consul_waiting *waiting = arg;

        if (waiting->call == NULL) {
                end_waiting(waiting);
        } else if (error != NULL) {
                consul_call_refuse(waiting->call, "%s", error);
                end_waiting(waiting);
        } else {
                proceed(waiting, true);
        }
}

// MaxStaleDuration is a limit: what is older is asked of the leader.
static enum server_consistency consistency_of(const struct agent *agent,
                                              const struct consul_query *query)
{
        struct server_contact contact;

        if (query->consistent)
                return SERVER_READ_CONSISTENT;
        if (!query->stale)
                return SERVER_READ_DEFAULT;
        server_contact(agent->server, &contact);
        if (query->max_stale_ns > 0 &&
            contact.last_contact_ms > (uint64_t)query->max_stale_ns / NS_PER_MS)
                return SERVER_READ_DEFAULT;
        return SERVER_READ_STALE;
}

// What is wrong with the arguments, or NULL.
static const char *check_args(const struct consul_call *call, const struct consul_read_kind *kind,
                              enum server_consistency *consistency)
{
        struct arena arena = ARENA_INIT;
        const char *wrong = CONSUL_UNREADABLE_TEXT;
        struct consul_query query;

        if (consul_query_get(call->args, &arena, &query) == 0) {
                *consistency = consistency_of(call->service->agent, &query);
                wrong = kind->check != NULL ? kind->check(&query) : NULL;
        }
        arena_fini(&arena);
        return wrong;
}

void consul_read_serve(struct consul_call *call, const void *what)
{
        const struct consul_read_kind *kind = what;
        const struct agent *agent = call->service->agent;
        enum server_consistency consistency = SERVER_READ_DEFAULT;
        const char *wrong = check_args(call, kind, &consistency);
        struct consul_waiting *waiting;

        if (wrong == NULL && call->service->kept + kept_of(call->args.length) > ARGS_KEPT_MAX)
                wrong = ARGS_KEPT_TEXT;
        if (wrong != NULL) {
                consul_call_refuse(call, "%s", wrong);
                return;
        }
        waiting = malloc(sizeof(*waiting) + call->args.length);
        if (waiting == NULL) {
                consul_call_refuse(call, CONSUL_MEMORY_TEXT);
                return;
        }
        *waiting = (struct consul_waiting){.service = call->service,
                                           .call = call,
                                           .kind = kind,
                                           .restores = store_restore_count(agent->store),
                                           .hub = store_watches(agent->store),
                                           .args_len = call->args.length};
        if (call->args.length > 0)
                memcpy(waiting->args, call->args.bytes, call->args.length);
        call->service->kept += kept_of(call->args.length);
        consul_call_on_cancel(call, on_cancelled, waiting);
        server_read(agent->server, consistency, on_readable, waiting);
}

bool consul_node_matches(const struct consul_read *read, const char *node_name)
{
        const struct text_map *wanted = &read->query.node_meta;
        const struct node_record *node;

        if (wanted->count == 0)
                return true;
        node = store_node_get(read->store, node_name);
        for (uint32_t i = 0; node != NULL && i < wanted->count; i++) {
                const char *value = text_map_get(&node->node.meta, wanted->pairs[i].key);

                if (value == NULL || strcmp(value, wanted->pairs[i].value) != 0)
                        return false;
        }
        return node != NULL;
}

// --- Lists.

// Distances are those of this datacenter's nodes.
static const char *near_of(const struct consul_read *read)
{
        const struct consul_source *source = &read->query.source;

        if (strcasecmp(source->datacenter, read->service->agent->config->datacenter) != 0)
                return "";
        return source->node;
}

void consul_items_begin(struct consul_items *items, const struct consul_read *read,
                        struct byte_buffer *b, api_item_fn shape,
                        void (*put)(const struct consul_items *items, const void *record))
{
        *items = (struct consul_items){.read = read, .b = b, .shape = shape, .put = put};
        nearest_init(&items->list, read->store, near_of(read));
        items->at = consul_begin_list(b);
}

static void put_item(struct consul_items *items, const void *record)
{
        if (!api_filter_keeps(items->read->service->agent->api, items->read->filter, items->shape,
                              record))
                return;
        items->put(items, record);
        items->count++;
}

void consul_items_add(struct consul_items *items, const char *node, const void *record)
{
        // Without memory for an order they come without one.
        if (items->list.from == NULL || nearest_add(&items->list, node, record) < 0)
                put_item(items, record);
}

void consul_items_end(struct consul_items *items)
{
        nearest_sort(&items->list);
        for (size_t i = 0; i < items->list.count; i++)
                put_item(items, nearest_at(&items->list, i));
        nearest_fini(&items->list);
        consul_end_list(items->b, items->at, items->count);
}
