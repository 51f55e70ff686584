#include "dataplane/packet/checksum.h"

#include "dataplane/packet/frame_internal.h"

static uint64_t add_few(uint64_t sum, const uint8_t *data, size_t n)
{
        uint8_t padded[8] = {0};

        for (size_t i = 0; i < n; i++)
                padded[i] = data[i];
        return checksum_add_word(sum, load_u64(padded));
}

uint64_t checksum_add(uint64_t sum, const uint8_t *data, size_t n)
{
        return n < 8 ? add_few(sum, data, n) : checksum_add_long(sum, data, n);
}

uint64_t checksum_pseudo_header(const uint8_t *ip, uint8_t ip_version, uint8_t protocol,
                                uint16_t length)
{
        uint64_t sum = (uint64_t)checksum_word(protocol) + checksum_word(length);

        if (ip_version == 4)
                return sum + checksum_load32(ip + IPV4_SOURCE) +
                       checksum_load32(ip + IPV4_DESTINATION);
        return checksum_add(sum, ip + IPV6_SOURCE, 32);
}

uint16_t checksum_replace(uint16_t checksum, uint16_t from, uint16_t to)
{
        uint64_t sum = (uint64_t)(uint16_t)~checksum + (uint16_t)~from + to;

        return (uint16_t)~checksum_fold(sum);
}
