#include "dataplane/dns/dns_query.h"

#include <string.h>

static const char ip4_suffix[] = "\7in-addr\4arpa";
static const char ip6_suffix[] = "\3ip6\4arpa";

#define IP6_NIBBLES 32u

// Decimal without leading zeros, at most 255. Returns -1 for anything else.
static int decimal_label(const uint8_t *label)
{
        int value = 0;

        if (label[0] < 1 || label[0] > 3 || (label[0] > 1 && label[1] == '0'))
                return -1;
        for (unsigned i = 1; i <= label[0]; i++) {
                if (label[i] < '0' || label[i] > '9')
                        return -1;
                value = value * 10 + (label[i] - '0');
        }
        return value <= 255 ? value : -1;
}

static int nibble_label(const uint8_t *label)
{
        uint8_t c = label[1];

        if (label[0] != 1)
                return -1;
        if (c >= '0' && c <= '9')
                return c - '0';
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_ip4(const uint8_t *name, uint8_t address[])
{
        for (unsigned i = 4; i-- > 0;) {
                int value = decimal_label(name);

                if (value < 0)
                        return false;
                address[i] = (uint8_t)value;
                name += name[0] + 1u;
        }
        return memcmp(name, ip4_suffix, sizeof(ip4_suffix)) == 0;
}

static bool parse_ip6(const uint8_t *name, uint8_t address[])
{
        memset(address, 0, 16);
        for (unsigned i = IP6_NIBBLES; i-- > 0;) {
                int value = nibble_label(name);

                if (value < 0)
                        return false;
                address[i / 2] |= (uint8_t)(i % 2 == 0 ? value << 4 : value);
                name += 2;
        }
        return memcmp(name, ip6_suffix, sizeof(ip6_suffix)) == 0;
}

void dns_parse_reverse(struct dns_query *query, const uint8_t *name, unsigned label_count)
{
        uint8_t address[16];
        unsigned length = 0;

        // With the right number of labels no walk runs past the name.
        if (label_count == 4 + 2 && parse_ip4(name, address))
                length = 4;
        else if (label_count == IP6_NIBBLES + 2 && parse_ip6(name, address))
                length = 16;
        query->kind = DNS_KIND_REVERSE;
        query->action = length == 0 ? DNS_SAY_NO_REVERSE : DNS_LOOK_UP;
        query->key_length = (uint16_t)(1 + length);
        query->text[DNS_QUERY_NAME - 1] = DNS_KIND_REVERSE;
        memcpy(query->text + DNS_QUERY_NAME, address, length);
}
