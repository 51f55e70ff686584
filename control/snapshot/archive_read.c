#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/snapshot/archive.h"
#include "control/snapshot/gunzip.h"
#include "control/snapshot/sums.h"

// Of meta.json and SHA256SUMS.
#define SMALL_FILE_MAX 65536
#define SUMS_FILE      "SHA256SUMS"
#define BLOCK_LEN      65536

struct input {
        struct archive *archive;
        struct gunzip *gunzip;
        struct sums sums;
        uint64_t size_max;
        snapshot_sink_fn state;
        void *arg;
        struct snapshot_meta *meta;
        bool has[SUM_FILE_COUNT];
        bool has_list;
        char *list;
        char *error;
        char block[BLOCK_LEN];
};

__attribute__((format(printf, 2, 3))) static int refuse(char error[SNAPSHOT_ERROR_MAX],
                                                        const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(error, SNAPSHOT_ERROR_MAX, format, arguments);
        va_end(arguments);
        return -EBADMSG;
}

static la_ssize_t on_read(struct archive *archive, void *arg, const void **out)
{
        struct input *in = arg;
        const uint8_t *block;
        long len = gunzip_next(in->gunzip, &block);

        *out = block;
        if (len < 0) {
                archive_set_error(archive, EIO, "%s", in->gunzip->error);
                return -1;
        }
        return len;
}

// What went wrong below, in the words of the reference.
static const char *reason(const struct input *in)
{
        const char *text = archive_error_string(in->archive);

        if (in->gunzip->error[0] != '\0')
                return in->gunzip->error;
        if (text != NULL && strstr(text, "runcated") != NULL)
                return "unexpected EOF";
        return "archive/tar: invalid tar header";
}

// A small file whole, with a NUL behind it.
static int read_small(struct input *in, char **out, size_t *len, const char *what)
{
        char *text = malloc(SMALL_FILE_MAX + 1);
        la_ssize_t got = 0;

        *len = 0;
        *out = text;
        if (text == NULL)
                return refuse(in->error, "out of memory");
        while (*len < SMALL_FILE_MAX &&
               (got = archive_read_data(in->archive, text + *len, SMALL_FILE_MAX - *len)) > 0)
                *len += (size_t)got;
        text[*len] = '\0';
        if (got < 0)
                return refuse(in->error, "%s: %s", what, reason(in));
        if (*len == SMALL_FILE_MAX)
                return refuse(in->error, "%s: it is larger than %d bytes", what, SMALL_FILE_MAX);
        return 0;
}

static uint64_t number_of(const json_t *object, const char *name)
{
        json_int_t value = json_integer_value(json_object_get(object, name));

        return value > 0 ? (uint64_t)value : 0;
}

static int read_meta(struct input *in)
{
        static const char what[] = "failed to decode snapshot metadata";
        struct snapshot_meta *meta = in->meta;
        const char *id;
        json_error_t why;
        json_t *object;
        char *text;
        size_t len;
        int ret = read_small(in, &text, &len, what);

        if (ret < 0) {
                free(text);
                return ret;
        }
        sums_add(&in->sums, SUM_META, text, len);
        object = json_loadb(text, len, JSON_DISABLE_EOF_CHECK, &why);
        free(text);
        if (!json_is_object(object)) {
                json_decref(object);
                return refuse(in->error, "%s: %s", what, len == 0 ? "EOF" : "it is no JSON object");
        }
        id = json_string_value(json_object_get(object, "ID"));
        snprintf(meta->id, sizeof(meta->id), "%s", id != NULL ? id : "");
        meta->version = number_of(object, "Version");
        meta->index = number_of(object, "Index");
        meta->term = number_of(object, "Term");
        json_decref(object);
        return 0;
}

static int read_state(struct input *in)
{
        la_ssize_t len;

        while ((len = archive_read_data(in->archive, in->block, sizeof(in->block))) > 0) {
                int ret;

                in->meta->size += (uint64_t)len;
                if (in->meta->size > in->size_max)
                        return refuse(in->error,
                                      "failed to read or write snapshot data: more than "
                                      "%" PRIu64 " bytes",
                                      in->size_max);
                sums_add(&in->sums, SUM_STATE, in->block, (size_t)len);
                ret = in->state(in->arg, (const uint8_t *)in->block, (size_t)len);
                if (ret < 0)
                        return ret;
        }
        return len < 0 ? refuse(in->error, "failed to read or write snapshot data: %s", reason(in))
                       : 0;
}

static int refuse_file(struct input *in, const char *name)
{
        char shown[100];
        size_t len = 0;

        for (; len < sizeof(shown) - 1 && name[len] != '\0'; len++)
                shown[len] =
                    name[len] > ' ' && name[len] < 127 && name[len] != '"' ? name[len] : '?';
        shown[len] = '\0';
        return refuse(in->error, "unexpected file \"%s\" in snapshot", shown);
}

static int read_file(struct input *in, struct archive_entry *entry)
{
        const char *name = archive_entry_pathname(entry);
        bool *seen = NULL;
        size_t len;

        if (name == NULL)
                name = "";
        for (int i = 0; i < SUM_FILE_COUNT; i++) {
                if (strcmp(name, sum_file_names[i]) == 0)
                        seen = &in->has[i];
        }
        if (strcmp(name, SUMS_FILE) == 0)
                seen = &in->has_list;
        if (strcmp(name, SUMS_FILE ".sealed") == 0)
                return 0;
        // Each is there once, as a file of its own: no links.
        if (seen == NULL || *seen || archive_entry_filetype(entry) != AE_IFREG ||
            archive_entry_hardlink(entry) != NULL)
                return refuse_file(in, name);
        *seen = true;
        if (seen == &in->has_list)
                return read_small(in, &in->list, &len, "failed to read snapshot hashes");
        return seen == &in->has[SUM_META] ? read_meta(in) : read_state(in);
}

static int read_files(struct input *in)
{
        char why[SNAPSHOT_ERROR_MAX / 2], none[1] = "";
        struct archive_entry *entry;
        int ret;

        while ((ret = archive_read_next_header(in->archive, &entry)) == ARCHIVE_OK) {
                ret = read_file(in, entry);
                if (ret < 0)
                        return ret;
        }
        if (ret != ARCHIVE_EOF)
                return refuse(in->error, "failed reading snapshot: %s", reason(in));
        sums_finish(&in->sums);
        if (sums_verify(&in->sums, in->list != NULL ? in->list : none, why, sizeof(why)) < 0)
                return refuse(in->error, "failed checking integrity of snapshot: %s", why);
        return 0;
}

// The checksum of the whole comes last, and nothing may stand between.
static int conclude(struct input *in)
{
        uint64_t used = (uint64_t)archive_filter_bytes(in->archive, 0);
        const uint8_t *block;
        long len;

        while ((len = gunzip_next(in->gunzip, &block)) > 0) {
                if (in->gunzip->produced - used > in->size_max)
                        break;
        }
        if (len < 0)
                return refuse(in->error, "%s", in->gunzip->error);
        if (in->gunzip->produced > used)
                return refuse(in->error, "%" PRIu64 " unread uncompressed bytes remain",
                              in->gunzip->produced - used);
        return 0;
}

static int read_all(struct input *in)
{
        char why[SNAPSHOT_ERROR_MAX];
        int ret;

        in->archive = archive_read_new();
        if (in->archive == NULL || archive_read_support_format_tar(in->archive) != ARCHIVE_OK ||
            archive_read_support_format_empty(in->archive) != ARCHIVE_OK) {
                archive_read_free(in->archive);
                return refuse(in->error, "out of memory");
        }
        if (archive_read_open(in->archive, in, NULL, on_read, NULL) != ARCHIVE_OK) {
                ret = refuse(in->error, "failed reading snapshot: %s", reason(in));
        } else {
                ret = read_files(in);
        }
        if (ret == 0) {
                ret = conclude(in);
        } else if (ret == -EBADMSG) {
                snprintf(why, sizeof(why), "%s", in->error);
                refuse(in->error, "failed to read snapshot file: %.*s", SNAPSHOT_ERROR_MAX - 40,
                       why);
        }
        archive_read_free(in->archive);
        return ret;
}

int snapshot_archive_read(const uint8_t *bytes, size_t len, uint64_t size_max,
                          snapshot_sink_fn state, void *arg, struct snapshot_meta *meta,
                          char error[SNAPSHOT_ERROR_MAX])
{
        struct gunzip *gunzip = malloc(sizeof(*gunzip));
        struct input *in = calloc(1, sizeof(*in));
        int ret = -ENOMEM;

        memset(meta, 0, sizeof(*meta));
        error[0] = '\0';
        if (gunzip != NULL && in != NULL)
                ret = gunzip_init(gunzip, bytes, len);
        if (ret < 0) {
                refuse(error, "failed to decompress snapshot: %s",
                       ret == -EBADMSG ? gunzip->error : "out of memory");
                free(gunzip);
                free(in);
                return -EBADMSG;
        }
        in->gunzip = gunzip;
        in->size_max = size_max;
        in->state = state;
        in->arg = arg;
        in->meta = meta;
        in->error = error;
        ret = sums_init(&in->sums) < 0 ? refuse(error, "out of memory") : read_all(in);
        sums_finish(&in->sums);
        free(in->list);
        gunzip_fini(gunzip);
        free(gunzip);
        free(in);
        return ret;
}
