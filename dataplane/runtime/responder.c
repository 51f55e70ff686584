#include "lictor/responder.h"

#include <assert.h>
#include <errno.h>
#include <rte_prefetch.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/plane/plane.h"
#include "dataplane/port/mbuf_packet.h"
#include "dataplane/worker/burst.h"
#include "lictor/bytes.h"

static_assert(LICTOR_IDENTITY_ADDRESS_MAX == FRAME_ADDRESS_MAX, "an identity becomes a host");

struct lictor_responder {
        alignas(LICTOR_CACHE_LINE) struct runtime_counters counters;
        alignas(LICTOR_CACHE_LINE) const struct lictor_dataplane *dp;
        struct dns_random random;
        struct frame_host host;
        bool fills_checksums;
};

static int add_address(struct frame_host *host, const struct lictor_address *address)
{
        if (address->family == 4 && host->ipv4_count < FRAME_ADDRESS_MAX)
                memcpy(host->ipv4[host->ipv4_count++], address->bytes, 4);
        else if (address->family == 6 && host->ipv6_count < FRAME_ADDRESS_MAX)
                memcpy(host->ipv6[host->ipv6_count++], address->bytes, 16);
        else
                return -EINVAL;
        return 0;
}

int lictor_responder_create(const struct lictor_dataplane *dp,
                            const struct lictor_identity *identity, uint64_t seed,
                            struct lictor_responder **out)
{
        struct lictor_responder *r;

        if (identity->address_count == 0 || identity->mtu == 0 || identity->dns_port == 0)
                return -EINVAL;
        r = aligned_alloc(LICTOR_CACHE_LINE, sizeof(*r));
        if (r == NULL)
                return -ENOMEM;
        memset(r, 0, sizeof(*r));
        r->dp = dp;
        r->random.state = seed;
        r->fills_checksums = identity->fills_checksums;
        r->host.mtu = identity->mtu;
        r->host.dns_port = identity->dns_port;
        r->host.has_exception = identity->forwards;
        memcpy(r->host.mac, identity->mac, sizeof(r->host.mac));
        for (size_t i = 0; i < identity->address_count; i++) {
                if (add_address(&r->host, &identity->addresses[i]) < 0) {
                        free(r);
                        return -EINVAL;
                }
        }
        *out = r;
        return 0;
}

void lictor_responder_destroy(struct lictor_responder *take_responder)
{
        free(take_responder);
}

static enum lictor_fate fate_of(uint8_t fate)
{
        if (fate == BURST_PUNT)
                return LICTOR_PUNT;
        return fate == BURST_EXCEPTION ? LICTOR_EXCEPTION : LICTOR_DROP;
}

static void answer(struct lictor_responder *r, struct burst *b, uint32_t now_s)
{
        struct dns_env env = {
            .zone = plane_zone(r->dp),
            .table = plane_table(r->dp),
            .random = &r->random,
            .now_s = now_s,
            .transport = DNS_UDP,
        };

        plane_env_peers(r->dp, &env);

        burst_answer_frames(b, &r->host, &env, r->fills_checksums, &r->counters);
        counter_add(&r->counters.received, b->count);
        counter_add(&r->counters.bursts, 1);
}

unsigned lictor_responder_process(struct lictor_responder *responder, struct rte_mbuf *const rx[],
                                  unsigned n, uint32_t now_s, struct rte_mbuf *tx[],
                                  struct lictor_rest rest[], unsigned *rest_count)
{
        unsigned tx_count = 0, other_count = 0;
        struct burst b;

        for (unsigned next = 0; next < n; next += b.count) {
                b.count = n - next < PORT_BURST_MAX ? n - next : PORT_BURST_MAX;
                for (unsigned i = 0; i < b.count; i++)
                        rte_prefetch0(rte_pktmbuf_mtod(rx[next + i], void *));
                for (unsigned i = 0; i < b.count; i++)
                        mbuf_to_packet(rx[next + i], &b.packets[i]);
                answer(responder, &b, now_s);
                for (unsigned i = 0; i < b.count; i++) {
                        if (b.fates[i] == BURST_SEND)
                                tx[tx_count++] = mbuf_from_packet(&b.packets[i]);
                        else
                                rest[other_count++] = (struct lictor_rest){
                                    .mbuf = rx[next + i],
                                    .fate = fate_of(b.fates[i]),
                                };
                        if (b.fates[i] == BURST_PUNT)
                                counter_add(&responder->counters.punted, 1);
                }
        }
        *rest_count = other_count;
        return tx_count;
}

struct counter_list {
        struct lictor_counter *out;
        size_t count, room;
};

static void list_counter(struct counter_list *list, const char *name, const uint64_t *value)
{
        if (list->count < list->room)
                list->out[list->count] =
                    (struct lictor_counter){.name = name, .value = counter_read(value)};
        list->count++;
}

size_t lictor_responder_counters(const struct lictor_responder *responder,
                                 struct lictor_counter out[], size_t n)
{
        static const char *const rcodes[16] = {
            "rcode_noerror", "rcode_formerr", "rcode_servfail", "rcode_nxdomain",
            "rcode_notimp",  "rcode_refused", "rcode_yxdomain", "rcode_yxrrset",
            "rcode_nxrrset", "rcode_notauth", "rcode_notzone",  "rcode_dsotypeni",
            "rcode_12",      "rcode_13",      "rcode_14",       "rcode_15",
        };
        const struct runtime_counters *c = &responder->counters;
        struct counter_list list = {.out = out, .room = n};

        list_counter(&list, "received", &c->received);
        list_counter(&list, "answered", &c->answered);
        list_counter(&list, "punted", &c->punted);
        for (unsigned i = 0; i < ARRAY_LEN(rcodes); i++)
                list_counter(&list, rcodes[i], &c->answered_by_rcode[i]);
        for (unsigned i = 0; i < FRAME_VERDICT_COUNT; i++)
                list_counter(&list, frame_verdict_name((enum frame_verdict)i), &c->frames[i]);
        list_counter(&list, "dns_short", &c->dns_dropped[DNS_DROP_SHORT]);
        list_counter(&list, "dns_not_query", &c->dns_dropped[DNS_DROP_NOT_QUERY]);
        list_counter(&list, "dns_no_room", &c->dns_dropped[DNS_DROP_NO_ROOM]);
        return list.count;
}
