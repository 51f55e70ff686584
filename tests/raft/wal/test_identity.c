#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <xxhash.h>

#include "raft/files/bytes.h"
#include "raft/wal/identity.h"
#include "tests/raft/files/disk.h"

#define FOLDER "/raft"
#define PATH   FOLDER "/identity"

static const struct raft_identity sample = {
    .node_id = "11111111-2222-3333-4444-555555555555",
    .cluster_id = 77,
    .bootstrapped = true,
    .bootstrap = {.cluster_id = 77,
                  .server_count = 1,
                  .servers = {{.id = 4, .voter = true, .address = "10.0.0.1:8300"}}},
};

static char error[RAFT_IDENTITY_ERROR_MAX];

Test(raft_identity, it_comes_back_and_can_be_replaced)
{
        struct disk *disk = disk_create(1);
        struct raft_identity found, joined = {.node_id = "x"};

        cr_expect_eq(raft_identity_load(&disk->files, FOLDER, &found, error), -ENOENT);
        cr_assert_eq(raft_identity_store(&disk->files, FOLDER, &joined, error), 0, "%s", error);
        cr_assert_eq(raft_identity_load(&disk->files, FOLDER, &found, error), 0, "%s", error);
        cr_expect_eq(found.cluster_id, 0);
        cr_expect_not(found.bootstrapped);
        cr_assert_eq(raft_identity_store(&disk->files, FOLDER, &sample, error), 0, "%s", error);
        cr_assert_eq(raft_identity_load(&disk->files, FOLDER, &found, error), 0, "%s", error);
        cr_expect_str_eq(found.node_id, sample.node_id);
        cr_expect_eq(found.cluster_id, 77);
        cr_expect(found.bootstrapped);
        cr_expect_eq(found.bootstrap.servers[0].id, 4);
        disk_destroy(disk);
}

Test(raft_identity, a_crash_leaves_the_old_one_or_the_new_one)
{
        for (uint64_t seed = 1; seed <= 100; seed++) {
                struct raft_identity found, before = {.node_id = "before"};
                struct disk *disk = disk_create(seed);
                int ret;

                cr_assert_eq(raft_identity_store(&disk->files, FOLDER, &before, error), 0);
                disk->crash_at = disk->operations + 1 + seed % 6;
                ret = raft_identity_store(&disk->files, FOLDER, &sample, error);
                disk_restart(disk);
                cr_assert_eq(raft_identity_load(&disk->files, FOLDER, &found, error), 0,
                             "seed %d: %s", (int)seed, error);
                cr_assert(strcmp(found.node_id, sample.node_id) == 0 ||
                          (ret < 0 && strcmp(found.node_id, "before") == 0));
                disk_destroy(disk);
        }
}

Test(raft_identity, damage_anywhere_and_newer_formats_are_refused)
{
        struct disk *disk = disk_create(1);
        struct raft_identity found;
        uint8_t bytes[1024];
        size_t length;

        cr_assert_eq(raft_identity_store(&disk->files, FOLDER, &sample, error), 0);
        length = disk_open_bytes(disk, PATH)->length;
        cr_assert_leq(length, sizeof(bytes));
        memcpy(bytes, disk_open_bytes(disk, PATH)->bytes, length);
        for (size_t bit = 0; bit < length * 8; bit++) {
                bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
                disk_store(disk, PATH, bytes, length);
                cr_assert_eq(raft_identity_load(&disk->files, FOLDER, &found, error), -EUCLEAN,
                             "bit %zu", bit);
                bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (size_t n = 0; n < length; n++) {
                disk_store(disk, PATH, bytes, n);
                cr_assert_eq(raft_identity_load(&disk->files, FOLDER, &found, error), -EUCLEAN);
        }
        bytes[8] = 2;
        bytes_put_u64(bytes + length - 8, XXH3_64bits(bytes, length - 8));
        disk_store(disk, PATH, bytes, length);
        cr_expect_eq(raft_identity_load(&disk->files, FOLDER, &found, error), -ENOTSUP);
        cr_expect_neq(strstr(error, "newer version"), NULL, "%s", error);
        disk_destroy(disk);
}

Test(raft_identity, another_nodes_or_clusters_folder_is_refused_with_what_to_do)
{
        cr_expect_eq(raft_identity_check(&sample, FOLDER, sample.node_id, 77, error), 0);
        cr_expect_eq(raft_identity_check(&sample, FOLDER, sample.node_id, 0, error), 0);
        cr_expect_eq(raft_identity_check(&sample, FOLDER, "other", 77, error), -EXDEV);
        cr_expect_neq(strstr(error, "data_dir"), NULL, "%s", error);
        cr_expect_eq(raft_identity_check(&sample, FOLDER, sample.node_id, 78, error), -EXDEV);
        cr_expect_neq(strstr(error, "000000000000004d"), NULL, "%s", error);
}
