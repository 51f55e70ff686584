#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/gossip/serf.h"
#include "control/member/keyring_file.h"
#include "control/member/member_snapshot.h"
#include "control/member/member_tags.h"
#include "control/member/members_internal.h"

/* What an agent makes of what members say: tags and events out of Serf's machine, and the files
 * beside it. */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void on_send(void *arg, const struct swim_address *to, struct pack_slice packet,
                    bool checksum)
{
        (void)arg;
        (void)to;
        (void)packet;
        (void)checksum;
}

static void on_push_pull(void *arg, const struct swim_address *with)
{
        (void)arg;
        (void)with;
}

static void on_user_event(void *arg, const struct serf_user_event *heard)
{
        struct byte_buffer scratch = BYTE_BUFFER_INIT, name = BYTE_BUFFER_INIT,
                           payload = BYTE_BUFFER_INIT;
        struct event event;

        (void)arg;
        if (member_event_get(heard, &event, &scratch) == 0)
                member_event_put(&event, &name, &payload);
        byte_buffer_fini(&scratch);
        byte_buffer_fini(&name);
        byte_buffer_fini(&payload);
}

static void on_member_event(void *arg, enum serf_member_event event,
                            const struct serf_member *member)
{
        struct member_info info;

        (void)arg;
        (void)event;
        member_tags_get(member->meta, &info);
        if (strlen(info.datacenter) >= sizeof(info.datacenter))
                abort();
}

static const char *on_group_fault(void *arg, const struct gossip_node_state rows[], uint32_t count)
{
        const struct admission self = {.name = "n",
                                       .node_id = "11111111-2222-3333-4444-555555555555",
                                       .datacenter = "dc1",
                                       .segment = ""};
        char *why = arg;

        why[0] = '\0';
        if (admission_of_group(&self, rows, count, why))
                return NULL;
        if (why[0] == '\0')
                abort();
        return why;
}

static void run_machine(const uint8_t *bytes, size_t size)
{
        static const uint8_t versions[] = {1, 5, 2, 2, 5, 4};
        char why[ADMISSION_TEXT_MAX];
        const struct serf_hooks hooks = {.arg = why,
                                         .send = on_send,
                                         .group_fault = on_group_fault,
                                         .push_pull = on_push_pull,
                                         .member_event = on_member_event,
                                         .user_event = on_user_event};
        struct swim_address from = {4, {127, 0, 0, 1}, 7001};
        struct byte_buffer state = BYTE_BUFFER_INIT;
        uint64_t now_us = 1000000;
        struct serf_options o;
        struct serf *serf;

        serf_options_lan(&o);
        o.swim.name = pack_slice_of("n");
        o.swim.address = (struct swim_address){4, {127, 0, 0, 1}, 7000};
        o.swim.seed = 1;
        for (size_t i = 0; i < sizeof(versions); i++)
                o.swim.versions[i] = versions[i];
        serf = serf_create(&o, &hooks, now_us);
        // The first byte says what follows: a state, or messages cut at a length byte each.
        if (bytes[0] == GOSSIP_PUSH_PULL) {
                (void)serf_merge_state(serf, (struct pack_slice){bytes + 1, (uint32_t)size - 1},
                                       now_us);
        } else {
                for (size_t at = 1; at < size;) {
                        size_t length = bytes[at] < size - at - 1 ? bytes[at] : size - at - 1;

                        serf_receive(serf, &from, bytes[0],
                                     (struct pack_slice){bytes + at + 1, (uint32_t)length}, now_us);
                        now_us += 100000;
                        serf_tick(serf, now_us);
                        at += length + 1;
                }
        }
        serf_put_state(serf, false, &state);
        if (serf_merge_state(serf, (struct pack_slice){state.bytes + 1, (uint32_t)state.len - 1},
                             now_us) < 0)
                abort();
        byte_buffer_fini(&state);
        serf_destroy(serf);
}

static void read_files(const uint8_t *bytes, size_t size)
{
        struct member_snapshot snapshot, again;
        struct keyring ring;
        char error[128], *text;

        (void)keyring_from_json((const char *)bytes, size, &ring, error, sizeof(error));
        member_snapshot_parse((const char *)bytes, size, &snapshot);
        text = member_snapshot_text(&snapshot);
        member_snapshot_parse(text, strlen(text), &again);
        if (again.member_count != snapshot.member_count || again.clock != snapshot.clock ||
            again.left != snapshot.left)
                abort();
        free(text);
        member_snapshot_fini(&snapshot);
        member_snapshot_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        if (size < 2 || size > 65536)
                return 0;
        run_machine(bytes, size);
        read_files(bytes, size);
        return 0;
}
