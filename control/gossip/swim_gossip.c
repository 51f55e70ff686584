#include "control/gossip/swim_internal.h"

#include <math.h>
#include <string.h>

#define CHECKSUM_PROTOCOL 5u

bool swim_takes_checksum(const struct member *m)
{
        return m->node.versions[1] >= CHECKSUM_PROTOCOL;
}

unsigned swim_transmit_limit(const struct swim *s)
{
        return s->options.retransmit_mult * (unsigned)ceil(log10((double)s->alive_count + 1));
}

void swim_broadcast(struct swim *s, struct pack_slice node_name, const struct byte_buffer *message)
{
        broadcast_queue_add(&s->broadcasts, node_name, slice_of_buffer(message));
}

/* Our own broadcasts first, then the layer above's. */
static unsigned take_broadcasts(struct swim *s, size_t room, uint32_t lengths[], unsigned count_max)
{
        unsigned limit = swim_transmit_limit(s), count;

        s->piggyback.len = 0;
        count = broadcast_queue_take(&s->broadcasts, limit, &room, MESSAGE_OVERHEAD, &s->piggyback,
                                     lengths, count_max);
        if (s->hooks.user_broadcasts && count < count_max)
                count +=
                    s->hooks.user_broadcasts(s->hooks.arg, limit, &room, MESSAGE_OVERHEAD,
                                             &s->piggyback, lengths + count, count_max - count);
        return count;
}

static unsigned slice_up(const struct byte_buffer *bytes, const uint32_t lengths[], unsigned count,
                         struct pack_slice out[])
{
        size_t at = 0;

        for (unsigned i = 0; i < count; i++) {
                out[i] = (struct pack_slice){bytes->bytes + at, lengths[i]};
                at += lengths[i];
        }
        return count;
}

static void send_messages(struct swim *s, const struct swim_address *to, bool checksum,
                          const struct pack_slice messages[], unsigned count)
{
        s->packet.len = 0;
        gossip_put_compound(&s->packet, messages, count);
        s->hooks.send(s->hooks.arg, to, slice_of_buffer(&s->packet), checksum);
}

void swim_send(struct swim *s, const struct swim_address *to, bool checksum,
               const struct byte_buffer *message)
{
        struct pack_slice messages[GOSSIP_COMPOUND_MAX];
        uint32_t lengths[GOSSIP_COMPOUND_MAX];
        size_t used = message->len + COMPOUND_OVERHEAD + MESSAGE_OVERHEAD;
        unsigned count = 0;

        if (used < s->options.packet_bytes)
                count = take_broadcasts(s, s->options.packet_bytes - used, lengths,
                                        GOSSIP_COMPOUND_MAX - 1);
        messages[0] = slice_of_buffer(message);
        count = slice_up(&s->piggyback, lengths, count, messages + 1);
        send_messages(s, to, checksum, messages, 1 + count);
}

void swim_send_pair(struct swim *s, const struct member *to, const struct byte_buffer *first,
                    const struct byte_buffer *second)
{
        struct pack_slice messages[] = {slice_of_buffer(first), slice_of_buffer(second)};

        send_messages(s, &to->node.address, swim_takes_checksum(to), messages, 2);
}

void swim_send_user(struct swim *s, const struct swim_address *to, struct pack_slice message)
{
        uint8_t type = GOSSIP_USER;

        s->scratch.len = 0;
        byte_buffer_append(&s->scratch, &type, 1);
        byte_buffer_append(&s->scratch, message.bytes, message.length);
        swim_send(s, to, false, &s->scratch);
}

static bool is_told(const struct swim *s, const struct member *m, uint64_t now_us)
{
        if (m == s->self)
                return false;
        return m->node.state == GOSSIP_STATE_ALIVE || m->node.state == GOSSIP_STATE_SUSPECT ||
               (m->node.state == GOSSIP_STATE_DEAD &&
                now_us - m->node.state_since_us <= s->options.gossip_to_dead_ms * USEC_PER_MSEC);
}

void swim_gossip(struct swim *s, uint64_t now_us)
{
        struct pack_slice messages[GOSSIP_COMPOUND_MAX];
        uint32_t lengths[GOSSIP_COMPOUND_MAX];
        struct member *picked[16];
        unsigned wanted = s->options.gossip_nodes < 16 ? s->options.gossip_nodes : 16;
        unsigned found = swim_members_pick(s, is_told, now_us, picked, wanted);

        for (unsigned i = 0; i < found; i++) {
                unsigned count = take_broadcasts(s, s->options.packet_bytes - COMPOUND_OVERHEAD,
                                                 lengths, GOSSIP_COMPOUND_MAX);

                if (count == 0)
                        return;
                slice_up(&s->piggyback, lengths, count, messages);
                send_messages(s, &picked[i]->node.address, swim_takes_checksum(picked[i]), messages,
                              count);
        }
}
