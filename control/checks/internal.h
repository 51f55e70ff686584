#ifndef CONTROL_CHECKS_INTERNAL_H
#define CONTROL_CHECKS_INTERNAL_H

#include <sys/socket.h>

#include "control/agent/deadlines.h"
#include "control/checks/checks.h"
#include "control/checks/tail.h"

// Runs begun in one turn of the loop; the rest have the next one.
#define CHECK_BURST     64
#define CHECK_ERROR_MAX 512

struct transfers;

struct check_engine {
        struct check_engine_options options;
        struct deadlines deadlines; // of runners: the next run, or the end of the one under way
        uv_timer_t timer;
        struct transfers *transfers;
        uint64_t random;
};

// How a kind of check is run. A run has one probe, made by begin.
struct check_ops {
        const char *name; // as catalog records have it in Type
        uint64_t timeout_ms;
        /** What of the spec is worth making once; may be NULL. returns 0 or a negative errno. */
        int (*prepare)(struct check_runner *runner);
        /** Undo prepare; may be NULL. */
        void (*forget)(struct check_runner *runner);
        /** Begin a run; check_finish() ends it, perhaps before begin returns. */
        void (*begin)(struct check_runner *runner);
        /** Give up the probe; it must not call back. */
        void (*cancel)(struct check_runner *runner);
        /** The time is over: cancel, then check_finish() with what that means. */
        void (*expire)(struct check_runner *runner);
};

struct check_runner {
        struct check_engine *engine;
        struct check_spec spec;
        const struct check_ops *ops;
        void *owner;
        void *plan;  // made by prepare
        void *probe; // of the run under way
        bool is_running;
        struct check_status status;
        struct deadline deadline;
};

extern const struct check_ops check_http_ops, check_tcp_ops, check_udp_ops, check_grpc_ops,
    check_script_ops, check_docker_ops, check_h2ping_ops, check_os_service_ops;

/** What is missing here for checks of system services, or NULL. */
const char *check_os_service_missing(void);

/** A run's end: its result is taken and the next one scheduled. The runner may be gone after. */
void check_finish(struct check_runner *runner, enum check_health health, const char *output);
/** check_finish() as critical with a formatted text. */
void check_fail(struct check_runner *runner, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** A result in the middle of a run, which goes on. The runner may be gone after. */
void check_report(struct check_runner *runner, enum check_health health, const char *output);
/** A run's end whose result has been reported already. */
void check_rest(struct check_runner *runner);

// What Go calls an errno: "connection refused".
const char *check_errno_text(int error, char *out, size_t size);

#endif
