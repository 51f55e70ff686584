#ifndef LICTOR_MBUF_PACKET_H
#define LICTOR_MBUF_PACKET_H

/** Between mbufs and packet descriptors: the DPDK ports and the embeddable responder share it. */

#include <rte_mbuf.h>

#include "dataplane/port/port.h"

/* Where the bytes are, not what was received: without these a buffer from elsewhere would not be
 * given back, and the pool would take its place for its own. */
#define MBUF_BUFFER_FLAGS (RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL)

/* A wrong checksum is dropped on the device's word; "none" means right but not yet written. */
static inline uint8_t mbuf_checksum_status(uint64_t flags, uint64_t mask, uint64_t bad)
{
        flags &= mask;
        if (flags == 0)
                return FRAME_CHECKSUM_UNKNOWN;
        return flags == bad ? FRAME_CHECKSUM_BAD : FRAME_CHECKSUM_GOOD;
}

/*
 * Of a chain only the head is shown: a query that does not fit one is not answered. Written field
 * by field: a descriptor copied whole would wait for the stores it was made by.
 */
static inline void mbuf_to_packet(struct rte_mbuf *m, struct port_packet *p)
{
        const uint64_t flags = m->ol_flags;

        p->data = rte_pktmbuf_mtod(m, uint8_t *);
        p->handle = m;
        p->length = m->data_len;
        p->capacity = (uint16_t)(m->buf_len - m->data_off);
        p->checksums.ip =
            mbuf_checksum_status(flags, RTE_MBUF_F_RX_IP_CKSUM_MASK, RTE_MBUF_F_RX_IP_CKSUM_BAD);
        p->checksums.udp =
            mbuf_checksum_status(flags, RTE_MBUF_F_RX_L4_CKSUM_MASK, RTE_MBUF_F_RX_L4_CKSUM_BAD);
        p->l2_length = 0;
        p->l3_length = 0;
        p->ip_version = 0;
}

/* Ready an answer for sending: one segment of the packet's length. */
static inline struct rte_mbuf *mbuf_from_packet(const struct port_packet *p)
{
        struct rte_mbuf *m = p->handle;

        if (unlikely(m->nb_segs > 1)) {
                rte_pktmbuf_free(m->next);
                m->next = NULL;
                m->nb_segs = 1;
        }
        m->data_len = p->length;
        m->pkt_len = p->length;
        m->ol_flags &= MBUF_BUFFER_FLAGS;
        if (p->l2_length > 0) {
                m->ol_flags |= RTE_MBUF_F_TX_UDP_CKSUM;
                m->ol_flags |= p->ip_version == 4 ? RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM
                                                  : RTE_MBUF_F_TX_IPV6;
                m->tx_offload = rte_mbuf_tx_offload(p->l2_length, p->l3_length, 0, 0, 0, 0, 0);
        }
        return m;
}

#endif
