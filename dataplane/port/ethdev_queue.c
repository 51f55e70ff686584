#include "dataplane/port/ethdev_queue.h"

#include <netinet/in.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_net.h>
#include <rte_tcp.h>
#include <rte_udp.h>
#include <string.h>

#include "dataplane/packet/checksum.h"
#include "dataplane/port/mbuf_packet.h"

static struct ethdev_queue *queue_of(struct port_queue *q)
{
        return (struct ethdev_queue *)q;
}

static unsigned ethdev_receive(struct port_queue *q, struct port_packet packets[], unsigned n)
{
        struct ethdev_queue *e = queue_of(q);
        struct rte_mbuf *mbufs[PORT_BURST_MAX];
        unsigned received = rte_eth_rx_burst(e->port_id, e->queue_id, mbufs, (uint16_t)n);

        for (unsigned i = 0; i < received; i++)
                rte_prefetch0(rte_pktmbuf_mtod(mbufs[i], void *));
        for (unsigned i = 0; i < received; i++) {
                // Failure leaves the chain, of which the classifier then sees the head.
                if (unlikely(mbufs[i]->nb_segs > 1))
                        (void)rte_pktmbuf_linearize(mbufs[i]);
                mbuf_to_packet(mbufs[i], &packets[i]);
        }
        return received;
}

static uint16_t *checksum_field(struct rte_mbuf *m, uint32_t l4_type, uint32_t l4_offset)
{
        if (l4_type == RTE_PTYPE_L4_TCP)
                return rte_pktmbuf_mtod_offset(m, uint16_t *,
                                               l4_offset + offsetof(struct rte_tcp_hdr, cksum));
        if (l4_type == RTE_PTYPE_L4_UDP)
                return rte_pktmbuf_mtod_offset(
                    m, uint16_t *, l4_offset + offsetof(struct rte_udp_hdr, dgram_cksum));
        return NULL;
}

// Of the TCP segment or datagram, as its IP header says: what follows is padding. 0 when it is cut.
static uint32_t l4_length(const struct rte_mbuf *m, const uint8_t *ip, uint32_t l2_length,
                          uint32_t l4_offset)
{
        const uint32_t l3_length = l4_offset - l2_length;
        const uint32_t whole = ip[0] >> 4 == 4 ? load_be16(ip + 2) : 40u + load_be16(ip + 4);

        return whole < l3_length || whole > m->pkt_len - l2_length ? 0 : whole - l3_length;
}

void ethdev_complete_checksum(struct rte_mbuf *m)
{
        struct rte_net_hdr_lens lengths;
        uint32_t type, l4_offset, length;
        const uint8_t *ip;
        uint16_t *field, raw, sum;

        if ((m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) != RTE_MBUF_F_RX_L4_CKSUM_NONE)
                return;
        type = rte_net_get_ptype(m, &lengths, RTE_PTYPE_ALL_MASK) & RTE_PTYPE_L4_MASK;
        l4_offset = (uint32_t)lengths.l2_len + lengths.l3_len;
        field = checksum_field(m, type, l4_offset);
        if (field == NULL || m->data_len < l4_offset + lengths.l4_len)
                return;
        ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, lengths.l2_len);
        length = l4_length(m, ip, lengths.l2_len, l4_offset);
        if (length == 0)
                return;
        *field = 0;
        if (rte_raw_cksum_mbuf(m, l4_offset, length, &raw) < 0)
                return;
        sum = (uint16_t)~checksum_fold(
            raw + checksum_pseudo_header(ip, ip[0] >> 4,
                                         type == RTE_PTYPE_L4_TCP ? IPPROTO_TCP : IPPROTO_UDP,
                                         (uint16_t)length));
        *field = sum == 0 && type == RTE_PTYPE_L4_UDP ? 0xffff : sum;
}

static unsigned ethdev_send(struct port_queue *q, const struct port_packet take_packets[],
                            unsigned n)
{
        struct ethdev_queue *e = queue_of(q);
        struct rte_mbuf *mbufs[PORT_BURST_MAX];
        unsigned sent;

        for (unsigned i = 0; i < n; i++) {
                struct rte_mbuf *m = take_packets[i].handle;

                if (e->forwards) {
                        ethdev_complete_checksum(m);
                        m->ol_flags &= MBUF_BUFFER_FLAGS;
                } else {
                        m = mbuf_from_packet(&take_packets[i]);
                }
                mbufs[i] = m;
        }
        sent = rte_eth_tx_burst(e->port_id, e->queue_id, mbufs, (uint16_t)n);
        if (unlikely(sent < n))
                rte_pktmbuf_free_bulk(&mbufs[sent], n - sent);
        return sent;
}

static void ethdev_drop(struct port_queue *q, const struct port_packet take_packets[], unsigned n)
{
        (void)q;
        for (unsigned i = 0; i < n; i++)
                rte_pktmbuf_free(take_packets[i].handle);
}

static bool ethdev_retain(struct port_queue *q, const struct port_packet *packet,
                          struct port_retained *slot)
{
        (void)q;
        slot->packet = *packet;
        return true;
}

static bool ethdev_send_retained(struct port_queue *q, const struct port_retained *slot)
{
        return ethdev_send(q, &slot->packet, 1) == 1;
}

static void ethdev_drop_retained(struct port_queue *q, const struct port_retained *slot)
{
        ethdev_drop(q, &slot->packet, 1);
}

// Nobody else frees mbufs that leave by a port of another kind.
static unsigned copying_receive(struct port_queue *q, struct port_packet packets[], unsigned n)
{
        struct ethdev_queue *e = queue_of(q);
        unsigned received;

        rte_pktmbuf_free_bulk(e->lent, e->lent_count);
        received = ethdev_receive(q, packets, n);
        for (unsigned i = 0; i < received; i++)
                e->lent[i] = packets[i].handle;
        e->lent_count = (uint16_t)received;
        return received;
}

static unsigned copying_send(struct port_queue *q, const struct port_packet take_packets[],
                             unsigned n)
{
        struct ethdev_queue *e = queue_of(q);
        struct rte_mbuf *mbufs[PORT_BURST_MAX];
        unsigned count = 0, sent;

        for (unsigned i = 0; i < n; i++) {
                const struct port_packet *p = &take_packets[i];
                struct rte_mbuf *m = rte_pktmbuf_alloc(e->pool);
                uint8_t *data = m == NULL ? NULL : (void *)rte_pktmbuf_append(m, p->length);

                if (data == NULL) {
                        rte_pktmbuf_free(m);
                        continue;
                }
                memcpy(data, p->data, p->length);
                mbufs[count++] = m;
        }
        sent = rte_eth_tx_burst(e->port_id, e->queue_id, mbufs, (uint16_t)count);
        rte_pktmbuf_free_bulk(&mbufs[sent], count - sent);
        return sent;
}

static const struct port_operations ethdev_operations = {
    .receive = ethdev_receive,
    .send = ethdev_send,
    .drop = ethdev_drop,
    .retain = ethdev_retain,
    .send_retained = ethdev_send_retained,
    .drop_retained = ethdev_drop_retained,
};

static const struct port_operations copying_operations = {
    .receive = copying_receive,
    .send = copying_send,
};

void ethdev_copying_queue_init(struct ethdev_queue *q, uint16_t port_id, uint16_t queue_id,
                               struct rte_mempool *pool)
{
        *q = (struct ethdev_queue){
            .base = {.operations = &copying_operations, .carries_frames = true},
            .port_id = port_id,
            .queue_id = queue_id,
            .forwards = true,
            .pool = pool,
        };
}

void ethdev_queue_init(struct ethdev_queue *q, uint16_t port_id, uint16_t queue_id,
                       bool fills_checksums, bool forwards)
{
        *q = (struct ethdev_queue){
            .base =
                {
                    .operations = &ethdev_operations,
                    .carries_frames = true,
                    .fills_checksums = fills_checksums,
                },
            .port_id = port_id,
            .queue_id = queue_id,
            .forwards = forwards,
        };
}
