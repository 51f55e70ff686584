#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "control/config/config.h"
#include "lictor/bytes.h"

// Longer spellings come first, so that "ms" is not read as "m".
static const struct {
        const char *text;
        int64_t ns;
} units[] = {
    {"ns", 1},
    {"us", 1000},
    {"\xc2\xb5s", 1000}, // U+00B5 and U+03BC both look like a micro sign
    {"\xce\xbcs", 1000},
    {"ms", 1000000},
    {"s", 1000000000},
    {"m", 60 * INT64_C(1000000000)},
    {"h", 3600 * INT64_C(1000000000)},
};

static int64_t take_unit(const char **text)
{
        for (size_t i = 0; i < ARRAY_LEN(units); i++) {
                size_t length = strlen(units[i].text);

                if (strncmp(*text, units[i].text, length) == 0) {
                        *text += length;
                        return units[i].ns;
                }
        }
        return 0;
}

// One "12.5m" component, without sign; -EINVAL when malformed or out of range.
static int take_component(const char **text, int64_t *out_ns)
{
        const char *p = *text;
        __int128 whole = 0, fraction = 0, scale = 1, ns;
        int64_t unit_ns;

        if (!isdigit((unsigned char)*p) && !(*p == '.' && isdigit((unsigned char)p[1])))
                return -EINVAL;
        for (; isdigit((unsigned char)*p); p++) {
                whole = whole * 10 + (*p - '0');
                if (whole > INT64_MAX)
                        return -EINVAL;
        }
        if (*p == '.') {
                for (p++; isdigit((unsigned char)*p); p++) {
                        if (scale > INT64_MAX / 10)
                                continue;
                        fraction = fraction * 10 + (*p - '0');
                        scale *= 10;
                }
        }
        unit_ns = take_unit(&p);
        if (unit_ns == 0)
                return -EINVAL;
        ns = whole * unit_ns + fraction * unit_ns / scale;
        if (ns > INT64_MAX)
                return -EINVAL;
        *out_ns = (int64_t)ns;
        *text = p;
        return 0;
}

int config_parse_duration(const char *text, int64_t *out_ns)
{
        bool negative = *text == '-';
        int64_t total_ns = 0, ns;

        if (*text == '-' || *text == '+')
                text++;
        if (strcmp(text, "0") == 0) {
                *out_ns = 0;
                return 0;
        }
        if (*text == '\0')
                return -EINVAL;
        while (*text != '\0') {
                if (take_component(&text, &ns) < 0 || ns > INT64_MAX - total_ns)
                        return -EINVAL;
                total_ns += ns;
        }
        *out_ns = negative ? -total_ns : total_ns;
        return 0;
}
