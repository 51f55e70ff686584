#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "raft/snapshot/snapshot_internal.h"

#define IN_BYTES (1u << 20)

struct snapshot_reader {
        const struct snapshot_store *store;
        struct snapshot_info info;
        char path[SNAPSHOT_PATH_MAX];
        int file;
        XXH3_state_t *hash;
        ZSTD_DCtx *decompressor;
        uint64_t file_length;
        uint64_t offset; // of in in the file
        size_t in_used;
        size_t in_length;
        uint8_t in[IN_BYTES];
        uint8_t raw[SNAPSHOT_BLOCK_BYTES];
};

static int damaged(const struct snapshot_reader *r, char *error, const char *what)
{
        raft_files_say(error, SNAPSHOT_ERROR_MAX, "%s: damaged at offset %" PRIu64 ": %s", r->path,
                       r->offset + r->in_used, what);
        return -EUCLEAN;
}

// Have n bytes at in + in_used; n is far below IN_BYTES. returns 0 or a negative errno.
static int want(struct snapshot_reader *r, size_t n, char *error)
{
        const struct raft_files *files = r->store->files;
        size_t kept = r->in_length - r->in_used;
        ssize_t got;

        if (kept >= n)
                return 0;
        memmove(r->in, r->in + r->in_used, kept);
        r->offset += r->in_used;
        r->in_used = 0;
        r->in_length = kept;
        got = files->read(files->context, r->file, r->in + kept, sizeof(r->in) - kept,
                          r->offset + kept);
        if (got < 0)
                return snapshot_explain(error, (int)got, r->path, "cannot read it");
        r->in_length += (size_t)got;
        return r->in_length >= n ? 0 : damaged(r, error, "it ends too early");
}

static const uint8_t *take(struct snapshot_reader *r, size_t n)
{
        const uint8_t *at = r->in + r->in_used;

        r->in_used += n;
        return at;
}

static void rewind_file(struct snapshot_reader *r)
{
        r->offset = 0;
        r->in_used = 0;
        r->in_length = 0;
        XXH3_128bits_reset(r->hash);
}

static int read_header(struct snapshot_reader *r, char *error)
{
        const uint8_t *bytes;
        size_t length;
        int ret;

        rewind_file(r);
        ret = want(r, SNAPSHOT_PREFIX_BYTES, error);
        if (ret < 0)
                return ret;
        if (snapshot_header_length(r->in, &length) < 0)
                return damaged(r, error, "this is no snapshot's header");
        ret = want(r, length, error);
        if (ret < 0)
                return ret;
        bytes = r->in + r->in_used;
        ret = snapshot_header_decode(bytes, length, &r->info);
        if (ret == -ENOTSUP) {
                raft_files_say(error, SNAPSHOT_ERROR_MAX,
                               "%s: written by a newer version, in a format this one does not "
                               "read; run that version again",
                               r->path);
                return ret;
        }
        if (ret < 0)
                return damaged(r, error, "the header is not whole");
        XXH3_128bits_update(r->hash, take(r, length), length);
        return 0;
}

static int give_block(struct snapshot_reader *r, const struct snapshot_block *block,
                      const uint8_t *stored, snapshot_sink sink, void *argument, char *error)
{
        const uint8_t *raw = stored;
        int ret;

        if (block->stored_length != block->raw_length) {
                size_t n = ZSTD_decompressDCtx(r->decompressor, r->raw, sizeof(r->raw), stored,
                                               block->stored_length);

                if (ZSTD_isError(n) || n != block->raw_length)
                        return damaged(r, error, "a block does not decompress");
                raw = r->raw;
        }
        ret = sink(argument, raw, block->raw_length);
        if (ret != 0 && error[0] == '\0')
                raft_files_say(error, SNAPSHOT_ERROR_MAX, "%s: what is in it was not accepted",
                               r->path);
        return ret;
}

static int read_trailer(struct snapshot_reader *r, uint64_t body_length, uint64_t block_count,
                        char *error)
{
        struct snapshot_trailer trailer;
        XXH128_hash_t hash;
        int ret = want(r, SNAPSHOT_TRAILER_BYTES, error);

        if (ret < 0)
                return ret;
        XXH3_128bits_update(r->hash, r->in + r->in_used, SNAPSHOT_TRAILER_HASH_OFFSET);
        hash = XXH3_128bits_digest(r->hash);
        snapshot_trailer_decode(r->in + r->in_used, &trailer);
        if (trailer.hash[0] != hash.low64 || trailer.hash[1] != hash.high64)
                return damaged(r, error, "the checksum of the whole does not match");
        take(r, SNAPSHOT_TRAILER_BYTES);
        if (trailer.body_length != body_length || trailer.block_count != block_count ||
            trailer.file_length != r->offset + r->in_used || trailer.file_length != r->file_length)
                return damaged(r, error, "its lengths do not match");
        return 0;
}

// Go through the whole file, checking everything, and decode it for sink unless that is NULL.
static int walk(struct snapshot_reader *r, snapshot_sink sink, void *argument, char *error)
{
        uint64_t body_length = 0, block_count = 0;
        int ret;

        error[0] = '\0';
        ret = read_header(r, error);
        if (ret < 0)
                return ret;
        for (;;) {
                struct snapshot_block block;
                const uint8_t *at;

                ret = want(r, SNAPSHOT_BLOCK_HEADER_BYTES, error);
                if (ret < 0)
                        return ret;
                if (snapshot_block_decode(r->in + r->in_used, &block) < 0)
                        return damaged(r, error, "a block's header is not whole");
                if (block.raw_length == 0)
                        return read_trailer(r, body_length, block_count, error);
                ret = want(r, SNAPSHOT_BLOCK_HEADER_BYTES + block.stored_length, error);
                if (ret < 0)
                        return ret;
                at = r->in + r->in_used;
                if (!snapshot_block_is_whole(&block, block_count, at + SNAPSHOT_BLOCK_HEADER_BYTES))
                        return damaged(r, error, "a block is not whole");
                XXH3_128bits_update(r->hash, at, SNAPSHOT_BLOCK_HEADER_BYTES + block.stored_length);
                if (sink != NULL) {
                        ret = give_block(r, &block, at + SNAPSHOT_BLOCK_HEADER_BYTES, sink,
                                         argument, error);
                        if (ret != 0)
                                return ret;
                }
                take(r, SNAPSHOT_BLOCK_HEADER_BYTES + block.stored_length);
                body_length += block.raw_length;
                block_count++;
        }
}

static int open_file(struct snapshot_reader *r, char *error)
{
        const struct raft_files *files = r->store->files;
        int64_t length;

        r->hash = XXH3_createState();
        r->decompressor = ZSTD_createDCtx();
        if (r->hash == NULL || r->decompressor == NULL)
                return snapshot_explain(error, -ENOMEM, r->path, "cannot read it");
        r->file = files->open(files->context, r->path, RAFT_OPEN_READ);
        if (r->file < 0)
                return snapshot_explain(error, r->file, r->path, "cannot open it");
        length = files->length(files->context, r->file);
        if (length < 0)
                return snapshot_explain(error, (int)length, r->path, "cannot read it");
        r->file_length = (uint64_t)length;
        return walk(r, NULL, NULL, error);
}

int snapshot_reader_open_file(const struct snapshot_store *store, raft_index index, raft_term term,
                              const char *ending, struct snapshot_reader **out, char *error)
{
        struct snapshot_reader *r = calloc(1, sizeof(*r));
        int ret;

        error[0] = '\0';
        if (r == NULL)
                return snapshot_explain(error, -ENOMEM, store->folder, "cannot read a snapshot");
        r->store = store;
        r->file = -1;
        snapshot_path(store, index, term, ending, r->path);
        ret = open_file(r, error);
        if (ret == 0 && (r->info.index != index || r->info.term != term)) {
                rewind_file(r);
                ret = damaged(r, error, "it is another snapshot than its name says");
        }
        if (ret < 0) {
                snapshot_reader_close(r);
                return ret;
        }
        *out = r;
        return 0;
}

int snapshot_reader_open(const struct snapshot_store *store, raft_index index, raft_term term,
                         struct snapshot_reader **out, char *error)
{
        return snapshot_reader_open_file(store, index, term, SNAPSHOT_FINAL, out, error);
}

// Out of the way, so that it is not counted among the two to keep.
static void set_aside(const struct snapshot_store *store, const struct snapshot_file *file)
{
        char from[SNAPSHOT_PATH_MAX], to[SNAPSHOT_PATH_MAX];

        snapshot_path(store, file->index, file->term, SNAPSHOT_FINAL, from);
        snapshot_path(store, file->index, file->term, SNAPSHOT_DAMAGED, to);
        store->files->rename(store->files->context, from, to);
}

int snapshot_reader_open_newest(const struct snapshot_store *store, struct snapshot_reader **out,
                                char *notice, char *error)
{
        struct snapshot_file all[SNAPSHOT_LIST_MAX];
        struct snapshot_file passed[SNAPSHOT_LIST_MAX];
        unsigned passed_count = 0;
        int ret, count = snapshot_list(store, all);

        error[0] = '\0';
        notice[0] = '\0';
        if (count < 0)
                return snapshot_explain(error, count, store->folder, "cannot list the snapshots");
        for (int i = 0; i < count; i++) {
                size_t said = strlen(notice);

                ret = snapshot_reader_open(store, all[i].index, all[i].term, out, error);
                if (ret == 0) {
                        for (unsigned k = 0; k < passed_count; k++)
                                set_aside(store, &passed[k]);
                        return 0;
                }
                if (ret != -EUCLEAN && ret != -EIO)
                        return ret;
                if (ret == -EUCLEAN)
                        passed[passed_count++] = all[i];
                raft_files_say(notice + said, SNAPSHOT_ERROR_MAX - said, "%s%s",
                               said > 0 ? "; " : "", error);
        }
        if (count == 0)
                return -ENOENT;
        raft_files_say(error, SNAPSHOT_ERROR_MAX,
                       "no snapshot is whole: restore one, or remove this server's raft folder and "
                       "let it join again: %s",
                       notice);
        return -EUCLEAN;
}

const struct snapshot_info *snapshot_reader_info(const struct snapshot_reader *reader)
{
        return &reader->info;
}

int snapshot_reader_body(struct snapshot_reader *reader, snapshot_sink sink, void *argument,
                         char *error)
{
        return walk(reader, sink, argument, error);
}

void snapshot_reader_close(struct snapshot_reader *take_reader)
{
        if (take_reader == NULL)
                return;
        if (take_reader->file >= 0)
                take_reader->store->files->close(take_reader->store->files->context,
                                                 take_reader->file);
        XXH3_freeState(take_reader->hash);
        ZSTD_freeDCtx(take_reader->decompressor);
        free(take_reader);
}
