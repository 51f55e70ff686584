#include "dataplane/dns/dns_name.h"

#include <errno.h>
#include <string.h>

int dns_name_append(struct dns_name *name, const char *text)
{
        while (*text != '\0') {
                size_t length = strcspn(text, ".");

                if (length == 0 || length > DNS_LABEL_MAX ||
                    name->length + length + 2 > DNS_NAME_MAX)
                        return -EINVAL;
                name->wire[name->length] = (uint8_t)length;
                memcpy(name->wire + name->length + 1, text, length);
                name->length = (uint16_t)(name->length + length + 1);
                text += length;
                if (*text == '.')
                        text++;
        }
        return 0;
}

int dns_name_append_wire(struct dns_name *name, const uint8_t *wire, size_t length)
{
        if (name->length + length > DNS_NAME_MAX)
                return -EINVAL;
        memcpy(name->wire + name->length, wire, length);
        name->length = (uint16_t)(name->length + length);
        return 0;
}

int dns_name_from_text(struct dns_name *name, const char *text)
{
        name->length = 0;
        if (dns_name_append(name, text) < 0 || name->length == 0)
                return -EINVAL;
        name->wire[name->length++] = 0;
        return 0;
}

void dns_name_lower(struct dns_name *name)
{
        for (unsigned i = 0; i < name->length; i++)
                if (name->wire[i] >= 'A' && name->wire[i] <= 'Z')
                        name->wire[i] = (uint8_t)(name->wire[i] + ('a' - 'A'));
}
