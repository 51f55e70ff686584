#include "dataplane/packet/checksum.h"

#include "dataplane/packet/frame_internal.h"

uint64_t checksum_add(uint64_t sum, const uint8_t *data, size_t n)
{
        uint64_t other = 0;
        size_t i = 0;

        // Two sums of 32-bit words: no carry can be lost below 16 GiB, and the adds overlap.
        for (; i + 16 <= n; i += 16) {
                uint64_t a = load_u64(data + i), b = load_u64(data + i + 8);

                sum += (a & 0xffffffffu) + (a >> 32);
                other += (b & 0xffffffffu) + (b >> 32);
        }
        sum += other;
        for (; i + 4 <= n; i += 4)
                sum += checksum_load32(data + i);
        if (i + 2 <= n) {
                sum += checksum_load(data + i);
                i += 2;
        }
        if (i < n) {
                uint8_t last[2] = {data[i], 0};

                sum += checksum_load(last);
        }
        return sum;
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
