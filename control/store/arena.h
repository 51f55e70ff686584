#ifndef CONTROL_STORE_ARENA_H
#define CONTROL_STORE_ARENA_H

/** Memory that is given back all at once: what a decoded command or snapshot row points to. */

#include <stddef.h>

struct arena_block;

struct arena {
        struct arena_block *blocks; /* newest first */
        size_t used;                /* of the newest */
};

#define ARENA_INIT                                                                                 \
        {                                                                                          \
                NULL, 0                                                                            \
        }

/** Zeroed, aligned for anything; never NULL. */
void *arena_get(struct arena *a, size_t len);

/** A NUL-terminated copy of len bytes. */
char *arena_text(struct arena *a, const void *bytes, size_t len);

/** Forget everything handed out; keeps one block for what comes next. */
void arena_reset(struct arena *a);
void arena_fini(struct arena *a);

#endif
