#include "control/text/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const uint8_t *bytes, size_t len, char *out)
{
        size_t i;

        for (i = 0; i + 2 < len; i += 3) {
                uint32_t group =
                    (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];

                *out++ = digits[group >> 18];
                *out++ = digits[group >> 12 & 63];
                *out++ = digits[group >> 6 & 63];
                *out++ = digits[group & 63];
        }
        if (i == len)
                return;
        *out++ = digits[bytes[i] >> 2];
        if (i + 1 == len) {
                *out++ = digits[(bytes[i] & 3) << 4];
                *out++ = '=';
        } else {
                *out++ = digits[(bytes[i] & 3) << 4 | bytes[i + 1] >> 4];
                *out++ = digits[(bytes[i + 1] & 15) << 2];
        }
        *out = '=';
}

static int value_of(char c)
{
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        if (c == '+')
                return 62;
        return c == '/' ? 63 : -1;
}

long base64_decode(const char *text, size_t text_len, uint8_t *out, size_t *bad_at)
{
        unsigned digit_count = 0, padding = 0;
        uint32_t group = 0;
        long written = 0;

        for (size_t i = 0; i < text_len; i++) {
                int value = value_of(text[i]);

                if (text[i] == '\r' || text[i] == '\n')
                        continue;
                *bad_at = i;
                // Padding ends a group of two or three digits, and the text.
                if (text[i] == '=' && digit_count + padding < 4 && digit_count >= 2) {
                        padding++;
                        continue;
                }
                if (value < 0 || padding > 0)
                        return -1;
                group = group << 6 | (uint32_t)value;
                if (++digit_count < 4)
                        continue;
                out[written++] = (uint8_t)(group >> 16);
                out[written++] = (uint8_t)(group >> 8);
                out[written++] = (uint8_t)group;
                digit_count = 0;
                group = 0;
        }
        *bad_at = text_len;
        if (digit_count == 0 && padding == 0)
                return written;
        if (digit_count + padding != 4)
                return -1;
        out[written++] = (uint8_t)(group >> (digit_count == 2 ? 4 : 10));
        if (digit_count == 3)
                out[written++] = (uint8_t)(group >> 2);
        return written;
}
