#include "control/store/address.h"
#include <arpa/inet.h>
#include <string.h>

bool address_parse(const char *text, struct lictor_address *out)
{
        static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

        memset(out, 0, sizeof(*out));
        if (inet_pton(AF_INET, text, out->bytes) == 1) {
                out->family = 4;
                return true;
        }
        if (inet_pton(AF_INET6, text, out->bytes) != 1)
                return false;
        out->family = 6;
        if (memcmp(out->bytes, mapped, sizeof(mapped)) == 0) {
                memmove(out->bytes, out->bytes + sizeof(mapped), 4);
                memset(out->bytes + 4, 0, sizeof(out->bytes) - 4);
                out->family = 4;
        }
        return true;
}

size_t address_key_make(const struct lictor_address *address, uint8_t key[ADDRESS_KEY_MAX])
{
        size_t len = address->family == 4 ? 4 : 16;

        if (address->family == 0)
                return 0;
        key[0] = address->family;
        memcpy(key + 1, address->bytes, len);
        return 1 + len;
}
