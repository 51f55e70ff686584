#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/config/hcl/hcl_internal.h"

static unsigned hex_value(char c)
{
        if (c >= '0' && c <= '9')
                return (unsigned)(c - '0');
        if (c >= 'a' && c <= 'f')
                return (unsigned)(c - 'a') + 10;
        if (c >= 'A' && c <= 'F')
                return (unsigned)(c - 'A') + 10;
        return 16;
}

// Up to count digits of a base at *from; fewer are a mistake.
static int read_digits(const char **from, const char *end, unsigned base, unsigned count,
                       uint32_t *out)
{
        uint32_t value = 0;

        for (unsigned i = 0; i < count; i++, ++*from) {
                if (*from == end || hex_value(**from) >= base)
                        return -EINVAL;
                value = value * base + hex_value(**from);
        }
        *out = value;
        return 0;
}

static char *write_utf8(char *out, uint32_t code)
{
        if (code < 0x80) {
                *out++ = (char)code;
        } else if (code < 0x800) {
                *out++ = (char)(0xc0 | code >> 6);
                *out++ = (char)(0x80 | (code & 0x3f));
        } else if (code < 0x10000) {
                *out++ = (char)(0xe0 | code >> 12);
                *out++ = (char)(0x80 | (code >> 6 & 0x3f));
                *out++ = (char)(0x80 | (code & 0x3f));
        } else {
                *out++ = (char)(0xf0 | code >> 18);
                *out++ = (char)(0x80 | (code >> 12 & 0x3f));
                *out++ = (char)(0x80 | (code >> 6 & 0x3f));
                *out++ = (char)(0x80 | (code & 0x3f));
        }
        return out;
}

// The escape behind a backslash; *from is moved past it.
static int read_escape(const char **from, const char *end, char **out)
{
        static const char names[] = "abfnrtv\\\"";
        static const char meanings[] = "\a\b\f\n\r\t\v\\\"";
        const char *name;
        uint32_t code = 0;
        char kind;
        int ret;

        if (*from == end)
                return -EINVAL;
        kind = *(*from)++;
        name = memchr(names, kind, sizeof(names) - 1);
        if (name != NULL) {
                *(*out)++ = meanings[name - names];
                return 0;
        }
        if (kind >= '0' && kind <= '7') {
                --*from;
                ret = read_digits(from, end, 8, 3, &code);
        } else if (kind == 'x') {
                ret = read_digits(from, end, 16, 2, &code);
        } else if (kind == 'u' || kind == 'U') {
                ret = read_digits(from, end, 16, kind == 'u' ? 4 : 8, &code);
                if (ret == 0 && (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)))
                        ret = -EINVAL;
                if (ret == 0 && code != 0)
                        *out = write_utf8(*out, code);
                return ret < 0 || code == 0 ? -EINVAL : 0;
        } else {
                return -EINVAL;
        }
        // A single byte; a value must stay text, so NUL and halves of characters are mistakes.
        if (ret < 0 || code == 0 || code > 0x7f)
                return -EINVAL;
        *(*out)++ = (char)code;
        return 0;
}

// What is inside ${ } stays as it is written. returns the end of the interpolation.
static const char *copy_interpolation(const char *from, const char *end, char **out)
{
        unsigned braces = 0;

        while (from < end) {
                char c = *from++;

                *(*out)++ = c;
                if (c == '{')
                        braces++;
                if (c == '}' && --braces == 0)
                        break;
        }
        return from;
}

static json_t *string_value(const struct hcl_token *token, struct hcl_error *error)
{
        const char *from = token->text + 1, *end = token->text + token->length - 1;
        // An escape is never shorter than what it means.
        char *text = malloc(token->length), *out = text;
        json_t *value = NULL;

        if (text == NULL) {
                hcl_fail(error, token->line, token->column, "out of memory");
                return NULL;
        }
        while (from < end) {
                if (from + 1 < end && from[0] == '$' && from[1] == '{') {
                        from = copy_interpolation(from, end, &out);
                } else if (*from != '\\') {
                        *out++ = *from++;
                } else {
                        from++;
                        if (read_escape(&from, end, &out) < 0) {
                                hcl_fail(error, token->line, token->column, "illegal char escape");
                                goto free_text;
                        }
                }
        }
        value = json_stringn(text, (size_t)(out - text));
        if (value == NULL)
                hcl_fail(error, token->line, token->column, "illegal char escape");
free_text:
        free(text);
        return value;
}

// Whether every line begins with the blanks that stand before the closing anchor.
static bool is_indented(const char *text, const char *end, const char *blanks, size_t count)
{
        while (text < end) {
                const char *line_end = memchr(text, '\n', (size_t)(end - text));

                if ((size_t)(end - text) < count || memcmp(text, blanks, count) != 0)
                        return false;
                if (line_end == NULL)
                        break;
                text = line_end + 1;
        }
        return true;
}

static json_t *heredoc_value(const struct hcl_token *token, struct hcl_error *error)
{
        const char *start = memchr(token->text, '\n', token->length), *end = NULL;
        bool indented = token->text[2] == '-';
        size_t blanks = 0;
        char *text = malloc(token->length + 1), *out = text;
        json_t *value;

        if (text == NULL || start == NULL) {
                free(text);
                hcl_fail(error, token->line, token->column, "out of memory");
                return NULL;
        }
        start++;
        for (end = token->text + token->length; end > start && end[-1] != '\n';)
                end--;
        while (end + blanks < token->text + token->length &&
               (end[blanks] == ' ' || end[blanks] == '\t'))
                blanks++;
        if (!indented || !is_indented(start, end, end, blanks))
                blanks = 0;
        while (start < end) {
                const char *line_end = memchr(start, '\n', (size_t)(end - start));
                size_t length = (size_t)(line_end + 1 - start) - blanks;

                memcpy(out, start + blanks, length);
                out += length;
                start = line_end + 1;
        }
        value = json_stringn(text, (size_t)(out - text));
        free(text);
        if (value == NULL)
                hcl_fail(error, token->line, token->column, "out of memory");
        return value;
}

static json_t *number_value(const struct hcl_token *token, struct hcl_error *error)
{
        char text[64], *end;
        json_t *value = NULL;

        if (token->length >= sizeof(text)) {
                hcl_fail(error, token->line, token->column, "number is too long");
                return NULL;
        }
        memcpy(text, token->text, token->length);
        text[token->length] = '\0';
        errno = 0;
        if (token->kind == HCL_FLOAT)
                value = json_real(strtod(text, &end));
        else
                value = json_integer(strtoll(text, &end, 0));
        if (errno == ERANGE || value == NULL) {
                json_decref(value);
                hcl_fail(error, token->line, token->column, "number is out of range: %s", text);
                return NULL;
        }
        return value;
}

json_t *hcl_literal_value(const struct hcl_token *token, struct hcl_error *error)
{
        switch (token->kind) {
        case HCL_BOOL:
                return json_boolean(token->text[0] == 't');
        case HCL_STRING:
                return string_value(token, error);
        case HCL_HEREDOC:
                return heredoc_value(token, error);
        default:
                return number_value(token, error);
        }
}
