// What the log makes of files that are not as it left them, and of disks that fail.

#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raft/wal/wal.h"
#include "raft/wal/wal_format.h"
#include "tests/raft/files/disk.h"

#define FOLDER     "/raft"
#define BATCHES    15u
#define BATCH      4u
#define DATA_BYTES 200u

static const char *path_of(unsigned sequence)
{
        static char path[64];

        snprintf(path, sizeof(path), FOLDER "/%016x.wal", sequence);
        return path;
}

static struct wal_options options_of(struct disk *disk)
{
        return (struct wal_options){.segment_bytes = 4096, .files = &disk->files};
}

static struct wal *open_log(struct disk *disk, struct wal_restored *restored)
{
        struct wal_options options = options_of(disk);
        char error[WAL_ERROR_MAX];
        struct wal *wal;

        cr_assert_eq(wal_open(FOLDER, &options, &wal, restored, error), 0, "%s", error);
        return wal;
}

static struct wal *open_new(struct disk *disk)
{
        struct wal_restored restored;
        struct wal *wal = open_log(disk, &restored);

        wal_restored_fini(&restored);
        return wal;
}

static void expect_refused(struct disk *disk, int expected, const char *words)
{
        struct wal_options options = options_of(disk);
        struct wal_restored restored;
        char error[WAL_ERROR_MAX];
        struct wal *wal;

        cr_assert_eq(wal_open(FOLDER, &options, &wal, &restored, error), expected, "%s", words);
        cr_expect_neq(strstr(error, words), NULL, "\"%s\" is not in \"%s\"", words, error);
}

static int append(struct wal *wal, raft_index index, raft_term term, uint8_t fill, size_t length)
{
        uint8_t bytes[8192];
        struct raft_entry entry = {.index = index, .term = term, .type = RAFT_ENTRY_COMMAND};
        int ret;

        memset(bytes, fill, length);
        entry.data = raft_buffer_create(bytes, length);
        ret = wal_append(wal, NULL, &entry, 1);
        raft_buffer_unref(entry.data);
        return ret;
}

// Batches of entries, each synced; all of term 1, filled with their index.
static struct disk *disk_with_log(void)
{
        struct disk *disk = disk_create(3);
        struct wal *wal = open_new(disk);

        for (unsigned b = 0; b < BATCHES; b++) {
                struct raft_hard_state hard_state = {.term = 1, .vote = b + 1};

                cr_assert_eq(wal_append(wal, &hard_state, NULL, 0), 0);
                for (unsigned i = 1; i <= BATCH; i++) {
                        raft_index index = b * BATCH + i;

                        cr_assert_eq(append(wal, index, 1, (uint8_t)index, DATA_BYTES), 0);
                }
                cr_assert_eq(wal_sync(wal), 0);
        }
        wal_close(wal);
        return disk;
}

static void check_entries(const struct wal_restored *restored, const char *what, size_t at)
{
        for (size_t i = 0; i < restored->entry_count; i++) {
                const struct raft_entry *entry = &restored->entries[i];

                cr_assert(entry->index == i + 1 && entry->term == 1 &&
                              entry->data->length == DATA_BYTES &&
                              entry->data->bytes[0] == (uint8_t)(i + 1) &&
                              entry->data->bytes[DATA_BYTES - 1] == (uint8_t)(i + 1),
                          "%s at %zu: entry %zu is wrong", what, at, i + 1);
        }
}

struct outcome {
        unsigned intact, cut, refused;
};

// Whatever is wrong with the file: all of the log, the log without its last write, or a refusal
// that names the file.
static void try_open(struct disk *disk, unsigned sequence, const char *what, size_t at,
                     struct outcome *outcome)
{
        struct wal_options options = options_of(disk);
        struct wal_restored restored;
        char error[WAL_ERROR_MAX];
        struct wal *wal;
        int ret = wal_open(FOLDER, &options, &wal, &restored, error);

        if (ret < 0) {
                cr_assert(ret == -EUCLEAN || ret == -ENOTSUP, "%s at %zu: %d", what, at, ret);
                cr_assert_neq(strstr(error, path_of(sequence)), NULL, "%s at %zu: %s", what, at,
                              error);
                outcome->refused++;
                return;
        }
        check_entries(&restored, what, at);
        if (restored.entry_count == BATCHES * BATCH && restored.notice[0] == '\0') {
                cr_assert_eq(restored.hard_state.vote, BATCHES);
                outcome->intact++;
        } else {
                cr_assert_geq(restored.entry_count, (BATCHES - 1) * BATCH, "%s at %zu: %s", what,
                              at, restored.notice);
                cr_assert_geq(restored.hard_state.vote, BATCHES - 1);
                cr_assert_neq(strstr(restored.notice, path_of(sequence)), NULL, "%s",
                              restored.notice);
                outcome->cut++;
        }
        wal_restored_fini(&restored);
        wal_close(wal);
}

static uint8_t *copy_of(struct disk *disk, unsigned sequence, size_t *length)
{
        struct disk_bytes *bytes = disk_open_bytes(disk, path_of(sequence));
        uint8_t *copy;

        cr_assert_neq(bytes, NULL);
        *length = bytes->length;
        copy = malloc(bytes->length);
        memcpy(copy, bytes->bytes, bytes->length);
        return copy;
}

static struct outcome flip_all(struct disk *disk, unsigned sequence)
{
        struct outcome outcome = {0};
        size_t length;
        uint8_t *good = copy_of(disk, sequence, &length);
        uint8_t *bad = malloc(length);

        for (size_t at = 0; at < length; at++) {
                memcpy(bad, good, length);
                bad[at] ^= (uint8_t)(1u << at % 8);
                disk_store(disk, path_of(sequence), bad, length);
                try_open(disk, sequence, "a flipped bit", at, &outcome);
        }
        disk_store(disk, path_of(sequence), good, length);
        free(good);
        free(bad);
        return outcome;
}

Test(raft_wal_damage, a_flipped_bit_is_refused_wherever_a_later_sync_covers_it)
{
        struct disk *disk = disk_with_log();
        struct outcome first = flip_all(disk, 1), last = flip_all(disk, 4);
        struct outcome again = {0};

        cr_assert_eq(disk_open_bytes(disk, path_of(5)), NULL, "the log has four segments");
        cr_expect_eq(first.cut, 0, "nothing is cut where a segment follows");
        cr_expect_gt(first.refused, 3500);
        cr_expect_lt(first.intact, 300, "only what is left free at the end does not matter");
        // The last write has its vote and four entries; what follows was never written.
        cr_expect_eq(last.refused + last.cut, 4096);
        cr_expect_lt(last.refused, 4096 - BATCH * wal_record_size(DATA_BYTES));
        cr_expect_gt(last.refused, 128);
        try_open(disk, 4, "nothing", 0, &again);
        cr_expect_eq(again.intact, 1);
        disk_destroy(disk);
}

Test(raft_wal_damage, a_shorter_file_is_refused)
{
        struct disk *disk = disk_with_log();
        size_t length;
        uint8_t *good = copy_of(disk, 4, &length);

        for (size_t n = 0; n < length; n += 13) {
                struct outcome outcome = {0};

                disk_store(disk, path_of(4), good, n);
                try_open(disk, 4, "an end", n, &outcome);
                cr_assert_eq(outcome.refused, 1, "cut off at %zu", n);
        }
        free(good);
        disk_destroy(disk);
}

Test(raft_wal_damage, a_missing_or_exchanged_segment_is_refused)
{
        struct disk *disk = disk_with_log();
        size_t length;
        uint8_t *second = copy_of(disk, 2, &length), *third = copy_of(disk, 3, &length);

        cr_assert_eq(disk->files.remove(disk, path_of(2)), 0);
        expect_refused(disk, -EUCLEAN, "0000000000000002.wal is missing");
        disk_store(disk, path_of(2), third, length);
        expect_refused(disk, -EUCLEAN, "0000000000000002.wal: damaged at offset 0");
        disk_store(disk, path_of(2), second, length);
        wal_close(open_new(disk));
        free(second);
        free(third);
        disk_destroy(disk);
}

Test(raft_wal_damage, a_newer_format_is_refused)
{
        struct disk *disk = disk_with_log();
        struct disk_bytes *bytes = disk_open_bytes(disk, path_of(4));
        struct wal_segment_header header;
        uint8_t newer[4096];

        cr_assert_eq(wal_segment_header_decode(bytes->bytes, &header), 0);
        memcpy(newer, bytes->bytes, sizeof(newer));
        newer[8] = 2;
        // The checksum keeps its place in every version.
        cr_assert_eq(wal_segment_header_decode(newer, &header), -EUCLEAN);
        disk_store(disk, path_of(4), newer, sizeof(newer));
        expect_refused(disk, -EUCLEAN, "damaged at offset 0");
        disk_destroy(disk);
}

// The disk wrote the second of two records and not the first. Once the first is cut, a record of
// its length must not make the second one valid again.
Test(raft_wal_damage, what_lies_behind_a_torn_record_never_comes_back)
{
        struct disk *disk = disk_create(1);
        struct wal_restored restored;
        struct wal *wal = open_new(disk);
        size_t size = wal_record_size(1000), length;
        uint8_t *bytes;

        cr_assert_eq(append(wal, 1, 1, 'a', 1000), 0);
        cr_assert_eq(append(wal, 2, 1, 'b', 1000), 0);
        wal_close(wal);
        bytes = copy_of(disk, 1, &length);
        memset(bytes + WAL_SEGMENT_HEADER_BYTES, 0, size);
        disk_store(disk, path_of(1), bytes, length);
        free(bytes);

        wal = open_log(disk, &restored);
        cr_expect_eq(restored.entry_count, 0);
        cr_expect_neq(strstr(restored.notice, "offset 128"), NULL, "%s", restored.notice);
        wal_restored_fini(&restored);
        cr_assert_eq(append(wal, 1, 2, 'c', 1000), 0);
        cr_assert_eq(wal_sync(wal), 0);
        wal_close(wal);

        wal = open_log(disk, &restored);
        cr_expect_eq(restored.entry_count, 1);
        cr_expect_eq(restored.entries[0].term, 2);
        cr_expect_str_empty(restored.notice, "%s", restored.notice);
        wal_restored_fini(&restored);
        wal_close(wal);
        disk_destroy(disk);
}

Test(raft_wal_damage, a_failed_sync_is_final_and_says_where)
{
        struct disk *disk = disk_create(1);
        struct wal *wal = open_new(disk);

        cr_assert_eq(append(wal, 1, 1, 'a', 10), 0);
        disk->fail_sync_at = 1;
        cr_expect_eq(wal_sync(wal), -EIO);
        disk->fail_sync_at = 0;
        cr_expect_eq(wal_sync(wal), -EIO, "the kernel may have dropped the data");
        cr_expect_eq(append(wal, 2, 1, 'b', 10), -EIO);
        cr_expect_eq(wal_trim(wal, 2), -EIO);
        cr_expect_eq(wal_reset(wal, 9, 9), -EIO);
        cr_expect_eq(wal_prepare(wal), -EIO);
        cr_expect_neq(strstr(wal_error_text(wal), "/raft: syncing log segment 1"), NULL, "%s",
                      wal_error_text(wal));
        wal_close(wal);
        disk_destroy(disk);
}

Test(raft_wal_damage, a_full_disk_is_said_and_loses_nothing)
{
        struct disk *disk = disk_create(1);
        struct wal *wal = open_new(disk);
        struct wal_restored restored;
        raft_index index = 0;

        disk->capacity = 3 * 4096;
        while (append(wal, index + 1, 1, (uint8_t)(index + 1), DATA_BYTES) == 0 &&
               wal_sync(wal) == 0)
                index++;
        cr_expect_eq(wal_sync(wal), -ENOSPC);
        cr_expect_neq(strstr(wal_error_text(wal), "free some space"), NULL, "%s",
                      wal_error_text(wal));
        cr_expect_gt(index, 40, "three segments are full");
        wal_close(wal);
        disk_restart(disk);
        wal = open_log(disk, &restored);
        cr_expect_eq(restored.entry_count, index);
        check_entries(&restored, "full", 0);
        wal_restored_fini(&restored);
        wal_close(wal);
        disk_destroy(disk);
}

Test(raft_wal_damage, entries_that_cannot_follow_are_refused_and_change_nothing)
{
        struct disk *disk = disk_create(1);
        struct wal *wal = open_new(disk);
        struct raft_entry apart[2] = {{.index = 1, .term = 1}, {.index = 3, .term = 1}};

        cr_expect_eq(append(wal, 2, 1, 'a', 10), -EINVAL, "a gap");
        cr_expect_eq(append(wal, 0, 1, 'a', 10), -EINVAL);
        cr_expect_eq(wal_append(wal, NULL, apart, 2), -EINVAL);
        for (raft_index i = 1; i <= 5; i++)
                cr_expect_eq(append(wal, i, 1, 'a', 10), 0);
        cr_expect_eq(wal_trim(wal, 4), 0);
        cr_expect_eq(append(wal, 3, 1, 'a', 10), -EINVAL, "what is forgotten stays so");
        cr_expect_eq(append(wal, 4, 2, 'a', 10), 0);
        cr_expect_eq(append(wal, 5, 2, 'a', 7000), 0, "larger than a segment");
        cr_expect_eq(wal_sync(wal), 0);
        wal_close(wal);
        disk_destroy(disk);
}

Test(raft_wal_damage, a_log_in_use_missing_or_cut_off_from_its_snapshot_is_refused)
{
        struct disk *disk = disk_create(1);
        struct wal_options options = options_of(disk);
        struct wal_restored restored;
        char error[WAL_ERROR_MAX];
        struct wal *wal, *other;

        options.must_exist = true;
        cr_expect_eq(wal_open(FOLDER, &options, &wal, &restored, error), -ENODATA);
        cr_expect_neq(strstr(error, "the log is gone"), NULL, "%s", error);
        wal = open_new(disk);
        cr_expect_eq(wal_open(FOLDER, &options, &other, &restored, error), -EWOULDBLOCK);
        cr_expect_neq(strstr(error, "another process"), NULL, "%s", error);
        cr_assert_eq(wal_reset(wal, 50, 3), 0);
        wal_close(wal);
        options.snapshot_index = 40;
        options.snapshot_term = 3;
        cr_expect_eq(wal_open(FOLDER, &options, &wal, &restored, error), -ENODATA);
        cr_expect_neq(strstr(error, "behind entry 50"), NULL, "%s", error);
        options.snapshot_index = 50;
        cr_assert_eq(wal_open(FOLDER, &options, &wal, &restored, error), 0, "%s", error);
        cr_expect_eq(restored.base_index, 50);
        wal_close(wal);
        disk_destroy(disk);
}
