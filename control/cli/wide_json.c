#include "control/cli/wide_json.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MIN 19 // of a number beyond 63 bits
#define DIGITS_MAX 20

// Length of the number at text, an unsigned integer; 0 for none, or one that has a fraction.
static size_t integer_length(const char *text, size_t length)
{
        size_t i = 0;

        while (i < length && isdigit((unsigned char)text[i]))
                i++;
        return i < length && strchr(".eE", text[i]) != NULL ? 0 : i;
}

static void copy_number(const char *text, size_t length, FILE *out)
{
        char digits[DIGITS_MAX + 1] = "";
        uint64_t value;

        if (length >= DIGITS_MIN && length <= DIGITS_MAX) {
                memcpy(digits, text, length);
                errno = 0;
                value = strtoull(digits, NULL, 10);
                if (errno == 0 && value > INT64_MAX) {
                        fprintf(out, "%" PRId64, (int64_t)value);
                        return;
                }
        }
        fwrite(text, 1, length, out);
}

static void copy_narrow(const char *text, size_t length, FILE *out)
{
        bool quoted = false;
        char before = ',';

        for (size_t i = 0; i < length; i++) {
                size_t digits = 0;

                if (quoted && text[i] == '\\' && i + 1 < length) {
                        putc(text[i++], out);
                } else if (text[i] == '"') {
                        quoted = !quoted;
                } else if (!quoted && strchr(":,[ \n\t", before) != NULL) {
                        digits = integer_length(text + i, length - i);
                }
                if (digits > 0) {
                        copy_number(text + i, digits, out);
                        i += digits - 1;
                } else {
                        putc(text[i], out);
                }
                before = text[i];
        }
}

json_t *wide_json_load(const char *text, size_t length)
{
        char *narrow = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&narrow, &size);
        json_t *value = NULL;

        if (out == NULL)
                return NULL;
        copy_narrow(text, length, out);
        if (fclose(out) == 0)
                value = json_loadb(narrow, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        free(narrow);
        return value;
}
