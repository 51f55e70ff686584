#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "control/gossip/serf.h"

/*
 * A node of Serf's layer that hears whatever packets the network brings while time passes, and that
 * answers queries and asks its own. Each packet has its length (two bytes) before it.
 */

#define MEMBERS_MAX 8u
#define STEP_US     150000u

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct arrival {
        struct serf *serf;
        uint64_t now_us;
};

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

static void on_member_event(void *arg, enum serf_member_event event,
                            const struct serf_member *member)
{
        (void)arg, (void)event, (void)member;
}

static void on_user_event(void *arg, const struct serf_user_event *event)
{
        (void)arg, (void)event;
}

static void on_query(void *arg, const struct serf_query *query)
{
        const struct arrival *arrival = arg;

        (void)serf_respond(arrival->serf, query, query->payload, arrival->now_us);
}

static void on_answer(void *arg, uint32_t query_id, enum serf_answer kind, struct pack_slice from,
                      struct pack_slice payload)
{
        (void)arg, (void)query_id, (void)kind, (void)from, (void)payload;
}

static void on_message(void *arg, uint8_t type, struct pack_slice body)
{
        static const struct swim_address from = {4, {10, 0, 0, 2}, 8301};
        const struct arrival *arrival = arg;

        if (type == GOSSIP_PUSH_PULL)
                (void)serf_merge_state(arrival->serf, body, arrival->now_us);
        else
                serf_receive(arrival->serf, &from, type, body, arrival->now_us);
}

static struct serf *create(struct arrival *arrival)
{
        const struct serf_hooks hooks = {
            .arg = arrival,
            .send = on_send,
            .push_pull = on_push_pull,
            .member_event = on_member_event,
            .user_event = on_user_event,
            .query = on_query,
            .answer = on_answer,
        };
        struct serf_options options;

        serf_options_lan(&options);
        options.swim.name = pack_slice_of("n");
        options.swim.address = (struct swim_address){4, {10, 0, 0, 1}, 8301};
        memcpy(options.swim.versions, "\1\5\2\2\5\4", GOSSIP_VERSION_COUNT);
        options.swim.members_max = MEMBERS_MAX;
        return serf_create(&options, &hooks, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        const struct serf_question question = {.name = pack_slice_of("q"), .ack = true};
        struct byte_buffer scratch = BYTE_BUFFER_INIT;
        struct arrival arrival = {NULL, 0};
        const uint8_t *end = bytes + size;
        uint32_t id;

        arrival.serf = create(&arrival);
        assert(arrival.serf != NULL);
        (void)serf_ask(arrival.serf, &question, 0, &id);
        while (end - bytes >= 2) {
                uint32_t length = (uint32_t)(bytes[0] << 8 | bytes[1]);

                bytes += 2;
                length = length < (size_t)(end - bytes) ? length : (uint32_t)(end - bytes);
                (void)gossip_unpack((struct pack_slice){bytes, length}, &scratch, on_message,
                                    &arrival);
                bytes += length;
                arrival.now_us += STEP_US;
                serf_tick(arrival.serf, arrival.now_us);
                assert(serf_member_find(arrival.serf, pack_slice_of("n")) != NULL);
        }
        scratch.len = 0;
        serf_put_state(arrival.serf, false, &scratch);
        serf_destroy(arrival.serf);
        byte_buffer_fini(&scratch);
        return 0;
}
