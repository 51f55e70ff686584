#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/client_flags.h"
#include "control/cli/lock.h"

// How long a query may wait, and a little more for the answer.
#define WAIT_MS       15000
#define WATCH_WAIT_S  30
#define WATCH_LIMIT_S (WATCH_WAIT_S + 15)

bool lock_time_left(const struct lock *lock, uint64_t started_ms, uint64_t *wait_ms)
{
        uint64_t passed = holder_now_ms() - started_ms;

        *wait_ms = WAIT_MS;
        if (lock->try_ms == 0)
                return true;
        if (passed >= lock->try_ms)
                return false;
        if (lock->try_ms - passed < WAIT_MS)
                *wait_ms = lock->try_ms - passed;
        return true;
}

int lock_failed(struct lock *lock, const char *what, int ret)
{
        char text[sizeof(lock->holder->error)];

        snprintf(text, sizeof(text), "%s: %.440s", what, lock->holder->error);
        memcpy(lock->holder->error, text, sizeof(text));
        return ret;
}

int lock_lost_session(struct lock *lock)
{
        snprintf(lock->holder->error, sizeof(lock->holder->error), "session %s ended while waiting",
                 lock->holder->session);
        return -ESTALE;
}

static char *make_path(const char *key, const char *query)
{
        char *escaped = client_escape(key), *path = NULL;

        if (escaped != NULL && asprintf(&path, "/v1/kv/%s?%s", escaped, query) < 0)
                path = NULL;
        free(escaped);
        return path;
}

int lock_ask(struct lock *lock, const char *method, const char *key, const char *query,
             const char *body, struct pending *pending)
{
        struct client_call call = {.method = method, .body = body};
        char *path = make_path(key, query);
        int ret;

        if (path == NULL) {
                snprintf(lock->holder->error, sizeof(lock->holder->error), "out of memory");
                return -ENOMEM;
        }
        call.path = path;
        call.body_length = body != NULL ? strlen(body) : 0;
        ret = strcmp(method, "GET") == 0 ? holder_ask_again(lock->holder, &call, pending)
                                         : holder_ask(lock->holder, &call, pending);
        free(path);
        return ret;
}

int lock_change(struct lock *lock, const char *method, const char *key, const char *query,
                const char *body, bool *done)
{
        struct pending pending = {0};
        int ret = lock_ask(lock, method, key, query, body, &pending);

        *done =
            ret == 0 && pending.reply.status == 200 && strncmp(pending.reply.body, "true", 4) == 0;
        calls_forget(lock->holder->calls, &pending);
        return ret;
}

void lock_begin_watch(struct lock *lock, const char *key, bool recurse, uint64_t index,
                      struct pending *pending)
{
        struct client_call call = {.method = "GET", .timeout_s = WATCH_LIMIT_S};
        char query[128], *path;

        snprintf(query, sizeof(query), "consistent=%s&index=%llu&wait=%ds",
                 recurse ? "&recurse=" : "", (unsigned long long)index, WATCH_WAIT_S);
        path = make_path(key, query);
        if (path == NULL) {
                *pending =
                    (struct pending){.done = true, .result = -ENOMEM, .error = "out of memory"};
                return;
        }
        call.path = path;
        calls_begin(lock->holder->calls, lock->holder->client, &call, pending);
        free(path);
}
