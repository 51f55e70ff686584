#ifndef LICTOR_CLI_LOCK_H
#define LICTOR_CLI_LOCK_H

/* Locks and semaphores on keys, as Consul's client libraries make them; for lock.c. */

#include "control/cli/holder.h"

struct lock {
        struct holder *holder;
        const char *prefix; /* without slashes at its ends; of the semaphore */
        const char *key;    /* PREFIX/.lock */
        int limit;          /* holders at a time */
        uint64_t try_ms;    /* give up after that time; 0: never */
};

/* What a lock and a semaphore do differently. */
struct lock_kind {
        /** returns  0 once held; -ETIMEDOUT; or as holder_ask() with what failed in h->error. */
        int (*acquire)(struct lock *lock);
        /** Begin to wait for a change of who holds it. @index of the last answer; 0: at once. */
        void (*watch)(struct lock *lock, uint64_t index, struct pending *pending);
        /** Whether an answer to watch() says that we hold it. */
        bool (*is_held)(const struct lock *lock, const struct client_reply *reply);
        /** Give it back. returns  as holder_ask(). */
        int (*release)(struct lock *lock);
        /** Remove what nobody uses any more. returns  -EBUSY while others do; as holder_ask(). */
        int (*cleanup)(struct lock *lock);
};

extern const struct lock_kind lock_mutex, lock_semaphore;

/** Time left to try, for a query's wait. returns  false when there is none. */
bool lock_time_left(const struct lock *lock, uint64_t started_ms, uint64_t *wait_ms);

/** Put "what: " before h->error. returns  ret. */
int lock_failed(struct lock *lock, const char *what, int ret);

/** Say that the session ended before anything was held. returns  a negative errno. */
int lock_lost_session(struct lock *lock);

/** A request about a key: "/v1/kv/KEY?QUERY". @call keeps a body it has. As holder_ask(). */
int lock_ask(struct lock *lock, const char *method, const char *key, const char *query,
             const char *body, struct pending *pending);

/** lock_ask() for PUT and DELETE. @done  what the agent answered: true or false. */
int lock_change(struct lock *lock, const char *method, const char *key, const char *query,
                const char *body, bool *done);

/** Begin a request about a key that waits for a change. */
void lock_begin_watch(struct lock *lock, const char *key, bool recurse, uint64_t index,
                      struct pending *pending);

#endif
