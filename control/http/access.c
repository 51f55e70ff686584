#include <stdlib.h>
#include <string.h>

#include "control/http/http_internal.h"

const char *http_request_rest(const struct http_request *request)
{
        return request->match.rest;
}

const char *http_request_unescape_rest(struct http_request *request, char out[4])
{
        const char *broken =
            uri_unescape(request->uri.path + (request->match.rest - request->uri.path));

        if (broken == NULL)
                return NULL;
        snprintf(out, 4, "%.3s", broken);
        return out;
}

const char *http_request_param(const struct http_request *request, const char *key)
{
        return uri_param(&request->uri, key);
}

const char *http_request_param_at(const struct http_request *request, const char *key, size_t n)
{
        for (size_t i = 0; i < request->uri.param_count; i++) {
                if (strcmp(request->uri.params[i].key, key) == 0 && n-- == 0)
                        return request->uri.params[i].value;
        }
        return NULL;
}

bool http_request_param_next(const struct http_request *request, size_t i, const char **key,
                             const char **value)
{
        if (i >= request->uri.param_count)
                return false;
        *key = request->uri.params[i].key;
        *value = request->uri.params[i].value;
        return true;
}

const char *http_request_header(const struct http_request *request, const char *name)
{
        if (request->injected != NULL)
                return http_injected_header(request, name);
        return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

enum http_method http_request_method(const struct http_request *request)
{
        return request->method;
}

const char *http_request_target(const struct http_request *request)
{
        return request->target;
}

bool http_request_takes_gzip(const struct http_request *request)
{
        return request->takes_gzip;
}

bool http_request_is_plain(const struct http_request *request)
{
        return request->is_plain;
}

size_t http_request_param_count(const struct http_request *request)
{
        return request->uri.param_count;
}

const char *http_request_body(const struct http_request *request, size_t *len)
{
        const uint8_t *bytes;

        if (request->spool != NULL && spool_map(request->spool, &bytes) == 0) {
                *len = (size_t)request->spool->len;
                return (const char *)bytes;
        }
        *len = request->body_len;
        return request->body != NULL ? request->body : "";
}

void http_request_take_spool(struct http_request *request, struct spool *out)
{
        const char *dir = request->server->config.spool_dir;

        *out = (struct spool){.fd = -1};
        // The body of a request that another agent has passed on is in memory.
        if (request->spool != NULL)
                *out = *request->spool;
        else if (request->body_len > 0 && spool_open(out, dir != NULL ? dir : "") == 0 &&
                 spool_append(out, (const uint8_t *)request->body, request->body_len) < 0)
                spool_close(out);
        free(request->spool);
        request->spool = NULL;
}

const struct sockaddr *http_request_peer(const struct http_request *request)
{
        const union MHD_ConnectionInfo *info = NULL;

        if (request->injected == NULL)
                info = MHD_get_connection_info(request->connection,
                                               MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        return info != NULL ? info->client_addr : NULL;
}

bool http_request_pretty(const struct http_request *request)
{
        return http_request_param(request, "pretty") != NULL;
}

void http_request_on_cancel(struct http_request *request, void (*cancel)(void *arg), void *arg)
{
        request->cancel = cancel;
        request->cancel_arg = arg;
}
