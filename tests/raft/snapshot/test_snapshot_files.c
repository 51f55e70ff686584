#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raft/snapshot/snapshot_files.h"
#include "tests/raft/files/disk.h"

#define FOLDER  "/snapshots"
#define CLUSTER 0x1234abcdu

static struct snapshot_info info_of(raft_index index, raft_term term)
{
        struct snapshot_info info = {.index = index, .term = term};

        info.configuration.cluster_id = CLUSTER;
        info.configuration.server_count = 1;
        info.configuration.servers[0] =
            (struct raft_server){.id = 7, .voter = true, .address = "127.0.0.1:8300"};
        return info;
}

static const char *path_of(raft_index index, raft_term term)
{
        static char path[128];

        snprintf(path, sizeof(path), FOLDER "/%016llx-%016llx.snapshot", (unsigned long long)term,
                 (unsigned long long)index);
        return path;
}

// Half of it compresses and half does not.
static uint8_t body_byte(uint64_t seed, size_t i)
{
        uint64_t z = (seed + i) * 0x9e3779b97f4a7c15u;

        return (i / 1000) % 2 == 0 ? (uint8_t)(seed + i / 100) : (uint8_t)(z >> 40);
}

struct body {
        uint64_t seed;
        size_t length;
};

static int check_body(void *argument, const void *bytes, size_t length)
{
        struct body *b = argument;

        for (size_t i = 0; i < length; i++)
                if (((const uint8_t *)bytes)[i] != body_byte(b->seed, b->length + i))
                        return -EBADMSG;
        b->length += length;
        return 0;
}

// returns 0 or the error; pieces of odd lengths on purpose.
static int write_snapshot(struct snapshot_store *store, raft_index index, raft_term term,
                          size_t length)
{
        struct snapshot_info info = info_of(index, term);
        struct snapshot_writer *writer;
        char error[SNAPSHOT_ERROR_MAX];
        uint8_t piece[777];
        int ret = snapshot_writer_open(store, &info, &writer, error);

        if (ret < 0)
                return ret;
        for (size_t at = 0; at < length;) {
                size_t n = length - at < sizeof(piece) ? length - at : sizeof(piece);

                for (size_t i = 0; i < n; i++)
                        piece[i] = body_byte(index, at + i);
                ret = snapshot_writer_write(writer, piece, n);
                if (ret < 0) {
                        snapshot_writer_abort(writer);
                        return ret;
                }
                at += n;
        }
        return snapshot_writer_commit(writer, NULL, error);
}

static struct snapshot_store *open_store(struct disk *disk)
{
        struct snapshot_store *store;
        char error[SNAPSHOT_ERROR_MAX];

        cr_assert_eq(snapshot_store_open(FOLDER, &disk->files, &store, error), 0, "%s", error);
        return store;
}

// returns the newest whole snapshot's index, 0 without any; its body must be right.
static raft_index newest(struct snapshot_store *store, size_t length, char *notice)
{
        struct snapshot_reader *reader;
        char error[SNAPSHOT_ERROR_MAX];
        struct body body = {0};
        raft_index index;
        int ret = snapshot_reader_open_newest(store, &reader, notice, error);

        if (ret == -ENOENT)
                return 0;
        cr_assert_eq(ret, 0, "%s", error);
        index = snapshot_reader_info(reader)->index;
        cr_assert_eq(snapshot_reader_info(reader)->configuration.cluster_id, CLUSTER);
        for (int twice = 0; twice < 2; twice++) {
                body = (struct body){.seed = index};
                cr_assert_eq(snapshot_reader_body(reader, check_body, &body, error), 0, "%s",
                             error);
                cr_assert_eq(body.length, length);
        }
        snapshot_reader_close(reader);
        return index;
}

Test(raft_snapshot_files, a_body_of_any_length_comes_back)
{
        static const size_t lengths[] = {0, 1, 2, 999, 262143, 262144, 262145, 3000000};
        struct disk *disk = disk_create(1);
        struct snapshot_store *store = open_store(disk);
        char notice[SNAPSHOT_ERROR_MAX];

        cr_expect_eq(newest(store, 0, notice), 0, "no snapshot at all");
        disk->short_writes = true;
        for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
                cr_assert_eq(write_snapshot(store, 10 + i, 3, lengths[i]), 0);
                cr_expect_eq(newest(store, lengths[i], notice), 10 + i);
                cr_expect_str_empty(notice);
        }
        snapshot_store_close(store);
        disk_destroy(disk);
}

Test(raft_snapshot_files, the_same_state_gives_the_same_bytes)
{
        struct disk *one = disk_create(1), *other = disk_create(2);
        struct snapshot_store *a = open_store(one), *b = open_store(other);
        struct disk_bytes *x, *y;

        cr_assert_eq(write_snapshot(a, 5, 2, 500000), 0);
        cr_assert_eq(write_snapshot(b, 5, 2, 500000), 0);
        x = disk_open_bytes(one, path_of(5, 2));
        y = disk_open_bytes(other, path_of(5, 2));
        cr_assert_eq(x->length, y->length);
        cr_expect_eq(memcmp(x->bytes, y->bytes, x->length), 0);
        snapshot_store_close(a);
        snapshot_store_close(b);
        disk_destroy(one);
        disk_destroy(other);
}

Test(raft_snapshot_files, the_last_two_are_kept_newest_first)
{
        struct disk *disk = disk_create(1);
        struct snapshot_store *store = open_store(disk);
        struct snapshot_file all[SNAPSHOT_LIST_MAX];

        for (raft_index i = 1; i <= 5; i++)
                cr_assert_eq(write_snapshot(store, i * 100, 9 - i, 50), 0);
        cr_assert_eq(snapshot_list(store, all), 2);
        cr_expect_eq(all[0].index, 500, "a lower term does not make it older");
        cr_expect_eq(all[1].index, 400);
        snapshot_store_close(store);
        disk_destroy(disk);
}

// Two snapshots; the newest is damaged by the caller.
static struct snapshot_store *two(struct disk *disk, size_t length, struct disk_bytes *good)
{
        struct snapshot_store *store = open_store(disk);
        struct disk_bytes *bytes;

        cr_assert_eq(write_snapshot(store, 10, 1, length), 0);
        cr_assert_eq(write_snapshot(store, 20, 1, length), 0);
        bytes = disk_open_bytes(disk, path_of(20, 1));
        good->length = bytes->length;
        good->bytes = malloc(good->length);
        memcpy(good->bytes, bytes->bytes, good->length);
        return store;
}

static void expect_fallback(struct snapshot_store *store, size_t length, const char *what,
                            size_t at)
{
        char notice[SNAPSHOT_ERROR_MAX];

        cr_assert_eq(newest(store, length, notice), 10, "%s at %zu went unnoticed", what, at);
        cr_assert_neq(strstr(notice, path_of(20, 1)), NULL, "%s at %zu: \"%s\"", what, at, notice);
        cr_assert_neq(strstr(notice, "damaged at offset"), NULL, "%s", notice);
}

Test(raft_snapshot_files, damage_to_any_byte_falls_back_to_the_one_before)
{
        struct disk *disk = disk_create(1);
        struct disk_bytes good;
        struct snapshot_store *store = two(disk, 3000, &good);

        for (size_t at = 0; at < good.length; at++) {
                uint8_t before = good.bytes[at];

                good.bytes[at] ^= (uint8_t)(1u << at % 8);
                disk_store(disk, path_of(20, 1), good.bytes, good.length);
                good.bytes[at] = before;
                expect_fallback(store, 3000, "a flipped bit", at);
        }
        snapshot_store_close(store);
        free(good.bytes);
        disk_destroy(disk);
}

Test(raft_snapshot_files, a_file_of_any_other_length_falls_back_too)
{
        struct disk *disk = disk_create(1);
        struct disk_bytes good;
        struct snapshot_store *store = two(disk, 2000, &good);

        for (size_t length = 0; length < good.length; length++) {
                disk_store(disk, path_of(20, 1), good.bytes, length);
                expect_fallback(store, 2000, "an end", length);
        }
        good.bytes = realloc(good.bytes, good.length + 1);
        good.bytes[good.length] = 0;
        disk_store(disk, path_of(20, 1), good.bytes, good.length + 1);
        expect_fallback(store, 2000, "a longer file", good.length);
        snapshot_store_close(store);
        free(good.bytes);
        disk_destroy(disk);
}

Test(raft_snapshot_files, when_none_is_whole_that_is_said_with_both_names)
{
        struct disk *disk = disk_create(1);
        struct disk_bytes good;
        struct snapshot_store *store = two(disk, 100, &good);
        char notice[SNAPSHOT_ERROR_MAX], error[SNAPSHOT_ERROR_MAX];
        struct snapshot_reader *reader;

        disk_store(disk, path_of(20, 1), good.bytes, 90);
        // Whole, but of another index than its name says.
        disk_store(disk, path_of(10, 1), good.bytes, good.length);
        cr_assert_eq(snapshot_reader_open_newest(store, &reader, notice, error), -EUCLEAN);
        cr_expect_neq(strstr(error, path_of(20, 1)), NULL, "%s", error);
        cr_expect_neq(strstr(error, path_of(10, 1)), NULL, "%s", error);
        snapshot_store_close(store);
        free(good.bytes);
        disk_destroy(disk);
}

// returns what finishing says.
static int transfer(struct snapshot_store *from, struct snapshot_store *to, raft_index index,
                    uint64_t cluster_id, bool interrupted, char *error)
{
        struct snapshot_sender *sender;
        struct snapshot_receiver *receiver;
        uint64_t offset = 0;
        uint8_t chunk[1000];

        cr_assert_eq(snapshot_sender_open(from, index, 1, &sender, error), 0, "%s", error);
        cr_assert_eq(snapshot_receiver_open(to, index, 1, &receiver, error), 0, "%s", error);
        while (offset < snapshot_sender_length(sender)) {
                int64_t n = snapshot_sender_read(sender, offset, chunk, sizeof(chunk));

                cr_assert_gt(n, 0);
                cr_assert_eq(snapshot_receiver_write(receiver, offset, chunk, (size_t)n), 0);
                offset += (uint64_t)n;
                cr_assert_eq(snapshot_receiver_length(receiver), offset);
                cr_assert_eq(snapshot_receiver_write(receiver, offset + 1, chunk, 1), -ESPIPE);
                if (interrupted && offset > 5000) {
                        interrupted = false;
                        offset = 0;
                }
        }
        snapshot_sender_close(sender);
        return snapshot_receiver_finish(receiver, cluster_id, error);
}

Test(raft_snapshot_files, a_snapshot_travels_in_chunks)
{
        struct disk *here = disk_create(1), *there = disk_create(2);
        struct snapshot_store *from = open_store(here), *to = open_store(there);
        char error[SNAPSHOT_ERROR_MAX], notice[SNAPSHOT_ERROR_MAX];

        cr_assert_eq(write_snapshot(from, 30, 1, 100000), 0);
        cr_expect_eq(transfer(from, to, 30, CLUSTER + 1, false, error), -EXDEV);
        cr_expect_neq(strstr(error, "cluster"), NULL, "%s", error);
        cr_expect_eq(newest(to, 0, notice), 0, "another cluster's leaves nothing behind");
        cr_expect_eq(transfer(from, to, 30, CLUSTER, true, error), 0, "%s", error);
        cr_expect_eq(newest(to, 100000, notice), 30);
        cr_expect_eq(transfer(from, to, 30, 0, false, error), 0, "%s", error);
        snapshot_store_close(from);
        snapshot_store_close(to);
        disk_destroy(here);
        disk_destroy(there);
}

Test(raft_snapshot_files, a_damaged_one_is_not_let_in)
{
        struct disk *disk = disk_create(1);
        struct disk_bytes good;
        struct snapshot_store *store = two(disk, 5000, &good);
        char error[SNAPSHOT_ERROR_MAX], notice[SNAPSHOT_ERROR_MAX];
        struct snapshot_receiver *receiver;

        good.bytes[good.length / 2] ^= 4;
        cr_assert_eq(snapshot_receiver_open(store, 40, 1, &receiver, error), 0);
        cr_assert_eq(snapshot_receiver_write(receiver, 0, good.bytes, good.length), 0);
        cr_expect_eq(snapshot_receiver_finish(receiver, 0, error), -EUCLEAN);
        cr_expect_eq(newest(store, 5000, notice), 20);
        good.bytes[good.length / 2] ^= 4;
        cr_assert_eq(snapshot_receiver_open(store, 40, 1, &receiver, error), 0);
        cr_assert_eq(snapshot_receiver_write(receiver, 0, good.bytes, good.length), 0);
        cr_expect_eq(snapshot_receiver_finish(receiver, 0, error), -EUCLEAN,
                     "whole, but not the one that was announced");
        snapshot_store_close(store);
        free(good.bytes);
        disk_destroy(disk);
}

Test(raft_snapshot_files, a_full_disk_ends_the_writer_and_leaves_the_others)
{
        struct disk *disk = disk_create(1);
        struct snapshot_store *store = open_store(disk);
        struct snapshot_file all[SNAPSHOT_LIST_MAX];
        char notice[SNAPSHOT_ERROR_MAX];

        cr_assert_eq(write_snapshot(store, 10, 1, 3000), 0);
        disk->capacity = 100000;
        cr_expect_eq(write_snapshot(store, 20, 1, 9000000), -ENOSPC);
        cr_expect_eq(newest(store, 3000, notice), 10);
        cr_expect_eq(snapshot_list(store, all), 1);
        cr_expect_eq(write_snapshot(store, 21, 1, 3000), 0, "the room is given back");
        snapshot_store_close(store);
        disk_destroy(disk);
}

// After a crash in any operation the newest is the one before or the one that was being written,
// and after a commit that returned it is that one.
Test(raft_snapshot_files, no_operation_is_a_bad_moment_to_crash)
{
        for (uint64_t seed = 1; seed <= 300; seed++) {
                struct disk *disk = disk_create(seed);
                struct snapshot_store *store = open_store(disk);
                char notice[SNAPSHOT_ERROR_MAX];
                raft_index committed = 0, found;

                disk->crash_at = disk->operations + 1 + seed % 60;
                while (write_snapshot(store, committed + 1, 1, 2000) == 0)
                        committed++;
                snapshot_store_close(store);
                disk_restart(disk);
                store = open_store(disk);
                found = newest(store, 2000, notice);
                cr_assert(found == committed || found == committed + 1,
                          "seed %llu: committed %llu, found %llu", (unsigned long long)seed,
                          (unsigned long long)committed, (unsigned long long)found);
                cr_assert_str_empty(notice, "seed %llu: %s", (unsigned long long)seed, notice);
                for (size_t i = 0; i < DISK_FILES_MAX; i++)
                        cr_assert(disk->now[i].file < 0 || strstr(disk->now[i].path, ".snapshot"),
                                  "%s is left over", disk->now[i].path);
                snapshot_store_close(store);
                disk_destroy(disk);
        }
}
