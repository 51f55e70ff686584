#include "control/store/msgpack.h"
#include "lictor/bytes.h"
#include "tests/control/fsm/machine.h"
#include <criterion/criterion.h>
#include <math.h>

static size_t count_of(const struct store *s, const char *node)
{
        struct store_iter it;
        size_t count = 0;

        store_coordinates_of_node(s, node, &it);
        while (store_next_coordinate(&it))
                count++;
        return count;
}

Test(coordinate, distances_are_vivaldis_in_seconds)
{
        static const struct {
                const char *name;
                struct coordinate a, b;
                double want_s;
        } cases[] = {
            {"the same place", COORDINATE_ORIGIN, COORDINATE_ORIGIN, 2e-5},
            {"a triangle", {.vec = {3, 4}}, {.vec = {0}}, 5},
            {"heights add", {.vec = {1}, .height = 0.5}, {.vec = {2}, .height = 0.25}, 1.75},
            {"adjusted", {.vec = {1}, .adjustment = -0.25}, {.vec = {2}, .adjustment = -0.5}, 0.25},
            {"adjusted below nothing", {.vec = {1}, .adjustment = -2}, {.vec = {2}}, 1},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                cr_expect(fabs(coordinate_distance_s(&cases[i].a, &cases[i].b) - cases[i].want_s) <
                              1e-9,
                          "%s", cases[i].name);
}

Test(coordinate, an_infinite_number_makes_none)
{
        struct coordinate c = COORDINATE_ORIGIN;

        cr_expect(coordinate_is_valid(&c));
        c.vec[7] = INFINITY;
        cr_expect_not(coordinate_is_valid(&c));
        c.vec[7] = 0;
        c.height = NAN;
        cr_expect_not(coordinate_is_valid(&c));
}

Test(coordinate, a_node_keeps_its_coordinate_until_it_goes)
{
        const struct coordinate_record *record;
        struct store_iter it;
        struct machine m;
        uint64_t index;

        machine_init(&m);
        cr_expect_str_eq(machine_coordinate(&m, "ghost", 1), "");
        cr_expect_eq(count_of(m.store, "ghost"), 0);
        machine_node(&m, "Foo", "10.0.0.1");
        machine_coordinate(&m, "foo", 1);
        index = store_table_index(m.store, STORE_COORDINATES);
        cr_expect_eq(index, m.last.index);
        machine_coordinate(&m, "FOO", 1);
        cr_expect_eq(store_table_index(m.store, STORE_COORDINATES), index, "nothing has changed");
        machine_coordinate(&m, "FOO", 2);
        cr_expect_gt(store_table_index(m.store, STORE_COORDINATES), index);
        store_coordinates(m.store, &it);
        record = store_next_coordinate(&it);
        cr_assert_not_null(record);
        cr_expect_str_eq(record->coordinate.node, "Foo");
        cr_expect_eq(record->coordinate.at.vec[0], 2);
        cr_expect_eq(record->head.create_index, index);
        cr_expect_null(store_next_coordinate(&it));
        index = store_table_index(m.store, STORE_COORDINATES);
        machine_deregister(&m, "foo", "", "");
        cr_expect_eq(count_of(m.store, "foo"), 0);
        cr_expect_gt(store_table_index(m.store, STORE_COORDINATES), index);
        machine_fini(&m);
}
