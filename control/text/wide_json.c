#include "control/text/wide_json.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MIN 19 // of a number beyond 63 bits
#define DIGITS_MAX 20

// Digits of the unsigned integer at text; 0 for none, or a number that has a fraction.
static size_t integer_digits(const char *text, size_t length)
{
        size_t i = 0;

        while (i < length && isdigit((unsigned char)text[i]))
                i++;
        return i < length && strchr(".eE", text[i]) != NULL ? 0 : i;
}

// returns  the characters written, which are one more than there were at most.
static size_t copy_number(const char *text, size_t digits, char *out)
{
        char number[DIGITS_MAX + 1] = "";
        uint64_t value;

        if (digits >= DIGITS_MIN && digits <= DIGITS_MAX) {
                memcpy(number, text, digits);
                errno = 0;
                value = strtoull(number, NULL, 10);
                if (errno == 0 && value > INT64_MAX)
                        return (size_t)snprintf(out, DIGITS_MAX + 2, "%" PRId64, (int64_t)value);
        }
        memcpy(out, text, digits);
        return digits;
}

static size_t copy_narrow(const char *text, size_t length, char *out)
{
        bool quoted = false;
        char before = ',';
        size_t used = 0;

        for (size_t i = 0; i < length; i++) {
                size_t digits = 0;

                if (quoted && text[i] == '\\' && i + 1 < length)
                        out[used++] = text[i++];
                else if (text[i] == '"')
                        quoted = !quoted;
                else if (!quoted && before != '\0' && strchr(":,[ \r\n\t", before) != NULL)
                        digits = integer_digits(text + i, length - i);
                if (digits > 0) {
                        used += copy_number(text + i, digits, out + used);
                        i += digits - 1;
                } else {
                        out[used++] = text[i];
                }
                before = text[i];
        }
        return used;
}

json_t *wide_json_load(const char *text, size_t length)
{
        // A number that grows has 19 digits, so that this is more than all can grow by.
        char *narrow = malloc(length + length / DIGITS_MIN + DIGITS_MAX + 2);
        json_t *value = NULL;

        if (narrow == NULL)
                return NULL;
        value = json_loadb(narrow, copy_narrow(text, length, narrow),
                           JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        free(narrow);
        return value;
}
