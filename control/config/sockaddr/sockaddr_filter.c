#define PCRE2_CODE_UNIT_WIDTH 8

#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "control/config/sockaddr/sockaddr_internal.h"
#include "lictor/bytes.h"

struct network {
        uint8_t bytes[16];
        unsigned length, bits;
};

#define V4(a, b, c, d, prefix)                                                                     \
        {                                                                                          \
                {(a), (b), (c), (d)}, 4, (prefix)                                                  \
        }

// Networks that RFCs set apart. 6890 gathers what is not for public use.
static const struct {
        const char *rfc;
        struct network network;
} special[] = {
    {"1112", V4(240, 0, 0, 0, 4)},
    {"1122", V4(0, 0, 0, 0, 8)},
    {"1122", V4(127, 0, 0, 0, 8)},
    {"1918", V4(10, 0, 0, 0, 8)},
    {"1918", V4(172, 16, 0, 0, 12)},
    {"1918", V4(192, 168, 0, 0, 16)},
    {"2544", V4(198, 18, 0, 0, 15)},
    {"3068", V4(192, 88, 99, 0, 24)},
    {"3171", V4(224, 0, 0, 0, 4)},
    {"3849", {{0x20, 0x01, 0x0d, 0xb8}, 16, 32}},
    {"3927", V4(169, 254, 0, 0, 16)},
    {"4193", {{0xfc}, 16, 7}},
    {"4291", {{0}, 16, 128}},
    {"4291", {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 16, 128}},
    {"4291", {{0xfe, 0x80}, 16, 10}},
    {"4291", {{0xff}, 16, 8}},
    {"5737", V4(192, 0, 2, 0, 24)},
    {"5737", V4(198, 51, 100, 0, 24)},
    {"5737", V4(203, 0, 113, 0, 24)},
    {"6598", V4(100, 64, 0, 0, 10)},
    {"6890", V4(0, 0, 0, 0, 8)},
    {"6890", V4(10, 0, 0, 0, 8)},
    {"6890", V4(100, 64, 0, 0, 10)},
    {"6890", V4(127, 0, 0, 0, 8)},
    {"6890", V4(169, 254, 0, 0, 16)},
    {"6890", V4(172, 16, 0, 0, 12)},
    {"6890", V4(192, 0, 0, 0, 24)},
    {"6890", V4(192, 0, 2, 0, 24)},
    {"6890", V4(192, 88, 99, 0, 24)},
    {"6890", V4(192, 168, 0, 0, 16)},
    {"6890", V4(198, 18, 0, 0, 15)},
    {"6890", V4(198, 51, 100, 0, 24)},
    {"6890", V4(203, 0, 113, 0, 24)},
    {"6890", V4(240, 0, 0, 0, 4)},
    {"6890", {{0}, 16, 128}},
    {"6890", {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 16, 128}},
    {"6890", {{0, 0x64, 0xff, 0x9b}, 16, 96}},
    {"6890", {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 16, 96}},
    {"6890", {{0x01, 0x00}, 16, 64}},
    {"6890", {{0x20, 0x01, 0x00, 0x00}, 16, 23}},
    {"6890", {{0x20, 0x01, 0x0d, 0xb8}, 16, 32}},
    {"6890", {{0x20, 0x02}, 16, 16}},
    {"6890", {{0xfc}, 16, 7}},
    {"6890", {{0xfe, 0x80}, 16, 10}},
};

void sockaddr_mask(uint8_t bytes[16], unsigned length, unsigned bits)
{
        for (unsigned i = 0; i < length; i++) {
                unsigned kept = bits > i * 8 ? bits - i * 8 : 0;

                if (kept < 8)
                        bytes[i] = (uint8_t)(bytes[i] & (0xff00u >> kept));
        }
}

static bool contains(const struct network *network, const struct sockaddr_entry *entry)
{
        uint8_t masked[16];

        if (network->length != entry->length)
                return false;
        memcpy(masked, entry->bytes, sizeof(masked));
        sockaddr_mask(masked, entry->length, network->bits);
        return memcmp(masked, network->bytes, network->length) == 0;
}

int sockaddr_in_rfc(const struct sockaddr_entry *entry, const char *rfc)
{
        int found = -EINVAL;

        for (size_t i = 0; i < ARRAY_LEN(special); i++) {
                if (strcmp(special[i].rfc, rfc) != 0)
                        continue;
                if (contains(&special[i].network, entry))
                        return 1;
                found = 0;
        }
        return found;
}

// An address others can reach through a router: no loopback, link-local or multicast one.
bool sockaddr_is_forwardable(const struct sockaddr_entry *entry)
{
        const uint8_t *b = entry->bytes;

        if (entry->length == 4)
                return b[0] != 0 && b[0] != 127 && b[0] < 224 && !(b[0] == 169 && b[1] == 254);
        return b[0] != 0xff && !(b[0] == 0xfe && (b[1] & 0xc0) == 0x80) &&
               sockaddr_in_rfc(entry, "4291") == 0;
}

static int matches_flag(const struct sockaddr_entry *entry, const char *name)
{
        static const struct {
                const char *name;
                unsigned flag;
        } flags[] = {{"up", SOCKADDR_UP},
                     {"broadcast", SOCKADDR_BROADCAST},
                     {"loopback", SOCKADDR_LOOPBACK},
                     {"point-to-point", SOCKADDR_POINT_TO_POINT},
                     {"pointtopoint", SOCKADDR_POINT_TO_POINT},
                     {"multicast", SOCKADDR_MULTICAST}};

        for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
                if (strcmp(flags[i].name, name) == 0)
                        return (entry->flags & flags[i].flag) != 0;
        }
        if (strcmp(name, "forwardable") == 0 || strcmp(name, "global unicast") == 0)
                return sockaddr_is_forwardable(entry);
        if (strcmp(name, "link-local unicast") == 0)
                return sockaddr_in_rfc(entry, "3927") == 1 ||
                       (entry->length == 16 && entry->bytes[0] == 0xfe);
        return -EINVAL;
}

// Every one of several flags, "up|loopback".
static int matches_flags(const struct sockaddr_entry *entry, const char *names)
{
        int all = 1;

        while (*names != '\0') {
                size_t length = strcspn(names, "|");
                char name[32];
                int one;

                if (length >= sizeof(name))
                        return -EINVAL;
                memcpy(name, names, length);
                name[length] = '\0';
                one = matches_flag(entry, name);
                if (one < 0)
                        return one;
                all = all && one;
                names += length + (names[length] == '|');
        }
        return all;
}

static int matches_type(const struct sockaddr_entry *entry, const char *type)
{
        if (strcmp(type, "ip") == 0)
                return 1;
        if (strcmp(type, "ipv4") == 0)
                return entry->length == 4;
        if (strcmp(type, "ipv6") == 0)
                return entry->length == 16;
        return strcmp(type, "unix") == 0 ? 0 : -EINVAL;
}

static int read_number(const char *text, unsigned limit, unsigned *out)
{
        char *end;
        unsigned long value = strtoul(text, &end, 10);

        if (*text < '0' || *text > '9' || *end != '\0' || value > limit)
                return -EINVAL;
        *out = (unsigned)value;
        return 0;
}

static int read_bytes_v4(const char *text, uint8_t bytes[16])
{
        for (unsigned i = 0; i < 4; i++) {
                char *end;
                unsigned long value = strtoul(text, &end, 10);

                if (*text < '0' || *text > '9' || value > 255 || *end != (i < 3 ? '.' : '\0'))
                        return -EINVAL;
                bytes[i] = (uint8_t)value;
                text = end + 1;
        }
        return 0;
}

// Groups of hexadecimal digits, "::" once for zeros.
static int read_bytes_v6(const char *text, uint8_t bytes[16])
{
        unsigned count = 0, gap = 16;

        memset(bytes, 0, 16);
        if (text[0] == ':' && text[1] == ':') {
                gap = 0;
                text += 2;
        }
        while (*text != '\0') {
                char *end;
                unsigned long value = strtoul(text, &end, 16);

                if (end == text || end - text > 4 || count > 14 || *text == '+' || *text == '-')
                        return -EINVAL;
                bytes[count++] = (uint8_t)(value >> 8);
                bytes[count++] = (uint8_t)value;
                text = end;
                if (text[0] == ':' && text[1] == ':') {
                        if (gap != 16)
                                return -EINVAL;
                        gap = count;
                        text += 2;
                } else if (*text == ':' && text[1] != '\0') {
                        text++;
                } else if (*text != '\0') {
                        return -EINVAL;
                }
        }
        if (gap == 16)
                return count == 16 ? 0 : -EINVAL;
        memmove(bytes + 16 - (count - gap), bytes + gap, count - gap);
        memset(bytes + gap, 0, 16 - count);
        return 0;
}

static int read_network(const char *text, struct network *out)
{
        const char *slash = strchr(text, '/');
        char address[48];
        bool v6 = strchr(text, ':') != NULL;
        size_t length = slash != NULL ? (size_t)(slash - text) : strlen(text);

        *out = (struct network){.length = v6 ? 16 : 4, .bits = v6 ? 128 : 32};
        if (length >= sizeof(address))
                return -EINVAL;
        memcpy(address, text, length);
        address[length] = '\0';
        if ((v6 ? read_bytes_v6 : read_bytes_v4)(address, out->bytes) < 0)
                return -EINVAL;
        if (slash != NULL && read_number(slash + 1, out->bits, &out->bits) < 0)
                return -EINVAL;
        sockaddr_mask(out->bytes, out->length, out->bits);
        return 0;
}

// What a filter's parameter means, read once for all addresses.
struct matcher {
        const char *by, *parameter;
        pcre2_code *pattern;
        pcre2_match_data *match;
        struct network network;
        unsigned size;
};

static int matcher_init(struct matcher *matcher, const struct sockaddr_error *error)
{
        const char *by = matcher->by, *parameter = matcher->parameter;
        size_t offset;
        int code;

        if (strcmp(by, "address") == 0 || strcmp(by, "name") == 0) {
                matcher->pattern = pcre2_compile((PCRE2_SPTR)parameter, PCRE2_ZERO_TERMINATED,
                                                 PCRE2_NEVER_BACKSLASH_C, &code, &offset, NULL);
                if (matcher->pattern == NULL)
                        return sockaddr_fail(error, "invalid regular expression \"%s\"", parameter);
                matcher->match = pcre2_match_data_create_from_pattern(matcher->pattern, NULL);
                return matcher->match != NULL ? 0 : -ENOMEM;
        }
        if (strcmp(by, "network") == 0 && read_network(parameter, &matcher->network) < 0)
                return sockaddr_fail(error, "invalid network \"%s\"", parameter);
        if (strcmp(by, "size") == 0 &&
            read_number(parameter + (*parameter == '/'), 128, &matcher->size) < 0)
                return sockaddr_fail(error, "invalid mask size \"%s\"", parameter);
        return 0;
}

static int matches(const struct matcher *matcher, const struct sockaddr_entry *entry)
{
        const char *by = matcher->by;
        char text[SOCKADDR_TEXT_MAX];

        if (strcmp(by, "address") == 0)
                sockaddr_address_text(entry, text);
        else if (strcmp(by, "name") == 0)
                memcpy(text, entry->name, sizeof(entry->name));
        else if (strcmp(by, "flag") == 0 || strcmp(by, "flags") == 0)
                return matches_flags(entry, matcher->parameter);
        else if (strcmp(by, "type") == 0)
                return matches_type(entry, matcher->parameter);
        else if (strcmp(by, "network") == 0)
                return contains(&matcher->network, entry);
        else if (strcmp(by, "size") == 0)
                return entry->bits == matcher->size;
        else if (strcmp(by, "rfc") == 0 || strcmp(by, "RFC") == 0)
                return sockaddr_in_rfc(entry, matcher->parameter);
        else
                return -ENOENT;
        return pcre2_match(matcher->pattern, (PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0, 0,
                           matcher->match, NULL) > 0;
}

int sockaddr_filter(struct sockaddr_value *value, const char *by, const char *parameter,
                    bool wanted, const struct sockaddr_error *error)
{
        struct matcher matcher = {.by = by, .parameter = parameter};
        size_t kept = 0;
        int ret = matcher_init(&matcher, error);

        for (size_t i = 0; ret == 0 && i < value->count; i++) {
                int found = matches(&matcher, &value->entries[i]);

                if (found == -ENOENT)
                        ret = sockaddr_fail(error, "invalid filter argument: \"%s\"", by);
                else if (found < 0)
                        ret = sockaddr_fail(error, "invalid %s: \"%s\"", by, parameter);
                else if ((found != 0) == wanted)
                        value->entries[kept++] = value->entries[i];
        }
        if (ret == 0)
                value->count = kept;
        pcre2_match_data_free(matcher.match);
        pcre2_code_free(matcher.pattern);
        return ret;
}
