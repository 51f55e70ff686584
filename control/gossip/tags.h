#ifndef CONTROL_GOSSIP_TAGS_H
#define CONTROL_GOSSIP_TAGS_H

/** A member's tags, as Serf keeps them in memberlist's meta: a magic byte and a msgpack map. Pure.
 */

#include "control/pack/pack.h"

struct tag {
        struct pack_slice name, value;
};

/** Append the encoding, in the order given. */
void tags_put(struct byte_buffer *b, const struct tag tags[], size_t count);

/* Walks over encoded tags. */
struct tag_reader {
        struct msgpack_reader reader;
        uint32_t left;
};

/** returns 0, also for an empty meta; -EBADMSG for what is no tags. */
int tags_open(struct pack_slice meta, struct tag_reader *out);
/** returns whether there was another one; damaged ones end the walk. */
bool tags_next(struct tag_reader *r, struct tag *out);
/** returns whether the tag is there. @value  points into meta. */
bool tags_find(struct pack_slice meta, const char *name, struct pack_slice *value);

#endif
