#ifndef CONTROL_CHECKS_CHECKS_H
#define CONTROL_CHECKS_CHECKS_H

// Checks that are run: requests, connections, scripts, each at its interval on one libuv loop. One
// heap of deadlines for all of them, no thread a check. What a run gave is told after the
// thresholds of control/checks/status.h. Control thread only.

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "control/checks/status.h"
#include "control/log/log.h"

enum check_kind {
        CHECK_HTTP,
        CHECK_TCP,
        CHECK_UDP,
        CHECK_GRPC,
        CHECK_SCRIPT,
        CHECK_DOCKER,
        CHECK_H2PING,
        CHECK_OS_SERVICE,
        CHECK_KIND_COUNT
};

#define CHECK_INTERVAL_MIN_MS   1000
#define CHECK_TIMEOUT_MS        10000
#define CHECK_SCRIPT_TIMEOUT_MS 30000
#define CHECK_OUTPUT_MAX        4096

// What to run. Everything is borrowed for the runner's life; texts are "" when not given.
struct check_spec {
        enum check_kind kind;
        const char *id;       // for log lines
        const char *target;   // URL, HOST:PORT, HOST:PORT/SERVICE, container or unit
        uint64_t interval_ms; // from the end of a run to the next
        uint64_t timeout_ms;  // 0: the kind's usual one
        size_t output_max;    // bytes kept of what a run says
        struct check_thresholds thresholds;
        bool use_tls;
        bool tls_skip_verify;
        bool disable_redirects;
        const char *tls_server_name;
        const char *method; // of HTTP; "" is GET
        const char *body;
        const json_t *headers; // object of lists of strings, or NULL
        const json_t *args;    // list of strings, or NULL
};

struct check_engine;
struct check_runner;

/**
 * What became of a run, thresholds applied.
 * @owner   as given to check_start().
 * @output  borrowed until return; any bytes but NUL.
 * The runner may be stopped from inside.
 */
typedef void (*check_result_fn)(void *arg, void *owner, enum check_health health,
                                const char *output);

struct check_engine_options {
        uv_loop_t *loop;
        const struct log *log; // borrowed, as the loop, for the engine's life
        check_result_fn on_result;
        void *arg;
        uint64_t seed; // for the moments of first runs
};

/**
 * Create an engine without checks.
 * returns  0 or a negative errno.
 */
int check_engine_create(struct check_engine **out, const struct check_engine_options *options);

/** Stop it; its runners must have been stopped. Memory goes with the loop's next turns. */
void check_engine_destroy(struct check_engine *take_engine);

/**
 * Run a check: at a random moment of its first interval, then each interval after a run's end.
 * @owner   told with each result.
 * returns  0 or a negative errno.
 */
int check_start(struct check_engine *engine, const struct check_spec *spec, void *owner,
                struct check_runner **out);

/** Run no more; what is under way is given up and nothing is told of it. NULL is let pass. */
void check_stop(struct check_runner *take_runner);

/**
 * Whether checks of the kind can be run on this host.
 * returns  NULL, or what is missing, for the operator.
 */
const char *check_kind_missing(enum check_kind kind);

#endif
