#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/api/api_internal.h"
#include "control/api/routes.h"

// What the configuration says about answers and callers, in the server's form.
struct settings {
        struct http_server_config http;
        struct http_prefix *writers;
};

static int set_headers(struct api *api, const struct config *config, struct settings *settings)
{
        size_t count = json_object_size(config->http_response_headers), n = 0;
        const char *name;
        json_t *value;

        // A copy of its own: a reload replaces the configuration.
        api->header_strings = json_deep_copy(config->http_response_headers);
        api->headers = calloc(count + 2, sizeof(*api->headers));
        if (api->header_strings == NULL || api->headers == NULL)
                return -ENOMEM;
        // ACLs are off, so everything is allowed, and clients are told so.
        api->headers[n++] = (struct http_header){"X-Consul-Default-ACL-Policy", "allow"};
        if (config->translate_wan_addresses)
                api->headers[n++] = (struct http_header){"X-Consul-Translate-Addresses", "true"};
        json_object_foreach(api->header_strings, name, value) api->headers[n++] =
            (struct http_header){name, json_string_value(value)};
        settings->http.headers = api->headers;
        settings->http.header_count = n;
        return 0;
}

static int set_blocked(struct api *api, const struct config *config, struct settings *settings)
{
        size_t count = json_array_size(config->http_block_endpoints), i;
        const json_t *value;

        api->blocked_strings = json_deep_copy(config->http_block_endpoints);
        api->blocked = calloc(count + 1, sizeof(*api->blocked));
        if (api->blocked_strings == NULL || api->blocked == NULL)
                return -ENOMEM;
        json_array_foreach(api->blocked_strings, i, value) api->blocked[i] =
            json_string_value(value);
        settings->http.blocked = api->blocked;
        settings->http.blocked_count = count;
        return 0;
}

static int parse_prefix(const char *text, struct http_prefix *out)
{
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&out->address;
        struct sockaddr_in *in = (struct sockaddr_in *)&out->address;
        char address[INET6_ADDRSTRLEN];
        int used = 0;

        memset(out, 0, sizeof(*out));
        if (sscanf(text, "%45[0-9a-fA-F.:]/%u%n", address, &out->bits, &used) != 2 ||
            text[used] != '\0')
                return -EINVAL;
        if (inet_pton(AF_INET, address, &in->sin_addr) == 1 && out->bits <= 32) {
                in->sin_family = AF_INET;
                return 0;
        }
        if (inet_pton(AF_INET6, address, &in6->sin6_addr) == 1 && out->bits <= 128) {
                in6->sin6_family = AF_INET6;
                return 0;
        }
        return -EINVAL;
}

static int set_writers(const struct config *config, struct settings *settings, char *error,
                       size_t error_size)
{
        size_t count = json_array_size(config->http_allow_write_from), i;
        const json_t *value;

        settings->writers = calloc(count + 1, sizeof(*settings->writers));
        if (settings->writers == NULL)
                return -ENOMEM;
        json_array_foreach(config->http_allow_write_from, i, value)
        {
                const char *text = json_string_value(value);

                if (text == NULL || parse_prefix(text, &settings->writers[i]) < 0) {
                        snprintf(error, error_size,
                                 "allow_write_http_from: \"%s\" is no network such as 10.0.0.0/8",
                                 text != NULL ? text : "");
                        return -EINVAL;
                }
        }
        settings->http.writers = settings->writers;
        settings->http.writer_count = count;
        return 0;
}

static int set_routes(struct api *api, const struct config *config, struct settings *settings)
{
        // A transaction may be as large as a value, whatever its own limit.
        uint64_t txn_limit = config->txn_max_request_bytes > config->kv_max_value_bytes
                                 ? config->txn_max_request_bytes
                                 : config->kv_max_value_bytes;
        size_t count = 0;

        api->routes = malloc(api_route_count * sizeof(*api->routes));
        if (api->routes == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < api_route_count; i++) {
                bool is_ui = strcmp(api_routes[i].pattern, API_UI_PATH) == 0;

                if (is_ui && *config->ui_path == '\0')
                        continue;
                api->routes[count] = api_routes[i];
                if (is_ui)
                        api->routes[count].pattern = config->ui_path;
                count++;
        }
        for (size_t i = 0; i < count; i++) {
                if (strcmp(api->routes[i].pattern, API_TXN_PATH) == 0)
                        api->routes[i].body_limit = txn_limit;
                else if (strcmp(api->routes[i].pattern, API_KV_PATH) == 0)
                        api->routes[i].body_limit = config->kv_max_value_bytes;
        }
        for (size_t i = 0; i < count; i++) {
                size_t *limit = &api->routes[i].body_limit;

                // Values are held in memory, whatever is configured.
                if (strcmp(api->routes[i].pattern, API_SNAPSHOT_PATH) != 0 &&
                    *limit > HTTP_MEMORY_BODY_MAX)
                        *limit = HTTP_MEMORY_BODY_MAX;
        }
        settings->http.routes = api->routes;
        settings->http.route_count = count;
        settings->http.app = api;
        settings->http.recall = api_cache_recall;
        settings->http.dispatch = api_dispatch;
        return 0;
}

static void free_api(struct api *api)
{
        api_cache_destroy(api->cache);
        free(api->headers);
        free(api->blocked);
        free(api->routes);
        free(api->spool_dir);
        json_decref(api->header_strings);
        json_decref(api->blocked_strings);
        free(api);
}

static int configure(struct api *api, struct settings *settings, char *error, size_t error_size)
{
        const struct config *config = api->agent->config;
        int ret;

        settings->http = (struct http_server_config){
            .addresses = config->http_listen.addresses,
            .address_count = config->http_listen.count,
            .unix_permissions = {config->unix_user, config->unix_group, config->unix_mode},
            .connections_per_client = config->http_max_connections_per_client,
            .header_limit = config->http_max_header_bytes,
            .path_may_be_unprintable = config->disable_http_unprintable_char_filter,
        };
        snprintf(error, error_size, "out of memory");
        api->spool_dir = strdup(config->data_dir);
        if (api->spool_dir == NULL)
                return -ENOMEM;
        settings->http.spool_dir = api->spool_dir;
        ret = set_routes(api, config, settings);
        if (ret == 0)
                ret = set_headers(api, config, settings);
        if (ret == 0)
                ret = set_blocked(api, config, settings);
        if (ret == 0)
                ret = set_writers(config, settings, error, error_size);
        return ret;
}

int api_create(struct api **out, struct agent *agent, char *error, size_t error_size)
{
        struct api *api = calloc(1, sizeof(*api));
        struct settings settings = {0};
        int ret;

        snprintf(error, error_size, "out of memory");
        if (api == NULL)
                return -ENOMEM;
        api->agent = agent;
        ret = configure(api, &settings, error, error_size);
        if (ret == 0)
                ret = api_cache_create(api);
        if (ret == 0)
                ret =
                    http_server_create(&api->http, &agent->loop, &settings.http, error, error_size);
        free(settings.writers);
        if (ret < 0) {
                if (api->http != NULL)
                        http_server_destroy(api->http);
                free_api(api);
                return ret;
        }
        api_read_start(api);
        *out = api;
        return 0;
}

void api_destroy(struct api *take_api)
{
        if (take_api == NULL)
                return;
        http_server_destroy(take_api->http);
        free_api(take_api);
}

uint16_t api_port(const struct api *api, size_t i)
{
        return http_server_port(api->http, i);
}

unsigned api_http_stats(const struct api *api, struct http_stats *out)
{
        http_server_stats(api->http, out);
        return http_server_connections(api->http);
}

int api_inject(struct api *api, const struct http_injection *injection, struct http_request **out)
{
        return http_server_inject(api->http, injection, out);
}
