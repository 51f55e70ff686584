#include "control/store/ordered_index_internal.h"
#include <assert.h>
#include <stdlib.h>

static struct leaf *last_leaf(const struct ordered_index *ix, struct inner *way[])
{
        void *node = ix->root;

        for (uint32_t level = 0; level < ix->depth; level++) {
                way[level] = node;
                node = way[level]->children[way[level]->count - 1];
        }
        return node;
}

// The last child of the lowest inner node is gone; so are inner nodes without any.
static void drop_last(struct ordered_index *ix, struct inner *const way[])
{
        for (uint32_t level = ix->depth; level-- > 0;) {
                struct inner *inner = way[level];

                if (--inner->count > 0) {
                        free(inner->separators[inner->count - 1].key);
                        return;
                }
                free(inner);
        }
        ix->depth = 0;
        ix->root = ordered_leaf_get(ix);
}

size_t ordered_index_strip(struct ordered_index *ix, void (*fn)(void *value), size_t limit)
{
        struct inner *way[DEPTH_MAX];

        assert(ix->newest == NULL);
        ix->generation++;
        limit = ordered_index_collect(ix, limit);
        while (ix->count > 0 && limit > 0) {
                struct leaf *leaf = last_leaf(ix, way);
                uint32_t count = leaf->count;

                for (uint32_t i = 0; i < count && fn; i++)
                        fn(leaf->entries[i].value);
                ix->count -= count;
                limit -= count < limit ? count : limit;
                if (ix->depth == 0) {
                        leaf->count = 0;
                } else {
                        ordered_leaf_free(ix, leaf);
                        drop_last(ix, way);
                }
        }
        return limit;
}
