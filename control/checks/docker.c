#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/checks/docker_stream.h"
#include "control/checks/internal.h"
#include "control/checks/transfer.h"

// A command in a container: made, started and looked at afterwards, over the daemon's HTTP API.

#define DAEMON_SOCKET "/var/run/docker.sock"
#define ANSWER_MAX    65536

enum stage { STAGE_CREATE, STAGE_START, STAGE_INSPECT };

struct probe {
        struct check_runner *runner;
        struct transfer *transfer;
        struct curl_slist *headers;
        enum stage stage;
        char *body;       // of the request
        char exec_id[80]; // the daemon's name for the run
        struct docker_stream stream;
        struct check_tail output;
        struct check_tail answer; // JSON, or an error
};

static struct check_runner *drop(struct probe *probe)
{
        struct check_runner *runner = probe->runner;

        if (probe->transfer != NULL)
                transfer_end(probe->transfer);
        curl_slist_free_all(probe->headers);
        free(probe->body);
        check_tail_fini(&probe->output);
        check_tail_fini(&probe->answer);
        free(probe);
        return runner;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
        struct probe *probe = arg;
        size_t len = size * count, at = 0, used, piece_len;
        const uint8_t *piece;
        long code = 0;

        curl_easy_getinfo(transfer_handle(probe->transfer), CURLINFO_RESPONSE_CODE, &code);
        if (probe->stage != STAGE_START || code != 200)
                return check_tail_add(&probe->answer, bytes, len) == 0 ? len : 0;
        for (; at < len; at += used) {
                piece_len = docker_stream_take(&probe->stream, (const uint8_t *)bytes + at,
                                               len - at, &used, &piece);
                if (piece != NULL &&
                    check_tail_add(&probe->output, (const char *)piece, piece_len) < 0)
                        return 0;
        }
        return len;
}

static void set_daemon(CURL *easy)
{
        const char *host = getenv("DOCKER_HOST");

        if (host == NULL || strncmp(host, "unix://", 7) == 0)
                curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH,
                                 host != NULL ? host + 7 : DAEMON_SOCKET);
}

static char *make_url(const char *format, const char *id)
{
        const char *host = getenv("DOCKER_HOST");
        char *path, *url = NULL, *escaped = curl_easy_escape(NULL, id, 0);

        if (escaped == NULL || asprintf(&path, format, escaped) < 0)
                path = NULL;
        curl_free(escaped);
        if (path != NULL &&
            asprintf(&url, "http://%s%s",
                     host != NULL && strncmp(host, "tcp://", 6) == 0 ? host + 6 : "docker",
                     path) < 0)
                url = NULL;
        free(path);
        return url;
}

static void on_done(void *arg, CURLcode result);

static void send_request(struct probe *probe, enum stage stage, char *take_url, char *take_body)
{
        struct check_runner *runner = probe->runner;
        CURL *easy;

        if (probe->transfer != NULL)
                transfer_end(probe->transfer);
        free(probe->body);
        check_tail_fini(&probe->answer);
        probe->stage = stage;
        probe->body = take_body;
        probe->transfer = transfer_create(runner->engine->transfers, on_done, probe);
        if (probe->transfer == NULL || take_url == NULL ||
            (stage != STAGE_INSPECT && take_body == NULL)) {
                free(take_url);
                check_fail(drop(probe), "out of memory");
                return;
        }
        easy = transfer_handle(probe->transfer);
        set_daemon(easy);
        curl_easy_setopt(easy, CURLOPT_URL, take_url);
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
        free(take_url);
        if (take_body != NULL) {
                curl_easy_setopt(easy, CURLOPT_HTTPHEADER, probe->headers);
                curl_easy_setopt(easy, CURLOPT_POSTFIELDS, take_body);
        }
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, probe);
        if (transfer_begin(probe->transfer) < 0)
                check_fail(drop(probe), "out of memory");
}

// Why the daemon did not do it, in its own words where they help.
static void refuse(struct probe *probe, long code)
{
        static const char *const verbs[] = {"create", "start", "inspect"};
        const char *verb = verbs[probe->stage];
        const char *container = probe->runner->spec.target;
        char *answer = check_tail_text(&probe->answer), exec_id[sizeof(probe->exec_id)];
        bool is_create = probe->stage == STAGE_CREATE;
        struct check_runner *runner;

        memcpy(exec_id, probe->exec_id, sizeof(exec_id));
        runner = drop(probe);
        if (code == 404 && is_create)
                check_fail(runner, "create exec failed for unknown container %.200s", container);
        else if (code == 404)
                check_fail(runner, "%s exec failed for container %.200s: invalid exec id %s", verb,
                           container, exec_id);
        else if (code == 409)
                check_fail(runner, "%s exec failed since container %.200s is paused or stopped",
                           verb, container);
        else
                check_fail(runner,
                           "%s exec failed for container %.200s with status code %ld: %.200s", verb,
                           container, code, answer != NULL ? answer : "");
        free(answer);
}

static void start_exec(struct probe *probe, const json_t *answer)
{
        const char *id = json_string_value(json_object_get(answer, "Id"));

        if (id == NULL || id[0] == '\0' || strlen(id) >= sizeof(probe->exec_id)) {
                check_fail(drop(probe), "the Docker daemon gave no exec id");
                return;
        }
        snprintf(probe->exec_id, sizeof(probe->exec_id), "%s", id);
        send_request(probe, STAGE_START, make_url("/exec/%s/start", id),
                     strdup("{\"Detach\":false,\"Tty\":false}"));
}

static void conclude(struct probe *probe, const json_t *answer)
{
        const json_t *exit_code = json_object_get(answer, "ExitCode");
        char *output = check_tail_report(&probe->output);
        enum check_health health = CHECK_CRITICAL;

        if (json_is_integer(exit_code) && json_integer_value(exit_code) <= 1 &&
            json_integer_value(exit_code) >= 0)
                health = json_integer_value(exit_code) == 0 ? CHECK_PASSING : CHECK_WARNING;
        check_finish(drop(probe), health, output != NULL ? output : "out of memory");
        free(output);
}

static void on_done(void *arg, CURLcode result)
{
        static const long wanted[] = {201, 200, 200};
        struct probe *probe = arg;
        char *text;
        json_t *answer;
        long code = 0;

        curl_easy_getinfo(transfer_handle(probe->transfer), CURLINFO_RESPONSE_CODE, &code);
        if (code == 0 || (result != CURLE_OK && probe->stage != STAGE_START)) {
                char error[CURL_ERROR_SIZE];

                snprintf(error, sizeof(error), "%s",
                         transfer_error(probe->transfer)[0] != '\0'
                             ? transfer_error(probe->transfer)
                             : curl_easy_strerror(result));
                check_fail(drop(probe), "cannot reach the Docker daemon: %s", error);
                return;
        }
        if (code != wanted[probe->stage]) {
                refuse(probe, code);
                return;
        }
        if (probe->stage == STAGE_START) {
                send_request(probe, STAGE_INSPECT, make_url("/exec/%s/json", probe->exec_id), NULL);
                return;
        }
        text = check_tail_text(&probe->answer);
        answer = text != NULL ? json_loads(text, 0, NULL) : NULL;
        free(text);
        if (probe->stage == STAGE_CREATE)
                start_exec(probe, answer);
        else
                conclude(probe, answer);
        json_decref(answer);
}

static void begin(struct check_runner *runner)
{
        struct probe *probe = calloc(1, sizeof(*probe));
        json_t *request = json_pack("{s:b, s:b, s:b, s:b, s:O}", "AttachStdin", 0, "AttachStdout",
                                    1, "AttachStderr", 1, "Tty", 0, "Cmd", runner->spec.args);
        char *body = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL;

        json_decref(request);
        if (probe == NULL) {
                free(body);
                check_fail(runner, "out of memory");
                return;
        }
        probe->runner = runner;
        runner->probe = probe;
        check_tail_init(&probe->output, runner->spec.output_max);
        check_tail_init(&probe->answer, ANSWER_MAX);
        probe->headers = curl_slist_append(NULL, "Content-Type: application/json");
        send_request(probe, STAGE_CREATE, make_url("/containers/%s/exec", runner->spec.target),
                     body);
}

static void cancel(struct check_runner *runner)
{
        drop(runner->probe);
}

static void expire(struct check_runner *runner)
{
        check_fail(drop(runner->probe), "Timed out running check in container");
}

const struct check_ops check_docker_ops = {
    .name = "docker",
    .timeout_ms = CHECK_SCRIPT_TIMEOUT_MS,
    .begin = begin,
    .cancel = cancel,
    .expire = expire,
};
