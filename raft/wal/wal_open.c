#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raft/wal/wal_internal.h"

#define SPARE_MAX_DEFAULT 2u
#define NUMBER_DIGITS     16u

// The number in a file's name, when it has this ending.
static bool parse_name(const char *name, const char *ending, uint64_t *number)
{
        uint64_t value = 0;

        for (unsigned i = 0; i < NUMBER_DIGITS; i++) {
                static const char digits[] = "0123456789abcdef";
                const char *digit = name[i] == '\0' ? NULL : strchr(digits, name[i]);

                if (digit == NULL)
                        return false;
                value = value << 4 | (uint64_t)(digit - digits);
        }
        *number = value;
        return strcmp(name + NUMBER_DIGITS, ending) == 0;
}

static int visit(void *argument, const char *name)
{
        struct wal *wal = argument;
        struct wal_segment segment = {0};
        struct wal_spare spare = {0};

        if (parse_name(name, ".wal", &segment.sequence))
                return wal_segments_push(wal, &segment);
        if (parse_name(name, ".spare", &spare.number))
                return wal_spares_push(wal, &spare);
        return 0;
}

static int compare_segments(const void *a, const void *b)
{
        uint64_t x = ((const struct wal_segment *)a)->sequence;
        uint64_t y = ((const struct wal_segment *)b)->sequence;

        return x < y ? -1 : x > y;
}

// Spares of another size were not finished, or made under other settings.
static int check_spares(struct wal *wal)
{
        const struct raft_files *files = wal->files;
        size_t kept = 0;

        for (size_t i = 0; i < wal->spare_count; i++) {
                struct wal_spare *spare = &wal->spares[i];
                char path[WAL_PATH_MAX];
                int64_t length;
                int ret, file;

                if (wal->spare_next <= spare->number)
                        wal->spare_next = spare->number + 1;
                wal_spare_path(wal, spare->number, path);
                file = files->open(files->context, path, RAFT_OPEN_READ);
                if (file < 0)
                        return file;
                length = files->length(files->context, file);
                files->close(files->context, file);
                spare->length = length < 0 ? 0 : (uint64_t)length;
                if (spare->length == wal->segment_bytes && kept < wal->spare_max) {
                        wal->spares[kept++] = *spare;
                        continue;
                }
                ret = files->remove(files->context, path);
                if (ret < 0)
                        return ret;
        }
        wal->spare_count = kept;
        return 0;
}

static int list_folder(struct wal *wal, char *error)
{
        int ret = wal->files->list(wal->files->context, wal->folder, visit, wal);

        if (ret == 0)
                ret = check_spares(wal);
        if (ret < 0)
                return wal_explain(error, ret, "%s: cannot look for log segments", wal->folder);
        if (wal->segment_count > 0)
                qsort(wal->segments, wal->segment_count, sizeof(wal->segments[0]),
                      compare_segments);
        for (size_t i = 1; i < wal->segment_count; i++) {
                uint64_t expected = wal->segments[i - 1].sequence + 1;
                char path[WAL_PATH_MAX];

                if (wal->segments[i].sequence == expected)
                        continue;
                wal_segment_path(wal, expected, path);
                raft_files_say(
                    error, WAL_ERROR_MAX,
                    "%s is missing between other log segments: put it back, or remove this "
                    "server's raft folder and let it join again",
                    path);
                return -EUCLEAN;
        }
        return 0;
}

static int prepare(struct wal *wal, const char *folder, const struct wal_options *options,
                   char *error)
{
        int ret;

        wal->file = -1;
        wal->lock = -1;
        wal->keep_from = 1;
        wal->files = options->files != NULL ? options->files : &raft_posix_files;
        wal->segment_bytes = options->segment_bytes ? options->segment_bytes : WAL_SEGMENT_BYTES;
        wal->spare_max = options->spare_max ? options->spare_max : SPARE_MAX_DEFAULT;
        if (wal->segment_bytes < WAL_SEGMENT_MIN || strlen(folder) >= sizeof(wal->folder))
                return wal_explain(error, -EINVAL, "%s: cannot open the log", folder);
        memcpy(wal->folder, folder, strlen(folder) + 1);
        ret = raft_files_ensure_folder(wal->files, folder);
        if (ret < 0)
                return wal_explain(error, ret, "%s: cannot make the folder", folder);
        ret = wal->files->lock(wal->files->context, folder);
        if (ret == -EWOULDBLOCK) {
                snprintf(
                    error, WAL_ERROR_MAX,
                    "%s: another process uses this folder: stop it, or choose another data_dir",
                    folder);
                return ret;
        }
        if (ret < 0)
                return wal_explain(error, ret, "%s: cannot lock the folder", folder);
        wal->lock = ret;
        return list_folder(wal, error);
}

static int begin_new(struct wal *wal, bool must_exist, char *error)
{
        int ret;

        if (must_exist) {
                raft_files_say(
                    error, WAL_ERROR_MAX,
                    "%s: the log is gone, though this server has run before: put its files "
                    "back, or remove the whole folder and let the server join again",
                    wal->folder);
                return -ENODATA;
        }
        ret = wal_segment_begin(wal, 0);
        if (ret < 0)
                memcpy(error, wal->error_text, WAL_ERROR_MAX);
        return ret;
}

// Make the log fit the snapshot it will be used with.
static int fit_snapshot(struct wal *wal, const struct wal_options *options,
                        struct wal_restored *restored, char *error)
{
        raft_index index = options->snapshot_index;
        const struct raft_entry *entry;

        if (restored->base_index > index) {
                raft_files_say(error, WAL_ERROR_MAX,
                               "%s: the log begins behind entry %" PRIu64
                               ", but the newest whole snapshot ends at %" PRIu64
                               ": entries are missing; put the newer snapshot back, or remove this "
                               "server's raft folder and let it join again",
                               wal->folder, restored->base_index, index);
                return -ENODATA;
        }
        if (index == restored->base_index)
                return 0;
        if (index <= wal->last_index) {
                entry = &restored->entries[index - restored->base_index - 1];
                if (entry->term == options->snapshot_term)
                        return 0;
        }
        if (wal_reset(wal, index, options->snapshot_term) < 0) {
                memcpy(error, wal->error_text, WAL_ERROR_MAX);
                return wal->error;
        }
        for (size_t i = 0; i < restored->entry_count; i++)
                raft_buffer_unref(restored->entries[i].data);
        restored->entry_count = 0;
        restored->base_index = index;
        return 0;
}

int wal_open(const char *folder, const struct wal_options *options, struct wal **out,
             struct wal_restored *restored, char *error)
{
        struct wal *wal = calloc(1, sizeof(*wal));
        int ret;

        memset(restored, 0, sizeof(*restored));
        error[0] = '\0';
        if (wal == NULL)
                return wal_explain(error, -ENOMEM, "%s: cannot open the log", folder);
        ret = prepare(wal, folder, options, error);
        if (ret < 0)
                goto close_wal;
        if (wal->segment_count == 0)
                ret = begin_new(wal, options->must_exist, error);
        else
                ret = wal_recover(wal, restored, error);
        if (ret == 0)
                ret = fit_snapshot(wal, options, restored, error);
        if (ret < 0)
                goto free_restored;
        *out = wal;
        return 0;
free_restored:
        wal_restored_fini(restored);
close_wal:
        wal_close(wal);
        return ret;
}

void wal_restored_fini(struct wal_restored *restored)
{
        for (size_t i = 0; i < restored->entry_count; i++)
                raft_buffer_unref(restored->entries[i].data);
        free(restored->entries);
        memset(restored, 0, sizeof(*restored));
}
