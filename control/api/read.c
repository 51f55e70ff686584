#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/api/api_internal.h"
#include "control/text/duration.h"
#include "control/text/filter.h"

// Limits of ?wait, as Consul's.
#define WAIT_DEFAULT_MS 300000
#define WAIT_MAX_MS     600000
// Up to a sixteenth is added to a wait, so that watchers do not come back together.
#define WAIT_JITTER_DIVISOR 16

uint64_t api_index_nodes(const struct store *store, const char *name)
{
        (void)name;
        return store_table_index(store, STORE_NODES);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
        return a > b ? a : b;
}

uint64_t api_index_catalog(const struct store *store, const char *name)
{
        return larger(api_index_nodes(store, name), store_table_index(store, STORE_SERVICES));
}

uint64_t api_index_checks(const struct store *store, const char *name)
{
        (void)name;
        return store_table_index(store, STORE_CHECKS);
}

bool api_check_datacenter(const struct api *api, struct http_request *request)
{
        const char *datacenter = http_request_param(request, "dc");

        if (datacenter == NULL || datacenter[0] == '\0' ||
            strcasecmp(datacenter, api->agent->config->datacenter) == 0)
                return true;
        http_reply_text(request, 500, "No path to datacenter");
        return false;
}

// Cache-Control as far as Consul reads it: max-age=N, must-revalidate, stale-if-error=N.
static bool is_cache_control(const char *header)
{
        while (header != NULL && *header != '\0') {
                static const char *const timed[] = {"max-age=", "stale-if-error="};

                header += strspn(header, " ,");
                for (size_t i = 0; i < sizeof(timed) / sizeof(timed[0]); i++) {
                        size_t len = strlen(timed[i]);
                        size_t digits;

                        if (strncasecmp(header, timed[i], len) != 0)
                                continue;
                        digits = strspn(header + len, "0123456789");
                        if (digits == 0 || strchr(" ,", header[len + digits]) == NULL)
                                return header[len + digits] == '\0' && digits > 0;
                }
                header += strcspn(header, ",");
        }
        return true;
}

bool api_check_consistency(struct http_request *request)
{
        bool stale = http_request_param(request, "stale") != NULL;
        bool consistent = http_request_param(request, "consistent") != NULL;
        const char *max_stale = http_request_param(request, "max_stale");
        int64_t max_stale_ns;

        if (!is_cache_control(http_request_header(request, "Cache-Control"))) {
                http_reply_text(request, 400, "Invalid Cache-Control header.");
                return false;
        }
        if (max_stale != NULL && max_stale[0] != '\0' &&
            duration_parse(max_stale, &max_stale_ns) < 0) {
                http_reply_text(request, 400, "Invalid max_stale value \"%.60s\"", max_stale);
                return false;
        }
        if (stale && consistent) {
                http_reply_text(request, 400,
                                "Cannot specify ?stale with ?consistent, conflicting semantics.");
                return false;
        }
        if (consistent && http_request_param(request, "cached") != NULL) {
                http_reply_text(request, 400,
                                "Cannot specify ?cached with ?consistent, conflicting semantics.");
                return false;
        }
        return true;
}

// xorshift64: enough to keep watchers apart, and nobody gains by guessing it.
static uint64_t next_random(struct api *api)
{
        uint64_t x = api->random;

        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        api->random = x;
        return x;
}

static bool parse_wait(struct api *api, struct http_request *request, uint64_t *min_index,
                       uint64_t *wait_ms)
{
        const char *wait = http_request_param(request, "wait");
        const char *index = http_request_param(request, "index");
        int64_t wait_ns = 0;
        char *end;

        *min_index = 0;
        if (wait != NULL && wait[0] != '\0' && duration_parse(wait, &wait_ns) < 0) {
                http_reply_text(request, 400, "Invalid wait time");
                return false;
        }
        if (index != NULL && index[0] != '\0') {
                errno = 0;
                *min_index = strtoull(index, &end, 10);
                if (*end != '\0' || index[0] == '-' || errno != 0) {
                        http_reply_text(request, 400, "Invalid index");
                        return false;
                }
        }
        *wait_ms = wait_ns > 0 ? (uint64_t)wait_ns / 1000000 : WAIT_DEFAULT_MS;
        if (*wait_ms > WAIT_MAX_MS)
                *wait_ms = WAIT_MAX_MS;
        *wait_ms += next_random(api) % (*wait_ms / WAIT_JITTER_DIVISOR + 1);
        return true;
}

bool api_compile_filter(struct http_request *request, const char *const *selectors,
                        struct filter **out)
{
        const char *text = http_request_param(request, "filter");
        char error[FILTER_ERROR_MAX];

        *out = NULL;
        if (text == NULL || text[0] == '\0' || selectors == NULL)
                return true;
        if (filter_compile(text, selectors, out, error) == 0)
                return true;
        http_reply_text(request, 500, "Failed to create boolean expression evaluator: %s", error);
        return false;
}

static uint64_t current_index(const struct api_read *read)
{
        uint64_t index = read->query->index(read->api->agent->store, read->name);

        // Zero would not block a client that sends it back.
        return index > 0 ? index : 1;
}

static void answer(const struct api_read *read)
{
        struct http_request *request = read->request;
        struct json_writer w;

        json_writer_init(&w, http_request_pretty(request));
        read->query->write(read, &w);
        http_reply_header_uint(request, "X-Consul-Index", current_index(read));
        http_reply_header(request, "X-Consul-KnownLeader", "true");
        http_reply_header(request, "X-Consul-LastContact", "0");
        if (http_request_param(request, "cached") != NULL) {
                // The agent's own store is the cache, and it is never behind.
                http_reply_header(request, "X-Cache", "HIT");
                http_reply_header(request, "Age", "0");
        }
        http_reply_json(request, 200, &w);
}

static void free_read(uv_handle_t *handle)
{
        free(handle->data);
}

static void end_read(struct api_read *read)
{
        *read->link = read->next;
        if (read->next != NULL)
                read->next->link = read->link;
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

static void on_change(void *arg, uint64_t index, const struct store_change changes[], size_t count)
{
        struct api *api = arg;
        struct api_read *next;

        (void)index;
        (void)changes;
        (void)count;
        for (struct api_read *read = api->blocked_reads; read != NULL; read = next) {
                next = read->next;
                if (current_index(read) > read->min_index) {
                        answer(read);
                        end_read(read);
                }
        }
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
        read->next = api->blocked_reads;
        read->link = &api->blocked_reads;
        if (read->next != NULL)
                read->next->link = &read->next;
        api->blocked_reads = read;
        http_request_on_cancel(read->request, on_cancelled, read);
        return 0;
}

void api_read(struct api *api, struct http_request *request, const struct api_query *query,
              const char *name)
{
        struct api_read read = {.api = api, .request = request, .query = query, .name = name};
        uint64_t wait_ms;

        if (!api_check_datacenter(api, request) || !api_check_consistency(request) ||
            !parse_wait(api, request, &read.min_index, &wait_ms) ||
            !api_compile_filter(request, query->selectors, &read.filter))
                return;
        if (read.min_index > 0 && current_index(&read) <= read.min_index &&
            block(&read, wait_ms) == 0)
                return;
        answer(&read);
        filter_destroy(read.filter);
}

int api_read_start(struct api *api)
{
        // Zero would stay zero.
        api->random = uv_hrtime() | 1;
        return store_listen(api->agent->store, on_change, api);
}

void api_read_stop(struct api *api)
{
        store_unlisten(api->agent->store, on_change, api);
}

bool api_filter_keeps(const struct api *api, const struct filter *filter, api_item_fn write,
                      const void *item)
{
        struct json_writer w;
        json_t *value;
        bool keeps;
        char *text;
        size_t len;

        if (filter == NULL)
                return true;
        json_writer_init(&w, false);
        write(api, &w, item);
        text = json_writer_take(&w, &len);
        value = text != NULL ? json_loadb(text, len, 0, NULL) : NULL;
        keeps = value != NULL && filter_matches(filter, value);
        json_decref(value);
        free(text);
        return keeps;
}

void api_write_item(const struct api_read *read, struct json_writer *w, const char *key,
                    api_item_fn write, const void *item)
{
        if (!api_filter_keeps(read->api, read->filter, write, item))
                return;
        if (key != NULL)
                json_writer_key(w, key);
        write(read->api, w, item);
}

bool api_matches_node_meta(const struct http_request *request, const struct catalog_node *node)
{
        const char *wanted;

        for (size_t n = 0; (wanted = http_request_param_at(request, "node-meta", n)) != NULL; n++) {
                const char *colon = strchr(wanted, ':');
                size_t key_len = colon != NULL ? (size_t)(colon - wanted) : strlen(wanted);
                const char *value = colon != NULL ? colon + 1 : "";
                bool found = false;

                for (uint32_t i = 0; i < node->meta.count; i++) {
                        const struct text_pair *pair = &node->meta.pairs[i];

                        found = found || (strlen(pair->key) == key_len &&
                                          memcmp(pair->key, wanted, key_len) == 0 &&
                                          strcmp(pair->value, value) == 0);
                }
                if (!found)
                        return false;
        }
        return true;
}

bool api_node_matches(const struct api_read *read, const char *node_name)
{
        const struct node_record *node;

        if (http_request_param(read->request, "node-meta") == NULL)
                return true;
        node = store_node_get(read->api->agent->store, node_name);
        return node != NULL && api_matches_node_meta(read->request, &node->node);
}

bool api_matches_tags(const struct http_request *request, const struct catalog_service *service)
{
        const char *tag;

        for (size_t n = 0; (tag = http_request_param_at(request, "tag", n)) != NULL; n++) {
                if (tag[0] != '\0' && !text_list_has(&service->tags, tag))
                        return false;
        }
        return true;
}
