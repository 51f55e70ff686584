#include "control/text/go_quote.h"

#include <stdint.h>
#include <string.h>

static int digit_of(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

// returns  the digits used; 0 when they are too few or none.
static size_t read_digits(const char *text, size_t len, size_t count, int base, uint32_t *out)
{
        *out = 0;
        if (count > len)
                return 0;
        for (size_t i = 0; i < count; i++) {
                if (digit_of(text[i]) >= base)
                        return 0;
                *out = *out * (uint32_t)base + (uint32_t)digit_of(text[i]);
        }
        return count;
}

static size_t encode(uint32_t c, char out[4])
{
        if (c < 0x80) {
                out[0] = (char)c;
                return 1;
        }
        if (c < 0x800) {
                out[0] = (char)(0xc0 | c >> 6);
                out[1] = (char)(0x80 | (c & 63));
                return 2;
        }
        if (c < 0x10000) {
                out[0] = (char)(0xe0 | c >> 12);
                out[1] = (char)(0x80 | (c >> 6 & 63));
                out[2] = (char)(0x80 | (c & 63));
                return 3;
        }
        out[0] = (char)(0xf0 | c >> 18);
        out[1] = (char)(0x80 | (c >> 12 & 63));
        out[2] = (char)(0x80 | (c >> 6 & 63));
        out[3] = (char)(0x80 | (c & 63));
        return 4;
}

// What follows a backslash. returns  the characters used, 0 for no escape.
static size_t read_escape(const char *text, size_t len, char out[4], size_t *out_len)
{
        static const char names[] = "abfnrtv\\\"", values[] = "\a\b\f\n\r\t\v\\\"";
        const char *name = len > 0 && text[0] != '\0' ? strchr(names, text[0]) : NULL;
        uint32_t value;
        size_t used;

        *out_len = 1;
        if (len == 0)
                return 0;
        if (name != NULL) {
                out[0] = values[name - names];
                return 1;
        }
        if (text[0] >= '0' && text[0] <= '7') {
                used = read_digits(text, len, 3, 8, &value);
                out[0] = (char)value;
                return value > 255 ? 0 : used;
        }
        if (text[0] != 'x' && text[0] != 'u' && text[0] != 'U')
                return 0;
        used = read_digits(text + 1, len - 1,
                           text[0] == 'x'   ? 2
                           : text[0] == 'u' ? 4
                                            : 8,
                           16, &value);
        if (used == 0)
                return 0;
        if (text[0] == 'x') {
                out[0] = (char)value;
                return 3;
        }
        if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
                return 0;
        *out_len = encode(value, out);
        return used + 1;
}

bool go_unquote(const char *text, size_t len, char *out, size_t *out_len)
{
        size_t used = 0;

        if (len < 2 || text[0] != text[len - 1] || (text[0] != '"' && text[0] != '`'))
                return false;
        for (size_t i = 1; i + 1 < len; i++) {
                char bytes[4] = {text[i]};
                size_t count = 1;

                if (text[i] == text[0] || (text[0] == '"' && text[i] == '\n'))
                        return false;
                if (text[0] == '"' && text[i] == '\\') {
                        size_t escape = read_escape(text + i + 1, len - i - 2, bytes, &count);

                        if (escape == 0)
                                return false;
                        i += escape;
                } else if (text[0] == '`' && text[i] == '\r') {
                        count = 0;
                }
                if (out != NULL)
                        memcpy(out + used, bytes, count);
                used += count;
        }
        if (out != NULL)
                out[used] = '\0';
        if (out_len != NULL)
                *out_len = used;
        return true;
}
