#include "dataplane/packet/frame_internal.h"

bool frame_source_ipv6_good(const struct frame_host *host, const uint8_t *address)
{
        static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
        static const uint8_t zero[15] = {0};

        if (address[0] == 0xff)
                return false;
        if (memcmp(address, zero, sizeof(zero)) == 0 && address[15] <= 1)
                return false;
        // IPv4-mapped addresses have no place on a wire.
        if (memcmp(address, mapped, sizeof(mapped)) == 0)
                return false;
        return !frame_is_our_ipv6(host, address);
}
