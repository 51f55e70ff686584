#include <stddef.h>
#include <stdint.h>

#include "control/gossip/keyring.h"
#include "control/gossip/message.h"

/* Any packet from the network: every wrapper, then the message as each type there is. */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void read_every_type(void *arg, uint8_t type, struct pack_slice body)
{
        struct msgpack_reader r = {body.bytes, body.bytes + body.length};
        struct gossip_ping ping;
        struct gossip_indirect_ping indirect;
        struct gossip_ack ack;
        struct gossip_nack nack;
        struct gossip_accusation accusation;
        struct gossip_alive alive;
        struct gossip_push_pull push_pull;
        struct gossip_node_state state;
        struct pack_slice text;

        (void)arg;
        switch (type) {
        case GOSSIP_PING:
                (void)gossip_get_ping(&r, &ping);
                break;
        case GOSSIP_INDIRECT_PING:
                (void)gossip_get_indirect_ping(&r, &indirect);
                break;
        case GOSSIP_ACK:
                (void)gossip_get_ack(&r, &ack);
                break;
        case GOSSIP_NACK:
                (void)gossip_get_nack(&r, &nack);
                break;
        case GOSSIP_SUSPECT:
        case GOSSIP_DEAD:
                (void)gossip_get_accusation(&r, &accusation);
                break;
        case GOSSIP_ALIVE:
                (void)gossip_get_alive(&r, &alive);
                break;
        case GOSSIP_PUSH_PULL:
                if (gossip_get_push_pull(&r, &push_pull) < 0)
                        return;
                while (gossip_get_node_state(&r, &state) == 0)
                        continue;
                break;
        default:
                (void)gossip_get_error(&r, &text);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        struct byte_buffer scratch = BYTE_BUFFER_INIT;
        struct keyring ring = {.key_count = 1, .keys = {{.length = 16}}};
        struct pack_slice packet = {bytes, (uint32_t)size};

        (void)keyring_open(&ring, packet, (struct pack_slice){0}, &scratch);
        (void)gossip_unpack(packet, &scratch, read_every_type, NULL);
        byte_buffer_fini(&scratch);
        return 0;
}
