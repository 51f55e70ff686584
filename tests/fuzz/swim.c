#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "control/gossip/swim.h"

/*
 * A node that hears whatever packets the network brings while time passes: it stays a member of its
 * own group, and keeps to its bounds. Each packet has its length (two bytes) before it.
 */

#define MEMBERS_MAX 8u
#define STEP_US     150000u

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void on_send(void *arg, const struct swim_address *to, struct pack_slice packet, bool sum)
{
        (void)arg, (void)sum;
        assert(to->length == 4 || to->length == 16);
        assert(packet.length > 0);
}

static void on_push_pull(void *arg, const struct swim_address *with)
{
        (void)arg, (void)with;
}

struct arrival {
        struct swim *swim;
        uint64_t now_us;
};

static void on_message(void *arg, uint8_t type, struct pack_slice body)
{
        static const struct swim_address from = {4, {10, 0, 0, 2}, 8301};
        const struct arrival *arrival = arg;
        struct msgpack_reader r = {body.bytes, body.bytes + body.length};
        struct gossip_node_state row;

        if (type != GOSSIP_PUSH_PULL)
                swim_receive(arrival->swim, &from, type, body, arrival->now_us);
        else
                while (gossip_get_node_state(&r, &row) == 0)
                        swim_state_merge(arrival->swim, &row, arrival->now_us);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        struct swim_hooks hooks = {.send = on_send, .push_pull = on_push_pull};
        struct byte_buffer scratch = BYTE_BUFFER_INIT, rows = BYTE_BUFFER_INIT;
        struct arrival arrival = {NULL, 0};
        struct swim_options options;
        const uint8_t *end = bytes + size;

        swim_options_lan(&options);
        options.name = pack_slice_of("n");
        options.address = (struct swim_address){4, {10, 0, 0, 1}, 8301};
        memcpy(options.versions, "\1\5\2\2\5\4", GOSSIP_VERSION_COUNT);
        options.members_max = MEMBERS_MAX;
        arrival.swim = swim_create(&options, &hooks, 0);
        while (end - bytes >= 2) {
                uint32_t length = (uint32_t)(bytes[0] << 8 | bytes[1]);

                bytes += 2;
                length = length < (size_t)(end - bytes) ? length : (uint32_t)(end - bytes);
                (void)gossip_unpack((struct pack_slice){bytes, length}, &scratch, on_message,
                                    &arrival);
                bytes += length;
                arrival.now_us += STEP_US;
                swim_tick(arrival.swim, arrival.now_us);
                assert(swim_self(arrival.swim)->state == GOSSIP_STATE_ALIVE);
                assert(swim_count(arrival.swim) <= MEMBERS_MAX);
                assert(swim_alive_count(arrival.swim) <= swim_count(arrival.swim));
        }
        assert(swim_state_put(arrival.swim, &rows) == swim_count(arrival.swim));
        swim_destroy(arrival.swim);
        byte_buffer_fini(&scratch);
        byte_buffer_fini(&rows);
        return 0;
}
