#include "control/store/store_internal.h"

void store_coordinates(const struct store *s, struct store_iter *it)
{
        ordered_index_seek(s->tables.coordinates, NULL, 0, &it->cursor);
}

void store_coordinates_of_node(const struct store *s, const char *node, struct store_iter *it)
{
        store_seek(s->tables.coordinates, &node, 1, it);
}

const struct coordinate_record *store_next_coordinate(struct store_iter *it)
{
        return ordered_cursor_next(&it->cursor, NULL, NULL);
}

bool store_set_coordinate(struct store *s, const struct catalog_coordinate *coordinate)
{
        const struct node_record *node = store_node_get(s, coordinate->node);
        const char *const parts[] = {coordinate->node, coordinate->segment};
        struct catalog_coordinate value = *coordinate;
        union store_row before, after;

        if (node == NULL)
                return false;
        value.node = node->node.name;
        before.coordinate = store_find(s->tables.coordinates, parts, 2);
        if (before.coordinate && catalog_coordinate_equal(&before.coordinate->coordinate, &value))
                return true;
        after.coordinate = coordinate_record_create(
            &value, before.coordinate ? before.record->create_index : s->open_index, s->open_index);
        store_put(s, STORE_COORDINATES, before, after);
        return true;
}

void store_delete_coordinates(struct store *s, const char *node)
{
        union store_row row;
        struct store_iter it;

        // A walk ends with the write, so each round begins a new one.
        for (;;) {
                store_coordinates_of_node(s, node, &it);
                row.coordinate = store_next_coordinate(&it);
                if (row.coordinate == NULL)
                        return;
                store_put(s, STORE_COORDINATES, row, (union store_row){NULL});
        }
}
