#include "control/text/json_writer.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/text/base64.h"
#include "control/text/utf8.h"

void json_writer_init(struct json_writer *w, bool pretty)
{
        *w = (struct json_writer){.pretty = pretty};
}

static bool reserve(struct json_writer *w, size_t extra)
{
        size_t capacity = w->capacity > 0 ? w->capacity : 256;
        char *data;

        if (w->failed)
                return false;
        // One byte more for the NUL.
        if (w->capacity - w->len > extra)
                return true;
        while (capacity - w->len <= extra) {
                if (capacity > SIZE_MAX / 2)
                        goto fail;
                capacity *= 2;
        }
        data = realloc(w->data, capacity);
        if (data == NULL)
                goto fail;
        w->data = data;
        w->capacity = capacity;
        return true;
fail:
        w->failed = true;
        return false;
}

static void append(struct json_writer *w, const char *text, size_t len)
{
        if (!reserve(w, len))
                return;
        memcpy(w->data + w->len, text, len);
        w->len += len;
        w->data[w->len] = '\0';
}

char *json_writer_take(struct json_writer *w, size_t *len)
{
        char *data = NULL;

        assert(w->depth == 0);
        append(w, "", 0);
        if (!w->failed) {
                data = w->data;
                *len = w->len;
                w->data = NULL;
        }
        json_writer_fini(w);
        return data;
}

void json_writer_fini(struct json_writer *w)
{
        free(w->data);
        json_writer_init(w, w->pretty);
}

static void new_line(struct json_writer *w)
{
        append(w, "\n", 1);
        for (unsigned i = 0; i < w->depth; i++)
                append(w, "    ", 4);
}

// What stands between the previous item and this one.
static void begin_item(struct json_writer *w)
{
        if (w->after_key) {
                w->after_key = false;
                return;
        }
        if (w->depth == 0)
                return;
        if (w->has_items[w->depth - 1])
                append(w, ",", 1);
        w->has_items[w->depth - 1] = true;
        if (w->pretty)
                new_line(w);
}

static void begin_container(struct json_writer *w, const char *bracket)
{
        begin_item(w);
        append(w, bracket, 1);
        assert(w->depth < JSON_WRITER_DEPTH_MAX);
        w->has_items[w->depth++] = false;
}

static void end_container(struct json_writer *w, const char *bracket)
{
        assert(w->depth > 0 && !w->after_key);
        w->depth--;
        if (w->has_items[w->depth] && w->pretty)
                new_line(w);
        append(w, bracket, 1);
}

void json_writer_begin_object(struct json_writer *w)
{
        begin_container(w, "{");
}

void json_writer_end_object(struct json_writer *w)
{
        end_container(w, "}");
}

void json_writer_begin_array(struct json_writer *w)
{
        begin_container(w, "[");
}

void json_writer_end_array(struct json_writer *w)
{
        end_container(w, "]");
}

static void append_escape(struct json_writer *w, unsigned char c)
{
        char escape[8];

        switch (c) {
        case '"':
                append(w, "\\\"", 2);
                break;
        case '\\':
                append(w, "\\\\", 2);
                break;
        case '\n':
                append(w, "\\n", 2);
                break;
        case '\r':
                append(w, "\\r", 2);
                break;
        case '\t':
                append(w, "\\t", 2);
                break;
        default:
                snprintf(escape, sizeof(escape), "\\u%04x", c);
                append(w, escape, 6);
        }
}

static bool needs_escape(unsigned char c)
{
        return c < 0x20 || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&';
}

// Go also escapes U+2028 and U+2029 (E2 80 A8/A9), which end lines in JavaScript.
static bool is_line_separator(const unsigned char *text, size_t sequence)
{
        return sequence == 3 && text[0] == 0xe2 && text[1] == 0x80 && (text[2] & 0xfe) == 0xa8;
}

static void append_quoted(struct json_writer *w, const char *text, size_t len)
{
        const unsigned char *bytes = (const unsigned char *)text;
        size_t start = 0, i = 0;

        append(w, "\"", 1);
        while (i < len) {
                size_t sequence;

                // Nearly every byte there is.
                if (bytes[i] < 0x80 && !needs_escape(bytes[i])) {
                        i++;
                        continue;
                }
                sequence = utf8_sequence(bytes + i, len - i);
                if (sequence > 0 && !needs_escape(bytes[i]) &&
                    !is_line_separator(bytes + i, sequence)) {
                        i += sequence;
                        continue;
                }
                append(w, text + start, i - start);
                if (sequence == 0) {
                        append(w, "\\ufffd", 6);
                        sequence = 1;
                } else if (sequence == 1) {
                        append_escape(w, bytes[i]);
                } else {
                        append(w, bytes[i + 2] == 0xa8 ? "\\u2028" : "\\u2029", 6);
                }
                i += sequence;
                start = i;
        }
        append(w, text + start, i - start);
        append(w, "\"", 1);
}

void json_writer_key(struct json_writer *w, const char *key)
{
        assert(w->depth > 0 && !w->after_key);
        begin_item(w);
        append_quoted(w, key, strlen(key));
        append(w, ": ", w->pretty ? 2 : 1);
        w->after_key = true;
}

void json_writer_string(struct json_writer *w, const char *text)
{
        json_writer_string_len(w, text, text != NULL ? strlen(text) : 0);
}

void json_writer_string_len(struct json_writer *w, const char *text, size_t len)
{
        begin_item(w);
        append_quoted(w, text, len);
}

void json_writer_base64(struct json_writer *w, const void *bytes, size_t len)
{
        size_t text_len = base64_text_len(len);

        begin_item(w);
        if (!reserve(w, text_len + 2))
                return;
        w->data[w->len] = '"';
        base64_encode(bytes, len, w->data + w->len + 1);
        w->len += text_len + 2;
        w->data[w->len - 1] = '"';
        w->data[w->len] = '\0';
}

void json_writer_int(struct json_writer *w, int64_t value)
{
        char text[24];

        begin_item(w);
        append(w, text, (size_t)snprintf(text, sizeof(text), "%lld", (long long)value));
}

void json_writer_uint(struct json_writer *w, uint64_t value)
{
        char text[24];

        begin_item(w);
        append(w, text, (size_t)snprintf(text, sizeof(text), "%llu", (unsigned long long)value));
}

void json_writer_double(struct json_writer *w, double value)
{
        char text[32];
        int len = 0;

        begin_item(w);
        if (!isfinite(value))
                value = 0.0;
        // The shortest text that reads back as the same number.
        for (int digits = 6; digits <= 17; digits++) {
                len = snprintf(text, sizeof(text), "%.*g", digits, value);
                if (!(strtod(text, NULL) < value) && !(strtod(text, NULL) > value))
                        break;
        }
        append(w, text, (size_t)len);
}

void json_writer_bool(struct json_writer *w, bool value)
{
        begin_item(w);
        append(w, value ? "true" : "false", value ? 4 : 5);
}

void json_writer_null(struct json_writer *w)
{
        begin_item(w);
        append(w, "null", 4);
}

void json_writer_drain(struct json_writer *w)
{
        w->len = 0;
}

void json_writer_raw(struct json_writer *w, const char *json, size_t len)
{
        begin_item(w);
        append(w, json, len);
}

void json_writer_finish(struct json_writer *w)
{
        assert(w->depth == 0);
        if (w->pretty)
                append(w, "\n", 1);
}

void json_writer_put_string(struct json_writer *w, const char *key, const char *text)
{
        json_writer_key(w, key);
        json_writer_string(w, text);
}

void json_writer_put_int(struct json_writer *w, const char *key, int64_t value)
{
        json_writer_key(w, key);
        json_writer_int(w, value);
}

void json_writer_put_uint(struct json_writer *w, const char *key, uint64_t value)
{
        json_writer_key(w, key);
        json_writer_uint(w, value);
}

void json_writer_put_bool(struct json_writer *w, const char *key, bool value)
{
        json_writer_key(w, key);
        json_writer_bool(w, value);
}

void json_writer_put_null(struct json_writer *w, const char *key)
{
        json_writer_key(w, key);
        json_writer_null(w);
}
