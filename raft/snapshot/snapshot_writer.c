#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "raft/snapshot/snapshot_internal.h"

#define COMPRESSION_LEVEL 1
#define OUT_BYTES         (1u << 20)

static_assert(SNAPSHOT_BLOCK_BYTES + SNAPSHOT_BLOCK_HEADER_BYTES + SNAPSHOT_TRAILER_BYTES <=
                  OUT_BYTES,
              "a block and the trailer fit what a write gathers");

struct snapshot_writer {
        const struct snapshot_store *store;
        raft_index index;
        raft_term term;
        char path[SNAPSHOT_PATH_MAX];
        int file;
        int error;
        XXH3_state_t *hash;
        ZSTD_CCtx *compressor;
        uint64_t offset; // of out in the file
        uint64_t synced;
        uint64_t body_length;
        uint64_t block_count;
        size_t out_length;
        size_t raw_length;
        uint8_t raw[SNAPSHOT_BLOCK_BYTES];
        uint8_t out[OUT_BYTES];
};

static void writer_free(struct snapshot_writer *w)
{
        if (w->file >= 0)
                w->store->files->close(w->store->files->context, w->file);
        XXH3_freeState(w->hash);
        ZSTD_freeCCtx(w->compressor);
        free(w);
}

static int flush(struct snapshot_writer *w)
{
        const struct raft_files *files = w->store->files;
        int ret;

        ret = raft_files_write_all(files, w->file, w->out, w->out_length, w->offset);
        if (ret < 0)
                return ret;
        w->offset += w->out_length;
        w->out_length = 0;
        if (w->offset - w->synced < SNAPSHOT_SYNC_BYTES)
                return 0;
        w->synced = w->offset;
        return files->sync(files->context, w->file);
}

static int put_block(struct snapshot_writer *w)
{
        uint8_t *header, *stored;
        size_t length;
        int ret = 0;

        if (w->out_length + SNAPSHOT_BLOCK_HEADER_BYTES + w->raw_length > sizeof(w->out))
                ret = flush(w);
        if (ret < 0)
                return ret;
        header = w->out + w->out_length;
        stored = header + SNAPSHOT_BLOCK_HEADER_BYTES;
        // What does not get smaller is stored as it is.
        length = ZSTD_compressCCtx(w->compressor, stored, w->raw_length - 1, w->raw, w->raw_length,
                                   COMPRESSION_LEVEL);
        if (ZSTD_isError(length)) {
                memcpy(stored, w->raw, w->raw_length);
                length = w->raw_length;
        }
        snapshot_block_encode(header, w->block_count, stored, (uint32_t)length,
                              (uint32_t)w->raw_length);
        length += SNAPSHOT_BLOCK_HEADER_BYTES;
        XXH3_128bits_update(w->hash, header, length);
        w->out_length += length;
        w->body_length += w->raw_length;
        w->block_count++;
        w->raw_length = 0;
        return 0;
}

int snapshot_writer_open(const struct snapshot_store *store, const struct snapshot_info *info,
                         struct snapshot_writer **out, char *error)
{
        struct snapshot_writer *w = calloc(1, sizeof(*w));

        error[0] = '\0';
        if (w == NULL)
                return snapshot_explain(error, -ENOMEM, store->folder, "cannot write a snapshot");
        w->store = store;
        w->index = info->index;
        w->term = info->term;
        snapshot_path(store, info->index, info->term, SNAPSHOT_WRITING, w->path);
        w->file = -1;
        w->hash = XXH3_createState();
        w->compressor = ZSTD_createCCtx();
        if (w->hash != NULL)
                w->out_length = snapshot_header_encode(info, w->out);
        if (w->hash == NULL || w->compressor == NULL || w->out_length == 0) {
                writer_free(w);
                return snapshot_explain(error, -ENOMEM, store->folder, "cannot write a snapshot");
        }
        XXH3_128bits_reset(w->hash);
        XXH3_128bits_update(w->hash, w->out, w->out_length);
        w->file = store->files->open(store->files->context, w->path, RAFT_OPEN_CREATE);
        if (w->file < 0) {
                int ret = snapshot_explain(error, w->file, w->path, "cannot make it");

                writer_free(w);
                return ret;
        }
        *out = w;
        return 0;
}

int snapshot_writer_write(void *writer, const void *bytes, size_t length)
{
        struct snapshot_writer *w = writer;
        const uint8_t *at = bytes;

        while (length > 0 && w->error == 0) {
                size_t n = sizeof(w->raw) - w->raw_length;

                n = n < length ? n : length;
                memcpy(w->raw + w->raw_length, at, n);
                w->raw_length += n;
                at += n;
                length -= n;
                if (w->raw_length == sizeof(w->raw))
                        w->error = put_block(w);
        }
        return w->error;
}

static int put_trailer(struct snapshot_writer *w)
{
        struct snapshot_trailer trailer = {.body_length = w->body_length,
                                           .block_count = w->block_count};
        XXH128_hash_t hash;
        uint8_t *at;
        int ret = 0;

        if (w->out_length + SNAPSHOT_TRAILER_BYTES > sizeof(w->out))
                ret = flush(w);
        if (ret < 0)
                return ret;
        at = w->out + w->out_length;
        w->out_length += SNAPSHOT_TRAILER_BYTES;
        trailer.file_length = w->offset + w->out_length;
        snapshot_trailer_encode(at, &trailer);
        XXH3_128bits_update(w->hash, at, SNAPSHOT_TRAILER_HASH_OFFSET);
        hash = XXH3_128bits_digest(w->hash);
        snapshot_trailer_put_hash(at, (const uint64_t[2]){hash.low64, hash.high64});
        return 0;
}

int snapshot_writer_commit(struct snapshot_writer *take_writer, uint64_t *length, char *error)
{
        struct snapshot_writer *w = take_writer;
        const struct raft_files *files = w->store->files;
        int ret = w->error;

        error[0] = '\0';
        if (ret == 0 && w->raw_length > 0)
                ret = put_block(w);
        if (ret == 0)
                ret = put_trailer(w);
        if (ret == 0)
                ret = flush(w);
        if (ret == 0)
                ret = files->sync(files->context, w->file);
        if (ret < 0)
                snapshot_explain(error, ret, w->path, "cannot write the snapshot");
        else
                ret = snapshot_publish(w->store, w->index, w->term, SNAPSHOT_WRITING, error);
        if (ret < 0) {
                snapshot_writer_abort(w);
                return ret;
        }
        if (length != NULL)
                *length = w->offset;
        writer_free(w);
        return 0;
}

void snapshot_writer_abort(struct snapshot_writer *take_writer)
{
        if (take_writer == NULL)
                return;
        take_writer->store->files->remove(take_writer->store->files->context, take_writer->path);
        writer_free(take_writer);
}
