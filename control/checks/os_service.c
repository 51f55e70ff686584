#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

#include "control/checks/internal.h"

// A unit of systemd, asked for over the system bus. Each run has a connection of its own: they are
// few, and a bus that was restarted is found again without further ado.

struct probe {
        struct check_runner *runner;
        sd_bus *bus;
        uv_poll_t *poll; // allocated: closing it outlives the run
        bool is_answered;
        char state[64]; // "" when it failed
        char error[CHECK_ERROR_MAX];
};

const char *check_os_service_missing(void)
{
        // Another bus may be named in systemd's stead.
        if (sd_booted() > 0 || getenv("DBUS_SYSTEM_BUS_ADDRESS") != NULL)
                return NULL;
        return "os_service checks need systemd, which does not run on this host";
}

static void free_handle(uv_handle_t *handle)
{
        free(handle);
}

static struct check_runner *drop(struct probe *probe)
{
        struct check_runner *runner = probe->runner;

        if (probe->poll != NULL)
                uv_close((uv_handle_t *)probe->poll, free_handle);
        sd_bus_close_unref(probe->bus);
        free(probe);
        return runner;
}

static void fail_errno(struct probe *probe, const char *what, int error)
{
        char reason[96];

        check_fail(drop(probe), "%s: %s", what, check_errno_text(-error, reason, sizeof(reason)));
}

static void conclude(struct probe *probe)
{
        const char *unit = probe->runner->spec.target, *state = probe->state;
        enum check_health health = CHECK_CRITICAL;
        char text[CHECK_ERROR_MAX];

        if (state[0] == '\0') {
                snprintf(text, sizeof(text), "%s", probe->error);
        } else if (strcmp(state, "active") == 0) {
                health = CHECK_PASSING;
                snprintf(text, sizeof(text), "Service \"%.300s\" is healthy", unit);
        } else {
                if (strcmp(state, "reloading") == 0 || strcmp(state, "activating") == 0)
                        health = CHECK_WARNING;
                snprintf(text, sizeof(text), "Service \"%.300s\" is %s", unit, state);
        }
        check_finish(drop(probe), health, text);
}

static int on_answer(sd_bus_message *message, void *arg, sd_bus_error *unused)
{
        struct probe *probe = arg;
        const sd_bus_error *error = sd_bus_message_get_error(message);
        const char *state = "";

        (void)unused;
        probe->is_answered = true;
        if (error != NULL)
                snprintf(probe->error, sizeof(probe->error),
                         "cannot ask systemd for the unit: %.300s", error->message);
        else if (sd_bus_message_read(message, "v", "s", &state) < 0)
                snprintf(probe->error, sizeof(probe->error), "systemd's answer is not understood");
        snprintf(probe->state, sizeof(probe->state), "%s", state);
        return 1;
}

static void process(struct probe *probe);

static void on_event(uv_poll_t *poll, int status, int events)
{
        (void)status;
        (void)events;
        process(poll->data);
}

static void process(struct probe *probe)
{
        int ret, events;

        do {
                ret = sd_bus_process(probe->bus, NULL);
        } while (ret > 0 && !probe->is_answered);
        if (probe->is_answered) {
                conclude(probe);
                return;
        }
        events = ret < 0 ? ret : sd_bus_get_events(probe->bus);
        if (events < 0)
                fail_errno(probe, "cannot reach systemd", events);
        else
                uv_poll_start(probe->poll,
                              (events & POLLIN ? UV_READABLE : 0) |
                                  (events & POLLOUT ? UV_WRITABLE : 0),
                              on_event);
}

static int ask(struct probe *probe, const char *target)
{
        char *unit = NULL, *path = NULL;
        int ret = sd_bus_open_system(&probe->bus);

        if (ret < 0)
                return ret;
        if (asprintf(&unit, strchr(target, '.') != NULL ? "%s" : "%s.service", target) < 0)
                return -ENOMEM;
        // systemd loads a unit whose object is asked for.
        ret = sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path);
        free(unit);
        if (ret < 0)
                return ret;
        ret = sd_bus_call_method_async(probe->bus, NULL, "org.freedesktop.systemd1", path,
                                       "org.freedesktop.DBus.Properties", "Get", on_answer, probe,
                                       "ss", "org.freedesktop.systemd1.Unit", "ActiveState");
        free(path);
        return ret;
}

static int watch(struct probe *probe, uv_loop_t *loop)
{
        int ret;

        probe->poll = malloc(sizeof(*probe->poll));
        if (probe->poll == NULL)
                return -ENOMEM;
        ret = uv_poll_init(loop, probe->poll, sd_bus_get_fd(probe->bus));
        if (ret < 0) {
                free(probe->poll);
                probe->poll = NULL;
                return ret;
        }
        probe->poll->data = probe;
        return 0;
}

static void begin(struct check_runner *runner)
{
        struct probe *probe = calloc(1, sizeof(*probe));
        int ret;

        if (probe == NULL) {
                check_fail(runner, "out of memory");
                return;
        }
        probe->runner = runner;
        runner->probe = probe;
        ret = ask(probe, runner->spec.target);
        if (ret >= 0)
                ret = watch(probe, runner->engine->options.loop);
        if (ret < 0)
                fail_errno(probe, "cannot reach systemd", ret);
        else
                process(probe);
}

static void cancel(struct check_runner *runner)
{
        drop(runner->probe);
}

static void expire(struct check_runner *runner)
{
        check_fail(drop(runner->probe), "Timed out running check");
}

const struct check_ops check_os_service_ops = {
    .name = "os_service",
    .timeout_ms = CHECK_TIMEOUT_MS,
    .begin = begin,
    .cancel = cancel,
    .expire = expire,
};
