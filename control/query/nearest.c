#include "control/query/nearest.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct nearest_item {
        const void *item;
        double distance_s;
        size_t number;
};

// Coordinates are compared within a segment; both must have one there.
double nearest_distance_s(const struct store *store, const char *from, const char *to)
{
        const struct coordinate_record *a, *b;
        struct store_iter of_a, of_b;

        store_coordinates_of_node(store, from, &of_a);
        while ((a = store_next_coordinate(&of_a)) != NULL) {
                store_coordinates_of_node(store, to, &of_b);
                while ((b = store_next_coordinate(&of_b)) != NULL)
                        if (strcmp(a->coordinate.segment, b->coordinate.segment) == 0)
                                return coordinate_distance_s(&a->coordinate.at, &b->coordinate.at);
        }
        return INFINITY;
}

void nearest_init(struct nearest *list, const struct store *store, const char *from)
{
        struct store_iter it;

        *list = (struct nearest){.store = store};
        if (from == NULL || from[0] == '\0')
                return;
        store_coordinates_of_node(store, from, &it);
        if (store_next_coordinate(&it) != NULL)
                list->from = from;
}

int nearest_add(struct nearest *list, const char *node, const void *item)
{
        if (list->count == list->capacity) {
                size_t capacity = list->capacity > 0 ? 2 * list->capacity : 64;
                struct nearest_item *items = realloc(list->items, capacity * sizeof(*items));

                if (items == NULL)
                        return -ENOMEM;
                list->items = items;
                list->capacity = capacity;
        }
        list->items[list->count] = (struct nearest_item){
            item, list->from != NULL ? nearest_distance_s(list->store, list->from, node) : 0,
            list->count};
        list->count++;
        return 0;
}

static int compare_items(const void *a, const void *b)
{
        const struct nearest_item *x = a, *y = b;

        if (x->distance_s < y->distance_s || x->distance_s > y->distance_s)
                return x->distance_s < y->distance_s ? -1 : 1;
        return x->number < y->number ? -1 : 1;
}

void nearest_sort(struct nearest *list)
{
        if (list->from != NULL && list->count > 0)
                qsort(list->items, list->count, sizeof(*list->items), compare_items);
}

const void *nearest_at(const struct nearest *list, size_t i)
{
        return list->items[i].item;
}

void nearest_fini(struct nearest *list)
{
        free(list->items);
}
