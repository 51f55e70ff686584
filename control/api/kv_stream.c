#include "control/api/kv_stream.h"

#include <stdlib.h>
#include <string.h>

#include "control/api/api_internal.h"

// An answer up to about this size is made at once: then its length is known, and it may be
// compressed.
#define AT_ONCE_LEN 65536
// JSON written ahead of the connection.
#define PIECE_LEN 32768
// What the JSON of an entry needs beside key and value.
#define ENTRY_LEN 160

struct kv_stream {
        struct json_writer w;
        size_t sent; // of what the writer holds
        size_t next; // row to be written
        size_t count;
        bool finished;
        const struct kv_record *rows[]; // one reference each until written
};

void api_write_kv(struct json_writer *w, const struct kv_record *row, bool with_value)
{
        json_writer_begin_object(w);
        json_writer_put_uint(w, "LockIndex", row->lock_index);
        json_writer_key(w, "Key");
        json_writer_string_len(w, kv_record_key(row), row->key_len);
        json_writer_put_uint(w, "Flags", row->flags);
        json_writer_key(w, "Value");
        if (with_value && row->value_len > 0)
                json_writer_base64(w, kv_record_value(row), row->value_len);
        else
                json_writer_null(w);
        if (row->session_len > 0)
                json_writer_put_string(w, "Session", kv_record_session(row));
        json_writer_put_uint(w, "CreateIndex", row->head.create_index);
        json_writer_put_uint(w, "ModifyIndex", row->head.modify_index);
        json_writer_end_object(w);
}

static void write_piece(struct kv_stream *s)
{
        while (s->next < s->count && s->w.len < PIECE_LEN) {
                const struct kv_record *row = s->rows[s->next++];

                api_write_kv(&s->w, row, true);
                record_release(&row->head);
        }
        if (s->next == s->count && !s->finished) {
                json_writer_end_array(&s->w);
                json_writer_finish(&s->w);
                s->finished = true;
        }
}

static long read_stream(void *arg, char *out, size_t size)
{
        struct kv_stream *s = arg;
        size_t len;

        if (s->sent == s->w.len && !s->finished) {
                json_writer_drain(&s->w);
                s->sent = 0;
                write_piece(s);
        }
        if (s->w.failed)
                return -1;
        len = s->w.len - s->sent < size ? s->w.len - s->sent : size;
        memcpy(out, s->w.data + s->sent, len);
        s->sent += len;
        return (long)len;
}

static void end_stream(void *arg)
{
        struct kv_stream *s = arg;

        while (s->next < s->count)
                record_release(&s->rows[s->next++]->head);
        json_writer_fini(&s->w);
        free(s);
}

static void reply_at_once(struct http_request *request, const struct store *store,
                          const char *prefix)
{
        const struct kv_record *row;
        struct json_writer w;
        struct store_iter it;

        json_writer_init(&w, http_request_pretty(request));
        json_writer_begin_array(&w);
        store_kv(store, prefix, &it);
        while ((row = store_next_kv(&it)) != NULL)
                api_write_kv(&w, row, true);
        json_writer_end_array(&w);
        http_reply_json(request, 200, &w);
}

void kv_stream_reply(struct http_request *request, const struct store *store, const char *prefix)
{
        size_t count = 0, json_len = 0;
        const struct kv_record *row;
        struct kv_stream *s;
        struct store_iter it;

        store_kv(store, prefix, &it);
        while ((row = store_next_kv(&it)) != NULL) {
                json_len += ENTRY_LEN + row->key_len + (size_t)row->value_len * 4 / 3;
                count++;
        }
        if (json_len <= AT_ONCE_LEN) {
                reply_at_once(request, store, prefix);
                return;
        }
        s = calloc(1, sizeof(*s) + count * sizeof(s->rows[0]));
        if (s == NULL) {
                http_reply_text(request, 500, "out of memory");
                return;
        }
        store_kv(store, prefix, &it);
        while ((row = store_next_kv(&it)) != NULL) {
                record_take(&row->head);
                s->rows[s->count++] = row;
        }
        json_writer_init(&s->w, http_request_pretty(request));
        json_writer_begin_array(&s->w);
        write_piece(s);
        http_reply_stream(request, 200, HTTP_JSON, read_stream, end_stream, s);
}
