#ifndef LICTOR_WATCH_HANDLER_H
#define LICTOR_WATCH_HANDLER_H

/**
 * An element of `watches` in a configuration: what to watch, and who is told. Pure; the agent's
 * watches (control/watch/watches.h) do what it says.
 */

#include "control/watch/watch.h"

#define WATCH_HTTP_TIMEOUT_MS 10000u

enum watch_handler_kind {
        WATCH_HANDLER_ARGS,  /* a program and its arguments */
        WATCH_HANDLER_SHELL, /* a script for the shell */
        WATCH_HANDLER_HTTP,
};

struct watch_handler {
        enum watch_handler_kind kind;
        json_t *args;       /* ARGS: strings; owned, as all below */
        char *script;       /* SHELL */
        char *url, *method; /* HTTP */
        json_t *headers;    /* lines "Name: value" */
        uint64_t timeout_ms;
        bool tls_skip_verify;
};

/**
 * Read an element.
 * @plan     destroyed by the caller, as @handler is finished by it; both empty on failure.
 * @error    what is wrong, as Consul words it.
 * returns   0, -EINVAL or -ENOMEM.
 */
int watch_setting_read(const json_t *setting, struct watch_plan **plan,
                       struct watch_handler *handler, char *error, size_t error_size);

/** Free what it holds. */
void watch_handler_fini(struct watch_handler *handler);

#endif
