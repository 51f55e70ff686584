// A snapshot file's bytes, as found on disk or sent by a peer: refused with words, or decoded to
// the length its trailer states.
//
// The first byte chooses whether checksums are made right first, so that what they protect is
// reached too; the rest is the file.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "raft/files/bytes.h"
#include "raft/snapshot/snapshot_files.h"
#include "raft/snapshot/snapshot_format.h"
#include "tests/raft/files/disk.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FOLDER "/snapshots"
#define PATH   FOLDER "/0000000000000002-0000000000000001.snapshot"

static void require(bool condition)
{
        if (!condition)
                abort();
}

static void mend(uint8_t *file, size_t length)
{
        size_t header_length, offset;
        uint64_t number = 0;

        if (length < SNAPSHOT_PREFIX_BYTES || snapshot_header_length(file, &header_length) < 0 ||
            header_length > length)
                return;
        bytes_put_u64(file + 16, 1);
        bytes_put_u64(file + 24, 2);
        bytes_put_u64(file + header_length - 8, XXH3_64bits(file, header_length - 8));
        offset = header_length;
        while (offset + SNAPSHOT_BLOCK_HEADER_BYTES <= length) {
                struct snapshot_block block;

                if (snapshot_block_decode(file + offset, &block) < 0)
                        return;
                if (block.raw_length == 0)
                        break;
                if (block.stored_length > length - offset - SNAPSHOT_BLOCK_HEADER_BYTES)
                        return;
                snapshot_block_encode(file + offset, number++,
                                      file + offset + SNAPSHOT_BLOCK_HEADER_BYTES,
                                      block.stored_length, block.raw_length);
                offset += SNAPSHOT_BLOCK_HEADER_BYTES + block.stored_length;
        }
        if (offset + SNAPSHOT_TRAILER_BYTES <= length) {
                XXH128_hash_t hash = XXH3_128bits(file, offset + SNAPSHOT_TRAILER_HASH_OFFSET);

                snapshot_trailer_put_hash(file + offset,
                                          (const uint64_t[2]){hash.low64, hash.high64});
        }
}

static int count(void *argument, const void *bytes, size_t length)
{
        uint8_t sum = 0;

        for (size_t i = 0; i < length; i++)
                sum ^= ((const uint8_t *)bytes)[i];
        *(uint64_t *)argument += length + (sum == 0 && length == 0);
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct snapshot_store *store;
        struct snapshot_reader *reader;
        char error[SNAPSHOT_ERROR_MAX], notice[SNAPSHOT_ERROR_MAX];
        struct disk *disk;
        uint8_t *file;
        int ret;

        if (size < 1)
                return 0;
        file = malloc(size);
        require(file != NULL);
        memcpy(file, data + 1, size - 1);
        if (data[0] & 1)
                mend(file, size - 1);
        disk = disk_create(1);
        disk_store(disk, PATH, file, size - 1);
        free(file);
        require(snapshot_store_open(FOLDER, &disk->files, &store, error) == 0);
        ret = snapshot_reader_open_newest(store, &reader, notice, error);
        require(ret != -ENOENT);
        if (ret == 0) {
                uint64_t length = 0;

                // Whole blocks may still hold what does not decompress.
                ret = snapshot_reader_body(reader, count, &length, error);
                require(ret == 0 || error[0] != '\0');
                snapshot_reader_close(reader);
        } else {
                require(error[0] != '\0');
        }
        snapshot_store_close(store);
        disk_destroy(disk);
        return 0;
}
