#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "control/consul/args.h"
#include "lictor/random.h"

// Rows written and read again are the same, whatever they hold.

#define ROUNDS 300
#define SEED   20211101

static uint64_t state;

static uint32_t below(uint32_t limit)
{
        return (uint32_t)(random_next(&state) % limit);
}

static const char *random_text(struct arena *arena, uint32_t length_max)
{
        static const char *const letters[] = {"a", "Z", "0", "-", ".", "\xc3\xa4", "\xe2\x82\xac"};
        char text[256] = "";
        uint32_t length = below(length_max + 1);

        for (uint32_t i = 0; i < length; i++)
                strncat(text, letters[below(7)], sizeof(text) - strlen(text) - 1);
        return arena_text(arena, text, strlen(text));
}

static void random_list(struct arena *arena, struct text_list *out)
{
        const char **items = arena_get(arena, 8 * sizeof(*items));

        out->items = items;
        out->count = below(8);
        for (uint32_t i = 0; i < out->count; i++)
                items[i] = random_text(arena, 40);
}

static void random_map(struct arena *arena, struct text_map *out)
{
        struct text_pair *pairs = arena_get(arena, 5 * sizeof(*pairs));

        out->pairs = pairs;
        out->count = below(5);
        for (uint32_t i = 0; i < out->count; i++) {
                char key[16];

                snprintf(key, sizeof(key), "%u", i);
                pairs[i] =
                    (struct text_pair){arena_text(arena, key, strlen(key)), random_text(arena, 30)};
        }
}

static void random_service(struct arena *arena, struct catalog_service *out)
{
        struct service_address *addresses = arena_get(arena, 2 * sizeof(*addresses));

        *out = (struct catalog_service)CATALOG_SERVICE_INIT;
        out->id = random_text(arena, 36);
        out->name = random_text(arena, 20);
        out->address = random_text(arena, 12);
        out->socket_path = random_text(arena, 3);
        out->port = (int32_t)below(65536);
        out->weight_passing = (int32_t)below(100);
        out->weight_warning = (int32_t)below(100);
        out->enable_tag_override = below(2) == 1;
        if (below(3) == 0) {
                out->kind = "connect-proxy";
                out->proxy_json = "{\"DestinationServiceName\":\"web\",\"LocalServicePort\":80,"
                                  "\"Config\":{\"a\":1.5,\"b\":[true,null,{\"c\":\"d\"}]},"
                                  "\"Mode\":\"\",\"MeshGateway\":{},\"Expose\":{}}";
                out->connect_json = "{\"Native\":true}";
        }
        random_list(arena, &out->tags);
        random_map(arena, &out->meta);
        addresses[0] = (struct service_address){"lan", random_text(arena, 9), (int32_t)below(9)};
        addresses[1] = (struct service_address){"wan", random_text(arena, 9), (int32_t)below(9)};
        out->tagged_addresses = (struct service_address_map){addresses, below(3)};
}

static void random_check(struct arena *arena, struct catalog_check *out)
{
        *out = (struct catalog_check)CATALOG_CHECK_INIT;
        out->node = random_text(arena, 20);
        out->id = random_text(arena, 36);
        out->name = random_text(arena, 36);
        out->status = below(2) == 0 ? "passing" : "critical";
        out->output = random_text(arena, 60);
        out->service_id = random_text(arena, 20);
        out->service_name = random_text(arena, 20);
        out->type = "ttl";
        out->interval = "10s";
        out->exposed_port = (int32_t)below(65536);
        if (below(2) == 0)
                out->definition_json =
                    "{\"TTL\":\"30s\",\"Interval\":\"1.5s\",\"ScriptArgs\":[\"a\"]}";
        random_list(arena, &out->service_tags);
}

static struct msgpack_reader reader_of(const struct byte_buffer *b)
{
        return (struct msgpack_reader){b->bytes, b->bytes + b->len};
}

static void expect_service(struct arena *arena, unsigned round)
{
        struct byte_buffer b = BYTE_BUFFER_INIT;
        struct catalog_service service, again;
        struct service_record *record;
        struct msgpack_reader r;
        uint64_t index;

        random_service(arena, &service);
        record = service_record_create(&service, 3, 9);
        consul_put_service(&b, record);
        r = reader_of(&b);
        cr_assert_eq(consul_get_service(&r, arena, &again, &index), 0, "round %u", round);
        cr_expect(msgpack_at_end(&r));
        cr_expect(catalog_service_equal(&service, &again), "seed %d, round %u", SEED, round);
        cr_expect_eq(index, 9);
        record_release(&record->head);
        byte_buffer_fini(&b);
}

static void expect_check(struct arena *arena, unsigned round)
{
        struct byte_buffer b = BYTE_BUFFER_INIT;
        struct catalog_check check, again;
        struct check_record *record;
        struct msgpack_reader r;
        uint64_t index;

        random_check(arena, &check);
        record = check_record_create(&check, 3, 9);
        consul_put_check(&b, record);
        r = reader_of(&b);
        cr_assert_eq(consul_get_check(&r, arena, &again, &index), 0, "round %u", round);
        cr_expect(msgpack_at_end(&r));
        cr_expect(catalog_check_equal(&check, &again), "seed %d, round %u", SEED, round);
        record_release(&record->head);
        byte_buffer_fini(&b);
}

static void expect_node(struct arena *arena, unsigned round)
{
        struct catalog_node node = CATALOG_NODE_INIT, again;
        struct byte_buffer b = BYTE_BUFFER_INIT;
        struct node_record *record;
        struct msgpack_reader r;
        uint64_t index;

        node.id = random_text(arena, 36);
        node.name = random_text(arena, 36);
        node.address = "10.1.2.3";
        node.datacenter = "dc1";
        random_map(arena, &node.tagged_addresses);
        random_map(arena, &node.meta);
        record = node_record_create(&node, 1, 2);
        consul_put_node(&b, record);
        r = reader_of(&b);
        cr_assert_eq(consul_get_node(&r, arena, &again, &index), 0, "round %u", round);
        cr_expect(msgpack_at_end(&r));
        cr_expect(catalog_node_equal(&node, &again), "seed %d, round %u", SEED, round);
        record_release(&record->head);
        byte_buffer_fini(&b);
}

static void expect_key(struct arena *arena, unsigned round)
{
        struct kv_entry entry = KV_ENTRY_INIT, again;
        struct byte_buffer b = BYTE_BUFFER_INIT;
        struct kv_record *record;
        struct msgpack_reader r;
        uint8_t value[300];
        uint64_t index;

        for (size_t i = 0; i < sizeof(value); i++)
                value[i] = (uint8_t)below(256);
        entry.key = random_text(arena, 40);
        entry.session = random_text(arena, 36);
        entry.flags = random_next(&state);
        entry.value = value;
        entry.value_len = below(sizeof(value));
        record = kv_record_create(&entry, 1, 2);
        consul_put_kv(&b, record, true);
        r = reader_of(&b);
        cr_assert_eq(consul_get_kv(&r, arena, &again, &index), 0, "round %u", round);
        cr_expect(msgpack_at_end(&r));
        cr_expect(kv_record_equals(record, &again), "seed %d, round %u", SEED, round);
        record_release(&record->head);
        byte_buffer_fini(&b);
}

static void expect_session(struct arena *arena, unsigned round)
{
        struct catalog_session session = CATALOG_SESSION_INIT, again;
        struct byte_buffer b = BYTE_BUFFER_INIT;
        struct session_record *record;
        struct msgpack_reader r;

        session.id = random_text(arena, 36);
        session.node = random_text(arena, 20);
        session.behavior = "release";
        session.ttl = "30s";
        session.lock_delay_ns = (int64_t)random_next(&state);
        session.node_checks_null = below(2) == 0;
        if (!session.node_checks_null)
                random_list(arena, &session.node_checks);
        random_list(arena, &session.service_checks);
        session.service_check_namespaces = session.service_checks;
        session.service_checks_given = session.service_checks.count > 0;
        record = session_record_create(&session, 1, 2);
        consul_put_session(&b, record);
        r = reader_of(&b);
        cr_assert_eq(consul_get_session(&r, arena, &again), 0, "round %u", round);
        cr_expect(msgpack_at_end(&r));
        cr_expect(catalog_session_equal(&session, &again), "seed %d, round %u", SEED, round);
        record_release(&record->head);
        byte_buffer_fini(&b);
}

Test(consul_rows, what_is_written_is_read_again_as_it_was)
{
        static void (*const kinds[])(struct arena * arena, unsigned round) = {
            expect_service, expect_check, expect_node, expect_key, expect_session};

        state = SEED;
        for (unsigned round = 0; round < ROUNDS; round++) {
                struct arena arena = ARENA_INIT;

                for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
                        kinds[i](&arena, round);
                arena_fini(&arena);
        }
}

Test(consul_rows, a_coordinate_is_written_as_it_is_read)
{
        struct catalog_coordinate out = {
            .node = "n1", .segment = "", .at = {{1, 2.5, -3}, 0.5, -0.25, 1e-5}};
        struct byte_buffer b = BYTE_BUFFER_INIT;
        struct catalog_coordinate again;
        struct arena arena = ARENA_INIT;
        bool has;

        consul_put_coordinate(&b, &out);
        cr_assert_eq(consul_coordinate_update_get((struct pack_slice){b.bytes, (uint32_t)b.len},
                                                  &arena, &again, &has),
                     0);
        cr_expect(has && catalog_coordinate_equal(&out, &again));
        arena_fini(&arena);
        byte_buffer_fini(&b);
}

Test(consul_rows, a_list_gets_its_count_afterwards)
{
        struct byte_buffer b = BYTE_BUFFER_INIT;
        struct msgpack_reader r;
        uint32_t count;
        size_t at = consul_begin_list(&b);

        for (unsigned i = 0; i < 70000; i++)
                pack_put_nil(&b);
        consul_end_list(&b, at, 70000);
        r = reader_of(&b);
        cr_assert_eq(pack_get_array(&r, &count), 0);
        cr_expect_eq(count, 70000);
        byte_buffer_fini(&b);
}

Test(consul_rows, settings_of_nothing_but_zeroes_are_no_settings)
{
        static const struct {
                const char *json, *want;
                bool proxy;
        } cases[] = {
            {"{}", "", true},
            {"{\"Mode\":\"\",\"MeshGateway\":{\"Mode\":\"\"},\"Expose\":{\"Paths\":null}}", "",
             true},
            {"{\"Native\":false,\"SidecarService\":null}", "", false},
            {"{\"Native\":true,\"SidecarService\":null}", "{\"Native\":true}", false},
            {"{\"LocalServicePort\":1,\"Config\":{\"zero\":0}}",
             "{\"LocalServicePort\":1,\"Config\":{\"zero\":0},\"Mode\":\"\",\"MeshGateway\":{},"
             "\"Expose\":{}}",
             true},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                json_t *json = json_loads(cases[i].json, 0, NULL);
                struct byte_buffer b = BYTE_BUFFER_INIT;
                struct arena arena = ARENA_INIT;
                struct msgpack_reader r;
                const char *text;

                wire_put_json(&b, json);
                r = reader_of(&b);
                cr_assert_eq(wire_get_settings(&r, cases[i].proxy, &arena, &text), 0);
                cr_expect_str_eq(text, cases[i].want);
                json_decref(json);
                byte_buffer_fini(&b);
                arena_fini(&arena);
        }
}
