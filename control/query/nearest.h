#ifndef CONTROL_QUERY_NEAREST_H
#define CONTROL_QUERY_NEAREST_H

/**
 * Items in the order of their nodes' estimated round-trip time from one node, those without a
 * coordinate last. Pure.
 */

#include "control/store/store.h"

struct nearest_item;

struct nearest {
        const struct store *store;
        const char *from; /* borrowed; NULL: items stay as they come */
        struct nearest_item *items;
        size_t count, capacity;
};

/** The estimated round-trip time between two nodes, in seconds; infinite when it is not known. */
double nearest_distance_s(const struct store *store, const char *from, const char *to);

/** Begin an empty list. @from  a node's name; NULL, "" or one without a coordinate: no order. */
void nearest_init(struct nearest *list, const struct store *store, const char *from);

/** One more item, of a node. returns  0 or -ENOMEM. */
int nearest_add(struct nearest *list, const char *node, const void *item);

/** Put them in order. */
void nearest_sort(struct nearest *list);

/** The i-th of them. */
const void *nearest_at(const struct nearest *list, size_t i);

/** Free what it holds. */
void nearest_fini(struct nearest *list);

#endif
