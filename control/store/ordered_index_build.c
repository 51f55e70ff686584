#include "control/store/memory.h"
#include "control/store/ordered_index_internal.h"
#include "lictor/bytes.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

// Room is left for insertions to come.
#define LEAF_FILL  (LEAF_MAX - 4)
#define INNER_FILL (INNER_MAX - 4)

static size_t parts_of(size_t count, size_t fill)
{
        return (count + fill - 1) / fill;
}

// Where part i of `parts` begins, all of them as long as each other or one longer.
static size_t part_start(size_t count, size_t parts, size_t i)
{
        return count / parts * i + (i < count % parts ? i : count % parts);
}

static void build_leaves(struct ordered_index *ix, const struct ordered_entry entries[],
                         size_t count, size_t leaf_count, void *leaves[],
                         struct separator separators[])
{
        struct leaf *before = NULL;

        for (size_t i = 0; i < leaf_count; i++) {
                size_t start = part_start(count, leaf_count, i);
                struct leaf *leaf = ordered_leaf_get(ix);

                leaf->count = (uint32_t)(part_start(count, leaf_count, i + 1) - start);
                memcpy(leaf->entries, &entries[start], leaf->count * sizeof(entries[0]));
                if (before) {
                        before->next = leaf;
                        separators[i - 1] =
                            ordered_separator_make(ix, &entries[start - 1], &entries[start]);
                }
                leaves[i] = before = leaf;
        }
}

// One level of inner nodes over `count` nodes; both arrays are overwritten by the new level's.
static size_t build_level(struct ordered_index *ix, void *nodes[], struct separator separators[],
                          size_t count)
{
        size_t parents = parts_of(count, INNER_FILL);

        for (size_t i = 0; i < parents; i++) {
                size_t start = part_start(count, parents, i);
                size_t end = part_start(count, parents, i + 1);
                struct inner *parent = memory_get(sizeof(*parent));

                ix->memory_bytes += sizeof(*parent);
                parent->count = (uint32_t)(end - start);
                memcpy(parent->children, &nodes[start], (end - start) * sizeof(nodes[0]));
                memcpy(parent->separators, &separators[start],
                       (end - start - 1) * sizeof(separators[0]));
                nodes[i] = parent;
                if (i + 1 < parents)
                        separators[i] = separators[end - 1];
        }
        return parents;
}

struct ordered_index *ordered_index_build(const struct ordered_entry entries[], size_t count)
{
        struct ordered_index *ix = ordered_index_create();
        size_t node_count = parts_of(count, LEAF_FILL);
        struct separator *separators;
        void **nodes;

        if (count == 0)
                return ix;
        nodes = memory_get(node_count * sizeof(nodes[0]));
        separators = memory_get(node_count * sizeof(separators[0]));
        ordered_leaf_free(ix, ix->root);
        build_leaves(ix, entries, count, node_count, nodes, separators);
        while (node_count > 1) {
                node_count = build_level(ix, nodes, separators, node_count);
                ix->depth++;
        }
        ix->root = nodes[0];
        ix->count = count;
        free(nodes);
        free(separators);
        return ix;
}

// Sorting compares eight bytes of the keys at a time, which it keeps beside them: many keys share a
// long beginning and lie anywhere in memory.
struct sort_item {
        uint64_t word;
        struct ordered_entry entry;
};

struct sort_range {
        size_t start;
        size_t count;
        size_t depth; // bytes that are the same in all of them
};

// Larger parts wait for smaller ones, so this many wait at most for any number of entries.
#define SORT_STACK 160
#define SORT_SMALL 12

static void load_words(struct sort_item items[], size_t count, size_t depth)
{
        for (size_t i = 0; i < count; i++) {
                const struct ordered_entry *e = &items[i].entry;
                uint8_t bytes[8] = {0};
                size_t left = e->key_len > depth ? e->key_len - depth : 0;

                memcpy(bytes, e->key + (left ? depth : 0), left < 8 ? left : 8);
                items[i].word = (uint64_t)load_be32(bytes) << 32 | load_be32(bytes + 4);
        }
}

int ordered_entry_compare(const struct ordered_entry *a, const struct ordered_entry *b)
{
        size_t shared = a->key_len < b->key_len ? a->key_len : b->key_len;
        int order = shared ? memcmp(a->key, b->key, shared) : 0;

        return order != 0 ? order : (a->key_len > b->key_len) - (a->key_len < b->key_len);
}

static void sort_small(struct sort_item items[], size_t count)
{
        for (size_t i = 1; i < count; i++) {
                struct sort_item item = items[i];
                size_t at = i;

                while (at > 0 && (items[at - 1].word > item.word ||
                                  (items[at - 1].word == item.word &&
                                   ordered_entry_compare(&items[at - 1].entry, &item.entry) > 0))) {
                        items[at] = items[at - 1];
                        at--;
                }
                items[at] = item;
        }
}

static uint64_t middle(uint64_t a, uint64_t b, uint64_t c)
{
        if (a > b)
                return c > a ? a : c > b ? c : b;
        return c > b ? b : c > a ? c : a;
}

static void swap(struct sort_item *a, struct sort_item *b)
{
        struct sort_item c = *a;

        *a = *b;
        *b = c;
}

// Parts items into those with a smaller word than the pivot, the same, and a larger one.
static void split(struct sort_item items[], size_t count, size_t *same_start, size_t *same_end)
{
        uint64_t pivot = middle(items[0].word, items[count / 2].word, items[count - 1].word);
        size_t low = 0, high = count;

        for (size_t i = 0; i < high;) {
                if (items[i].word < pivot)
                        swap(&items[i++], &items[low++]);
                else if (items[i].word > pivot)
                        swap(&items[i], &items[--high]);
                else
                        i++;
        }
        *same_start = low;
        *same_end = high;
}

static int order_lengths(const void *a, const void *b)
{
        const struct sort_item *x = a, *y = b;

        return (x->entry.key_len > y->entry.key_len) - (x->entry.key_len < y->entry.key_len);
}

// Of entries with the same words: those that end within them come first, the shortest first.
static size_t sort_ended(struct sort_item items[], size_t count, size_t depth)
{
        size_t ended = 0;

        for (size_t i = 0; i < count; i++)
                if (items[i].entry.key_len <= depth + 8)
                        swap(&items[i], &items[ended++]);
        if (ended > 1)
                qsort(items, ended, sizeof(*items), order_lengths);
        return ended;
}

static size_t push(struct sort_range stack[], size_t height, struct sort_range parts[3])
{
        for (size_t i = 0; i < 2; i++)
                for (size_t j = 0; j < 2 - i; j++)
                        if (parts[j].count < parts[j + 1].count) {
                                struct sort_range part = parts[j];

                                parts[j] = parts[j + 1];
                                parts[j + 1] = part;
                        }
        assert(height + 3 <= SORT_STACK);
        for (size_t i = 0; i < 3; i++)
                if (parts[i].count > 1)
                        stack[height++] = parts[i];
        return height;
}

static void sort_items(struct sort_item items[], size_t count)
{
        struct sort_range stack[SORT_STACK];
        size_t height = 0;

        load_words(items, count, 0);
        stack[height++] = (struct sort_range){0, count, 0};
        while (height > 0) {
                struct sort_range r = stack[--height];
                struct sort_item *at = &items[r.start];
                size_t low, high, ended;

                if (r.count <= SORT_SMALL) {
                        sort_small(at, r.count);
                        continue;
                }
                split(at, r.count, &low, &high);
                ended = low + sort_ended(&at[low], high - low, r.depth);
                load_words(&at[ended], high - ended, r.depth + 8);
                height = push(stack, height,
                              (struct sort_range[3]){
                                  {r.start, low, r.depth},
                                  {r.start + ended, high - ended, r.depth + 8},
                                  {r.start + high, r.count - high, r.depth},
                              });
        }
}

void ordered_entries_sort(struct ordered_entry entries[], size_t count)
{
        struct sort_item *items;
        size_t sorted = 1;

        while (sorted < count && ordered_entry_compare(&entries[sorted - 1], &entries[sorted]) <= 0)
                sorted++;
        if (sorted >= count)
                return;
        items = memory_get(count * sizeof(*items));
        for (size_t i = 0; i < count; i++)
                items[i].entry = entries[i];
        sort_items(items, count);
        for (size_t i = 0; i < count; i++)
                entries[i] = items[i].entry;
        free(items);
}
