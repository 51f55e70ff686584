#ifndef CONTROL_AGENT_LOCAL_CATALOG_H
#define CONTROL_AGENT_LOCAL_CATALOG_H

// Where an agent reads what the catalog has of a node: a server in its own store, a client from a
// server. The local state compares itself with it and follows other nodes' checks by it.

#include <stddef.h>

#include "control/store/store.h"

// All of one node.
struct local_catalog_view {
        const struct catalog_node *node; // NULL: the catalog does not know it
        const struct catalog_service *const *services;
        size_t service_count;
        const struct catalog_check *const *checks;
        size_t check_count;
};

/**
 * @error   0, or a negative errno when the catalog cannot be read now; there is no view then.
 * @view    borrowed until return; what is called from inside may change the catalog only after
 *          the view is no longer used.
 */
typedef void (*local_catalog_fn)(void *arg, int error, const struct local_catalog_view *view);

/** Something of the node has changed in the catalog. */
typedef void (*local_catalog_change_fn)(void *arg, const char *node);

struct local_catalog {
        /** Read a node; @done is called once, perhaps before return. */
        void (*read_node)(struct local_catalog *self, const char *node, local_catalog_fn done,
                          void *arg);
        /** Tell one listener of changes; NULL ends it. May be NULL where nobody can tell. */
        void (*listen)(struct local_catalog *self, local_catalog_change_fn fn, void *arg);
};

/** @error  NULL: the store may be read. Otherwise why not. */
typedef void (*local_catalog_ready_fn)(void *arg, const char *error);

/** Wait until a store may be read. @done  called exactly once, perhaps before return. */
typedef void (*local_catalog_wait_fn)(void *arg, local_catalog_ready_fn done, void *done_arg);

/** A catalog that reads a store of this process. */
struct local_store_catalog {
        struct local_catalog catalog;
        struct store *store; // borrowed
        local_catalog_wait_fn wait;
        void *wait_arg;
        local_catalog_change_fn fn;
        void *arg;
};

/**
 * @store  borrowed for the catalog's life.
 * @wait   asked before the store is read; NULL when it always may be.
 */
void local_store_catalog_init(struct local_store_catalog *catalog, struct store *store,
                              local_catalog_wait_fn wait, void *wait_arg);

#endif
