#include "dataplane/port/net_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse_prefix(const char *text, uint8_t longest, uint8_t *out)
{
        char *end;
        unsigned long value;

        if (*text < '0' || *text > '9')
                return -EINVAL;
        value = strtoul(text, &end, 10);
        if (*end != '\0' || value > longest)
                return -EINVAL;
        *out = (uint8_t)value;
        return 0;
}

// One host's, as seen from another: not this network, loopback, a group or reserved (RFC 6890).
static bool is_of_host(const struct net_address *a)
{
        static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
        static const uint8_t zero[15] = {0};

        if (a->family == 4)
                return a->bytes[0] != 0 && a->bytes[0] != 127 && a->bytes[0] < 224;
        return a->bytes[0] != 0xff && memcmp(a->bytes, mapped, sizeof(mapped)) != 0 &&
               (memcmp(a->bytes, zero, sizeof(zero)) != 0 || a->bytes[15] > 1);
}

int net_address_parse(const char *text, struct net_address *out)
{
        const char *slash = strchr(text, '/');
        size_t length = slash == NULL ? strlen(text) : (size_t)(slash - text);
        char host[INET6_ADDRSTRLEN];
        uint8_t longest;

        if (length >= sizeof(host))
                return -EINVAL;
        memcpy(host, text, length);
        host[length] = '\0';
        memset(out, 0, sizeof(*out));
        if (inet_pton(AF_INET, host, out->bytes) == 1)
                out->family = 4;
        else if (inet_pton(AF_INET6, host, out->bytes) == 1)
                out->family = 6;
        else
                return -EINVAL;
        if (!is_of_host(out))
                return -EINVAL;
        longest = out->family == 4 ? 32 : 128;
        out->prefix_length = longest;
        return slash == NULL ? 0 : parse_prefix(slash + 1, longest, &out->prefix_length);
}

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c = (char)(c | 0x20);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int net_mac_parse(const char *text, uint8_t out[6])
{
        static const uint8_t zero[6];

        if (strlen(text) != 17)
                return -EINVAL;
        for (unsigned i = 0; i < 6; i++) {
                int high = hex_digit(text[3 * i]);
                int low = hex_digit(text[3 * i + 1]);

                if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':'))
                        return -EINVAL;
                out[i] = (uint8_t)(high << 4 | low);
        }
        return (out[0] & 1) != 0 || memcmp(out, zero, 6) == 0 ? -EINVAL : 0;
}
