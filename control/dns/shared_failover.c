#include "control/dns/shared_failover.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* A question that waits, in the order of asking. */
struct waiter {
        struct name *name;
        struct waiter *next, *previous;
        void (*done)(void *arg, const json_t *answer);
        void *arg;
};

/* A query's name, with what its template takes from it. */
struct name {
        struct shared_failover *shared;
        struct name *next, **link; // NULL link: beyond the bound
        struct waiter *first, *last;
        void *call; // while it is carried out
        bool telling;
        json_t *answer;
        uint64_t good_until_ms;
        char text[];
};

struct shared_failover {
        uv_loop_t *loop;
        uv_timer_t timer; // for those who ask for what is held
        struct dns_failover inner;
        struct name *names;
        unsigned count;
        uint64_t age_ms;
};

static void release(struct name *take_name)
{
        if (take_name->link != NULL) {
                *take_name->link = take_name->next;
                if (take_name->next != NULL)
                        take_name->next->link = take_name->link;
                take_name->shared->count--;
        }
        json_decref(take_name->answer);
        free(take_name);
}

static void unlink_waiter(struct waiter *waiter)
{
        struct name *name = waiter->name;

        if (waiter->previous != NULL)
                waiter->previous->next = waiter->next;
        else
                name->first = waiter->next;
        if (waiter->next != NULL)
                waiter->next->previous = waiter->previous;
        else
                name->last = waiter->previous;
}

// Tells all who wait, those who begin to meanwhile too.
static void tell(struct name *name)
{
        struct waiter *waiter;

        name->telling = true;
        while ((waiter = name->first) != NULL) {
                // NOLINTNEXTLINE(clang-analyzer-unix.Malloc)
                unlink_waiter(waiter);
                waiter->done(waiter->arg, name->answer);
                free(waiter);
        }
        name->telling = false;
}

static bool is_good(const struct name *name)
{
        return name->answer != NULL && uv_now(name->shared->loop) < name->good_until_ms;
}

static void on_answer(void *arg, const json_t *answer)
{
        struct name *name = arg;
        struct shared_failover *shared = name->shared;

        name->call = NULL;
        name->answer = json_incref((json_t *)(uintptr_t)answer);
        name->good_until_ms = uv_now(shared->loop) + shared->age_ms;
        tell(name);
        if (name->link == NULL || !is_good(name))
                release(name);
}

static void on_timer(uv_timer_t *timer)
{
        struct shared_failover *shared = timer->data;
        struct name *name = shared->names;

        while (name != NULL) {
                if (name->call != NULL || name->first == NULL) {
                        name = name->next;
                        continue;
                }
                tell(name);
                // Who is told may begin and take away others.
                name = shared->names;
        }
}

// Those whose answer is too old by now, and nobody waits for.
static void drop_old(struct shared_failover *shared)
{
        for (struct name *name = shared->names, *next; name != NULL; name = next) {
                next = name->next;
                if (name->call == NULL && name->first == NULL && !name->telling && !is_good(name))
                        release(name);
        }
}

static struct name *find(struct shared_failover *shared, const char *text)
{
        for (struct name *name = shared->names; name != NULL; name = name->next) {
                if (strcmp(name->text, text) == 0 &&
                    (name->call != NULL || name->first != NULL || is_good(name)))
                        return name;
        }
        return NULL;
}

// returns  NULL when it can be carried out nowhere, or without memory.
static struct name *begin(struct shared_failover *shared, const char *text)
{
        size_t size = strlen(text) + 1;
        struct name *name = calloc(1, sizeof(*name) + size);

        if (name == NULL)
                return NULL;
        name->shared = shared;
        memcpy(name->text, text, size);
        name->call = shared->inner.ask(shared->inner.arg, text, on_answer, name);
        if (name->call == NULL) {
                free(name);
                return NULL;
        }
        drop_old(shared);
        if (shared->count == SHARED_FAILOVER_NAMES_MAX)
                return name;
        name->next = shared->names;
        name->link = &shared->names;
        if (name->next != NULL)
                // NOLINTNEXTLINE(clang-analyzer-unix.Malloc)
                name->next->link = &name->next;
        shared->names = name;
        shared->count++;
        return name;
}

static void *ask(void *arg, const char *text, void (*done)(void *, const json_t *), void *done_arg)
{
        struct shared_failover *shared = arg;
        struct waiter *waiter = malloc(sizeof(*waiter));
        struct name *name = NULL;

        if (waiter != NULL)
                name = find(shared, text);
        if (waiter != NULL && name == NULL)
                name = begin(shared, text);
        if (name == NULL) {
                free(waiter);
                return NULL;
        }
        *waiter =
            (struct waiter){.name = name, .previous = name->last, .done = done, .arg = done_arg};
        if (name->last != NULL)
                name->last->next = waiter;
        else
                name->first = waiter;
        name->last = waiter;
        if (name->call == NULL)
                uv_timer_start(&shared->timer, on_timer, 0, 0);
        return waiter;
}

static void cancel(void *take_call)
{
        struct waiter *waiter = take_call;
        struct name *name = waiter->name;

        unlink_waiter(waiter);
        free(waiter);
        // What is carried out for nobody is given up.
        if (name->first == NULL && name->call != NULL) {
                name->shared->inner.cancel(name->call);
                release(name);
        }
}

int shared_failover_create(uv_loop_t *loop, const struct dns_failover *inner,
                           struct shared_failover **out)
{
        struct shared_failover *shared = calloc(1, sizeof(*shared));

        if (shared == NULL)
                return -ENOMEM;
        shared->loop = loop;
        shared->inner = *inner;
        uv_timer_init(loop, &shared->timer);
        shared->timer.data = shared;
        *out = shared;
        return 0;
}

void shared_failover_set_age(struct shared_failover *shared, uint64_t age_ms)
{
        shared->age_ms = age_ms < SHARED_FAILOVER_AGE_MAX_MS ? age_ms : SHARED_FAILOVER_AGE_MAX_MS;
        for (struct name *name = shared->names; name != NULL; name = name->next)
                name->good_until_ms = 0;
        drop_old(shared);
}

struct dns_failover shared_failover_front(struct shared_failover *shared)
{
        return (struct dns_failover){shared, ask, cancel};
}

static void on_closed(uv_handle_t *handle)
{
        free(handle->data);
}

void shared_failover_destroy(struct shared_failover *take_shared)
{
        if (take_shared == NULL)
                return;
        while (take_shared->names != NULL)
                // NOLINTNEXTLINE(clang-analyzer-unix.Malloc)
                release(take_shared->names);
        uv_close((uv_handle_t *)&take_shared->timer, on_closed);
}
