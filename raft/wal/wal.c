#include "raft/wal/wal.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "raft/wal/wal_internal.h"

// A run of appends below SMALL_APPEND writes zeros ahead, so that the next ones find blocks that
// the file system has no news to journal about. Among larger ones it would double what they write.
#define SMALL_APPEND (8u << 10)
#define SMALL_RUN    8u
#define ZERO_AHEAD   (64u << 10)

static uint64_t page_down(uint64_t offset)
{
        return offset / WAL_PAGE * WAL_PAGE;
}

static uint64_t page_up(uint64_t offset)
{
        return page_down(offset + WAL_PAGE - 1);
}

static int stage_reserve(struct wal *wal, size_t length)
{
        uint8_t *grown;

        if (length <= wal->stage_capacity)
                return 0;
        grown = realloc(wal->stage, length);
        if (grown == NULL)
                return wal_fail(wal, -ENOMEM, "%s: cannot append", wal->folder);
        wal->stage = grown;
        wal->stage_capacity = length;
        return 0;
}

// Fill the last page with zeros: a page that is written whole need not be read first, and what an
// earlier use of the file left there goes. returns how many.
static size_t fill_page(struct wal *wal)
{
        uint64_t end = wal_position(wal), until = page_up(end);

        if (until <= wal->touched_end || until > wal->header.length ||
            wal->stage_used + WAL_PAGE > wal->stage_capacity)
                return 0;
        memset(wal->stage + wal->stage_used, 0, (size_t)(until - end));
        return (size_t)(until - end);
}

// One page at a time: the kernel would keep what is written at once in one piece, and count all of
// it as written with each small append that follows.
static int zero_ahead(struct wal *wal, uint64_t end)
{
        static const uint8_t zeros[WAL_PAGE];
        uint64_t until = page_down(end + ZERO_AHEAD), at;
        int ret;

        for (at = page_up(end); at < until && at + WAL_PAGE <= wal->header.length; at += WAL_PAGE) {
                ret = raft_files_write_all(wal->files, wal->file, zeros, WAL_PAGE, at);
                if (ret < 0)
                        return ret;
                wal->statistics.written_bytes += WAL_PAGE;
        }
        if (wal->prepared_end < at)
                wal->prepared_end = at;
        return 0;
}

int wal_flush(struct wal *wal)
{
        uint64_t end = wal_position(wal);
        size_t length = wal->stage_used;
        int ret;

        if (length == 0)
                return 0;
        wal->statistics.written_bytes += page_up(end) - page_down(wal->stage_offset);
        wal->statistics.record_bytes += length;
        ret = raft_files_write_all(wal->files, wal->file, wal->stage, length + fill_page(wal),
                                   wal->stage_offset);
        wal->small_run = length < SMALL_APPEND ? wal->small_run + 1 : 0;
        if (ret == 0 && end > wal->prepared_end && wal->small_run >= SMALL_RUN)
                ret = zero_ahead(wal, end);
        if (ret < 0)
                return wal_fail(wal, ret, "%s: writing log segment %" PRIx64 " at offset %" PRIu64,
                                wal->folder, wal->header.sequence, wal->stage_offset);
        wal->stage_offset = end;
        wal->stage_used = 0;
        wal->unsynced = true;
        if (wal->touched_end < page_up(end))
                wal->touched_end = page_up(end);
        if (wal->prepared_end < wal->touched_end)
                wal->prepared_end = wal->touched_end;
        return 0;
}

static int put(struct wal *wal, const struct wal_record *record, const void *payload)
{
        struct wal_record complete = *record;
        size_t size = wal_record_size(record->length);
        int ret;

        if (wal_position(wal) + size > wal->header.length) {
                // The next segment says where this one ends, so that must be true by then.
                ret = wal_sync(wal);
                if (ret == 0)
                        ret = wal_segment_begin(wal, size);
                if (ret < 0)
                        return ret;
        } else if (wal->stage_used + size > WAL_STAGE_BYTES) {
                ret = wal_flush(wal);
                if (ret < 0)
                        return ret;
        }
        ret = stage_reserve(wal, WAL_PAGE + (size > WAL_STAGE_BYTES ? size : WAL_STAGE_BYTES));
        if (ret < 0)
                return ret;
        complete.durable = wal->durable;
        wal_record_encode(wal->stage + wal->stage_used, wal->header.key, wal_position(wal),
                          &complete, payload);
        wal->stage_used += size;
        return 0;
}

static int check_entries(const struct wal *wal, const struct raft_entry *entries, size_t count)
{
        if (count > 0 &&
            (entries[0].index > wal->last_index + 1 || entries[0].index < wal->keep_from))
                return -EINVAL;
        for (size_t i = 0; i < count; i++) {
                if (entries[i].index != entries[0].index + i ||
                    (entries[i].data != NULL && entries[i].data->length > WAL_PAYLOAD_MAX))
                        return -EINVAL;
        }
        return 0;
}

static int put_entry(struct wal *wal, const struct raft_entry *entry)
{
        uint32_t length = entry->data == NULL ? 0 : entry->data->length;
        struct wal_record record = {.type = WAL_RECORD_ENTRY,
                                    .entry_type = (uint8_t)entry->type,
                                    .length = length,
                                    .index = entry->index,
                                    .term = entry->term};
        struct wal_segment *segment;
        int ret = put(wal, &record, length > 0 ? entry->data->bytes : NULL);

        if (ret < 0)
                return ret;
        segment = &wal->segments[wal->segment_count - 1];
        if (segment->max_index < entry->index)
                segment->max_index = entry->index;
        wal->last_index = entry->index;
        wal->statistics.payload_bytes += length;
        return 0;
}

int wal_append(struct wal *wal, const struct raft_hard_state *hard_state,
               const struct raft_entry *entries, size_t count)
{
        int ret;

        if (wal->error != 0)
                return wal->error;
        ret = check_entries(wal, entries, count);
        if (ret < 0)
                return ret;
        wal->statistics.append_count++;
        if (hard_state != NULL) {
                struct wal_record record = {.type = WAL_RECORD_HARD_STATE,
                                            .index = hard_state->vote,
                                            .term = hard_state->term};

                ret = put(wal, &record, NULL);
                if (ret < 0)
                        return ret;
                wal->hard_state = *hard_state;
        }
        for (size_t i = 0; i < count; i++) {
                ret = put_entry(wal, &entries[i]);
                if (ret < 0)
                        return ret;
        }
        return wal_flush(wal);
}

static uint64_t clock_us(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void count_sync(struct wal_statistics *statistics, uint64_t took_us)
{
        unsigned level = 0;

        while (level < WAL_LATENCY_LEVELS - 1 && took_us >= (uint64_t)1 << level)
                level++;
        statistics->sync_count++;
        statistics->sync_latency[level]++;
        statistics->sync_last_us = took_us;
        statistics->sync_total_us += took_us;
        if (took_us > statistics->sync_max_us)
                statistics->sync_max_us = took_us;
}

int wal_sync(struct wal *wal)
{
        uint64_t begin_us;
        int ret;

        if (wal->error != 0)
                return wal->error;
        ret = wal_flush(wal);
        if (ret < 0 || !wal->unsynced)
                return ret;
        begin_us = clock_us();
        ret = wal->files->sync(wal->files->context, wal->file);
        if (ret < 0)
                return wal_fail(wal, ret, "%s: syncing log segment %" PRIx64, wal->folder,
                                wal->header.sequence);
        count_sync(&wal->statistics, clock_us() - begin_us);
        wal->unsynced = false;
        wal->durable = wal->stage_offset;
        return 0;
}

int wal_trim(struct wal *wal, raft_index keep_from)
{
        struct wal_record record = {.type = WAL_RECORD_TRIM};
        int ret;

        if (wal->error != 0)
                return wal->error;
        if (keep_from > wal->last_index + 1)
                keep_from = wal->last_index + 1;
        if (keep_from <= wal->keep_from)
                return 0;
        record.index = keep_from;
        ret = put(wal, &record, NULL);
        if (ret == 0)
                ret = wal_flush(wal);
        if (ret < 0)
                return ret;
        wal->keep_from = keep_from;
        while (wal->segment_count > 1 && wal->segments[0].max_index < keep_from) {
                ret = wal_segment_retire(wal);
                if (ret < 0)
                        return ret;
        }
        return 0;
}

int wal_reset(struct wal *wal, raft_index index, raft_term term)
{
        struct wal_record record = {.type = WAL_RECORD_RESET, .index = index, .term = term};
        int ret;

        if (wal->error != 0)
                return wal->error;
        ret = put(wal, &record, NULL);
        if (ret == 0)
                ret = wal_sync(wal);
        if (ret < 0)
                return ret;
        wal->last_index = index;
        wal->keep_from = index + 1;
        wal->segments[wal->segment_count - 1].max_index = index;
        while (wal->segment_count > 1) {
                ret = wal_segment_retire(wal);
                if (ret < 0)
                        return ret;
        }
        return 0;
}

int wal_prepare(struct wal *wal)
{
        if (wal->error != 0)
                return wal->error;
        return wal->spare_count > 0 ? 0 : wal_spare_make(wal, wal->segment_bytes, 0);
}

void wal_statistics(const struct wal *wal, struct wal_statistics *out)
{
        *out = wal->statistics;
        out->segment_count = (uint32_t)wal->segment_count;
        out->spare_count = (uint32_t)wal->spare_count;
        out->disk_bytes = 0;
        for (size_t i = 0; i < wal->segment_count; i++)
                out->disk_bytes += wal->segments[i].length;
        for (size_t i = 0; i < wal->spare_count; i++)
                out->disk_bytes += wal->spares[i].length;
        out->first_index = wal->keep_from;
        out->last_index = wal->last_index;
}

const char *wal_error_text(const struct wal *wal)
{
        return wal->error_text;
}

void wal_close(struct wal *take_wal)
{
        const struct raft_files *files;

        if (take_wal == NULL)
                return;
        files = take_wal->files;
        if (take_wal->file >= 0)
                files->close(files->context, take_wal->file);
        if (take_wal->lock >= 0)
                files->close(files->context, take_wal->lock);
        free(take_wal->segments);
        free(take_wal->spares);
        free(take_wal->stage);
        free(take_wal);
}
