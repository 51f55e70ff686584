// A segment's bytes, as found on disk: opening either refuses them or restores a log that makes
// sense, can be appended to, and is read back the same.
//
// The first byte chooses: whether checksums are made right first, so that what they protect is
// reached too; whether a header is put in front; and, in its upper bits, the snapshot's index. The
// rest is the segment.

#include <stdlib.h>
#include <string.h>

#include "raft/files/bytes.h"
#include "raft/wal/wal.h"
#include "raft/wal/wal_format.h"
#include "tests/raft/files/disk.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FOLDER     "/raft"
#define PATH       FOLDER "/0000000000000001.wal"
#define KEY        99u
#define LENGTH_MAX 16384u

enum { OPTION_HEADER = 1, OPTION_CHECKSUMS = 2 };

static void require(bool condition)
{
        if (!condition)
                abort();
}

// Make each record's checksums what they should be, as far as lengths lead.
static void mend(uint8_t *segment, size_t length)
{
        size_t offset = WAL_SEGMENT_HEADER_BYTES;

        while (offset + WAL_RECORD_HEADER_BYTES <= length) {
                uint8_t *at = segment + offset;
                size_t size = wal_record_size(bytes_get_u32(at + 12));

                if (at[20] == 0 || size > length - offset)
                        return;
                bytes_put_u32(at + 8, (uint32_t)XXH3_64bits_withSeed(at + 12, 28, KEY + offset));
                bytes_put_u64(at, XXH3_64bits_withSeed(at + 8, size - 8, KEY + offset));
                offset += size;
        }
}

static void check(const struct wal_restored *restored)
{
        for (size_t i = 0; i < restored->entry_count; i++) {
                const struct raft_entry *entry = &restored->entries[i];

                require(entry->index == restored->base_index + 1 + i);
                require((entry->data == NULL) == (entry->type == RAFT_ENTRY_NOOP));
        }
}

static struct wal *open_log(struct disk *disk, raft_index snapshot_index,
                            struct wal_restored *restored)
{
        struct wal_options options = {.segment_bytes = 4096,
                                      .files = &disk->files,
                                      .snapshot_index = snapshot_index,
                                      .snapshot_term = 1};
        char error[WAL_ERROR_MAX];
        struct wal *wal;

        if (wal_open(FOLDER, &options, &wal, restored, error) < 0) {
                require(error[0] != '\0');
                return NULL;
        }
        check(restored);
        return wal;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct disk *disk;
        struct wal_restored first, second;
        struct wal *wal;
        uint8_t *segment;
        size_t before, length;

        if (size < 1 || size > LENGTH_MAX)
                return 0;
        before = (data[0] & OPTION_HEADER) ? WAL_SEGMENT_HEADER_BYTES : 0;
        length = before + size - 1;
        segment = malloc(length + 1);
        require(segment != NULL);
        memcpy(segment + before, data + 1, size - 1);
        if (before > 0)
                wal_segment_header_encode(
                    &(struct wal_segment_header){.sequence = 1, .key = KEY, .length = length},
                    segment);
        if ((data[0] & OPTION_CHECKSUMS) && length >= WAL_SEGMENT_HEADER_BYTES)
                mend(segment, length);
        disk = disk_create(1);
        disk_store(disk, PATH, segment, length);
        free(segment);

        wal = open_log(disk, data[0] >> 2, &first);
        if (wal != NULL) {
                struct raft_entry entry = {.index = first.base_index + first.entry_count + 1,
                                           .term = 1};

                require(wal_append(wal, NULL, &entry, 1) == 0);
                require(wal_sync(wal) == 0);
                wal_close(wal);
                wal = open_log(disk, data[0] >> 2, &second);
                require(wal != NULL);
                require(second.entry_count == first.entry_count + 1);
                require(second.hard_state.term == first.hard_state.term);
                require(second.notice[0] == '\0');
                wal_restored_fini(&second);
                wal_restored_fini(&first);
                wal_close(wal);
        }
        disk_destroy(disk);
        return 0;
}
