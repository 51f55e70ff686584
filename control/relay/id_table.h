#ifndef CONTROL_RELAY_ID_TABLE_H
#define CONTROL_RELAY_ID_TABLE_H

/**
 * Things found by a number: chains in a table that grows with what is in it. Ids are expected to be
 * consecutive, as those who count them up are; any others only make chains longer. Pure.
 */

#include <stddef.h>
#include <stdint.h>

/* The first member of what is kept. */
struct id_node {
        struct id_node *next;
        uint64_t id;
};

struct id_table {
        struct id_node **slots;
        size_t slot_count; /* a power of two */
        size_t count;
};

/** returns  0 or -ENOMEM. */
int id_table_init(struct id_table *table);
/** What is in it is the caller's. */
void id_table_fini(struct id_table *table);
/** An id that is in the table already hides the older one. */
void id_table_add(struct id_table *table, struct id_node *node);
/** NULL when there is none. */
struct id_node *id_table_find(const struct id_table *table, uint64_t id);
/** Of nodes that are in the table. */
void id_table_remove(struct id_table *table, struct id_node *node);

#endif
