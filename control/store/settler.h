#ifndef CONTROL_STORE_SETTLER_H
#define CONTROL_STORE_SETTLER_H

/**
 * Does what store_settle() leaves to be done between the loop's other work, a millisecond of each
 * turn. context  the loop's thread.
 */

#include <uv.h>

#include "control/store/store.h"

/* Caller's storage, until it is closed. */
struct settler {
        uv_idle_t idle;
        struct store *store;
        void (*settled)(void *arg);
        void (*closed)(void *arg);
        void *arg;
};

/**
 * @store    borrowed.
 * @settled  called when the last listener has heard of a new state; freeing the former one goes on.
 */
void settler_init(struct settler *s, uv_loop_t *loop, struct store *store,
                  void (*settled)(void *arg), void *arg);

/** There may be something to be done: go on until there is not. */
void settler_run(struct settler *s);

/** Stop, whatever is left. @closed  called with arg when the storage may go. */
void settler_close(struct settler *s, void (*closed)(void *arg));

#endif
