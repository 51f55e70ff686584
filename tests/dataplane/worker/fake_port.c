#include "fake_port.h"

#include <string.h>

#include "fake_responder.h"

static struct fake_port *fake_of(struct port_queue *q)
{
        return (struct fake_port *)q;
}

static unsigned fake_receive(struct port_queue *q, struct port_packet packets[], unsigned n)
{
        struct fake_port *p = fake_of(q);
        unsigned count = 0;

        p->online_in_receive = fake_online;
        while (count < n && p->input_next < p->input_count) {
                struct fake_packet *in = &p->input[p->input_next++];

                packets[count++] = (struct port_packet){
                    .data = in->bytes, .handle = in, .length = in->length, .capacity = FAKE_ROOM};
        }
        p->held += (int)count;
        return count;
}

static void record(struct fake_port *p, const struct port_packet *packet)
{
        struct fake_packet *out = &p->sent[p->sent_count];

        memcpy(out->bytes, packet->data, packet->length);
        out->length = packet->length;
        p->sent_packets[p->sent_count++] = *packet;
}

static unsigned fake_send(struct port_queue *q, const struct port_packet packets[], unsigned n)
{
        struct fake_port *p = fake_of(q);
        unsigned sent = n < p->send_room ? n : p->send_room;

        for (unsigned i = 0; i < sent; i++)
                record(p, &packets[i]);
        p->send_room -= sent;
        p->held -= (int)n;
        return sent;
}

static void fake_drop(struct port_queue *q, const struct port_packet packets[], unsigned n)
{
        (void)packets;
        fake_of(q)->drop_count += n;
        fake_of(q)->held -= (int)n;
}

static bool fake_retain(struct port_queue *q, const struct port_packet *packet,
                        struct port_retained *slot)
{
        slot->packet = *packet;
        return !fake_of(q)->refuses_retain;
}

static bool fake_send_retained(struct port_queue *q, const struct port_retained *slot)
{
        return fake_send(q, &slot->packet, 1) == 1;
}

static void fake_drop_retained(struct port_queue *q, const struct port_retained *slot)
{
        fake_drop(q, &slot->packet, 1);
}

static const struct port_operations fake_operations = {
    .receive = fake_receive,
    .send = fake_send,
    .drop = fake_drop,
    .retain = fake_retain,
    .send_retained = fake_send_retained,
    .drop_retained = fake_drop_retained,
};

void fake_port_init(struct fake_port *p, bool carries_frames)
{
        memset(p, 0, sizeof(*p));
        p->base.operations = &fake_operations;
        p->base.carries_frames = carries_frames;
        p->send_room = FAKE_PACKET_MAX;
}

void fake_port_put(struct fake_port *p, const void *bytes, uint16_t length)
{
        struct fake_packet *in = &p->input[p->input_count++];

        memcpy(in->bytes, bytes, length);
        in->length = length;
}
