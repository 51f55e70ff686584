#include "dataplane/port/ethdev_queue.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

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

static unsigned ethdev_send(struct port_queue *q, const struct port_packet take_packets[],
                            unsigned n)
{
        struct ethdev_queue *e = queue_of(q);
        struct rte_mbuf *mbufs[PORT_BURST_MAX];
        unsigned sent;

        for (unsigned i = 0; i < n; i++) {
                struct rte_mbuf *m = take_packets[i].handle;

                if (e->forwards)
                        m->ol_flags = 0;
                else
                        m = mbuf_from_packet(&take_packets[i]);
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

static const struct port_operations ethdev_operations = {
    .receive = ethdev_receive,
    .send = ethdev_send,
    .drop = ethdev_drop,
    .retain = ethdev_retain,
    .send_retained = ethdev_send_retained,
    .drop_retained = ethdev_drop_retained,
};

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
