#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raft/wal/wal_internal.h"

// On a full disk segments shrink down to this before the log gives up.
#define SMALLEST_ON_FULL_DISK (1u << 20)

__attribute__((format(printf, 3, 0))) static void explain(char *error, int ret, const char *format,
                                                          va_list arguments)
{
        size_t length;

        vsnprintf(error, WAL_ERROR_MAX, format, arguments);
        length = strlen(error);
        snprintf(error + length, WAL_ERROR_MAX - length, ": %s%s", strerror(-ret),
                 ret == -ENOSPC ? "; free some space and start the server again" : "");
}

int wal_explain(char *error, int ret, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        explain(error, ret, format, arguments);
        va_end(arguments);
        return ret;
}

int wal_fail(struct wal *wal, int ret, const char *format, ...)
{
        va_list arguments;

        assert(ret < 0);
        wal->error = ret;
        va_start(arguments, format);
        explain(wal->error_text, ret, format, arguments);
        va_end(arguments);
        return ret;
}

void wal_segment_path(const struct wal *wal, uint64_t sequence, char path[WAL_PATH_MAX])
{
        snprintf(path, WAL_PATH_MAX, "%s/%016" PRIx64 ".wal", wal->folder, sequence);
}

void wal_spare_path(const struct wal *wal, uint64_t number, char path[WAL_PATH_MAX])
{
        snprintf(path, WAL_PATH_MAX, "%s/%016" PRIx64 ".spare", wal->folder, number);
}

int wal_segments_push(struct wal *wal, const struct wal_segment *segment)
{
        if (wal->segment_count == wal->segment_capacity) {
                size_t capacity = wal->segment_capacity ? wal->segment_capacity * 2 : 8;
                struct wal_segment *grown =
                    realloc(wal->segments, capacity * sizeof(wal->segments[0]));

                if (grown == NULL)
                        return -ENOMEM;
                wal->segments = grown;
                wal->segment_capacity = capacity;
        }
        wal->segments[wal->segment_count++] = *segment;
        return 0;
}

int wal_spares_push(struct wal *wal, const struct wal_spare *spare)
{
        if (wal->spare_count == wal->spare_capacity) {
                size_t capacity = wal->spare_capacity ? wal->spare_capacity * 2 : 4;
                struct wal_spare *grown = realloc(wal->spares, capacity * sizeof(wal->spares[0]));

                if (grown == NULL)
                        return -ENOMEM;
                wal->spares = grown;
                wal->spare_capacity = capacity;
        }
        wal->spares[wal->spare_count++] = *spare;
        return 0;
}

static int make_file(struct wal *wal, const char *path, uint64_t length)
{
        const struct raft_files *files = wal->files;
        int ret, file = files->open(files->context, path, RAFT_OPEN_CREATE);

        if (file < 0)
                return file;
        ret = files->reserve(files->context, file, length);
        if (ret == 0)
                ret = files->sync(files->context, file);
        files->close(files->context, file);
        if (ret < 0)
                files->remove(files->context, path);
        return ret;
}

static bool may_halve(uint64_t length, uint64_t needed)
{
        return length / 2 >= SMALLEST_ON_FULL_DISK && length / 2 >= needed;
}

int wal_spare_make(struct wal *wal, uint64_t length, uint64_t needed)
{
        struct wal_spare spare = {.number = wal->spare_next, .rewritten = false};
        char path[WAL_PATH_MAX];
        int ret;

        if (length < needed)
                length = (needed + WAL_PAGE - 1) / WAL_PAGE * WAL_PAGE;
        wal_spare_path(wal, spare.number, path);
        ret = make_file(wal, path, length);
        if (ret == -ENOSPC) {
                while (ret == -ENOSPC && may_halve(length, needed)) {
                        length /= 2;
                        ret = make_file(wal, path, length);
                }
                // What just fits would leave no room for snapshots and the other small files.
                if (ret == 0 && may_halve(length, needed)) {
                        length /= 2;
                        ret = make_file(wal, path, length);
                }
        }
        if (ret < 0)
                return ret;
        spare.length = length;
        ret = wal_spares_push(wal, &spare);
        if (ret < 0) {
                wal->files->remove(wal->files->context, path);
                return ret;
        }
        wal->spare_next++;
        return 0;
}

// The index of a spare with enough room, written before if there is one; or spare_count.
static size_t find_spare(const struct wal *wal, uint64_t needed)
{
        size_t best = wal->spare_count;

        for (size_t i = 0; i < wal->spare_count; i++) {
                if (wal->spares[i].length < needed)
                        continue;
                if (best == wal->spare_count || wal->spares[i].rewritten)
                        best = i;
        }
        return best;
}

// Turn a spare into the next segment: its header is durable before its name says what it is.
static int convert_spare(struct wal *wal, const struct wal_spare *spare,
                         const struct wal_segment_header *header, int *out)
{
        const struct raft_files *files = wal->files;
        uint8_t bytes[WAL_SEGMENT_HEADER_BYTES];
        char from[WAL_PATH_MAX], to[WAL_PATH_MAX];
        int ret, file;

        wal_spare_path(wal, spare->number, from);
        wal_segment_path(wal, header->sequence, to);
        file = files->open(files->context, from, RAFT_OPEN_WRITE);
        if (file < 0)
                return file;
        wal_segment_header_encode(header, bytes);
        ret = raft_files_write_all(files, file, bytes, sizeof(bytes), 0);
        if (ret == 0)
                ret = files->sync(files->context, file);
        if (ret == 0)
                ret = files->rename(files->context, from, to);
        if (ret == 0)
                ret = files->sync_folder(files->context, wal->folder);
        if (ret < 0) {
                files->close(files->context, file);
                return ret;
        }
        *out = file;
        return 0;
}

int wal_segment_begin(struct wal *wal, uint64_t needed)
{
        struct wal_segment_header header = {
            .sequence = wal->header.sequence + 1,
            .previous_key = wal->header.key,
            .previous_end = wal_position(wal),
            .last_index = wal->last_index,
            .keep_from = wal->keep_from,
            .hard_state = wal->hard_state,
        };
        struct wal_segment segment = {.sequence = header.sequence};
        struct wal_spare spare;
        size_t which;
        int ret, file;

        assert(wal->stage_used == 0);
        needed += WAL_SEGMENT_HEADER_BYTES;
        which = find_spare(wal, needed);
        if (which == wal->spare_count) {
                ret = wal_spare_make(wal, wal->segment_bytes, needed);
                if (ret < 0)
                        return wal_fail(
                            wal, ret, "%s: cannot make a log segment of %" PRIu64 " bytes",
                            wal->folder, needed > wal->segment_bytes ? needed : wal->segment_bytes);
                which = wal->spare_count - 1;
        }
        spare = wal->spares[which];
        ret = wal->files->random(wal->files->context, &header.key, sizeof(header.key));
        header.length = segment.length = spare.length;
        header.rewritten = spare.rewritten;
        if (ret == 0)
                ret = wal_segments_push(wal, &segment);
        if (ret == 0)
                ret = convert_spare(wal, &spare, &header, &file);
        if (ret < 0)
                return wal_fail(wal, ret, "%s: cannot begin log segment %" PRIx64, wal->folder,
                                header.sequence);
        wal->spares[which] = wal->spares[--wal->spare_count];
        if (wal->file >= 0)
                wal->files->close(wal->files->context, wal->file);
        wal->file = file;
        wal->header = header;
        wal->stage_offset = WAL_SEGMENT_HEADER_BYTES;
        wal->durable = WAL_SEGMENT_HEADER_BYTES;
        wal->touched_end = 0;
        wal->prepared_end = spare.rewritten ? spare.length : WAL_PAGE;
        wal->statistics.written_bytes += WAL_PAGE;
        return 0;
}

int wal_segment_retire(struct wal *wal)
{
        const struct raft_files *files = wal->files;
        struct wal_segment segment = wal->segments[0];
        struct wal_spare spare = {
            .number = wal->spare_next, .length = segment.length, .rewritten = true};
        char from[WAL_PATH_MAX], to[WAL_PATH_MAX];
        int ret;

        assert(wal->segment_count > 1);
        wal_segment_path(wal, segment.sequence, from);
        if (segment.length == wal->segment_bytes && wal->spare_count < wal->spare_max &&
            wal_spares_push(wal, &spare) == 0) {
                wal_spare_path(wal, spare.number, to);
                wal->spare_next++;
                ret = files->rename(files->context, from, to);
        } else {
                ret = files->remove(files->context, from);
        }
        // One at a time and in order, so that no crash leaves a hole between segments.
        if (ret == 0)
                ret = files->sync_folder(files->context, wal->folder);
        if (ret < 0)
                return wal_fail(wal, ret, "%s: cannot retire it", from);
        wal->segment_count--;
        memmove(wal->segments, wal->segments + 1, wal->segment_count * sizeof(segment));
        return 0;
}
