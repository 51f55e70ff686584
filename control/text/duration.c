#include "control/text/duration.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct unit {
        const char *name;
        uint64_t ns;
} units[] = {
    {"ns", 1},           {"us", 1000},      {"\xc2\xb5s", 1000}, // MICRO SIGN
    {"\xce\xbcs", 1000},                                         // GREEK SMALL LETTER MU
    {"ms", 1000000},     {"s", 1000000000}, {"m", 60000000000},  {"h", 3600000000000},
};

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static int parse_unit(const char **cursor, uint64_t *unit_ns)
{
        size_t len = 0;

        while ((*cursor)[len] != '\0' && (*cursor)[len] != '.' && !is_digit((*cursor)[len]))
                len++;
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
                if (strlen(units[i].name) == len && memcmp(units[i].name, *cursor, len) == 0) {
                        *unit_ns = units[i].ns;
                        *cursor += len;
                        return 0;
                }
        }
        return -EINVAL;
}

// One "<digits>[.<digits>]<unit>" added to *sum_ns.
static int parse_term(const char **cursor, uint64_t *sum_ns)
{
        uint64_t whole = 0, fraction = 0, scale = 1, unit_ns, term_ns;
        bool any = false;

        for (; is_digit(**cursor); (*cursor)++, any = true) {
                if (whole > (uint64_t)INT64_MAX / 10)
                        return -ERANGE;
                whole = whole * 10 + (uint64_t)(**cursor - '0');
        }
        if (**cursor == '.') {
                (*cursor)++;
                for (; is_digit(**cursor); (*cursor)++, any = true) {
                        // Digits below a nanosecond of the largest unit cannot matter.
                        if (scale < 1000000000000000) {
                                fraction = fraction * 10 + (uint64_t)(**cursor - '0');
                                scale *= 10;
                        }
                }
        }
        if (!any || parse_unit(cursor, &unit_ns) < 0)
                return -EINVAL;
        if (whole > (uint64_t)INT64_MAX / unit_ns)
                return -ERANGE;
        term_ns = whole * unit_ns;
        term_ns += (uint64_t)((double)fraction * ((double)unit_ns / (double)scale));
        if (term_ns > (uint64_t)INT64_MAX - *sum_ns)
                return -ERANGE;
        *sum_ns += term_ns;
        return 0;
}

int duration_parse(const char *text, int64_t *out_ns)
{
        bool negative = *text == '-';
        uint64_t sum_ns = 0;

        if (*text == '-' || *text == '+')
                text++;
        if (strcmp(text, "0") == 0) {
                *out_ns = 0;
                return 0;
        }
        if (*text == '\0')
                return -EINVAL;
        while (*text != '\0') {
                int ret = parse_term(&text, &sum_ns);

                if (ret < 0)
                        return ret;
        }
        *out_ns = negative ? -(int64_t)sum_ns : (int64_t)sum_ns;
        return 0;
}

// value / 10^digits with trailing zeros cut, followed by the unit.
static void format_fraction(char *out, size_t size, uint64_t value, unsigned digits,
                            const char *unit)
{
        uint64_t scale = 1, fraction;

        for (unsigned i = 0; i < digits; i++)
                scale *= 10;
        fraction = value % scale;
        if (fraction == 0) {
                snprintf(out, size, "%llu%s", (unsigned long long)(value / scale), unit);
                return;
        }
        while (fraction % 10 == 0) {
                fraction /= 10;
                digits--;
        }
        snprintf(out, size, "%llu.%0*llu%s", (unsigned long long)(value / scale), (int)digits,
                 (unsigned long long)fraction, unit);
}

const char *duration_format(int64_t duration_ns, char out[DURATION_TEXT_MAX])
{
        uint64_t ns = duration_ns < 0 ? 0 - (uint64_t)duration_ns : (uint64_t)duration_ns;
        const char *sign = duration_ns < 0 ? "-" : "";
        uint64_t minutes = ns / 60000000000;
        char seconds[24];

        if (ns == 0)
                format_fraction(seconds, sizeof(seconds), 0, 0, "s");
        else if (ns < 1000)
                format_fraction(seconds, sizeof(seconds), ns, 0, "ns");
        else if (ns < 1000000)
                format_fraction(seconds, sizeof(seconds), ns, 3, "\xc2\xb5s");
        else if (ns < 1000000000)
                format_fraction(seconds, sizeof(seconds), ns, 6, "ms");
        else
                format_fraction(seconds, sizeof(seconds), ns % 60000000000, 9, "s");
        if (minutes == 0)
                snprintf(out, DURATION_TEXT_MAX, "%s%s", sign, seconds);
        else if (minutes < 60)
                snprintf(out, DURATION_TEXT_MAX, "%s%um%s", sign, (unsigned)minutes, seconds);
        else
                snprintf(out, DURATION_TEXT_MAX, "%s%lluh%um%s", sign,
                         (unsigned long long)(minutes / 60), (unsigned)(minutes % 60), seconds);
        return out;
}

void duration_explain(const char *text, char *out, size_t size)
{
        const char *at = text + (*text == '-' || *text == '+');

        while (*at != '\0') {
                size_t digits = strspn(at, "0123456789");
                size_t fraction = at[digits] == '.' ? strspn(at + digits + 1, "0123456789") : 0;
                const char *unit = at + digits + (at[digits] == '.') + fraction;
                int unit_len = (int)strcspn(unit, ".0123456789");
                uint64_t unit_ns;

                if (digits + fraction == 0)
                        break;
                at = unit;
                if (unit_len == 0) {
                        snprintf(out, size, "time: missing unit in duration \"%.60s\"", text);
                        return;
                }
                if (parse_unit(&at, &unit_ns) < 0) {
                        snprintf(out, size, "time: unknown unit \"%.*s\" in duration \"%.60s\"",
                                 unit_len < 60 ? unit_len : 60, unit, text);
                        return;
                }
        }
        snprintf(out, size, "time: invalid duration \"%.60s\"", text);
}
