#ifndef LICTOR_GOSSIP_SHARED_TABLE_H
#define LICTOR_GOSSIP_SHARED_TABLE_H

/**
 * A table of members for simulations of large groups, in the place of swim_table.c: what a node
 * thinks of another is kept once for all nodes until one of them thinks otherwise. Ten thousand
 * nodes that know each other take 1 GiB instead of 17.
 */

#include "control/gossip/swim.h"

struct shared_table;

/** Members 0 to count - 1 as sim.h names them, alive in their first incarnation. */
struct shared_table *shared_table_create(size_t count);
/** Only when no node uses it any more. */
void shared_table_destroy(struct shared_table *table);

/** Make a new node know all others, as if it had for long. Its hooks' arg begins with the table. */
void shared_table_acquaint(struct swim *s);

#endif
