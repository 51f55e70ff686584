#include "control/snapshot/archive.h"
#include "control/snapshot/sums.h"
#include "control/store/msgpack.h"
#include "lictor/bytes.h"
#include <archive.h>
#include <archive_entry.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static int append(void *arg, const uint8_t *bytes, size_t len)
{
        byte_buffer_append(arg, bytes, len);
        return 0;
}

static int write_state(void *source, snapshot_sink_fn sink, void *arg)
{
        const struct byte_buffer *state = source;
        size_t half = state->len / 2;
        int ret = sink(arg, state->bytes, half);

        return ret == 0 ? sink(arg, state->bytes + half, state->len - half) : ret;
}

static void fill(struct byte_buffer *state, size_t len)
{
        uint32_t x = 7;

        for (size_t i = 0; i < len; i++) {
                uint8_t byte = (uint8_t)((x = x * 1103515245u + 12345u) >> 24);

                byte_buffer_append(state, &byte, 1);
        }
}

static struct byte_buffer some_archive(struct byte_buffer *state)
{
        struct snapshot_meta meta = {.id = "2-9-1", .version = 1, .index = 9, .term = 2};
        struct byte_buffer archive = BYTE_BUFFER_INIT;

        cr_assert_eq(snapshot_archive_write(&meta, write_state, state, append, &archive), 0);
        cr_assert_eq(meta.size, state->len);
        return archive;
}

static int read_into(const struct byte_buffer *archive, struct byte_buffer *state,
                     struct snapshot_meta *meta, char error[SNAPSHOT_ERROR_MAX])
{
        state->len = 0;
        return snapshot_archive_read(archive->bytes, archive->len, 1 << 20, append, state, meta,
                                     error);
}

Test(archive, what_is_written_is_read_again)
{
        static const size_t sizes[] = {0, 1, 511, 512, 513, 200000};

        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                struct byte_buffer state = BYTE_BUFFER_INIT, again = BYTE_BUFFER_INIT, archive;
                char error[SNAPSHOT_ERROR_MAX];
                struct snapshot_meta meta;

                fill(&state, sizes[i]);
                archive = some_archive(&state);
                cr_assert_eq(read_into(&archive, &again, &meta, error), 0, "%s", error);
                cr_assert_eq(again.len, state.len);
                cr_expect(state.len == 0 || memcmp(again.bytes, state.bytes, state.len) == 0);
                cr_expect_str_eq(meta.id, "2-9-1");
                cr_expect_eq(meta.index, 9);
                cr_expect_eq(meta.term, 2);
                cr_expect_eq(meta.size, sizes[i]);
                byte_buffer_fini(&state);
                byte_buffer_fini(&again);
                byte_buffer_fini(&archive);
        }
}

Test(archive, every_truncation_is_refused)
{
        struct byte_buffer state = BYTE_BUFFER_INIT, again = BYTE_BUFFER_INIT, archive;
        char error[SNAPSHOT_ERROR_MAX];
        struct snapshot_meta meta;

        fill(&state, 3000);
        archive = some_archive(&state);
        for (size_t len = 0; len < archive.len; len++) {
                struct byte_buffer part = {archive.bytes, len, len};

                cr_expect_eq(read_into(&part, &again, &meta, error), -EBADMSG, "%zu", len);
                cr_expect(strstr(error, "EOF") != NULL, "%zu: %s", len, error);
        }
        byte_buffer_fini(&state);
        byte_buffer_fini(&again);
        byte_buffer_fini(&archive);
}

Test(archive, a_flipped_byte_is_refused_or_changes_nothing)
{
        struct byte_buffer state = BYTE_BUFFER_INIT, again = BYTE_BUFFER_INIT, archive;
        char error[SNAPSHOT_ERROR_MAX];
        struct snapshot_meta meta;

        size_t same_count = 0;

        fill(&state, 1000);
        archive = some_archive(&state);
        // Bytes 4 to 9 of a gzip file say when and where it was made.
        for (size_t i = 10; i < archive.len; i++) {
                archive.bytes[i] ^= 0x20;
                // Zeros may have been taken from another place among zeros: then nothing is lost.
                if (read_into(&archive, &again, &meta, error) == 0) {
                        cr_expect_eq(meta.index, 9, "%zu", i);
                        cr_assert_eq(again.len, state.len, "%zu", i);
                        cr_expect_arr_eq(again.bytes, state.bytes, state.len, "%zu", i);
                        same_count++;
                }
                archive.bytes[i] ^= 0x20;
        }
        cr_expect_lt(same_count, 50);
        byte_buffer_fini(&state);
        byte_buffer_fini(&again);
        byte_buffer_fini(&archive);
}

struct file {
        const char *name;
        const char *text; // NULL: as it should be
        unsigned type;
};

static la_ssize_t on_bytes(struct archive *a, void *arg, const void *bytes, size_t len)
{
        (void)a;
        byte_buffer_append(arg, bytes, len);
        return (la_ssize_t)len;
}

static void put(struct archive *a, const char *name, const char *text, unsigned type)
{
        struct archive_entry *entry = archive_entry_new();

        archive_entry_set_pathname(entry, name);
        archive_entry_set_filetype(entry, type);
        archive_entry_set_perm(entry, 0600);
        archive_entry_set_size(entry, type == AE_IFREG ? (la_int64_t)strlen(text) : 0);
        if (type == AE_IFLNK)
                archive_entry_set_symlink(entry, "/etc/passwd");
        cr_assert_eq(archive_write_header(a, entry), ARCHIVE_OK);
        if (type == AE_IFREG)
                archive_write_data(a, text, strlen(text));
        archive_entry_free(entry);
}

// An archive of these files; a list of sums without a text is right.
static struct byte_buffer make(const struct file files[], size_t count, size_t padding)
{
        struct archive *a = archive_write_new();
        struct byte_buffer out = BYTE_BUFFER_INIT;
        char list[SUMS_LIST_MAX];
        struct sums sums;

        sums_init(&sums);
        archive_write_set_format_ustar(a);
        archive_write_add_filter_gzip(a);
        archive_write_set_bytes_in_last_block(a, 1);
        archive_write_open(a, &out, NULL, on_bytes, NULL);
        for (size_t i = 0; i < count; i++) {
                const char *text = files[i].text;

                if (text == NULL) {
                        struct sums copy = sums;

                        copy.hash[0] = gnutls_hash_copy(sums.hash[0]);
                        copy.hash[1] = gnutls_hash_copy(sums.hash[1]);
                        sums_finish(&copy);
                        list[sums_write(&copy, list)] = '\0';
                        text = list;
                } else if (strcmp(files[i].name, "meta.json") == 0) {
                        sums_add(&sums, SUM_META, text, strlen(text));
                } else if (strcmp(files[i].name, "state.bin") == 0) {
                        sums_add(&sums, SUM_STATE, text, strlen(text));
                }
                put(a, files[i].name, text, files[i].type ? files[i].type : AE_IFREG);
        }
        archive_write_close(a);
        archive_write_free(a);
        sums_finish(&sums);
        if (padding > 0) {
                uint8_t *zeros = calloc(1, padding), packed[256];
                z_stream z = {.next_in = zeros, .avail_in = (uInt)padding};

                deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY);
                z.next_out = packed;
                z.avail_out = sizeof(packed);
                cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
                byte_buffer_append(&out, packed, sizeof(packed) - z.avail_out);
                deflateEnd(&z);
                free(zeros);
        }
        return out;
}

static void expect_error(const struct file files[], size_t count, size_t padding, const char *want)
{
        struct byte_buffer archive = make(files, count, padding), state = BYTE_BUFFER_INIT;
        char error[SNAPSHOT_ERROR_MAX];
        struct snapshot_meta meta;
        int ret = read_into(&archive, &state, &meta, error);

        cr_expect_eq(ret, *want ? -EBADMSG : 0, "%s", error);
        cr_expect_str_eq(error, want);
        byte_buffer_fini(&archive);
        byte_buffer_fini(&state);
}

#define META                                                                                       \
        {                                                                                          \
                "meta.json", "{}", 0                                                               \
        }
#define STATE                                                                                      \
        {                                                                                          \
                "state.bin", "x", 0                                                                \
        }
#define SUMS                                                                                       \
        {                                                                                          \
                "SHA256SUMS", NULL, 0                                                              \
        }
#define READING "failed to read snapshot file: "

Test(archive, only_the_three_files_are_taken)
{
        static const struct file right[] = {META, STATE, SUMS};
        static const struct file sealed[] = {META, STATE, SUMS, {"SHA256SUMS.sealed", "?", 0}};
        static const struct file climbing[] = {META, {"../../etc/cron.d/x", "x", 0}, SUMS};
        static const struct file dotted[] = {{"./meta.json", "{}", 0}, STATE, SUMS};
        static const struct file link[] = {META, {"state.bin", "", AE_IFLNK}, SUMS};
        static const struct file twice[] = {META, STATE, STATE, SUMS};
        static const struct file folder[] = {META, {"state.bin", "", AE_IFDIR}, SUMS};

        expect_error(right, ARRAY_LEN(right), 0, "");
        expect_error(sealed, ARRAY_LEN(sealed), 0, "");
        expect_error(climbing, ARRAY_LEN(climbing), 0,
                     READING "unexpected file \"../../etc/cron.d/x\" in snapshot");
        expect_error(dotted, ARRAY_LEN(dotted), 0,
                     READING "unexpected file \"./meta.json\" in snapshot");
        expect_error(link, ARRAY_LEN(link), 0, READING "unexpected file \"state.bin\" in snapshot");
        expect_error(twice, ARRAY_LEN(twice), 0,
                     READING "unexpected file \"state.bin\" in snapshot");
        expect_error(folder, ARRAY_LEN(folder), 0,
                     READING "unexpected file \"state.bin/\" in snapshot");
}

Test(archive, what_does_not_agree_with_its_sums_is_refused)
{
        static const struct file no_list[] = {META, STATE};
        static const struct file no_state[] = {META, {"SHA256SUMS", "", 0}};
        static const struct file junk[] = {META, STATE, {"SHA256SUMS", "nonsense\n", 0}};
        static const struct file other[] = {
            META,
            STATE,
            {"SHA256SUMS",
             "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a  meta.json\n"
             "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a  state.bin\n",
             0}};
        static const struct file no_json[] = {{"meta.json", "{", 0}, STATE, SUMS};

        expect_error(no_list, 2, 0,
                     READING "failed checking integrity of snapshot: file missing for "
                             "\"meta.json\"");
        expect_error(no_state, 2, 0,
                     READING "failed checking integrity of snapshot: file missing for "
                             "\"meta.json\"");
        expect_error(junk, 3, 0,
                     READING "failed checking integrity of snapshot: unexpected newline");
        expect_error(other, 3, 0,
                     READING "failed checking integrity of snapshot: hash check failed for "
                             "\"state.bin\"");
        expect_error(no_json, 3, 0,
                     READING "failed to decode snapshot metadata: it is no JSON object");
}

Test(archive, bytes_behind_the_end_are_refused)
{
        static const struct file right[] = {META, STATE, SUMS};

        expect_error(right, 3, 77, "77 unread uncompressed bytes remain");
}

Test(archive, a_state_larger_than_allowed_is_refused_while_it_is_unpacked)
{
        struct byte_buffer state = BYTE_BUFFER_INIT, got = BYTE_BUFFER_INIT, archive;
        char error[SNAPSHOT_ERROR_MAX];
        struct snapshot_meta meta;

        state.bytes = calloc(1, 8 << 20);
        state.len = state.capacity = 8 << 20;
        archive = some_archive(&state);
        cr_expect_lt(archive.len, 100000);
        cr_expect_eq(read_into(&archive, &got, &meta, error), -EBADMSG);
        cr_expect_str_eq(error,
                         READING "failed to read or write snapshot data: more than 1048576 bytes");
        cr_expect_leq(got.len, 1 << 20);
        byte_buffer_fini(&state);
        byte_buffer_fini(&got);
        byte_buffer_fini(&archive);
}

Test(archive, what_is_no_archive_is_called_so)
{
        static const struct {
                const char *bytes;
                size_t len;
                const char *error;
        } cases[] = {
            {"", 0, "failed to decompress snapshot: EOF"},
            {"\x1f\x8b", 2, "failed to decompress snapshot: unexpected EOF"},
            {"this is no archive", 18, "failed to decompress snapshot: gzip: invalid header"},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct byte_buffer state = BYTE_BUFFER_INIT;
                char error[SNAPSHOT_ERROR_MAX];
                struct snapshot_meta meta;

                cr_expect_eq(snapshot_archive_read((const uint8_t *)cases[i].bytes, cases[i].len,
                                                   100, append, &state, &meta, error),
                             -EBADMSG);
                cr_expect_str_eq(error, cases[i].error);
                byte_buffer_fini(&state);
        }
}

static int refuse_all(void *arg, const uint8_t *bytes, size_t len)
{
        (void)arg, (void)bytes, (void)len;
        return -ENOSPC;
}

Test(archive, a_full_disk_ends_both_ways)
{
        struct snapshot_meta meta = {.id = "i", .version = 1};
        struct byte_buffer state = BYTE_BUFFER_INIT, archive;
        char error[SNAPSHOT_ERROR_MAX];

        fill(&state, 300000);
        archive = some_archive(&state);
        cr_expect_eq(snapshot_archive_write(&meta, write_state, &state, refuse_all, NULL), -ENOSPC);
        cr_expect_eq(snapshot_archive_read(archive.bytes, archive.len, 1 << 20, refuse_all, NULL,
                                           &meta, error),
                     -ENOSPC);
        byte_buffer_fini(&state);
        byte_buffer_fini(&archive);
}
