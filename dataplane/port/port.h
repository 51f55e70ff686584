#ifndef LICTOR_PORT_H
#define LICTOR_PORT_H

/**
 * One receive and send queue of a port, whatever drives it: a DPDK device, a vhost-user peer or a
 * kernel UDP socket.
 *
 * A queue belongs to one worker. Packets travel as small descriptors over the driver's own buffers;
 * whoever holds a descriptor owns its buffer until it is sent or dropped.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "dataplane/packet/frame.h"

#define PORT_BURST_MAX   32u
#define PORT_CONTROL_MAX 40u /* one IPV6_PKTINFO control message, CMSG_SPACE of it */

/* A frame, or on a datagram port the UDP payload alone. */
struct port_packet {
        uint8_t *data;
        void *handle; /* the driver's buffer: an mbuf, or a receive slot; NULL: data is all */
        uint16_t length;
        uint16_t capacity;                /* bytes writable at data */
        struct frame_checksums checksums; /* of a received frame */
        uint8_t l2_length;                /* of an answer whose checksums the port fills; else 0 */
        uint8_t l3_length;
        uint8_t ip_version;
};

/* A packet kept aside for the slow path, in caller's storage. */
struct port_retained {
        struct port_packet packet;
        struct sockaddr_storage client; /* who asked; set by datagram ports */
        socklen_t client_length;
        uint16_t control_length;
        uint8_t control[PORT_CONTROL_MAX]; /* from which of our addresses to answer */
        uint8_t *buffer;                   /* caller's; datagram ports copy the message there */
        size_t buffer_size;
};

struct port_queue;

struct port_operations {
        /**
         * Receive up to n packets, n at most PORT_BURST_MAX; the caller owns them.
         * A queue that blocks sleeps until there is one, a signal comes or it is woken.
         */
        unsigned (*receive)(struct port_queue *q, struct port_packet packets[], unsigned n);

        /** Take n packets and send them. returns how many went; the others were dropped. */
        unsigned (*send)(struct port_queue *q, const struct port_packet take_packets[], unsigned n);

        /** Take n packets and free their buffers. */
        void (*drop)(struct port_queue *q, const struct port_packet take_packets[], unsigned n);

        /**
         * Move a packet into slot, where it outlives the next receive.
         * returns  false when it does not fit; the caller still owns the packet then.
         */
        bool (*retain)(struct port_queue *q, const struct port_packet *packet,
                       struct port_retained *slot);

        /**
         * Send a retained packet, or drop it. Called by the worker for frames, by the control
         * thread for datagrams. returns  whether it was sent.
         */
        bool (*send_retained)(struct port_queue *q, const struct port_retained *slot);
        void (*drop_retained)(struct port_queue *q, const struct port_retained *slot);

        /** Make a receive that blocks return now and from here on. context  any thread. */
        void (*wake)(struct port_queue *q);
};

/* Embedded first in every driver's queue. */
struct port_queue {
        const struct port_operations *operations;
        const uint64_t *receive_dropped; /* packets that could not be taken; NULL: not counted */
        bool carries_frames;             /* else bare UDP payloads */
        bool fills_checksums;            /* on sending, given l2_length, l3_length and ip_version */
        bool blocks;                     /* receive sleeps: the worker goes RCU-offline around it */
        bool replies_from_anyone;        /* send_retained may be called by any thread */
};

#endif
