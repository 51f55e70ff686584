#include "dataplane/dns/dns_key.h"

#include <errno.h>
#include <string.h>

static int key_from_labels(struct dns_key *key, enum dns_kind kind, const char *first,
                           const char *second)
{
        struct dns_name name = {.length = 0};
        int ret;

        ret = dns_name_append(&name, first);
        if (ret < 0)
                return ret;
        ret = dns_name_append(&name, second);
        if (ret < 0)
                return ret;
        dns_name_lower(&name);
        key->bytes[0] = (uint8_t)kind;
        memcpy(key->bytes + 1, name.wire, name.length);
        key->length = (uint16_t)(1 + name.length);
        return 0;
}

int dns_key_service(struct dns_key *key, enum lictor_service_kind kind, const char *name,
                    const char *tag)
{
        if (name[0] == '\0')
                return -EINVAL;
        if (kind == LICTOR_QUERY)
                return key_from_labels(key, DNS_KIND_QUERY, name, "");
        // A question's last label before "service" is the name: one with dots is never asked for.
        if (strchr(name, '.') != NULL)
                return -EINVAL;
        return key_from_labels(key, DNS_KIND_SERVICE, tag == NULL ? "" : tag, name);
}

int dns_key_node(struct dns_key *key, const char *name)
{
        if (name[0] == '\0')
                return -EINVAL;
        return key_from_labels(key, DNS_KIND_NODE, name, "");
}

int dns_key_reverse(struct dns_key *key, const struct lictor_address *address)
{
        size_t length = address->family == 4 ? 4 : 16;

        if (address->family != 4 && address->family != 6)
                return -EINVAL;
        key->bytes[0] = DNS_KIND_REVERSE;
        memcpy(key->bytes + 1, address->bytes, length);
        key->length = (uint16_t)(1 + length);
        return 0;
}

void dns_key_nameservers(struct dns_key *key)
{
        key->bytes[0] = DNS_KIND_NAMESERVERS;
        key->length = 1;
}

struct svc_key dns_key_hashed(const struct dns_key *key)
{
        return (struct svc_key){
            .bytes = key->bytes,
            .length = key->length,
            .hash = svc_key_hash(key->bytes, key->length),
        };
}
