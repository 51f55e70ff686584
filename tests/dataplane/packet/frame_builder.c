#include "tests/dataplane/packet/frame_builder.h"

#include <stdlib.h>
#include <string.h>

#include "lictor/bytes.h"

struct frame_host test_host(bool has_exception)
{
        struct frame_host host = {
            .mtu = 1500,
            .dns_port = DNS_PORT,
            .has_exception = has_exception,
            .ipv4_count = 2,
            .ipv6_count = 1,
        };

        memcpy(host.mac, HOST_MAC, 6);
        memcpy(host.ipv4[0], HOST_IP, 4);
        memcpy(host.ipv4[1], HOST_IP2, 4);
        memcpy(host.ipv6[0], HOST_IP6, 16);
        return host;
}

struct frame_host test_client(void)
{
        struct frame_host host = {
            .mtu = 1500,
            .dns_port = CLIENT_PORT,
            .ipv4_count = 1,
            .ipv6_count = 1,
        };

        memcpy(host.mac, CLIENT_MAC, 6);
        memcpy(host.ipv4[0], CLIENT_IP, 4);
        memcpy(host.ipv6[0], CLIENT_IP6, 16);
        return host;
}

void build_bytes(struct build *b, const void *bytes, size_t n)
{
        if (b->length + n > BUILD_CAPACITY)
                abort();
        memcpy(b->bytes + b->length, bytes, n);
        b->length = (uint16_t)(b->length + n);
}

static void add16(struct build *b, uint16_t value)
{
        uint8_t bytes[2];

        store_be16(bytes, value);
        build_bytes(b, bytes, 2);
}

void build_ether(struct build *b, const char *to, const char *from, uint16_t ethertype)
{
        build_bytes(b, to, 6);
        build_bytes(b, from, 6);
        add16(b, ethertype);
}

void build_vlan(struct build *b, uint16_t tag, uint16_t ethertype)
{
        add16(b, tag);
        add16(b, ethertype);
}

void build_arp(struct build *b, uint16_t operation, const char *sender_mac, const char *sender_ip,
               const char *target_mac, const char *target_ip)
{
        build_bytes(b, "\0\x01\x08\0\x06\x04", 6);
        add16(b, operation);
        build_bytes(b, sender_mac, 6);
        build_bytes(b, sender_ip, 4);
        build_bytes(b, target_mac, 6);
        build_bytes(b, target_ip, 4);
}

void build_ipv4(struct build *b, const char *from, const char *to, uint8_t protocol)
{
        uint8_t header[20] = {0x45, 0x08, 0, 0, 0x12, 0x34, 0x40, 0, 61, protocol};

        memcpy(header + 12, from, 4);
        memcpy(header + 16, to, 4);
        b->l3 = b->length;
        b->protocol = protocol;
        build_bytes(b, header, sizeof(header));
        b->l4 = b->length;
}

void build_ipv6(struct build *b, const char *from, const char *to, uint8_t next_header)
{
        uint8_t header[40] = {0x60, 0x01, 0x02, 0x03, 0, 0, next_header, 61};

        memcpy(header + 8, from, 16);
        memcpy(header + 24, to, 16);
        b->l3 = b->length;
        b->protocol = next_header;
        build_bytes(b, header, sizeof(header));
        b->l4 = b->length;
}

void build_udp(struct build *b, uint16_t from_port, uint16_t to_port)
{
        b->l4 = b->length;
        b->protocol = 17;
        add16(b, from_port);
        add16(b, to_port);
        build_bytes(b, "\0\0\0\0", 4);
}

void build_icmp(struct build *b, uint8_t type, uint8_t code, uint32_t body)
{
        uint8_t header[8] = {type, code};

        store_be32(header + 4, body);
        b->l4 = b->length;
        build_bytes(b, header, sizeof(header));
}

uint16_t naive_sum(const uint8_t *pseudo, size_t pseudo_length, const uint8_t *data, size_t length)
{
        uint32_t sum = 0;

        for (size_t i = 0; i < pseudo_length + length; i++) {
                uint8_t byte = i < pseudo_length ? pseudo[i] : data[i - pseudo_length];

                sum += i % 2 == 0 ? (uint32_t)byte << 8 : byte;
                if (sum > 0xffff)
                        sum -= 0xffff;
        }
        return (uint16_t)sum;
}

static size_t write_pseudo(uint8_t pseudo[40], const uint8_t *ip, uint8_t protocol, uint16_t length)
{
        memset(pseudo, 0, 40);
        if (ip[0] >> 4 == 4) {
                memcpy(pseudo, ip + 12, 8);
                pseudo[9] = protocol;
                store_be16(pseudo + 10, length);
                return 12;
        }
        memcpy(pseudo, ip + 8, 32);
        store_be16(pseudo + 34, length);
        pseudo[39] = protocol;
        return 40;
}

void build_checksums(struct build *b)
{
        uint8_t *ip = b->bytes + b->l3, *l4 = b->bytes + b->l4, pseudo[40];
        uint16_t l4_length = (uint16_t)(b->length - b->l4), at, sum;
        size_t pseudo_length = 0;

        if (ip[0] >> 4 == 4) {
                store_be16(ip + 10, 0);
                sum = naive_sum(NULL, 0, ip, (size_t)(ip[0] & 15) * 4);
                store_be16(ip + 10, (uint16_t)~sum);
        }
        if (b->protocol != 1 && b->protocol != 17 && b->protocol != 58)
                return;
        at = b->protocol == 17 ? 6 : 2;
        if (b->protocol == 17)
                l4_length = load_be16(l4 + 4);
        if (b->protocol != 1)
                pseudo_length = write_pseudo(pseudo, ip, b->protocol, l4_length);
        store_be16(l4 + at, 0);
        sum = naive_sum(pseudo, pseudo_length, l4, l4_length);
        store_be16(l4 + at, sum == 0xffff && b->protocol == 17 ? 0xffff : (uint16_t)~sum);
}

void build_seal(struct build *b)
{
        uint8_t *ip = b->bytes + b->l3;
        bool v4 = ip[0] >> 4 == 4;

        store_be16(ip + (v4 ? 2 : 4), (uint16_t)(b->length - b->l3 - (v4 ? 0 : 40)));
        if (b->protocol == 17)
                store_be16(b->bytes + b->l4 + 4, (uint16_t)(b->length - b->l4));
        build_checksums(b);
}

bool checksums_right(const uint8_t *frame, uint16_t l2_length)
{
        const uint8_t *ip = frame + l2_length, *l4;
        bool v4 = ip[0] >> 4 == 4;
        uint8_t protocol = v4 ? ip[9] : ip[6], pseudo[40];
        uint16_t length;
        size_t pseudo_length = 0;

        l4 = ip + (v4 ? (ip[0] & 15) * 4 : 40);
        length = v4 ? (uint16_t)(load_be16(ip + 2) - (l4 - ip)) : load_be16(ip + 4);
        if (v4 && naive_sum(NULL, 0, ip, (size_t)(l4 - ip)) != 0xffff)
                return false;
        if (protocol != 1)
                pseudo_length = write_pseudo(pseudo, ip, protocol, length);
        return naive_sum(pseudo, pseudo_length, l4, length) == 0xffff;
}

struct build query4(const void *payload, size_t n)
{
        struct build b = {0};

        build_ether(&b, HOST_MAC, CLIENT_MAC, 0x0800);
        build_ipv4(&b, CLIENT_IP, HOST_IP, 17);
        build_udp(&b, CLIENT_PORT, DNS_PORT);
        build_bytes(&b, payload, n);
        build_seal(&b);
        return b;
}

struct build query6(const void *payload, size_t n)
{
        struct build b = {0};

        build_ether(&b, HOST_MAC, CLIENT_MAC, 0x86dd);
        build_ipv6(&b, CLIENT_IP6, HOST_IP6, 17);
        build_udp(&b, CLIENT_PORT, DNS_PORT);
        build_bytes(&b, payload, n);
        build_seal(&b);
        return b;
}

enum frame_verdict classify(const struct frame_host *host, struct build *b, struct frame_info *info)
{
        struct frame_checksums unknown = {FRAME_CHECKSUM_UNKNOWN, FRAME_CHECKSUM_UNKNOWN};

        return frame_classify(host, b->bytes, b->length, BUILD_CAPACITY, unknown, info);
}
