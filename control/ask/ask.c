#include "control/ask/ask.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "control/checks/transfer.h"

struct asker {
        struct transfers *transfers;
};

struct ask {
        struct transfer *transfer;
        struct curl_slist *headers;
        char *url;
        char *body; // of the answer
        size_t length, body_max;
        uint64_t total, index;
        bool keep_tail, overflowed;
        void (*done)(void *arg, const struct ask_answer *answer);
        void *arg;
};

int ask_target_of(const struct sockaddr_storage *listener, struct ask_target *out)
{
        const struct sockaddr_in *four = (const void *)listener;
        const struct sockaddr_in6 *six = (const void *)listener;
        const struct sockaddr_un *local = (const void *)listener;
        struct in6_addr any = IN6ADDR_ANY_INIT;
        char text[INET6_ADDRSTRLEN];

        *out = (struct ask_target){0};
        switch (listener->ss_family) {
        case AF_UNIX:
                snprintf(out->url, sizeof(out->url), "http://localhost");
                snprintf(out->unix_path, sizeof(out->unix_path), "%s", local->sun_path);
                return 0;
        case AF_INET:
                inet_ntop(AF_INET, &four->sin_addr, text, sizeof(text));
                snprintf(out->url, sizeof(out->url), "http://%s:%u",
                         four->sin_addr.s_addr == INADDR_ANY ? "127.0.0.1" : text,
                         ntohs(four->sin_port));
                return 0;
        case AF_INET6:
                inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof(text));
                snprintf(out->url, sizeof(out->url), "http://[%s]:%u",
                         memcmp(&six->sin6_addr, &any, sizeof(any)) == 0 ? "::1" : text,
                         ntohs(six->sin6_port));
                return 0;
        default:
                return -EAFNOSUPPORT;
        }
}

int asker_create(uv_loop_t *loop, struct asker **out)
{
        struct asker *asker = calloc(1, sizeof(*asker));
        int ret = asker != NULL ? transfers_create(loop, &asker->transfers) : -ENOMEM;

        if (ret < 0)
                free(asker);
        else
                *out = asker;
        return ret;
}

void asker_destroy(struct asker *take_asker)
{
        if (take_asker == NULL)
                return;
        transfers_destroy(take_asker->transfers);
        free(take_asker);
}

static void drop(struct ask *ask)
{
        if (ask->transfer != NULL)
                transfer_end(ask->transfer);
        curl_slist_free_all(ask->headers);
        free(ask->url);
        free(ask->body);
        free(ask);
}

static void on_done(void *arg, CURLcode result)
{
        struct ask *ask = arg;
        CURL *easy = transfer_handle(ask->transfer);
        struct ask_answer answer = {.body = ask->body != NULL ? ask->body : "",
                                    .length = ask->length,
                                    .total = ask->total,
                                    .index = ask->index};
        char error[CURL_ERROR_SIZE + 32];
        long errno_of = 0;

        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer.status);
        curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &errno_of);
        if (result != CURLE_OK) {
                answer.status = 0;
                if (ask->overflowed)
                        snprintf(error, sizeof(error), "the answer is longer than %zu bytes",
                                 ask->body_max);
                else if (errno_of == ECONNREFUSED)
                        snprintf(error, sizeof(error), "connect: connection refused");
                else
                        snprintf(error, sizeof(error), "%s",
                                 transfer_error(ask->transfer)[0] != '\0'
                                     ? transfer_error(ask->transfer)
                                     : curl_easy_strerror(result));
                answer.error = error;
        }
        ask->done(ask->arg, &answer);
        drop(ask);
}

// Memory for what is kept and a NUL. returns whether there is some.
static bool make_room(struct ask *ask, size_t size)
{
        char *grown = realloc(ask->body, size + 1);

        if (grown != NULL)
                ask->body = grown;
        return grown != NULL;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
        struct ask *ask = arg;
        size_t taken = size * count, excess;

        ask->total += taken;
        ask->overflowed = !ask->keep_tail && ask->total > ask->body_max;
        if (ask->overflowed || !make_room(ask, ask->length + taken))
                return 0;
        memcpy(ask->body + ask->length, bytes, taken);
        ask->length += taken;
        if (ask->length > ask->body_max) {
                excess = ask->length - ask->body_max;
                memmove(ask->body, ask->body + excess, ask->body_max);
                ask->length = ask->body_max;
        }
        ask->body[ask->length] = '\0';
        return taken;
}

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
        static const char name[] = "X-Consul-Index:";
        struct ask *ask = arg;
        char text[64];

        if (size * count < sizeof(text) && strncasecmp(line, name, sizeof(name) - 1) == 0) {
                snprintf(text, sizeof(text), "%.*s", (int)(size * count), line);
                ask->index = strtoull(text + sizeof(name) - 1, NULL, 10);
        }
        return size * count;
}

static bool add_line(struct ask *ask, const char *line)
{
        struct curl_slist *grown = curl_slist_append(ask->headers, line);

        if (grown != NULL)
                ask->headers = grown;
        return grown != NULL;
}

static int make_headers(struct ask *ask, const struct ask_spec *spec)
{
        const json_t *line;
        char *token = NULL;
        bool ok = add_line(ask, "Expect:");
        size_t i;

        json_array_foreach(spec->headers, i, line)
        {
                ok = ok && add_line(ask, json_string_value(line));
        }
        if (spec->token != NULL && *spec->token != '\0') {
                ok = ok && asprintf(&token, "X-Consul-Token: %s", spec->token) >= 0 &&
                     add_line(ask, token);
                free(token);
        }
        return ok ? 0 : -ENOMEM;
}

static void set_options(struct ask *ask, const struct ask_spec *spec)
{
        CURL *easy = transfer_handle(ask->transfer);

        curl_easy_setopt(easy, CURLOPT_URL, ask->url);
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
        if (spec->own != NULL) {
                // Waiting queries come one after the other: they may keep their connection.
                curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 0L);
                curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 0L);
                curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
        }
        if (spec->own != NULL && spec->own->unix_path[0] != '\0')
                curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, spec->own->unix_path);
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, spec->method);
        if (spec->body != NULL) {
                curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)spec->body_len);
                curl_easy_setopt(easy, CURLOPT_POSTFIELDS, spec->body);
        }
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, ask->headers);
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)spec->timeout_ms);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, spec->tls_skip_verify ? 0L : 1L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, spec->tls_skip_verify ? 0L : 2L);
        curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
        curl_easy_setopt(easy, CURLOPT_HEADERDATA, ask);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, ask);
}

int ask_begin(struct asker *asker, const struct ask_spec *spec, struct ask **out)
{
        struct ask *ask = calloc(1, sizeof(*ask));
        int ret = -ENOMEM;

        if (ask == NULL)
                return ret;
        ask->done = spec->done;
        ask->arg = spec->arg;
        ask->body_max = spec->body_max;
        ask->keep_tail = spec->keep_tail;
        ask->transfer = transfer_create(asker->transfers, on_done, ask);
        if (asprintf(&ask->url, "%s%s", spec->own != NULL ? spec->own->url : "", spec->path) < 0)
                ask->url = NULL;
        if (ask->transfer != NULL && ask->url != NULL)
                ret = make_headers(ask, spec);
        if (ret == 0) {
                set_options(ask, spec);
                ret = transfer_begin(ask->transfer);
        }
        if (ret < 0)
                drop(ask);
        else
                *out = ask;
        return ret;
}

void ask_cancel(struct ask *take_ask)
{
        if (take_ask != NULL)
                drop(take_ask);
}
