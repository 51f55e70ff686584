#include "control/store/memory.h"
#include "control/store/ordered_index_internal.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct separator ordered_separator_make(struct ordered_index *ix, const struct ordered_entry *left,
                                        const struct ordered_entry *right)
{
        uint32_t shared = 0;
        struct separator s;

        while (shared < left->key_len && shared < right->key_len &&
               left->key[shared] == right->key[shared])
                shared++;
        assert(shared < right->key_len);
        s.key_len = shared + 1;
        s.key = memory_get(s.key_len);
        memcpy(s.key, right->key, s.key_len);
        ix->memory_bytes += s.key_len;
        return s;
}

static void drop_separator(struct ordered_index *ix, struct separator *s)
{
        ix->memory_bytes -= s->key_len;
        free(s->key);
}

static void grow_root(struct ordered_index *ix, struct separator s, void *right)
{
        struct inner *root = memory_get_zeroed(1, sizeof(*root));

        assert(ix->depth < DEPTH_MAX);
        root->count = 2;
        root->children[0] = ix->root;
        root->children[1] = right;
        root->separators[0] = s;
        ix->root = root;
        ix->depth++;
        ix->memory_bytes += sizeof(*root);
}

static void insert_child(struct inner *node, uint32_t slot, struct separator s, void *right)
{
        memmove(&node->children[slot + 2], &node->children[slot + 1],
                (node->count - slot - 1) * sizeof(node->children[0]));
        memmove(&node->separators[slot + 1], &node->separators[slot],
                (node->count - slot - 1) * sizeof(node->separators[0]));
        node->children[slot + 1] = right;
        node->separators[slot] = s;
        node->count++;
}

// Cut a full inner node; the separator between the halves goes to the parent.
static struct inner *split_inner(struct ordered_index *ix, struct inner *node, uint32_t keep,
                                 struct separator *middle)
{
        struct inner *right = memory_get_zeroed(1, sizeof(*right));

        ix->memory_bytes += sizeof(*right);
        *middle = node->separators[keep - 1];
        right->count = node->count - keep;
        memcpy(right->children, &node->children[keep], right->count * sizeof(node->children[0]));
        memcpy(right->separators, &node->separators[keep],
               (right->count - 1) * sizeof(node->separators[0]));
        node->count = keep;
        return right;
}

static void insert_up(struct ordered_index *ix, struct path *path, struct separator s, void *right)
{
        for (uint32_t level = ix->depth; level-- > 0;) {
                struct inner *node = path->inners[level];
                uint32_t slot = path->slots[level];

                insert_child(node, slot, s, right);
                if (node->count < INNER_MAX)
                        return;
                // Ascending insertions leave full nodes behind, not half-empty ones.
                right = split_inner(
                    ix, node, slot + 2 == INNER_MAX ? INNER_MAX - INNER_MIN : INNER_MAX / 2, &s);
        }
        grow_root(ix, s, right);
}

void ordered_index_split(struct ordered_index *ix, struct path *path, uint32_t slot)
{
        struct leaf *leaf = path->leaf;
        struct leaf *right = ordered_leaf_get(ix);
        uint32_t keep = LEAF_MAX / 2;

        if (slot == LEAF_MAX - 1 && leaf->next == NULL)
                keep = LEAF_MAX - 1;
        right->count = leaf->count - keep;
        memcpy(right->entries, &leaf->entries[keep], right->count * sizeof(struct ordered_entry));
        leaf->count = keep;
        right->next = leaf->next;
        leaf->next = right;
        insert_up(ix, path,
                  ordered_separator_make(ix, &leaf->entries[keep - 1], &right->entries[0]), right);
}

static void remove_child(struct ordered_index *ix, struct inner *node, uint32_t slot)
{
        drop_separator(ix, &node->separators[slot]);
        memmove(&node->separators[slot], &node->separators[slot + 1],
                (node->count - slot - 2) * sizeof(node->separators[0]));
        memmove(&node->children[slot + 1], &node->children[slot + 2],
                (node->count - slot - 2) * sizeof(node->children[0]));
        node->count--;
}

// Join the leaves on both sides of a separator, or share their entries evenly.
static void level_leaves(struct ordered_index *ix, const struct path *path, uint32_t slot)
{
        struct inner *parent = path->inners[ix->depth - 1];
        struct leaf *left = ordered_leaf_own(ix, path, slot);
        struct leaf *right = parent->children[slot + 1];
        uint32_t total = left->count + right->count;
        uint32_t keep = total / 2;

        if (total < LEAF_MAX) {
                memcpy(&left->entries[left->count], right->entries,
                       right->count * sizeof(struct ordered_entry));
                left->count = total;
                left->next = right->next;
                ordered_leaf_free(ix, right);
                remove_child(ix, parent, slot);
                return;
        }
        right = ordered_leaf_own(ix, path, slot + 1);
        if (left->count < keep) {
                uint32_t moved = keep - left->count;

                memcpy(&left->entries[left->count], right->entries,
                       moved * sizeof(struct ordered_entry));
                memmove(right->entries, &right->entries[moved],
                        (right->count - moved) * sizeof(struct ordered_entry));
        } else {
                uint32_t moved = left->count - keep;

                memmove(&right->entries[moved], right->entries,
                        right->count * sizeof(struct ordered_entry));
                memcpy(right->entries, &left->entries[keep], moved * sizeof(struct ordered_entry));
        }
        left->count = keep;
        right->count = total - keep;
        drop_separator(ix, &parent->separators[slot]);
        parent->separators[slot] =
            ordered_separator_make(ix, &left->entries[keep - 1], &right->entries[0]);
}

static void rotate_from_right(struct inner *parent, uint32_t slot)
{
        struct inner *left = parent->children[slot];
        struct inner *right = parent->children[slot + 1];

        left->separators[left->count - 1] = parent->separators[slot];
        left->children[left->count++] = right->children[0];
        parent->separators[slot] = right->separators[0];
        right->count--;
        memmove(right->children, right->children + 1, right->count * sizeof(right->children[0]));
        memmove(right->separators, right->separators + 1,
                (right->count - 1) * sizeof(right->separators[0]));
}

static void rotate_from_left(struct inner *parent, uint32_t slot)
{
        struct inner *left = parent->children[slot];
        struct inner *right = parent->children[slot + 1];

        memmove(right->children + 1, right->children, right->count * sizeof(right->children[0]));
        memmove(right->separators + 1, right->separators,
                (right->count - 1) * sizeof(right->separators[0]));
        right->count++;
        right->children[0] = left->children[--left->count];
        right->separators[0] = parent->separators[slot];
        parent->separators[slot] = left->separators[left->count - 1];
}

static void level_inners(struct ordered_index *ix, struct inner *parent, uint32_t slot)
{
        struct inner *left = parent->children[slot];
        struct inner *right = parent->children[slot + 1];
        struct separator *between = &parent->separators[slot];

        if (left->count + right->count >= INNER_MAX) {
                if (left->count < right->count)
                        rotate_from_right(parent, slot);
                else
                        rotate_from_left(parent, slot);
                return;
        }
        left->separators[left->count - 1] = *between;
        memcpy(&left->separators[left->count], right->separators,
               (right->count - 1) * sizeof(right->separators[0]));
        memcpy(&left->children[left->count], right->children,
               right->count * sizeof(right->children[0]));
        left->count += right->count;
        free(right);
        ix->memory_bytes -= sizeof(*right);
        // The separator went down into the joined node: nothing of it is left to free here.
        *between = (struct separator){NULL, 0};
        remove_child(ix, parent, slot);
}

void ordered_index_shrink(struct ordered_index *ix, struct path *path)
{
        for (uint32_t level = ix->depth; level-- > 0;) {
                struct inner *parent = path->inners[level];
                uint32_t slot = path->slots[level];

                slot = slot > 0 ? slot - 1 : slot;
                if (level + 1 == ix->depth)
                        level_leaves(ix, path, slot);
                else
                        level_inners(ix, parent, slot);
                if (parent->count >= INNER_MIN)
                        return;
        }
        if (ix->depth > 0 && ((struct inner *)ix->root)->count == 1) {
                struct inner *root = ix->root;

                ix->root = root->children[0];
                ix->depth--;
                ix->memory_bytes -= sizeof(*root);
                free(root);
        }
}
