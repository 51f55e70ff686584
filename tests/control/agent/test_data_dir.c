#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/agent/data_dir.h"

static char root[64], path[128], error[512];

static void make_root(void)
{
        snprintf(root, sizeof(root), "/tmp/lictor-data-XXXXXX");
        cr_assert_not_null(mkdtemp(root));
        snprintf(path, sizeof(path), "%s/a/b", root);
}

static void remove_root(void)
{
        static const char *const names[] = {"a/b/node-id", "a/b/lictor.lock", "a/b", "a", ""};
        char file[256];

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                snprintf(file, sizeof(file), "%s/%s", root, names[i]);
                remove(file);
        }
}

TestSuite(data_dir, .init = make_root, .fini = remove_root);

Test(data_dir, missing_folders_are_made_and_a_second_agent_is_refused)
{
        int lock, second;

        cr_assert_eq(data_dir_open(path, &lock, error, sizeof(error)), 0, "%s", error);
        cr_expect_lt(data_dir_open(path, &second, error, sizeof(error)), 0);
        cr_expect_not_null(strstr(error, "in use by another agent"), "%s", error);
        close(lock);
        cr_expect_eq(data_dir_open(path, &lock, error, sizeof(error)), 0, "%s", error);
        close(lock);
}

Test(data_dir, an_agent_without_one_locks_nothing)
{
        int lock;

        cr_expect_eq(data_dir_open("", &lock, error, sizeof(error)), 0);
        cr_expect_eq(lock, -1);
}

Test(data_dir, what_cannot_be_made_is_named)
{
        int lock;

        cr_expect_lt(data_dir_open("/proc/nowhere/x", &lock, error, sizeof(error)), 0);
        cr_expect_not_null(strstr(error, "\"/proc/nowhere/x\""), "%s", error);
}

Test(data_dir, a_node_keeps_its_id)
{
        char first[NODE_ID_SIZE], again[NODE_ID_SIZE], other[NODE_ID_SIZE];
        int lock;

        cr_assert_eq(data_dir_open(path, &lock, error, sizeof(error)), 0);
        cr_assert_eq(data_dir_node_id(path, "", first, error, sizeof(error)), 0, "%s", error);
        cr_assert_eq(data_dir_node_id(path, "", again, error, sizeof(error)), 0, "%s", error);
        cr_expect_str_eq(first, again);
        cr_assert_eq(data_dir_node_id("", "", other, error, sizeof(error)), 0);
        cr_expect_str_neq(first, other);
        cr_expect_eq(first[14], '4', "a random UUID is of version 4: %s", first);
        close(lock);
}

Test(data_dir, a_configured_id_wins_and_is_remembered)
{
        static const char configured[] = "40E4A748-2192-161A-0510-9BF59FE950B5";
        static const char lower[] = "40e4a748-2192-161a-0510-9bf59fe950b5";
        char id[NODE_ID_SIZE];
        int lock;

        cr_assert_eq(data_dir_open(path, &lock, error, sizeof(error)), 0);
        cr_assert_eq(data_dir_node_id(path, configured, id, error, sizeof(error)), 0);
        cr_expect_str_eq(id, lower);
        cr_assert_eq(data_dir_node_id(path, "", id, error, sizeof(error)), 0);
        cr_expect_str_eq(id, lower);
        close(lock);
}

Test(data_dir, ids_that_are_no_uuids_are_refused)
{
        static const char *const bad[] = {
            "abc", "40e4a748-2192-161a-0510-9bf59fe950b", "40e4a748-2192-161a-0510-9bf59fe950b55",
            "40e4a748x2192-161a-0510-9bf59fe950b5", "40e4a748-2192-161a-0510-9bf59fe950bg"};
        char id[NODE_ID_SIZE], file[256];
        int lock;

        cr_assert_eq(data_dir_open(path, &lock, error, sizeof(error)), 0);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                cr_expect_lt(data_dir_node_id(path, bad[i], id, error, sizeof(error)), 0, "%s",
                             bad[i]);
                cr_expect_not_null(strstr(error, "failed to setup node ID: "), "%s", error);
        }
        snprintf(file, sizeof(file), "%s/node-id", path);
        cr_assert_eq(data_dir_write_file(file, "damaged"), 0);
        cr_expect_lt(data_dir_node_id(path, "", id, error, sizeof(error)), 0);
        cr_expect_not_null(strstr(error, file), "%s", error);
        close(lock);
}
