#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/api/api_internal.h"
#include "control/text/duration.h"
#include "control/text/filter.h"

uint64_t api_index_nodes(const struct store *store, const char *name)
{
        (void)name;
        return store_table_index(store, STORE_NODES);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
        return a > b ? a : b;
}

uint64_t api_index_services(const struct store *store, const char *name)
{
        (void)name;
        return store_table_index(store, STORE_SERVICES);
}

uint64_t api_index_catalog(const struct store *store, const char *name)
{
        return larger(api_index_nodes(store, name), api_index_services(store, name));
}

uint64_t api_index_checks(const struct store *store, const char *name)
{
        (void)name;
        return store_table_index(store, STORE_CHECKS);
}

uint64_t api_index_health(const struct store *store, const char *name)
{
        return larger(api_index_catalog(store, name), api_index_checks(store, name));
}

void api_watch_nodes(struct api_read *read)
{
        store_watch_table(read->api->agent->store, api_next_watch(read), STORE_NODES);
}

void api_watch_services(struct api_read *read)
{
        store_watch_table(read->api->agent->store, api_next_watch(read), STORE_SERVICES);
}

void api_watch_catalog(struct api_read *read)
{
        api_watch_nodes(read);
        api_watch_services(read);
}

void api_watch_checks(struct api_read *read)
{
        store_watch_table(read->api->agent->store, api_next_watch(read), STORE_CHECKS);
}

void api_watch_health(struct api_read *read)
{
        api_watch_catalog(read);
        api_watch_checks(read);
}

void api_watch_node(struct api_read *read)
{
        store_watch_name(read->api->agent->store, api_next_watch(read), STORE_WATCH_NODE,
                         read->name);
}

void api_watch_service(struct api_read *read)
{
        store_watch_name(read->api->agent->store, api_next_watch(read), STORE_WATCH_SERVICE,
                         read->name);
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

// A number of seconds as Go's Atoi reads it.
static bool is_seconds(const char *text, size_t len)
{
        size_t sign = len > 0 && (text[0] == '-' || text[0] == '+') ? 1 : 0;

        // Nineteen digits might be too large for what Consul keeps them in.
        return len > sign && len - sign < 19 && strspn(text + sign, "0123456789") >= len - sign;
}

// Cache-Control as far as Consul reads it: max-age=N, must-revalidate, stale-if-error=N.
static bool is_cache_control(const char *header)
{
        static const char *const timed[] = {"max-age=", "stale-if-error="};

        while (header != NULL && *header != '\0') {
                size_t len;

                header += strspn(header, " \t");
                len = strcspn(header, ",");
                for (size_t i = 0; i < sizeof(timed) / sizeof(timed[0]); i++) {
                        size_t name_len = strlen(timed[i]), value_len = len;

                        if (strncasecmp(header, timed[i], name_len) != 0)
                                continue;
                        while (value_len > name_len && strchr(" \t", header[value_len - 1]))
                                value_len--;
                        if (!is_seconds(header + name_len, value_len - name_len))
                                return false;
                }
                header += len;
                header += *header == ',';
        }
        return true;
}

bool api_allows_stale(const struct http_request *request)
{
        const char *max_stale = http_request_param(request, "max_stale");
        int64_t max_stale_ns;

        if (http_request_param(request, "stale") != NULL)
                return true;
        return max_stale != NULL && duration_parse(max_stale, &max_stale_ns) == 0 &&
               max_stale_ns > 0;
}

const char *api_consistency(const struct http_request *request)
{
        if (http_request_param(request, "consistent") != NULL)
                return "consistent";
        return api_allows_stale(request) ? "stale" : "leader";
}

bool api_check_consistency(struct http_request *request)
{
        bool consistent = http_request_param(request, "consistent") != NULL;
        const char *max_stale = http_request_param(request, "max_stale");
        int64_t max_stale_ns;

        if (max_stale != NULL && max_stale[0] != '\0' &&
            duration_parse(max_stale, &max_stale_ns) < 0) {
                http_reply_text(request, 400, "Invalid max_stale value \"%.60s\"", max_stale);
                return false;
        }
        if (consistent && api_allows_stale(request)) {
                http_reply_text(request, 400,
                                "Cannot specify ?stale with ?consistent, conflicting semantics.");
                return false;
        }
        if (consistent && http_request_param(request, "cached") != NULL) {
                http_reply_text(request, 400,
                                "Cannot specify ?cached with ?consistent, conflicting semantics.");
                return false;
        }
        if (!is_cache_control(http_request_header(request, "Cache-Control"))) {
                http_reply_text(request, 400, "Invalid Cache-Control header.");
                return false;
        }
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
                if (!text_list_has(&service->tags, tag))
                        return false;
        }
        return true;
}
