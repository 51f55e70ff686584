#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/checks/grpc_message.h"
#include "control/checks/http_text.h"
#include "control/checks/internal.h"
#include "control/checks/named_url.h"
#include "control/checks/transfer.h"
#include "control/grpc/grpc_wire.h"

#define RESPONSE_MAX 1024
#define MESSAGE_MAX  256

struct plan {
        struct curl_slist *headers;
        struct named_url url;
        char *address; // HOST:PORT
        struct byte_buffer request;
};

struct probe {
        struct check_runner *runner;
        struct transfer *transfer;
        struct http_status status;
        int code; // grpc-status; -1: none yet
        char message[MESSAGE_MAX];
        uint8_t response[RESPONSE_MAX];
        size_t response_len;
};

static void forget(struct check_runner *runner)
{
        struct plan *plan = runner->plan;

        curl_slist_free_all(plan->headers);
        named_url_fini(&plan->url);
        byte_buffer_fini(&plan->request);
        free(plan->address);
        free(plan);
}

static int make_headers(struct plan *plan)
{
        static const char *const lines[] = {"Content-Type: application/grpc", "TE: trailers",
                                            "User-Agent: Consul Health Check", "Accept:"};

        for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
                struct curl_slist *grown = curl_slist_append(plan->headers, lines[i]);

                if (grown == NULL)
                        return -ENOMEM;
                plan->headers = grown;
        }
        return 0;
}

// HOST:PORT/SERVICE; without a service the server as a whole is meant.
static int prepare(struct check_runner *runner)
{
        const struct check_spec *spec = &runner->spec;
        const char *slash = strchr(spec->target, '/');
        struct plan *plan = calloc(1, sizeof(*plan));
        char *url = NULL;
        int ret = -ENOMEM;

        if (plan == NULL)
                return ret;
        runner->plan = plan;
        plan->address = slash != NULL ? strndup(spec->target, (size_t)(slash - spec->target))
                                      : strdup(spec->target);
        if (plan->address != NULL &&
            asprintf(&url, "%s://%s/grpc.health.v1.Health/Check", spec->use_tls ? "https" : "http",
                     plan->address) >= 0) {
                ret = named_url_init(&plan->url, url, spec->use_tls ? spec->tls_server_name : "");
                free(url);
        }
        if (ret == 0)
                ret = make_headers(plan);
        if (ret == 0)
                ret = grpc_request_write(slash != NULL ? slash + 1 : "", &plan->request);
        if (ret < 0)
                forget(runner);
        return ret;
}

static struct check_runner *drop(struct probe *probe)
{
        struct check_runner *runner = probe->runner;

        if (probe->transfer != NULL)
                transfer_end(probe->transfer);
        free(probe);
        return runner;
}

// The value of a header line, copied; false when it is another header.
static bool read_header(const char *line, size_t len, const char *name, char *out, size_t size)
{
        size_t name_len = strlen(name);

        if (len <= name_len || strncasecmp(line, name, name_len) != 0)
                return false;
        line += name_len;
        len -= name_len;
        while (len > 0 && *line == ' ') {
                line++;
                len--;
        }
        while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == '\n'))
                len--;
        snprintf(out, size, "%.*s", (int)len, line);
        return true;
}

static int read_code(const char *text)
{
        char *end;
        long code;

        errno = 0;
        code = strtol(text, &end, 10);
        return errno == 0 && end != text && code >= 0 && code <= 99 ? (int)code : GRPC_CODE_UNKNOWN;
}

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
        struct probe *probe = arg;
        char value[MESSAGE_MAX];

        http_status_take(&probe->status, line, size * count);
        if (read_header(line, size * count, "grpc-status:", value, sizeof(value)))
                probe->code = read_code(value);
        else if (read_header(line, size * count, "grpc-message:", value, sizeof(value))) {
                snprintf(probe->message, sizeof(probe->message), "%s", value);
                grpc_status_text_decode(probe->message);
        }
        return size * count;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
        struct probe *probe = arg;
        size_t len = size * count;

        if (len > sizeof(probe->response) - probe->response_len)
                return 0;
        memcpy(probe->response + probe->response_len, bytes, len);
        probe->response_len += len;
        return len;
}

static int code_of_status(int status)
{
        switch (status) {
        case 400:
                return GRPC_INTERNAL;
        case 401:
                return 16;
        case 403:
                return 7;
        case 404:
                return GRPC_UNIMPLEMENTED;
        case 429:
        case 502:
        case 503:
        case 504:
                return GRPC_UNAVAILABLE;
        default:
                return GRPC_CODE_UNKNOWN;
        }
}

static void fail_as(struct probe *probe, int code, const char *text)
{
        char copy[CHECK_ERROR_MAX];

        snprintf(copy, sizeof(copy), "%s", text);
        check_fail(drop(probe), "rpc error: code = %s desc = %s", grpc_code_name(code), copy);
}

static void conclude(struct probe *probe)
{
        char text[CHECK_ERROR_MAX];
        int serving;

        if (probe->status.code != 200) {
                snprintf(text, sizeof(text), "unexpected HTTP status code received from server: %s",
                         probe->status.text);
                fail_as(probe, code_of_status(probe->status.code), text);
        } else if (probe->code < 0) {
                fail_as(probe, GRPC_INTERNAL, "server closed the stream without sending trailers");
        } else if (probe->code != 0) {
                fail_as(probe, probe->code, probe->message);
        } else if (grpc_response_read(probe->response, probe->response_len, &serving) < 0) {
                fail_as(probe, GRPC_INTERNAL, "the response is no grpc.health.v1 message");
        } else if (serving != GRPC_SERVING) {
                check_fail(drop(probe), "gRPC application didn't report service healthy");
        } else {
                struct check_runner *runner = drop(probe);

                snprintf(text, sizeof(text), "gRPC check %.400s: success", runner->spec.target);
                check_finish(runner, CHECK_PASSING, text);
        }
}

static void on_done(void *arg, CURLcode result)
{
        struct probe *probe = arg;
        const struct plan *plan = probe->runner->plan;
        char text[CHECK_ERROR_MAX], *why;

        if (result == CURLE_OK || probe->code >= 0) {
                conclude(probe);
                return;
        }
        why = http_transport_text(transfer_handle(probe->transfer), plan->address, result,
                                  transfer_error(probe->transfer));
        snprintf(text, sizeof(text), "connection error: desc = \"transport: %s%s\"",
                 result == CURLE_COULDNT_CONNECT || result == CURLE_COULDNT_RESOLVE_HOST
                     ? "Error while dialing "
                     : "",
                 why != NULL ? why : "out of memory");
        free(why);
        fail_as(probe, GRPC_UNAVAILABLE, text);
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
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                         spec->use_tls ? (long)CURL_HTTP_VERSION_2TLS
                                       : (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
        transfer_set_trust(probe->transfer, !spec->tls_skip_verify);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)plan->request.len);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, plan->request.bytes);
        curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
        curl_easy_setopt(easy, CURLOPT_HEADERDATA, probe);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, probe);
}

static void begin(struct check_runner *runner)
{
        struct probe *probe = calloc(1, sizeof(*probe));

        if (probe == NULL) {
                check_fail(runner, "out of memory");
                return;
        }
        probe->runner = runner;
        probe->code = -1;
        probe->transfer = transfer_create(runner->engine->transfers, on_done, probe);
        if (probe->transfer == NULL) {
                check_fail(drop(probe), "out of memory");
                return;
        }
        set_options(probe);
        runner->probe = probe;
        if (transfer_begin(probe->transfer) < 0)
                check_fail(drop(probe), "out of memory");
}

static void cancel(struct check_runner *runner)
{
        drop(runner->probe);
}

static void expire(struct check_runner *runner)
{
        fail_as(runner->probe, 4, "context deadline exceeded");
}

const struct check_ops check_grpc_ops = {
    .name = "grpc",
    .timeout_ms = CHECK_TIMEOUT_MS,
    .prepare = prepare,
    .forget = forget,
    .begin = begin,
    .cancel = cancel,
    .expire = expire,
};
