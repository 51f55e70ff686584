#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raft/wal/wal_internal.h"

#define REMEDY "restore the file, or remove this server's raft folder and let it join again"

struct recovery {
        struct wal *wal;
        struct wal_restored *restored;
        size_t entry_capacity;
        bool began;     // the first segment's header has been read
        uint8_t *bytes; // of the segment being read
        size_t length;
        size_t capacity;
        char path[WAL_PATH_MAX];
        char *error;
};

static int damaged(const struct recovery *r, uint64_t offset, const char *what)
{
        raft_files_say(r->error, WAL_ERROR_MAX, "%s: damaged at offset %" PRIu64 ": %s; " REMEDY,
                       r->path, offset, what);
        return -EUCLEAN;
}

static raft_index first_held(const struct recovery *r)
{
        return r->restored->entry_count > 0 ? r->restored->entries[0].index
                                            : r->wal->last_index + 1;
}

static void drop_from(struct recovery *r, raft_index index)
{
        struct wal_restored *restored = r->restored;

        while (restored->entry_count > 0 &&
               restored->entries[restored->entry_count - 1].index >= index)
                raft_buffer_unref(restored->entries[--restored->entry_count].data);
}

static int add_entry(struct recovery *r, const struct wal_record *record, const uint8_t *payload)
{
        struct wal_restored *restored = r->restored;
        struct raft_entry *entry;
        struct raft_buffer *data = NULL;

        if (restored->entry_count == r->entry_capacity) {
                size_t capacity = r->entry_capacity ? r->entry_capacity * 2 : 1024;
                struct raft_entry *grown =
                    realloc(restored->entries, capacity * sizeof(restored->entries[0]));

                if (grown == NULL)
                        return wal_explain(r->error, -ENOMEM, "%s: cannot read it", r->path);
                restored->entries = grown;
                r->entry_capacity = capacity;
        }
        if (record->entry_type != RAFT_ENTRY_NOOP) {
                data = raft_buffer_create(payload, record->length);
                if (data == NULL)
                        return wal_explain(r->error, -ENOMEM, "%s: cannot read it", r->path);
        }
        entry = &restored->entries[restored->entry_count++];
        entry->index = record->index;
        entry->term = record->term;
        entry->type = (enum raft_entry_type)record->entry_type;
        entry->data = data;
        return 0;
}

static int replay_entry(struct recovery *r, const struct wal_record *record, uint64_t offset)
{
        struct wal *wal = r->wal;
        struct wal_segment *segment = &wal->segments[wal->segment_count - 1];

        if (record->index > wal->last_index + 1)
                return damaged(r, offset, "entries are missing before this one");
        if (record->index < wal->keep_from)
                return damaged(r, offset, "an entry replaces one that was forgotten");
        if (record->entry_type > RAFT_ENTRY_CONFIGURATION)
                return damaged(r, offset, "an entry of an unknown type");
        drop_from(r, record->index);
        wal->last_index = record->index;
        if (segment->max_index < record->index)
                segment->max_index = record->index;
        return add_entry(r, record, r->bytes + offset + WAL_RECORD_HEADER_BYTES);
}

static int replay(struct recovery *r, const struct wal_record *record, uint64_t offset)
{
        struct wal *wal = r->wal;

        switch (record->type) {
        case WAL_RECORD_ENTRY:
                return replay_entry(r, record, offset);
        case WAL_RECORD_HARD_STATE:
                wal->hard_state.term = record->term;
                wal->hard_state.vote = record->index;
                return 0;
        case WAL_RECORD_TRIM:
                if (record->index > wal->last_index + 1)
                        return damaged(r, offset, "it forgets entries that are not there");
                if (wal->keep_from < record->index)
                        wal->keep_from = record->index;
                return 0;
        case WAL_RECORD_RESET:
                drop_from(r, 0);
                wal->last_index = record->index;
                wal->keep_from = record->index + 1;
                wal->segments[wal->segment_count - 1].max_index = record->index;
                return 0;
        default:
                return damaged(r, offset, "a record of an unknown type");
        }
}

static int read_file(struct recovery *r, uint64_t sequence)
{
        const struct raft_files *files = r->wal->files;
        int64_t length;
        int ret, file;

        wal_segment_path(r->wal, sequence, r->path);
        file = files->open(files->context, r->path, RAFT_OPEN_READ);
        if (file < 0)
                return wal_explain(r->error, file, "%s: cannot open it", r->path);
        length = files->length(files->context, file);
        ret = length < 0 ? (int)length : 0;
        if (ret == 0 && (size_t)length > r->capacity) {
                free(r->bytes);
                r->capacity = (size_t)length;
                r->bytes = malloc(r->capacity);
                if (r->bytes == NULL) {
                        r->capacity = 0;
                        ret = -ENOMEM;
                }
        }
        if (ret == 0) {
                r->length = (size_t)length;
                ret = raft_files_read_all(files, file, r->bytes, r->length, 0);
        }
        files->close(files->context, file);
        return ret < 0 ? wal_explain(r->error, ret, "%s: cannot read it", r->path) : 0;
}

// Read a segment's header, and see that it follows the one before.
static int begin_segment(struct recovery *r, uint64_t sequence, uint64_t position)
{
        struct wal *wal = r->wal;
        struct wal_segment_header header;
        int ret = -EUCLEAN;

        if (r->length >= WAL_SEGMENT_HEADER_BYTES)
                ret = wal_segment_header_decode(r->bytes, &header);
        if (ret == -ENOTSUP) {
                raft_files_say(
                    r->error, WAL_ERROR_MAX,
                    "%s: written by a newer version, in a format this one does not read; run "
                    "that version again",
                    r->path);
                return ret;
        }
        if (ret < 0)
                return damaged(r, 0, "the segment's header is not whole");
        if (header.sequence != sequence || header.length != r->length)
                return damaged(r, 0, "the header belongs to a file of another name or length");
        if (!r->began) {
                wal->last_index = header.last_index;
                wal->keep_from = header.keep_from > 0 ? header.keep_from : 1;
                wal->hard_state = header.hard_state;
                r->began = true;
        } else if (header.previous_key != wal->header.key) {
                return damaged(r, 0, "it does not follow the segment before it");
        } else if (header.previous_end != position) {
                wal_segment_path(wal, sequence - 1, r->path);
                return damaged(r, position, "what should follow is not whole");
        } else if (header.last_index != wal->last_index) {
                return damaged(r, 0, "entries before it are missing");
        }
        wal->header = header;
        return 0;
}

// Make a file that was never used before all zeros again from offset on. returns whether there was
// anything else, or a negative errno.
static int zero_unused(struct recovery *r, size_t offset)
{
        const struct wal *wal = r->wal;
        size_t end = r->length;
        int ret;

        while (end > offset && r->bytes[end - 1] == 0)
                end--;
        if (end == offset)
                return 0;
        memset(r->bytes + offset, 0, end - offset);
        ret = raft_files_write_all(wal->files, wal->file, r->bytes + offset, end - offset, offset);
        return ret < 0 ? ret : 1;
}

// Behind the end of the last segment's records there may be whole ones of a write that tore before
// its sync. They go, so that they never line up with later records. One that was written after a
// sync had covered the end proves that the end is not where the records ended.
static int clear_behind(struct recovery *r, uint64_t end)
{
        static const uint8_t zeros[WAL_RECORD_HEADER_BYTES];
        struct wal *wal = r->wal;
        struct wal_record record;
        bool torn = false;
        int ret = 0;

        for (size_t offset = end; offset + WAL_RECORD_HEADER_BYTES <= r->length && ret == 0;
             offset += 8) {
                if (!wal_record_begins(r->bytes, r->length, offset, wal->header.key))
                        continue;
                if (offset != end &&
                    wal_record_decode(r->bytes, r->length, offset, wal->header.key, &record) == 0 &&
                    record.durable > end)
                        return damaged(r, end,
                                       "records that were on disk before later ones are "
                                       "not whole");
                ret = raft_files_write_all(wal->files, wal->file, zeros, sizeof(zeros), offset);
                torn = true;
        }
        if (ret == 0 && !wal->header.rewritten)
                ret = zero_unused(r, end);
        if (ret < 0)
                return wal_explain(r->error, ret, "%s: cannot cut its torn end", r->path);
        if (torn || ret > 0)
                raft_files_say(r->restored->notice, WAL_ERROR_MAX,
                               "%s: cut off a write at offset %" PRIu64 " that a crash had torn",
                               r->path, end);
        return 0;
}

static int end_recovery(struct recovery *r, uint64_t end)
{
        struct wal *wal = r->wal;
        int ret;

        wal_segment_path(wal, wal->header.sequence, r->path);
        wal->file = wal->files->open(wal->files->context, r->path, RAFT_OPEN_WRITE);
        if (wal->file < 0)
                return wal_explain(r->error, wal->file, "%s: cannot open it for writing", r->path);
        ret = clear_behind(r, end);
        if (ret < 0)
                return ret;
        // A process that was killed leaves records in the kernel's memory that no sync has covered.
        ret = wal->files->sync(wal->files->context, wal->file);
        if (ret == 0)
                ret = wal->files->sync_folder(wal->files->context, wal->folder);
        if (ret < 0)
                return wal_explain(r->error, ret, "%s: cannot sync it", r->path);
        wal->stage_offset = end;
        wal->durable = end;
        wal->prepared_end =
            wal->header.rewritten ? wal->header.length : (end + WAL_PAGE - 1) / WAL_PAGE * WAL_PAGE;
        return 0;
}

static void forget_trimmed(struct recovery *r)
{
        struct wal_restored *restored = r->restored;
        raft_index first = first_held(r);
        size_t n;

        if (first < r->wal->keep_from) {
                n = (size_t)(r->wal->keep_from - first);
                for (size_t i = 0; i < n && i < restored->entry_count; i++)
                        raft_buffer_unref(restored->entries[i].data);
                n = n < restored->entry_count ? n : restored->entry_count;
                restored->entry_count -= n;
                memmove(restored->entries, restored->entries + n,
                        restored->entry_count * sizeof(restored->entries[0]));
        }
        r->wal->keep_from = first_held(r);
        restored->base_index = r->wal->keep_from - 1;
        restored->hard_state = r->wal->hard_state;
}

int wal_recover(struct wal *wal, struct wal_restored *restored, char *error)
{
        struct recovery r = {.wal = wal, .restored = restored, .error = error};
        size_t count = wal->segment_count;
        uint64_t position = 0;
        int ret = 0;

        // The list grows back as segments are read; replay notes what it finds at its end.
        wal->segment_count = 0;
        for (size_t i = 0; i < count && ret == 0; i++) {
                struct wal_record record;

                ret = read_file(&r, wal->segments[i].sequence);
                if (ret == 0)
                        ret = begin_segment(&r, wal->segments[i].sequence, position);
                if (ret < 0)
                        break;
                wal->segments[i].length = r.length;
                wal->segment_count++;
                position = WAL_SEGMENT_HEADER_BYTES;
                while (ret == 0 && position + WAL_RECORD_HEADER_BYTES <= r.length &&
                       wal_record_decode(r.bytes, r.length, position, wal->header.key, &record) ==
                           0) {
                        ret = replay(&r, &record, position);
                        position += wal_record_size(record.length);
                }
        }
        if (ret == 0)
                ret = end_recovery(&r, position);
        if (ret == 0)
                forget_trimmed(&r);
        free(r.bytes);
        return ret;
}
