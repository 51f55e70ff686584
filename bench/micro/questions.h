#ifndef LICTOR_BENCH_QUESTIONS_H
#define LICTOR_BENCH_QUESTIONS_H

/** The services micro-benchmarks answer for, one instance each, and questions for them. */

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include "bench/micro/cycles.h"
#include "dataplane/dns/dns_burst.h"
#include "dataplane/dns/dns_compile.h"
#include "dataplane/table/svc_reader.h"
#include "lictor/bytes.h"

enum { NODES = 1000, TYPE_A = 1, TYPE_SRV = 33 };

/* Buffers lie as far apart as DPDK's usual mbufs. */
enum { BUFFER_STRIDE = 2368, BUFFER_HEADROOM = 128 + 128 };

static inline void die(const char *what)
{
        fprintf(stderr, "%s failed\n", what);
        exit(1);
}

static inline void add_service(struct svc_table *table, const struct dns_zone *zone,
                               uint64_t number)
{
        const struct in_addr ip = {htonl((uint32_t)(0x0a010000u + number % NODES))};
        char name[32], node[32];
        struct lictor_instance instance = {.node = node, .port = (uint16_t)(1024 + number % 60000)};
        const struct lictor_service service = {.kind = LICTOR_SERVICE,
                                               .name = name,
                                               .tag = "",
                                               .instances = &instance,
                                               .instance_count = 1};

        snprintf(name, sizeof(name), "svc-%06" PRIu64, number);
        snprintf(node, sizeof(node), "node-%04" PRIu64, number % NODES);
        instance.ipv4.family = 4;
        memcpy(instance.ipv4.bytes, &ip, sizeof(ip));
        instance.any = instance.ipv4;
        instance.weight = 1;
        if (dns_compile_service(table, zone, &service) < 0)
                die("dns_compile_service");
}

/** Add the services from number @from to before @to. */
static inline void add_services(struct svc_table *table, const struct dns_zone *zone, uint64_t from,
                                uint64_t to)
{
        fprintf(stderr, "filling up to %" PRIu64 " names\n", to);
        for (uint64_t number = from; number < to; number++) {
                add_service(table, zone, number);
                if (number % 64 == 0) {
                        svc_table_commit(table);
                        svc_reader_quiescent();
                }
        }
}

// "svc-" and at least six digits.
static inline unsigned put_label(uint8_t *to, uint64_t number)
{
        uint8_t digits[20];
        unsigned count = 0;

        for (; number > 0 || count < 6; number /= 10)
                digits[count++] = (uint8_t)('0' + number % 10);
        to[0] = (uint8_t)(4 + count);
        memcpy(to + 1, "svc-", 4);
        for (unsigned i = 0; i < count; i++)
                to[5 + i] = digits[count - 1 - i];
        return 5 + count;
}

/** Write the question for a service. returns its length. */
static inline uint16_t put_question(uint8_t *data, uint64_t number, uint16_t type, uint16_t id)
{
        static const uint8_t rest[] = "\7service\6consul";
        uint8_t *to = data + DNS_HEADER_LENGTH;

        memset(data, 0, DNS_HEADER_LENGTH);
        store_be16(data, id);
        data[2] = 1; // recursion desired
        data[5] = 1; // one question
        to += put_label(to, number);
        memcpy(to, rest, sizeof(rest));
        to += sizeof(rest);
        store_be16(to, type);
        store_be16(to + 2, 1);
        return (uint16_t)(to + 4 - data);
}

#endif
