#ifndef CONTROL_STORE_ORDERED_INDEX_INTERNAL_H
#define CONTROL_STORE_ORDERED_INDEX_INTERNAL_H

/**
 * The tree. All leaves are at the same depth and linked in key order. A node never stays full: it
 * is split as soon as its count reaches its capacity, and so an insertion always finds room.
 *
 * child[i] of an inner node holds the keys below separator[i]; child[i + 1] that one and above. A
 * separator is the shortest text that parts its neighbours, and belongs to the tree.
 */

#include "control/store/ordered_index.h"

#define LEAF_MAX  64
#define LEAF_MIN  (LEAF_MAX / 4)
#define INNER_MAX 64
#define INNER_MIN (INNER_MAX / 4)
#define DEPTH_MAX 16 /* at least INNER_MIN children each: more than 2^60 entries */

struct leaf {
        struct leaf *next;
        uint32_t count;
        uint32_t version; /* of the index when it was made */
        struct ordered_entry entries[LEAF_MAX];
};

struct separator {
        uint8_t *key;
        uint32_t key_len;
};

struct inner {
        uint32_t count; /* of children */
        void *children[INNER_MAX];
        struct separator separators[INNER_MAX - 1];
};

struct ordered_index {
        void *root;     /* a leaf when depth is 0 */
        uint32_t depth; /* of inner nodes above the leaves */
        size_t count;   /* of entries */
        size_t leaf_count;
        size_t memory_bytes;
        uint64_t generation; /* moves with every change */
        uint32_t version;    /* moves with every freeze */
        struct ordered_frozen *newest;
        struct leaf *garbage; /* held by nobody any more */
};

struct ordered_frozen {
        struct ordered_index *index;
        struct ordered_frozen *older, *newer;
        struct leaf *retired, *last_retired; /* kept for this one and older ones */
        size_t entry_count;
        size_t leaf_count;
        uint32_t version; /* leaves of this one or before are shared with it */
        const struct leaf *leaves[];
};

/* The way from the root down to a leaf. */
struct path {
        struct inner *inners[DEPTH_MAX];
        uint32_t slots[DEPTH_MAX]; /* which child was taken */
        struct leaf *leaf;
};

enum bound {
        BOUND_KEY,   /* the first key not below the probe */
        BOUND_PREFIX /* the first key beyond all that begin with the probe */
};

/** The leaf where the bound lies, or just before which it lies. @path  may be NULL. */
struct leaf *ordered_index_descend(const struct ordered_index *ix, const uint8_t *probe,
                                   size_t probe_len, enum bound bound, struct path *path);

/** The first slot of the leaf at or beyond the bound, perhaps its count. */
uint32_t ordered_leaf_slot(const struct leaf *leaf, const uint8_t *probe, size_t probe_len,
                           enum bound bound);

/** A new empty leaf, and one given up, which may live on in frozen states. */
struct leaf *ordered_leaf_get(struct ordered_index *ix);
void ordered_leaf_free(struct ordered_index *ix, struct leaf *leaf);

/**
 * The leaf in this slot of the path's lowest inner node (the root leaf without one), put in its
 * place as a copy if it is shared: it may be changed now.
 */
struct leaf *ordered_leaf_own(struct ordered_index *ix, const struct path *path, uint32_t slot);

/** The shortest text that parts two neighbours: above the left one, not above the right one. */
struct separator ordered_separator_make(struct ordered_index *ix, const struct ordered_entry *left,
                                        const struct ordered_entry *right);

/** Split the path's leaf, which is full; @slot was inserted last. */
void ordered_index_split(struct ordered_index *ix, struct path *path, uint32_t slot);

/** Refill or merge the path's leaf if it has become too small. */
void ordered_index_shrink(struct ordered_index *ix, struct path *path);

#endif
