#include "control/server/peers_file.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define ID_1 "adf4238a-882b-9ddc-4a9d-5b6758e4159e"
#define ID_2 "8b6dda82-3103-11e7-93ae-92361f002671"

static int parse(const char *text, struct raft_configuration *out, char *error)
{
        return peers_file_parse(text, strlen(text), out, error);
}

Test(peers_file, servers_are_named_by_id_and_address)
{
        struct raft_configuration c;
        char error[PEERS_FILE_ERROR_MAX];

        cr_assert_eq(parse("[{\"id\":\"" ID_1 "\",\"address\":\"10.1.0.1:8300\"},"
                           "{\"id\":\"" ID_2 "\",\"address\":\"[2001:db8::1]:8300\","
                           "\"non_voter\":true,\"more\":1}]",
                           &c, error),
                     0);
        cr_assert_eq(c.server_count, 2);
        cr_expect_str_eq(c.servers[0].node_id, ID_1);
        cr_expect_str_eq(c.servers[0].address, "10.1.0.1:8300");
        cr_expect(c.servers[0].voter);
        cr_expect_str_eq(c.servers[1].address, "[2001:db8::1]:8300");
        cr_expect_not(c.servers[1].voter);
}

Test(peers_file, or_by_address_alone_as_they_were_long_ago)
{
        struct raft_configuration c;
        char error[PEERS_FILE_ERROR_MAX];

        cr_assert_eq(parse("[\"10.1.0.1:8300\", \"10.1.0.2:8300\"]", &c, error), 0);
        cr_assert_eq(c.server_count, 2);
        cr_expect_str_eq(c.servers[1].address, "10.1.0.2:8300");
        cr_expect_str_eq(c.servers[1].node_id, "");
        cr_expect(c.servers[1].voter);
}

Test(peers_file, what_cannot_be_meant_is_refused_with_one_line)
{
        static const struct {
                const char *text, *why;
        } cases[] = {
            {"", "line 1: "},
            {"[\"10.1.0.1:8300\"", "line 1: "},
            {"[\x01\n]", "line 1: "},
            {"{}", "it is no list of servers"},
            {"[]", "no server in it votes"},
            {"[7]", "server 1 is neither an object nor an address"},
            {"[{\"address\":\"10.1.0.1:8300\"}]", "server 1 has no id"},
            {"[{\"id\":\"s1\",\"address\":\"10.1.0.1:8300\"}]", "the id of server 1 is not a UUID"},
            {"[{\"id\":\"" ID_1 "\"}]", "server 1 has no address"},
            {"[\"10.1.0.1\"]", "the address of server 1 is not of the form"},
            {"[\"10.1.0.1:0\"]", "the address of server 1 is not of the form"},
            {"[\"10.1.0.1:65536\"]", "the address of server 1 is not of the form"},
            {"[\"10.1.0.1: 83\"]", "the address of server 1 is not of the form"},
            {"[\"[::1:8300\"]", "the address of server 1 is not of the form"},
            {"[\":8300\"]", "the address of server 1 is not of the form"},
            {"[\"host:8300\"]", "the address of server 1 is not of the form"},
            {"[\"10.1.0.1:8300\",\"10.1.0.1:8300\"]", "two servers have the address 10.1.0.1:8300"},
            {"[{\"id\":\"" ID_1 "\",\"address\":\"10.1.0.1:8300\"},"
             "{\"id\":\"" ID_1 "\",\"address\":\"10.1.0.2:8300\"}]",
             "two servers have the id " ID_1},
            {"[\"10.1.0.1:8300\",{\"id\":\"" ID_1 "\",\"address\":\"10.1.0.2:8300\"}]",
             "some servers are named by ids, some by addresses"},
            {"[{\"id\":\"" ID_1 "\",\"address\":\"10.1.0.1:8300\",\"non_voter\":\"no\"}]",
             "non_voter of server 1 is neither true nor false"},
            {"[{\"id\":\"" ID_1 "\",\"address\":\"10.1.0.1:8300\",\"non_voter\":true}]",
             "no server in it votes"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char error[PEERS_FILE_ERROR_MAX] = "";
                struct raft_configuration c;

                cr_expect_eq(parse(cases[i].text, &c, error), -EINVAL, "%s", cases[i].text);
                cr_expect_eq(strncmp(error, cases[i].why, strlen(cases[i].why)), 0, "%s: %s",
                             cases[i].text, error);
                cr_expect_null(strpbrk(error, "\n\r\x01"), "%s", cases[i].text);
        }
}
