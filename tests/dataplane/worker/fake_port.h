#ifndef FAKE_PORT_H
#define FAKE_PORT_H

/** A port queue whose packets a test puts in and takes out; counts every buffer it gave away. */

#include "dataplane/port/port.h"

#define FAKE_PACKET_MAX 64u
#define FAKE_ROOM       512u

struct fake_packet {
        uint8_t bytes[FAKE_ROOM];
        uint16_t length;
};

struct fake_port {
        struct port_queue base;
        struct fake_packet input[FAKE_PACKET_MAX];
        unsigned input_count, input_next;
        struct fake_packet sent[FAKE_PACKET_MAX];
        struct port_packet sent_packets[FAKE_PACKET_MAX]; // as they were handed over
        unsigned sent_count;
        unsigned send_room; // sends beyond it are refused
        unsigned drop_count;
        unsigned online_in_receive; // what the last receive saw
        int held;                   // packets received and neither sent nor dropped
        bool refuses_retain;
};

void fake_port_init(struct fake_port *p, bool carries_frames);
void fake_port_put(struct fake_port *p, const void *bytes, uint16_t length);

#endif
