#ifndef CONTROL_MEMBER_MEMBER_IDS_H
#define CONTROL_MEMBER_MEMBER_IDS_H

/**
 * Which member was last seen with a node ID. A hint: members change and go without this being told,
 * so what is found has to be compared with the member itself. Pure.
 */

#include "control/pack/pack.h"
#include "control/relay/id_table.h"

struct member_ids {
        struct id_table table;
};

/** returns 0 or -ENOMEM. */
int member_ids_init(struct member_ids *ids);
void member_ids_fini(struct member_ids *ids);

/** A member bears an ID; whoever bore it before is forgotten. Nothing happens without memory. */
void member_ids_put(struct member_ids *ids, const char *node_id, struct pack_slice name);

/** The name of who was put last with this ID; NULL for nobody. Borrowed until the next put. */
const char *member_ids_find(const struct member_ids *ids, const char *node_id);

/** How many IDs are held. */
size_t member_ids_count(const struct member_ids *ids);

/** Forget all. */
void member_ids_clear(struct member_ids *ids);

#endif
