#include "dataplane/dns/dns_query.h"

#include <string.h>

// Step over a record's owner name. Returns the offset behind it, or 0 when it is broken.
static unsigned skip_name(const uint8_t *data, unsigned length, unsigned at)
{
        unsigned start = at;

        while (at < length && at - start < DNS_NAME_MAX) {
                unsigned label = data[at];

                if (label == 0)
                        return at + 1;
                if (label >= 0xC0)
                        return at + 2 <= length ? at + 2 : 0;
                if (label > DNS_LABEL_MAX)
                        return 0;
                at += label + 1;
        }
        return 0;
}

static bool parse_ecs(const uint8_t *option, unsigned length, struct dns_ecs *ecs)
{
        unsigned family, prefix, prefix_bytes;

        if (length < 4)
                return false;
        family = load_be16(option);
        prefix = option[2];
        prefix_bytes = (prefix + 7) / 8;
        // dig sends family 0 with an empty prefix: "do not use my address".
        if (!(family == 0 && prefix == 0) && !(family == DNS_ECS_FAMILY_IP4 && prefix <= 32) &&
            !(family == DNS_ECS_FAMILY_IP6 && prefix <= 128))
                return false;
        if (length - 4 < prefix_bytes)
                return false;
        ecs->family = (uint8_t)family;
        ecs->prefix = (uint8_t)prefix;
        ecs->length = (uint8_t)prefix_bytes;
        memcpy(ecs->address, option + 4, prefix_bytes);
        // RFC 7871 section 6: bits beyond the prefix are zero.
        if (prefix % 8 != 0)
                ecs->address[prefix_bytes - 1] &= (uint8_t)(0xff00u >> prefix % 8);
        return true;
}

static bool parse_options(const uint8_t *data, unsigned length, struct dns_query *query)
{
        while (length > 0) {
                unsigned code, size;

                if (length < 4)
                        return false;
                code = load_be16(data);
                size = load_be16(data + 2);
                if (size > length - 4)
                        return false;
                if (code == DNS_OPTION_ECS && !query->has_ecs) {
                        query->has_ecs = true;
                        if (!parse_ecs(data + 4, size, &query->ecs))
                                return false;
                }
                data += 4 + size;
                length -= 4 + size;
        }
        return true;
}

bool dns_parse_edns(const struct dns_message *message, struct dns_query *query)
{
        const uint8_t *data = message->data;
        unsigned before = load_be16(data + 6) + (unsigned)load_be16(data + 8);
        unsigned total = before + load_be16(data + 10);
        unsigned at = query->end;

        for (unsigned i = 0; i < total; i++) {
                unsigned owner = at, type, size;

                // Records that are counted but not there at all are let pass, as Consul does.
                if (at == message->length)
                        return true;
                at = skip_name(data, message->length, at);
                if (at == 0 || message->length - at < 10)
                        return false;
                type = load_be16(data + at);
                size = load_be16(data + at + 8);
                at += 10;
                if (size > message->length - at)
                        return false;
                if (i >= before && type == DNS_TYPE_OPT) {
                        // RFC 6891 section 6.1: owned by the root, and alone.
                        if (data[owner] != 0 || query->has_edns)
                                return false;
                        query->has_edns = true;
                        query->udp_size = load_be16(data + at - 8);
                        if (!parse_options(data + at, size, query))
                                return false;
                }
                at += size;
        }
        return true;
}
