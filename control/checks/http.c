#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/checks/http_text.h"
#include "control/checks/internal.h"
#include "control/checks/named_url.h"
#include "control/checks/transfer.h"

#define REDIRECTS_MAX 10

// Made once a check.
struct plan {
        struct curl_slist *headers;
        struct named_url url;
};

struct probe {
        struct check_runner *runner;
        struct transfer *transfer;
        struct check_tail body;
        struct http_status status;
};

static int add_line(struct curl_slist **list, const char *line)
{
        struct curl_slist *grown = curl_slist_append(*list, line);

        if (grown == NULL)
                return -ENOMEM;
        *list = grown;
        return 0;
}

static int add_header(struct curl_slist **list, const char *name, const char *value)
{
        char *line;
        int ret;

        // libcurl sends an empty value only when it is written so.
        if (asprintf(&line, value[0] != '\0' ? "%s: %s" : "%s;", name, value) < 0)
                return -ENOMEM;
        ret = add_line(list, line);
        free(line);
        return ret;
}

// The first header that would break out of its line, or NULL.
static const char *find_bad_header(const json_t *headers)
{
        const char *key;
        json_t *values, *value;
        size_t i;

        json_object_foreach((json_t *)(uintptr_t)headers, key, values)
        {
                if (key[0] == '\0' || strpbrk(key, "\r\n:; ") != NULL)
                        return key;
                json_array_foreach(values, i, value)
                {
                        if (strpbrk(json_string_value(value), "\r\n") != NULL)
                                return key;
                }
        }
        return NULL;
}

static bool has_header(const json_t *headers, const char *name)
{
        const char *key;
        json_t *values;

        json_object_foreach((json_t *)(uintptr_t)headers, key, values)
        {
                if (strcasecmp(key, name) == 0)
                        return true;
        }
        return false;
}

static int add_headers(struct curl_slist **list, const struct check_spec *spec)
{
        static const char *const usual[][2] = {
            {"User-Agent", "Consul Health Check"},
            {"Accept", "text/plain, text/*, */*"},
            {"Connection", "close"},
        };
        const char *key;
        json_t *values, *value;
        size_t i;
        int ret = 0;

        json_object_foreach((json_t *)(uintptr_t)spec->headers, key, values)
        {
                json_array_foreach(values, i, value)
                {
                        if (ret == 0)
                                ret = add_header(list, key, json_string_value(value));
                }
        }
        for (i = 0; ret == 0 && i < sizeof(usual) / sizeof(usual[0]); i++) {
                if (!has_header(spec->headers, usual[i][0]))
                        ret = add_header(list, usual[i][0], usual[i][1]);
        }
        // What libcurl would add of its own is named without a value.
        if (ret == 0 && !has_header(spec->headers, "Content-Type"))
                ret = add_line(list, "Content-Type:");
        if (ret == 0 && !has_header(spec->headers, "Expect"))
                ret = add_line(list, "Expect:");
        return ret;
}

static void forget(struct check_runner *runner)
{
        struct plan *plan = runner->plan;

        curl_slist_free_all(plan->headers);
        named_url_fini(&plan->url);
        free(plan);
}

static int prepare(struct check_runner *runner)
{
        const struct check_spec *spec = &runner->spec;
        struct plan *plan = calloc(1, sizeof(*plan));
        int ret;

        if (plan == NULL)
                return -ENOMEM;
        runner->plan = plan;
        ret = named_url_init(&plan->url, spec->target,
                             strncasecmp(spec->target, "https:", 6) == 0 ? spec->tls_server_name
                                                                         : "");
        if (ret == 0)
                ret = add_headers(&plan->headers, spec);
        if (ret == 0 && plan->url.host != NULL && !has_header(spec->headers, "Host"))
                ret = add_header(&plan->headers, "Host", plan->url.host);
        if (ret < 0)
                forget(runner);
        return ret;
}

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
        struct probe *probe = arg;

        http_status_take(&probe->status, line, size * count);
        return size * count;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
        struct probe *probe = arg;

        return check_tail_add(&probe->body, bytes, size * count) == 0 ? size * count : 0;
}

static void drop(struct probe *probe)
{
        if (probe->transfer != NULL)
                transfer_end(probe->transfer);
        check_tail_fini(&probe->body);
        free(probe);
}

static void on_done(void *arg, CURLcode result)
{
        struct probe *probe = arg;
        struct check_runner *runner = probe->runner;
        const struct check_spec *spec = &runner->spec;
        char *output = NULL;
        enum check_health health;

        // A body that breaks off is no failure: the status has been seen.
        if (probe->status.code == 0 ||
            (result != CURLE_OK && result != CURLE_PARTIAL_FILE && result != CURLE_RECV_ERROR)) {
                output = http_failure_text(transfer_handle(probe->transfer), spec->method,
                                           spec->target, result, transfer_error(probe->transfer));
                health = CHECK_CRITICAL;
        } else {
                char *body = check_tail_text(&probe->body);

                if (body == NULL || asprintf(&output, "HTTP %s %s: %s Output: %s",
                                             spec->method[0] != '\0' ? spec->method : "GET",
                                             spec->target, probe->status.text, body) < 0)
                        output = NULL;
                free(body);
                health = http_status_health(probe->status.code);
        }
        drop(probe);
        check_finish(runner, health, output != NULL ? output : "out of memory");
        free(output);
}

static void set_method(CURL *easy, const struct check_spec *spec)
{
        const char *method = spec->method;
        size_t len = strlen(spec->body);

        if (strcmp(method, "HEAD") == 0) {
                curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
                return;
        }
        if (len > 0 || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
            strcmp(method, "PATCH") == 0) {
                curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
                curl_easy_setopt(easy, CURLOPT_POSTFIELDS, spec->body);
        }
        if (strcmp(method, "POST") != 0 && (len > 0 || method[0] != '\0'))
                curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method[0] != '\0' ? method : "GET");
}

static void set_options(struct probe *probe)
{
        const struct check_runner *runner = probe->runner;
        const struct check_spec *spec = &runner->spec;
        const struct plan *plan = runner->plan;
        CURL *easy = transfer_handle(probe->transfer);

        curl_easy_setopt(easy, CURLOPT_URL, plan->url.url);
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, plan->headers);
        if (plan->url.connect_to != NULL)
                curl_easy_setopt(easy, CURLOPT_CONNECT_TO, plan->url.connect_to);
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, spec->disable_redirects ? 0L : 1L);
        curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
        transfer_set_trust(probe->transfer, !spec->tls_skip_verify);
        curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
        curl_easy_setopt(easy, CURLOPT_HEADERDATA, probe);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, probe);
        set_method(easy, spec);
}

static void begin(struct check_runner *runner)
{
        const char *bad = find_bad_header(runner->spec.headers);
        struct probe *probe = bad == NULL ? calloc(1, sizeof(*probe)) : NULL;

        if (bad != NULL) {
                check_fail(runner, "net/http: invalid header field \"%.200s\"", bad);
                return;
        }
        if (probe == NULL) {
                check_fail(runner, "out of memory");
                return;
        }
        probe->runner = runner;
        check_tail_init(&probe->body, runner->spec.output_max);
        probe->transfer = transfer_create(runner->engine->transfers, on_done, probe);
        if (probe->transfer == NULL) {
                drop(probe);
                check_fail(runner, "out of memory");
                return;
        }
        set_options(probe);
        runner->probe = probe;
        if (transfer_begin(probe->transfer) < 0) {
                drop(probe);
                check_fail(runner, "out of memory");
        }
}

static void cancel(struct check_runner *runner)
{
        drop(runner->probe);
}

static void expire(struct check_runner *runner)
{
        struct probe *probe = runner->probe;
        char *output = http_failure_text(transfer_handle(probe->transfer), runner->spec.method,
                                         runner->spec.target, CURLE_OPERATION_TIMEDOUT, "");

        drop(probe);
        check_finish(runner, CHECK_CRITICAL, output != NULL ? output : "out of memory");
        free(output);
}

const struct check_ops check_http_ops = {
    .name = "http",
    .timeout_ms = CHECK_TIMEOUT_MS,
    .prepare = prepare,
    .forget = forget,
    .begin = begin,
    .cancel = cancel,
    .expire = expire,
};
