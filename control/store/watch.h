#ifndef CONTROL_STORE_WATCH_H
#define CONTROL_STORE_WATCH_H

/**
 * Watches: who is to be told when something they have read changes. A watch waits for one key of
 * one kind, or for every key that begins with some bytes. It fires once and is then out; whoever
 * wants to go on waiting adds it again. What nobody waits for costs one hash look-up to notify, and
 * a watch nothing happens to costs nothing.
 *
 * Kinds are numbers of the caller's choosing. Keys are bytes, compared exactly: names that ignore
 * letter case are lower-cased by the caller, on both sides. Memory that cannot be had ends the
 * process; firing allocates nothing.
 *
 * context  one thread. A watch's function may add and remove any watches, itself included; a watch
 *          added meanwhile waits for the next notification.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct watch;
struct watch_group;
struct watch_hub;

typedef void (*watch_fn)(struct watch *watch);

/* Lies in whoever waits, at an address that stays while it is in. All zeroes: not in a hub. */
struct watch {
        watch_fn fire; /* these two are the owner's */
        void *arg;
        struct watch *next; /* the rest is the hub's */
        struct watch **link;
        struct watch_group *group; /* NULL while it is out */
};

enum watch_scope {
        WATCH_EXACT, /* this key only */
        WATCH_PREFIX /* every key that begins with it; an empty one: all of the kind */
};

/** An empty hub, owned by the caller. @seed  random, so that nobody can choose colliding keys. */
struct watch_hub *watch_hub_create(uint64_t seed);
/** Watches still in it are out afterwards and never fire. NULL is let pass. */
void watch_hub_destroy(struct watch_hub *hub);

/**
 * Wait.
 * @watch  owned by the caller, `fire` and `arg` set; not in a hub.
 * @key    copied.
 */
void watch_add(struct watch_hub *hub, struct watch *watch, unsigned kind, enum watch_scope scope,
               const void *key, size_t key_len);

/** Wait no longer. A watch that is out is let pass. */
void watch_remove(struct watch_hub *hub, struct watch *watch);

/** Fire the watches for this key, and those for any beginning of it. O(those that fire). */
void watch_notify(struct watch_hub *hub, unsigned kind, const void *key, size_t key_len);

/** Fire every watch there is: the state has been replaced. */
void watch_notify_all(struct watch_hub *hub);

/** Watches waiting. */
size_t watch_count(const struct watch_hub *hub);

static inline bool watch_is_in(const struct watch *watch)
{
        return watch->group != NULL;
}

#endif
