#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/api/api_internal.h"
#include "control/text/duration.h"
#include "control/text/filter.h"
#include "lictor/random.h"

// Limits of ?wait, as Consul's.
#define WAIT_DEFAULT_MS 300000
#define WAIT_MAX_MS     600000
// Up to a sixteenth is added to a wait, so that watchers do not come back together.
#define WAIT_JITTER_DIVISOR 16

bool api_parse_wait(struct api *api, struct http_request *request, uint64_t *min_index,
                    uint64_t *wait_ms)
{
        const char *wait = http_request_param(request, "wait");
        const char *index = http_request_param(request, "index");
        int64_t wait_ns = 0;

        *min_index = 0;
        if (wait != NULL && wait[0] != '\0' && duration_parse(wait, &wait_ns) < 0) {
                http_reply_text(request, 400, "Invalid wait time");
                return false;
        }
        if (index != NULL && index[0] != '\0') {
                errno = 0;
                *min_index = strtoull(index, NULL, 10);
                if (strspn(index, "0123456789") != strlen(index) || errno != 0) {
                        http_reply_text(request, 400, "Invalid index");
                        return false;
                }
        }
        *wait_ms = wait_ns > 0 ? (uint64_t)wait_ns / 1000000 : WAIT_DEFAULT_MS;
        if (*wait_ms > WAIT_MAX_MS)
                *wait_ms = WAIT_MAX_MS;
        *wait_ms += random_next(&api->random) % (*wait_ms / WAIT_JITTER_DIVISOR + 1);
        return true;
}

bool api_check_wait(struct api *api, struct http_request *request)
{
        uint64_t min_index, wait_ms;

        return api_parse_wait(api, request, &min_index, &wait_ms);
}

bool api_check_read(struct api *api, struct http_request *request)
{
        return api_check_consistency(request) && api_check_wait(api, request) &&
               api_check_datacenter(api, request);
}

static uint64_t current_index(const struct api_read *read)
{
        uint64_t index = read->query->index(read->api->agent->store, read->name);

        // Zero would not block a client that sends it back.
        return index > 0 ? index : 1;
}

void api_reply_index(const struct api_read *read)
{
        struct http_request *request = read->request;

        http_reply_header_uint(request, "X-Consul-Index", current_index(read));
        api_reply_contact(read->api, request);
        http_reply_header(request, "X-Consul-Query-Backend", "blocking-query");
        if (read->query->shows_consistency)
                http_reply_header(request, "X-Consul-Effective-Consistency",
                                  api_consistency(request));
        if (read->query->may_be_cached)
                api_reply_cached(read->api, request);
}

void api_reply_read(const struct api_read *read)
{
        struct http_request *request = read->request;
        struct json_writer w;
        size_t size;

        json_writer_init(&w, http_request_pretty(request));
        read->query->write(read, &w);
        api_reply_index(read);
        size = w.len;
        http_reply_json(request, 200, &w);
        api_cache_keep(read, size);
}

static void answer(const struct api_read *read)
{
        if (read->query->reply != NULL)
                read->query->reply(read);
        else
                api_reply_read(read);
}

static void free_read(uv_handle_t *handle)
{
        free(handle->data);
}

static void stop_watching(struct api_read *read)
{
        while (read->watch_count > 0)
                watch_remove(read->hub, &read->watches[--read->watch_count]);
}

static void end_read(struct api_read *read)
{
        stop_watching(read);
        filter_destroy(read->filter);
        uv_close((uv_handle_t *)&read->timer, free_read);
}

static void on_wait_over(uv_timer_t *timer)
{
        struct api_read *read = timer->data;

        answer(read);
        end_read(read);
}

static void on_cancelled(void *arg)
{
        end_read(arg);
}

// Whether what the client has is behind what is there.
static bool is_behind(const struct api_read *read)
{
        if (read->query->has_changed != NULL)
                return (read->hash[0] == '\0' && read->min_index == 0) ||
                       read->query->has_changed(read);
        return read->min_index == 0 || current_index(read) > read->min_index;
}

static void start_watching(struct api_read *read)
{
        if (read->query->watch != NULL)
                read->query->watch(read);
        else
                watch_add(read->hub, api_next_watch(read), STORE_WATCH_TABLE, WATCH_PREFIX, "", 0);
}

// A state that has been replaced may have smaller indexes: clients then begin anew.
static void on_touched(struct watch *watch)
{
        struct api_read *read = watch->arg;

        stop_watching(read);
        if (!is_behind(read) && read->restores == store_restore_count(read->api->agent->store)) {
                start_watching(read);
                return;
        }
        answer(read);
        end_read(read);
}

struct watch *api_next_watch(struct api_read *read)
{
        struct watch *watch = &read->watches[read->watch_count++];

        assert(read->watch_count <= API_WATCHES_MAX);
        *watch =
            (struct watch){.fire = read->touched != NULL ? read->touched : on_touched, .arg = read};
        return watch;
}

// Moves a read to the heap, to be answered by a change or by its time.
static int block(const struct api_read *from, uint64_t wait_ms)
{
        struct api_read *read = malloc(sizeof(*read));
        struct api *api = from->api;

        if (read == NULL)
                return -ENOMEM;
        *read = *from;
        uv_timer_init(&api->agent->loop, &read->timer);
        read->timer.data = read;
        uv_timer_start(&read->timer, on_wait_over, wait_ms, 0);
        start_watching(read);
        http_request_on_cancel(read->request, on_cancelled, read);
        return 0;
}

void api_read(struct api *api, struct http_request *request, const struct api_query *query,
              const char *name)
{
        const char *hash = http_request_param(request, "hash");
        struct api_read read = {.api = api,
                                .request = request,
                                .query = query,
                                .name = name,
                                .hash = hash != NULL ? hash : "",
                                .hub = query->has_changed != NULL
                                           ? local_watches(api->agent->local)
                                           : store_watches(api->agent->store),
                                .restores = store_restore_count(api->agent->store)};
        uint64_t wait_ms;

        // What is the agent's own is of no datacenter and always fresh.
        if ((query->has_changed == NULL && !api_check_consistency(request)) ||
            !api_parse_wait(api, request, &read.min_index, &wait_ms) ||
            (query->has_changed == NULL && !api_check_datacenter(api, request)) ||
            !api_compile_filter(request, query->selectors, &read.filter))
                return;
        if (!is_behind(&read) && block(&read, wait_ms) == 0)
                return;
        answer(&read);
        filter_destroy(read.filter);
}

void api_read_start(struct api *api)
{
        // Zero would stay zero.
        api->random = uv_hrtime();
        store_seed_watches(api->agent->store, random_next(&api->random));
}
