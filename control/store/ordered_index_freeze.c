#include "control/store/memory.h"
#include "control/store/ordered_index_internal.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

// Only leaves are shared with those who hold an earlier state: they know them by their own list and
// need no inner nodes. A leaf that is as old as such a list is copied before it is changed, and the
// old one kept with the newest list until that is released. The `next` of a leaf in a list may
// change at any time; readers of the list do not look at it.

size_t ordered_index_collect(struct ordered_index *ix, size_t limit)
{
        while (ix->garbage && limit > 0) {
                struct leaf *leaf = ix->garbage;

                ix->garbage = leaf->next;
                free(leaf);
                limit--;
        }
        return limit;
}

static size_t copy_leaves(const struct ordered_index *ix, const struct leaf *out[])
{
        const struct inner *stack[DEPTH_MAX];
        uint32_t next[DEPTH_MAX] = {0};
        uint32_t level = 0;
        size_t count = 0;

        if (ix->depth == 0) {
                out[0] = ix->root;
                return 1;
        }
        stack[0] = ix->root;
        for (;;) {
                const struct inner *node = stack[level];

                if (level + 1 == ix->depth) {
                        memcpy(&out[count], node->children, node->count * sizeof(out[0]));
                        count += node->count;
                        next[level] = node->count;
                }
                if (next[level] < node->count) {
                        stack[level + 1] = node->children[next[level]++];
                        next[++level] = 0;
                } else if (level-- == 0) {
                        return count;
                }
        }
}

struct ordered_frozen *ordered_index_freeze(struct ordered_index *ix)
{
        struct ordered_frozen *f = memory_get(sizeof(*f) + ix->leaf_count * sizeof(f->leaves[0]));

        *f = (struct ordered_frozen){.index = ix,
                                     .older = ix->newest,
                                     .version = ix->version++,
                                     .entry_count = ix->count,
                                     .leaf_count = ix->leaf_count};
        if (f->older)
                f->older->newer = f;
        ix->newest = f;
        copy_leaves(ix, f->leaves);
        return f;
}

void ordered_frozen_release(struct ordered_frozen *f)
{
        struct ordered_frozen *older;

        if (f == NULL)
                return;
        older = f->older;
        if (f->newer)
                f->newer->older = older;
        else
                f->index->newest = older;
        if (older) {
                older->newer = f->newer;
                // What only this one held is held a little longer than needed.
                if (f->retired) {
                        f->last_retired->next = older->retired;
                        if (older->retired == NULL)
                                older->last_retired = f->last_retired;
                        older->retired = f->retired;
                }
        } else if (f->retired) {
                f->last_retired->next = f->index->garbage;
                f->index->garbage = f->retired;
        }
        free(f);
}

size_t ordered_frozen_count(const struct ordered_frozen *f)
{
        return f->entry_count;
}

void *ordered_frozen_next(const struct ordered_frozen *f, struct ordered_frozen_cursor *c)
{
        while (c->leaf < f->leaf_count) {
                const struct leaf *leaf = f->leaves[c->leaf];

                if (c->slot < leaf->count)
                        return leaf->entries[c->slot++].value;
                c->leaf++;
                c->slot = 0;
        }
        return NULL;
}

static bool is_shared(const struct ordered_index *ix, const struct leaf *leaf)
{
        return ix->newest && leaf->version <= ix->newest->version;
}

void ordered_leaf_free(struct ordered_index *ix, struct leaf *leaf)
{
        struct ordered_frozen *f = ix->newest;

        ix->memory_bytes -= sizeof(*leaf);
        ix->leaf_count--;
        if (!is_shared(ix, leaf)) {
                free(leaf);
                return;
        }
        leaf->next = f->retired;
        if (f->retired == NULL)
                f->last_retired = leaf;
        f->retired = leaf;
}

struct leaf *ordered_leaf_get(struct ordered_index *ix)
{
        struct leaf *leaf = memory_get(sizeof(*leaf));

        leaf->next = NULL;
        leaf->count = 0;
        leaf->version = ix->version;
        ix->memory_bytes += sizeof(*leaf);
        ix->leaf_count++;
        return leaf;
}

// The leaf before the one in this slot of the path's lowest inner node, or NULL.
static struct leaf *leaf_before(const struct ordered_index *ix, const struct path *path,
                                uint32_t slot)
{
        uint32_t level = ix->depth - 1;
        void *node;

        if (slot > 0)
                return path->inners[level]->children[slot - 1];
        do {
                if (level-- == 0)
                        return NULL;
        } while (path->slots[level] == 0);
        node = path->inners[level]->children[path->slots[level] - 1];
        while (++level < ix->depth) {
                const struct inner *inner = node;

                node = inner->children[inner->count - 1];
        }
        return node;
}

struct leaf *ordered_leaf_own(struct ordered_index *ix, const struct path *path, uint32_t slot)
{
        struct leaf *leaf = ix->depth ? path->inners[ix->depth - 1]->children[slot] : ix->root;
        struct leaf *copy, *before;

        if (!is_shared(ix, leaf))
                return leaf;
        copy = ordered_leaf_get(ix);
        copy->next = leaf->next;
        copy->count = leaf->count;
        memcpy(copy->entries, leaf->entries, leaf->count * sizeof(leaf->entries[0]));
        if (ix->depth == 0) {
                ix->root = copy;
        } else {
                before = leaf_before(ix, path, slot);
                if (before)
                        before->next = copy;
                path->inners[ix->depth - 1]->children[slot] = copy;
        }
        ordered_leaf_free(ix, leaf);
        return copy;
}
