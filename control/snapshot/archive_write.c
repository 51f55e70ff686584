#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "control/snapshot/archive.h"
#include "control/snapshot/sums.h"

// Large states compress nearly as well at the lowest level, in a third of the time.
#define COMPRESSION_LEVEL "1"
#define META_MAX          1024

struct output {
        struct archive *archive;
        struct sums sums;
        snapshot_sink_fn write;
        void *arg;
        int failed; // what write returned
        time_t now;
};

// A failure is kept and what follows dropped: libarchive frees its compressor only when it may
// close.
static la_ssize_t on_bytes(struct archive *archive, void *arg, const void *bytes, size_t len)
{
        struct output *out = arg;

        (void)archive;
        if (out->failed == 0)
                out->failed = out->write(out->arg, bytes, len);
        return (la_ssize_t)len;
}

static int failure(const struct output *out)
{
        return out->failed < 0 ? out->failed : -EIO;
}

static int put_header(struct output *out, const char *name, uint64_t size)
{
        struct archive_entry *entry = archive_entry_new();
        int ret;

        if (entry == NULL)
                return -ENOMEM;
        archive_entry_set_pathname(entry, name);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0600);
        archive_entry_set_size(entry, (la_int64_t)size);
        archive_entry_set_mtime(entry, out->now, 0);
        ret = archive_write_header(out->archive, entry) == ARCHIVE_OK ? 0 : failure(out);
        archive_entry_free(entry);
        return ret;
}

static int put_bytes(struct output *out, const void *bytes, size_t len)
{
        if (archive_write_data(out->archive, bytes, len) != (la_ssize_t)len)
                return failure(out);
        return out->failed;
}

static int count(void *arg, const uint8_t *bytes, size_t len)
{
        (void)bytes;
        *(uint64_t *)arg += len;
        return 0;
}

static int put_state(void *arg, const uint8_t *bytes, size_t len)
{
        struct output *out = arg;

        sums_add(&out->sums, SUM_STATE, bytes, len);
        return put_bytes(out, bytes, len);
}

static int put_file(struct output *out, const char *name, const char *bytes, size_t len)
{
        int ret = put_header(out, name, len);

        return ret == 0 ? put_bytes(out, bytes, len) : ret;
}

static int put_files(struct output *out, const struct snapshot_meta *meta, snapshot_source_fn state,
                     void *source)
{
        char text[META_MAX], list[SUMS_LIST_MAX];
        size_t len = (size_t)snprintf(
            text, sizeof(text),
            "{\"Version\":%" PRIu64 ",\"ID\":\"%s\",\"Index\":%" PRIu64 ",\"Term\":%" PRIu64
            ",\"Peers\":null,\"Configuration\":{\"Servers\":null},\"ConfigurationIndex\":0,"
            "\"Size\":%" PRIu64 "}\n",
            meta->version, meta->id, meta->index, meta->term, meta->size);
        int ret = put_file(out, sum_file_names[SUM_META], text, len);

        sums_add(&out->sums, SUM_META, text, len);
        if (ret == 0)
                ret = put_header(out, sum_file_names[SUM_STATE], meta->size);
        if (ret == 0)
                ret = state(source, put_state, out);
        sums_finish(&out->sums);
        if (ret == 0)
                ret = put_file(out, "SHA256SUMS", list, sums_write(&out->sums, list));
        return ret;
}

// Consul refuses bytes behind the end of the tar file, so there is no padding.
static int open_archive(struct output *out)
{
        struct archive *a = out->archive = archive_write_new();

        if (a == NULL)
                return -ENOMEM;
        if (archive_write_set_format_ustar(a) != ARCHIVE_OK ||
            archive_write_add_filter_gzip(a) != ARCHIVE_OK ||
            archive_write_set_filter_option(a, "gzip", "compression-level", COMPRESSION_LEVEL) !=
                ARCHIVE_OK ||
            archive_write_set_bytes_in_last_block(a, 1) != ARCHIVE_OK ||
            archive_write_open(a, out, NULL, on_bytes, NULL) != ARCHIVE_OK) {
                archive_write_free(a);
                return -ENOMEM;
        }
        return 0;
}

int snapshot_archive_write(struct snapshot_meta *meta, snapshot_source_fn state, void *source,
                           snapshot_sink_fn write, void *arg)
{
        struct output out = {.write = write, .arg = arg, .now = time(NULL)};
        int ret;

        meta->size = 0;
        ret = state(source, count, &meta->size);
        if (ret == 0)
                ret = sums_init(&out.sums);
        if (ret < 0)
                return ret;
        ret = open_archive(&out);
        if (ret < 0) {
                sums_finish(&out.sums);
                return ret;
        }
        ret = put_files(&out, meta, state, source);
        if (archive_write_close(out.archive) != ARCHIVE_OK && ret == 0)
                ret = failure(&out);
        if (ret == 0)
                ret = out.failed;
        archive_write_free(out.archive);
        return ret;
}
