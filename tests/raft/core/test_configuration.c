#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "raft/core/configuration.h"

#define CLUSTER_OF(count) "\1" count "\0\0\0\0\0\0\0\7"

static struct raft_server server(raft_server_id id, bool voter, const char *address)
{
        struct raft_server s = {.id = id, .voter = voter};

        snprintf(s.address, sizeof(s.address), "%s", address);
        return s;
}

static int put(struct raft_configuration *c, raft_server_id id, bool voter, const char *address)
{
        struct raft_server s = server(id, voter, address);

        return configuration_put(c, &s);
}

Test(raft_configuration, servers_are_added_altered_and_removed)
{
        struct raft_configuration c = {0};

        cr_expect_eq(put(&c, 1, true, "a:8300"), 0);
        cr_expect_eq(put(&c, 1, true, "a:8300"), -EEXIST);
        cr_expect_eq(put(&c, 1, true, "b:8300"), 0, "its address may change");
        cr_expect_eq(put(&c, 2, false, "c:8300"), 0);
        cr_expect_eq(configuration_voter_count(&c), 1);
        cr_expect_eq(put(&c, 2, true, "c:8300"), 0, "promoted");
        cr_expect(configuration_is_voter(&c, 2));
        cr_expect_eq(configuration_remove(&c, 1), 0);
        cr_expect_eq(configuration_remove(&c, 1), -ENOENT);
        cr_expect_null(configuration_find(&c, 1));
}

Test(raft_configuration, the_last_voter_stays)
{
        struct raft_configuration c = {0};

        put(&c, 1, true, "a");
        put(&c, 2, false, "b");
        cr_expect_eq(configuration_remove(&c, 1), -EINVAL);
        cr_expect_eq(put(&c, 1, false, "a"), -EINVAL);
        cr_expect_eq(configuration_remove(&c, 2), 0, "a non-voter may go");
}

Test(raft_configuration, there_is_room_for_so_many)
{
        struct raft_configuration c = {0};

        for (unsigned i = 1; i <= RAFT_SERVER_MAX; i++)
                cr_expect_eq(put(&c, i, true, "a"), 0);
        cr_expect_eq(put(&c, RAFT_SERVER_MAX + 1, true, "a"), -ENOSPC);
        cr_expect_eq(put(&c, 0, true, "a"), -EINVAL, "0 is nobody");
}

Test(raft_configuration, any_difference_between_servers_in_use_counts)
{
        struct raft_configuration a = {.cluster_id = 7}, b = {.cluster_id = 7}, c;

        put(&a, 1, true, "a");
        put(&b, 1, true, "a");
        b.servers[1] = server(2, true, "unused");
        cr_expect(raft_configuration_equal(&a, &b));
        c = b, c.cluster_id = 8;
        cr_expect_not(raft_configuration_equal(&a, &c));
        c = b, c.server_count = 2;
        cr_expect_not(raft_configuration_equal(&a, &c));
        c = b, c.servers[0].id = 2;
        cr_expect_not(raft_configuration_equal(&a, &c));
        c = b, c.servers[0].voter = false;
        cr_expect_not(raft_configuration_equal(&a, &c));
        c = b, c.servers[0].address[0] = 'b';
        cr_expect_not(raft_configuration_equal(&a, &c));
        c = b, c.servers[0].node_id[0] = 'b';
        cr_expect_not(raft_configuration_equal(&a, &c));
}

Test(raft_configuration, what_is_encoded_is_decoded)
{
        struct raft_configuration c = {0}, back;
        struct raft_buffer *bytes;

        put(&c, 0x1122334455667788, true, "10.0.0.1:8300");
        put(&c, 2, false, "");
        put(&c, 3, true, "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:8300");
        c.cluster_id = 0x8877665544332211;
        snprintf(c.servers[0].node_id, sizeof(c.servers[0].node_id),
                 "11223344-5566-7788-99aa-bbccddeeff00");
        bytes = raft_configuration_encode(&c);
        cr_assert_not_null(bytes);
        cr_expect_eq(raft_configuration_decode(bytes->bytes, bytes->length, &back), 0);
        cr_expect_eq(memcmp(&c, &back, sizeof(c)), 0);
        for (uint32_t n = 0; n < bytes->length; n++)
                cr_expect_eq(raft_configuration_decode(bytes->bytes, n, &back), -EINVAL,
                             "cut at %u", n);
        raft_buffer_unref(bytes);
}

Test(raft_configuration, malformed_bytes_are_refused)
{
        static const struct {
                const char *name, *bytes;
                size_t length;
        } cases[] = {
            {"nothing", "", 0},
            {"another version", "\2\0\0\0\0\0\0\0\0\0", 10},
            {"too many servers", "\1\21\0\0\0\0\0\0\0\0", 10},
            {"trailing bytes", "\1\0\0\0\0\0\0\0\0\0x", 11},
            {"server 0", CLUSTER_OF("\1") "\0\0\0\0\0\0\0\0\1\0\0", 21},
            {"a vote of 2", CLUSTER_OF("\1") "\0\0\0\0\0\0\0\1\2\0\0", 21},
            {"an address past the end", CLUSTER_OF("\1") "\0\0\0\0\0\0\0\1\1\5\0ab", 23},
            {"a node id past the end", CLUSTER_OF("\1") "\0\0\0\0\0\0\0\1\1\1\5ab", 23},
            {"a node id too long", CLUSTER_OF("\1") "\0\0\0\0\0\0\0\1\1\0\45", 21},
            {"an address with a NUL", CLUSTER_OF("\1") "\0\0\0\0\0\0\0\1\1\2\0a\0", 23},
            {"one server twice",
             CLUSTER_OF("\2") "\0\0\0\0\0\0\0\1\1\0\0"
                              "\0\0\0\0\0\0\0\1\1\0\0",
             32},
        };
        struct raft_configuration c;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                cr_expect_eq(
                    raft_configuration_decode((const uint8_t *)cases[i].bytes, cases[i].length, &c),
                    -EINVAL, "%s", cases[i].name);
}
