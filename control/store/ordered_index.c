#include "control/store/memory.h"
#include "control/store/ordered_index_internal.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct ordered_index *ordered_index_create(void)
{
        struct ordered_index *ix = memory_get_zeroed(1, sizeof(*ix));

        ix->memory_bytes = sizeof(*ix);
        ix->root = ordered_leaf_get(ix);
        return ix;
}

static void free_inner(struct inner *node)
{
        for (uint32_t i = 0; i + 1 < node->count; i++)
                free(node->separators[i].key);
        free(node);
}

void ordered_index_destroy(struct ordered_index *ix)
{
        struct inner *stack[DEPTH_MAX];
        uint32_t next[DEPTH_MAX] = {0};
        uint32_t level = 0;

        if (ix == NULL)
                return;
        assert(ix->newest == NULL);
        ordered_index_collect(ix, SIZE_MAX);
        if (ix->depth == 0)
                free(ix->root);
        else
                stack[0] = ix->root;
        while (ix->depth > 0) {
                struct inner *node = stack[level];

                if (next[level] == node->count) {
                        free_inner(node);
                        if (level-- == 0)
                                break;
                } else if (level + 1 == ix->depth) {
                        free(node->children[next[level]++]);
                } else {
                        stack[level + 1] = node->children[next[level]++];
                        next[++level] = 0;
                }
        }
        free(ix);
}

size_t ordered_index_count(const struct ordered_index *ix)
{
        return ix->count;
}

size_t ordered_index_memory(const struct ordered_index *ix)
{
        return ix->memory_bytes;
}

// Where a key of the tree stands to the bound: below, at, or beyond it.
static int compare(const uint8_t *key, size_t key_len, const uint8_t *probe, size_t probe_len,
                   enum bound bound)
{
        size_t shared = key_len < probe_len ? key_len : probe_len;
        int order = shared ? memcmp(key, probe, shared) : 0;

        if (order != 0)
                return order;
        if (key_len < probe_len || bound == BOUND_PREFIX)
                return -1;
        return key_len > probe_len;
}

static uint32_t child_slot(const struct inner *node, const uint8_t *probe, size_t probe_len,
                           enum bound bound)
{
        uint32_t low = 0;
        uint32_t high = node->count - 1;

        while (low < high) {
                uint32_t mid = (low + high) / 2;
                const struct separator *s = &node->separators[mid];

                if (compare(s->key, s->key_len, probe, probe_len, bound) > 0)
                        high = mid;
                else
                        low = mid + 1;
        }
        return low;
}

uint32_t ordered_leaf_slot(const struct leaf *leaf, const uint8_t *probe, size_t probe_len,
                           enum bound bound)
{
        uint32_t low = 0;
        uint32_t high = leaf->count;

        while (low < high) {
                uint32_t mid = (low + high) / 2;
                const struct ordered_entry *e = &leaf->entries[mid];

                if (compare(e->key, e->key_len, probe, probe_len, bound) >= 0)
                        high = mid;
                else
                        low = mid + 1;
        }
        return low;
}

struct leaf *ordered_index_descend(const struct ordered_index *ix, const uint8_t *probe,
                                   size_t probe_len, enum bound bound, struct path *path)
{
        void *node = ix->root;

        for (uint32_t level = 0; level < ix->depth; level++) {
                struct inner *inner = node;
                uint32_t slot = child_slot(inner, probe, probe_len, bound);

                if (path) {
                        path->inners[level] = inner;
                        path->slots[level] = slot;
                }
                node = inner->children[slot];
        }
        if (path)
                path->leaf = node;
        return node;
}

static bool holds(const struct leaf *leaf, uint32_t slot, const uint8_t *key, size_t key_len)
{
        return slot < leaf->count && compare(leaf->entries[slot].key, leaf->entries[slot].key_len,
                                             key, key_len, BOUND_KEY) == 0;
}

void *ordered_index_get(const struct ordered_index *ix, const uint8_t *key, size_t key_len)
{
        const struct leaf *leaf = ordered_index_descend(ix, key, key_len, BOUND_KEY, NULL);
        uint32_t slot = ordered_leaf_slot(leaf, key, key_len, BOUND_KEY);

        return holds(leaf, slot, key, key_len) ? leaf->entries[slot].value : NULL;
}

static struct leaf *own_leaf(struct ordered_index *ix, struct path *path)
{
        path->leaf = ordered_leaf_own(ix, path, ix->depth ? path->slots[ix->depth - 1] : 0);
        return path->leaf;
}

void *ordered_index_set(struct ordered_index *ix, const uint8_t *key, size_t key_len, void *value)
{
        struct ordered_entry entry = {key, value, (uint32_t)key_len};
        struct path path;
        struct leaf *leaf = ordered_index_descend(ix, key, key_len, BOUND_KEY, &path);
        uint32_t slot = ordered_leaf_slot(leaf, key, key_len, BOUND_KEY);

        assert(value != NULL && key_len <= UINT32_MAX);
        ix->generation++;
        leaf = own_leaf(ix, &path);
        if (holds(leaf, slot, key, key_len)) {
                void *old = leaf->entries[slot].value;

                leaf->entries[slot] = entry;
                return old;
        }
        memmove(&leaf->entries[slot + 1], &leaf->entries[slot],
                (leaf->count - slot) * sizeof(struct ordered_entry));
        leaf->entries[slot] = entry;
        leaf->count++;
        ix->count++;
        if (leaf->count == LEAF_MAX)
                ordered_index_split(ix, &path, slot);
        return NULL;
}

void *ordered_index_remove(struct ordered_index *ix, const uint8_t *key, size_t key_len)
{
        struct path path;
        struct leaf *leaf = ordered_index_descend(ix, key, key_len, BOUND_KEY, &path);
        uint32_t slot = ordered_leaf_slot(leaf, key, key_len, BOUND_KEY);
        void *old;

        if (!holds(leaf, slot, key, key_len))
                return NULL;
        leaf = own_leaf(ix, &path);
        old = leaf->entries[slot].value;
        leaf->count--;
        memmove(&leaf->entries[slot], &leaf->entries[slot + 1],
                (leaf->count - slot) * sizeof(struct ordered_entry));
        ix->count--;
        ix->generation++;
        if (leaf->count < LEAF_MIN)
                ordered_index_shrink(ix, &path);
        return old;
}

// A position past a leaf's last entry is the same as the next leaf's first.
static void settle(const struct leaf *leaf, uint32_t slot, const void **leaf_out,
                   uint32_t *slot_out)
{
        bool past = slot == leaf->count;

        *leaf_out = past ? leaf->next : leaf;
        *slot_out = past ? 0 : slot;
}

void ordered_index_seek_prefix(const struct ordered_index *ix, const uint8_t *prefix,
                               size_t prefix_len, struct ordered_cursor *c)
{
        const struct leaf *leaf = ordered_index_descend(ix, prefix, prefix_len, BOUND_KEY, NULL);
        uint32_t end;

        c->index = ix;
        c->generation = ix->generation;
        settle(leaf, ordered_leaf_slot(leaf, prefix, prefix_len, BOUND_KEY), &c->leaf, &c->slot);
        // Most ranges are short and end where they begin, which saves the second way down.
        end = ordered_leaf_slot(leaf, prefix, prefix_len, BOUND_PREFIX);
        if (end == leaf->count && leaf->next) {
                leaf = ordered_index_descend(ix, prefix, prefix_len, BOUND_PREFIX, NULL);
                end = ordered_leaf_slot(leaf, prefix, prefix_len, BOUND_PREFIX);
        }
        settle(leaf, end, &c->end_leaf, &c->end_slot);
}

void ordered_index_seek(const struct ordered_index *ix, const uint8_t *key, size_t key_len,
                        struct ordered_cursor *c)
{
        const struct leaf *leaf = ordered_index_descend(ix, key, key_len, BOUND_KEY, NULL);

        c->index = ix;
        c->generation = ix->generation;
        c->end_leaf = NULL;
        c->end_slot = 0;
        settle(leaf, ordered_leaf_slot(leaf, key, key_len, BOUND_KEY), &c->leaf, &c->slot);
}

void *ordered_cursor_next(struct ordered_cursor *c, const uint8_t **key, size_t *key_len)
{
        const struct leaf *leaf = c->leaf;
        const struct ordered_entry *e;

        assert(c->generation == c->index->generation);
        if (leaf == c->end_leaf && c->slot == c->end_slot)
                return NULL;
        e = &leaf->entries[c->slot++];
        if (c->slot == leaf->count) {
                c->leaf = leaf->next;
                c->slot = 0;
        }
        if (key)
                *key = e->key;
        if (key_len)
                *key_len = e->key_len;
        return e->value;
}
