#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "control/api/api_internal.h"

// Items in the order a read asks for: as they come, or with ?near by their nodes' estimated
// round-trip time from a node, those without a coordinate last.

struct near_item {
        const void *item;
        double distance_s;
        size_t number;
};

// Coordinates are compared within a segment; both must have one there.
double api_node_distance_s(const struct store *store, const char *from, const char *to)
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

void api_near_begin(struct api_near *near, const struct api_read *read, struct json_writer *w,
                    api_item_fn write)
{
        const char *from = http_request_param(read->request, "near");
        struct store_iter it;

        *near = (struct api_near){.read = read, .w = w, .write = write};
        if (from == NULL || from[0] == '\0')
                return;
        if (strcmp(from, "_agent") == 0)
                from = api_asking_node(read->api, read->request);
        store_coordinates_of_node(read->api->agent->store, from, &it);
        if (store_next_coordinate(&it) != NULL)
                near->from = from;
}

void api_near_put(struct api_near *near, const char *node, const void *item)
{
        if (near->from == NULL) {
                api_write_item(near->read, near->w, NULL, near->write, item);
                return;
        }
        if (near->count == near->capacity) {
                size_t capacity = near->capacity > 0 ? 2 * near->capacity : 64;
                struct near_item *items = realloc(near->items, capacity * sizeof(*items));

                if (items == NULL) {
                        near->w->failed = true;
                        return;
                }
                near->items = items;
                near->capacity = capacity;
        }
        near->items[near->count] = (struct near_item){
            item, api_node_distance_s(near->read->api->agent->store, near->from, node),
            near->count};
        near->count++;
}

static int compare_items(const void *a, const void *b)
{
        const struct near_item *x = a, *y = b;

        if (x->distance_s < y->distance_s || x->distance_s > y->distance_s)
                return x->distance_s < y->distance_s ? -1 : 1;
        return x->number < y->number ? -1 : 1;
}

void api_near_end(struct api_near *near)
{
        if (near->count > 0)
                qsort(near->items, near->count, sizeof(*near->items), compare_items);
        for (size_t i = 0; i < near->count; i++)
                api_write_item(near->read, near->w, NULL, near->write, near->items[i].item);
        free(near->items);
}
