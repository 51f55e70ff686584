#include "control/watch/watches.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/process/process.h"
#include "control/watch/handler.h"

// Agents let a query wait for ten minutes at most, and a little more so that not all end at once.
#define QUERY_TIMEOUT_MS 700000u
#define ANSWER_MAX       (64u << 20)
// Of what a handler says the end is kept for the log.
#define OUTPUT_MAX 4096u

// One watch. It asks, or runs its handler, or rests after a failure: never two of them.
struct watched {
        struct watches *watches;
        struct watched *next;
        struct watch_plan *plan;
        struct watch_handler handler;
        uv_timer_t rest;
        struct ask *ask; // a query, or what an HTTP handler is told
        struct process *process;
        struct watch_news news; // for the handler that runs
        char output[OUTPUT_MAX + 1];
        size_t output_len;
        uint64_t output_total;
        bool is_stopped; // ends with its handler
};

struct watches {
        struct watches_options options;
        struct watched *first;
};

static void query(struct watched *watched);

static void free_watched(uv_handle_t *handle)
{
        struct watched *watched = handle->data;

        watch_plan_destroy(watched->plan);
        watch_handler_fini(&watched->handler);
        free(watched->news.text);
        free(watched);
}

static void close_watched(struct watched *watched)
{
        struct watched **at = &watched->watches->first;

        while (*at != NULL && *at != watched)
                at = &(*at)->next;
        if (*at == watched)
                *at = watched->next;
        uv_close((uv_handle_t *)&watched->rest, free_watched);
}

static void on_rested(uv_timer_t *timer)
{
        query(timer->data);
}

static void rest(struct watched *watched, const char *why)
{
        unsigned wait_s = watch_plan_fail(watched->plan);

        log_error(watched->watches->options.log, "agent.watch",
                  "Watch errored: type=%s error=\"%s\" retry=%us", watch_plan_type(watched->plan),
                  why, wait_s);
        uv_timer_start(&watched->rest, on_rested, 1000u * wait_s, 0);
}

static const char *handler_name(const struct watched *watched)
{
        const struct watch_handler *handler = &watched->handler;

        if (handler->kind == WATCH_HANDLER_HTTP)
                return handler->url;
        return handler->kind == WATCH_HANDLER_SHELL
                   ? handler->script
                   : json_string_value(json_array_get(handler->args, 0));
}

// The handler has done what it does; the watch goes on.
static void go_on(struct watched *watched)
{
        free(watched->news.text);
        watched->news.text = NULL;
        if (watched->is_stopped)
                close_watched(watched);
        else
                query(watched);
}

static void keep_output(void *arg, const char *bytes, size_t len)
{
        struct watched *watched = arg;
        size_t excess;

        watched->output_total += len;
        if (len > OUTPUT_MAX) {
                bytes += len - OUTPUT_MAX;
                len = OUTPUT_MAX;
        }
        excess =
            watched->output_len + len > OUTPUT_MAX ? watched->output_len + len - OUTPUT_MAX : 0;
        memmove(watched->output, watched->output + excess, watched->output_len - excess);
        watched->output_len -= excess;
        memcpy(watched->output + watched->output_len, bytes, len);
        watched->output_len += len;
        watched->output[watched->output_len] = '\0';
}

static void log_output(const struct watched *watched)
{
        const struct log *log = watched->watches->options.log;

        if (watched->output_total > watched->output_len)
                log_debug(log, "agent",
                          "watch handler output: watch_handler=\"%s\" output=\"Captured %zu of "
                          "%llu bytes\n...\n%s\"",
                          handler_name(watched), watched->output_len,
                          (unsigned long long)watched->output_total, watched->output);
        else
                log_debug(log, "agent", "watch handler output: watch_handler=\"%s\" output=\"%s\"",
                          handler_name(watched), watched->output);
}

static void log_failure(const struct watched *watched, const char *why)
{
        log_error(watched->watches->options.log, "agent",
                  "Failed to run watch handler: handler=\"%s\" error=\"%s\"", handler_name(watched),
                  why);
}

static void on_ended(void *arg, int64_t exit_status, int signal)
{
        struct watched *watched = arg;
        char why[64];

        watched->process = NULL;
        if (process_end_text(exit_status, signal, why, sizeof(why))[0] != '\0')
                log_failure(watched, why);
        log_output(watched);
        go_on(watched);
}

static const char **make_arguments(const struct watch_handler *handler)
{
        size_t count = json_array_size(handler->args);
        const char **argv = calloc(count > 4 ? count + 1 : 5, sizeof(*argv));

        if (argv != NULL && handler->kind == WATCH_HANDLER_SHELL)
                process_shell(handler->script, argv);
        for (size_t i = 0; argv != NULL && i < count; i++)
                argv[i] = json_string_value(json_array_get(handler->args, i));
        return argv;
}

static int run_program(struct watched *watched, char *error, size_t error_size)
{
        const char **argv = make_arguments(&watched->handler);
        char index[48], index_own[48];
        const char *const environment[] = {index, index_own, NULL};
        const struct process_spec spec = {.argv = argv,
                                          .input = watched->news.text,
                                          .input_len = watched->news.length + 1,
                                          .environment = environment,
                                          .output = keep_output,
                                          .ended = on_ended,
                                          .arg = watched};
        int ret = -ENOMEM;

        snprintf(index, sizeof(index), "CONSUL_INDEX=%llu",
                 (unsigned long long)watched->news.index);
        snprintf(index_own, sizeof(index_own), "LICTOR_INDEX=%llu",
                 (unsigned long long)watched->news.index);
        watched->output_len = watched->output_total = 0;
        watched->output[0] = '\0';
        snprintf(error, error_size, "out of memory");
        if (argv != NULL)
                ret = process_start(watched->watches->options.loop, &spec, &watched->process, error,
                                    error_size);
        free(argv);
        return ret;
}

static void on_told(void *arg, const struct ask_answer *answer)
{
        struct watched *watched = arg;
        const struct log *log = watched->watches->options.log;

        watched->ask = NULL;
        if (answer->status == 0)
                log_error(log, "agent",
                          "Failed to invoke http watch handler: handler=\"%s\" "
                          "error=\"%s\"",
                          handler_name(watched), answer->error);
        else if (answer->status < 200 || answer->status > 299)
                log_error(log, "agent",
                          "http watch handler failed with output: handler=\"%s\" status=%ld "
                          "output=\"%s\"",
                          handler_name(watched), answer->status, answer->body);
        else
                log_trace(log, "agent", "http watch handler output: handler=\"%s\" output=\"%s\"",
                          handler_name(watched), answer->body);
        go_on(watched);
}

static int tell(struct watched *watched)
{
        const struct watch_handler *handler = &watched->handler;
        json_t *headers = json_array();
        const struct ask_spec spec = {.path = handler->url,
                                      .method = handler->method,
                                      .headers = headers,
                                      .body = watched->news.text,
                                      .body_len = watched->news.length + 1,
                                      .timeout_ms = handler->timeout_ms,
                                      .body_max = OUTPUT_MAX,
                                      .keep_tail = true,
                                      .tls_skip_verify = handler->tls_skip_verify,
                                      .done = on_told,
                                      .arg = watched};
        int ret = -ENOMEM;

        if (headers != NULL &&
            json_array_append_new(headers, json_string("Content-Type: application/json")) == 0 &&
            json_array_append_new(headers, json_sprintf("X-Consul-Index: %llu",
                                                        (unsigned long long)watched->news.index)) ==
                0 &&
            json_array_extend(headers, handler->headers) == 0)
                ret = ask_begin(watched->watches->options.asker, &spec, &watched->ask);
        json_decref(headers);
        return ret;
}

// Handlers read lines, so the text ends with one: in the place of its NUL.
static void run_handler(struct watched *watched)
{
        char error[512] = "out of memory";
        int ret;

        watched->news.text[watched->news.length] = '\n';
        if (watched->handler.kind == WATCH_HANDLER_HTTP)
                ret = tell(watched);
        else
                ret = run_program(watched, error, sizeof(error));
        if (ret == 0)
                return;
        log_failure(watched, error);
        go_on(watched);
}

static void on_answer(void *arg, const struct ask_answer *answer)
{
        struct watched *watched = arg;
        char why[512];
        int ret;

        watched->ask = NULL;
        if (answer->status == 0) {
                rest(watched, answer->error);
                return;
        }
        if (answer->status != 200 && answer->status != 404) {
                snprintf(why, sizeof(why), "Unexpected response code: %ld (%.400s)", answer->status,
                         answer->body);
                rest(watched, why);
                return;
        }
        ret = watch_plan_take(watched->plan, answer->status, answer->body, answer->length,
                              answer->index, false, &watched->news);
        if (ret > 0)
                run_handler(watched);
        else if (ret == 0)
                query(watched);
        else
                rest(watched, ret == -ENOMEM          ? "out of memory"
                              : answer->status == 404 ? answer->body
                                                      : "the answer is not what was asked for");
}

static void query(struct watched *watched)
{
        const struct watches_options *options = &watched->watches->options;
        char *path = watch_plan_path(watched->plan);
        const struct ask_spec spec = {.own = options->own,
                                      .path = path,
                                      .method = "GET",
                                      .token = watch_plan_token(watched->plan),
                                      .timeout_ms = QUERY_TIMEOUT_MS,
                                      .body_max = ANSWER_MAX,
                                      .done = on_answer,
                                      .arg = watched};

        if (path == NULL || ask_begin(options->asker, &spec, &watched->ask) < 0)
                rest(watched, "out of memory");
        free(path);
}

int watches_create(const struct watches_options *options, struct watches **out)
{
        struct watches *watches = calloc(1, sizeof(*watches));

        if (watches == NULL)
                return -ENOMEM;
        watches->options = *options;
        *out = watches;
        return 0;
}

// Whatever it does is given up, but for a handler, which may finish.
static void stop(struct watched *watched)
{
        bool handling = watched->process != NULL || (watched->ask != NULL && watched->news.text);

        watched->is_stopped = true;
        uv_timer_stop(&watched->rest);
        if (handling)
                return;
        ask_cancel(watched->ask);
        watched->ask = NULL;
        close_watched(watched);
}

static void stop_all(struct watched *first)
{
        for (struct watched *watched = first, *next; watched != NULL; watched = next) {
                next = watched->next;
                stop(watched);
        }
}

static struct watched *make_watched(struct watches *watches, const json_t *setting, char *error,
                                    size_t error_size)
{
        struct watched *watched = calloc(1, sizeof(*watched));
        char why[400];

        snprintf(error, error_size, "out of memory");
        if (watched == NULL)
                return NULL;
        if (watch_setting_read(setting, &watched->plan, &watched->handler, why, sizeof(why)) < 0) {
                snprintf(error, error_size, "Failed to parse watch: %s", why);
                free(watched);
                return NULL;
        }
        watched->watches = watches;
        uv_timer_init(watches->options.loop, &watched->rest);
        watched->rest.data = watched;
        return watched;
}

int watches_configure(struct watches *watches, const json_t *settings, char *error,
                      size_t error_size)
{
        struct watched *before = watches->first, **at;
        const json_t *setting;
        size_t i;

        if (json_array_size(settings) > 0 && watches->options.own == NULL) {
                snprintf(error, error_size, "watch plans require an HTTP or HTTPS endpoint");
                return -EINVAL;
        }
        // The new ones come before the old, so that these may still be put back.
        at = &watches->first;
        json_array_foreach(settings, i, setting)
        {
                struct watched *watched = make_watched(watches, setting, error, error_size);

                if (watched == NULL) {
                        while (watches->first != before)
                                close_watched(watches->first);
                        return -EINVAL;
                }
                watched->next = before;
                *at = watched;
                at = &watched->next;
        }
        stop_all(before);
        for (struct watched *watched = watches->first; watched != NULL; watched = watched->next) {
                if (!watched->is_stopped)
                        query(watched);
        }
        return 0;
}

void watches_destroy(struct watches *take_watches)
{
        if (take_watches == NULL)
                return;
        while (take_watches->first != NULL) {
                struct watched *watched = take_watches->first;

                if (watched->process != NULL)
                        process_abandon(watched->process);
                ask_cancel(watched->ask);
                uv_timer_stop(&watched->rest);
                close_watched(watched);
        }
        free(take_watches);
}
