// The write-ahead log on a real disk: acknowledged entries a second and their latency at several
// batch sizes, bytes written for a byte of payload, and the time to open a large log.
//
//   wal [--seconds N] [--records N] [FOLDER]   the folder is made and removed; ./wal.bench

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "raft/wal/wal.h"

#define PAYLOAD_BYTES 256u
#define RECORD_BYTES  300u
#define BATCH_MAX     1024u
#define SAMPLES_MAX   1000000u

struct bench {
        const char *folder;
        double seconds;
        size_t records;
        struct raft_entry entries[BATCH_MAX];
        double *samples_us;
};

static double now_s(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void fail(const char *what)
{
        fprintf(stderr, "wal: %s\n", what);
        exit(1);
}

static void remove_folder(const char *folder)
{
        DIR *dir = opendir(folder);
        struct dirent *entry;
        char path[4096];

        if (dir == NULL)
                return;
        while ((entry = readdir(dir)) != NULL) {
                snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
                unlink(path);
        }
        closedir(dir);
        rmdir(folder);
}

// What this process made the disk write, as the kernel counts it.
static uint64_t disk_bytes(void)
{
        FILE *file = fopen("/proc/self/io", "r");
        unsigned long long bytes = 0;
        char line[128];

        while (file != NULL && fgets(line, sizeof(line), file) != NULL)
                if (sscanf(line, "write_bytes: %llu", &bytes) == 1)
                        break;
        if (file != NULL)
                fclose(file);
        return bytes;
}

static struct wal *open_log(const struct bench *b, struct wal_restored *restored)
{
        struct wal_options options = {.segment_bytes = 0};
        char error[WAL_ERROR_MAX];
        struct wal *wal;

        if (wal_open(b->folder, &options, &wal, restored, error) < 0)
                fail(error);
        return wal;
}

static void fill(struct bench *b, size_t length)
{
        uint8_t bytes[RECORD_BYTES];

        for (size_t i = 0; i < BATCH_MAX; i++) {
                for (size_t k = 0; k < length; k++)
                        bytes[k] = (uint8_t)(i * 31 + k * 7);
                raft_buffer_unref(b->entries[i].data);
                b->entries[i].data = raft_buffer_create(bytes, length);
                b->entries[i].type = RAFT_ENTRY_COMMAND;
                b->entries[i].term = 1;
                if (b->entries[i].data == NULL)
                        fail("out of memory");
        }
}

static void append(struct bench *b, struct wal *wal, raft_index *last, size_t count)
{
        for (size_t i = 0; i < count; i++)
                b->entries[i].index = *last + 1 + i;
        if (wal_append(wal, NULL, b->entries, count) < 0)
                fail(wal_error_text(wal));
        *last += count;
}

static int compare(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return x < y ? -1 : x > y;
}

static void run_batches(struct bench *b, struct wal *wal, raft_index *last, size_t count,
                        const char *files)
{
        double begin = now_s(), elapsed = 0;
        struct wal_statistics before, after;
        uint64_t disk_before;
        size_t rounds = 0;

        wal_statistics(wal, &before);
        disk_before = disk_bytes();
        while (elapsed < b->seconds && rounds < SAMPLES_MAX) {
                double start = now_s();

                append(b, wal, last, count);
                if (wal_sync(wal) < 0)
                        fail(wal_error_text(wal));
                b->samples_us[rounds++] = (now_s() - start) * 1e6;
                elapsed = now_s() - begin;
        }
        wal_statistics(wal, &after);
        qsort(b->samples_us, rounds, sizeof(double), compare);
        printf("{\"batch\": %zu, \"files\": \"%s\", \"per_second\": %.0f, \"p50_us\": %.0f, "
               "\"p99_us\": %.0f, \"max_us\": %.0f, \"written_per_byte\": %.2f, "
               "\"disk_per_byte\": %.2f}\n",
               count, files, (double)(rounds * count) / elapsed, b->samples_us[rounds / 2],
               b->samples_us[rounds * 99 / 100], b->samples_us[rounds - 1],
               (double)(after.written_bytes - before.written_bytes) /
                   (double)(after.payload_bytes - before.payload_bytes),
               (double)(disk_bytes() - disk_before) /
                   (double)(after.payload_bytes - before.payload_bytes));
        fflush(stdout);
}

// Fill segments until they come around as spares, then measure on those.
static void recycle(struct bench *b, struct wal *wal, raft_index *last)
{
        for (size_t i = 0; i < 3 * (WAL_SEGMENT_BYTES / (BATCH_MAX * PAYLOAD_BYTES)); i++) {
                append(b, wal, last, BATCH_MAX);
                if (i % 64 == 63 && (wal_sync(wal) < 0 || wal_trim(wal, *last) < 0))
                        fail(wal_error_text(wal));
        }
        if (wal_sync(wal) < 0)
                fail(wal_error_text(wal));
}

static void run_appends(struct bench *b)
{
        static const size_t counts[] = {1, 16, 128};
        struct wal_restored restored;
        raft_index last = 0;
        struct wal *wal;

        fill(b, PAYLOAD_BYTES);
        for (int used = 0; used < 2; used++) {
                remove_folder(b->folder);
                wal = open_log(b, &restored);
                wal_restored_fini(&restored);
                last = 0;
                if (used)
                        recycle(b, wal, &last);
                for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
                        run_batches(b, wal, &last, counts[i], used ? "recycled" : "new");
                wal_close(wal);
        }
}

static void run_open(struct bench *b)
{
        struct wal_restored restored;
        raft_index last = 0;
        struct wal *wal;
        double start;

        remove_folder(b->folder);
        fill(b, RECORD_BYTES);
        wal = open_log(b, &restored);
        wal_restored_fini(&restored);
        start = now_s();
        while (last < b->records)
                append(b, wal, &last,
                       b->records - last < BATCH_MAX ? (size_t)(b->records - last) : BATCH_MAX);
        if (wal_sync(wal) < 0)
                fail(wal_error_text(wal));
        printf("{\"records\": %zu, \"append_s\": %.3f", b->records, now_s() - start);
        wal_close(wal);
        start = now_s();
        wal = open_log(b, &restored);
        printf(", \"open_s\": %.3f}\n", now_s() - start);
        if (restored.entry_count != b->records)
                fail("records are missing");
        wal_restored_fini(&restored);
        wal_close(wal);
}

int main(int argc, char **argv)
{
        struct bench b = {.folder = "wal.bench", .seconds = 2, .records = 1000000};

        for (int i = 1; i < argc; i++) {
                if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc) {
                        b.seconds = strtod(argv[++i], NULL);
                } else if (strcmp(argv[i], "--records") == 0 && i + 1 < argc) {
                        b.records = (size_t)strtoull(argv[++i], NULL, 10);
                } else if (argv[i][0] == '-') {
                        fprintf(stderr, "usage: wal [--seconds N] [--records N] [FOLDER]\n");
                        return 2;
                } else {
                        b.folder = argv[i];
                }
        }
        b.samples_us = malloc(SAMPLES_MAX * sizeof(double));
        if (b.samples_us == NULL)
                fail("out of memory");
        run_appends(&b);
        run_open(&b);
        remove_folder(b.folder);
        for (size_t i = 0; i < BATCH_MAX; i++)
                raft_buffer_unref(b.entries[i].data);
        free(b.samples_us);
        return 0;
}
