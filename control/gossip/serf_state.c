#include "control/gossip/serf_internal.h"

#include <errno.h>

/* ---- Writing ---- */

static void put_statuses(const struct serf *s, struct byte_buffer *b)
{
        pack_put_text(b, "StatusLTimes");
        pack_put_map(b, (uint32_t)s->entry_count);
        for (size_t i = 0; i < s->entry_count; i++) {
                pack_put_raw(b, s->entries[i]->member.name);
                pack_put_uint(b, s->entries[i]->member.status_lamport);
        }
}

static void put_left(const struct serf *s, struct byte_buffer *b)
{
        uint32_t count = 0;

        for (size_t i = 0; i < s->entry_count; i++)
                count += s->entries[i]->member.status == SERF_LEFT;
        pack_put_text(b, "LeftMembers");
        pack_put_array(b, count);
        for (size_t i = 0; i < s->entry_count; i++)
                if (s->entries[i]->member.status == SERF_LEFT)
                        pack_put_raw(b, s->entries[i]->member.name);
}

static void put_events(const struct serf *s, struct byte_buffer *b)
{
        uint32_t count = 0;

        for (unsigned i = 0; i < EVENT_RING; i++)
                count += s->kept[i].name_length > 0;
        pack_put_text(b, "Events");
        pack_put_array(b, count);
        for (unsigned i = 0; i < EVENT_RING; i++) {
                const struct kept_event *kept = &s->kept[i];
                uint32_t payload_length = (uint32_t)kept->bytes.len - kept->name_length;

                if (kept->name_length == 0)
                        continue;
                pack_put_map(b, 2);
                pack_put_text(b, "LTime");
                pack_put_uint(b, kept->lamport);
                pack_put_text(b, "Events");
                pack_put_array(b, 1);
                pack_put_map(b, 2);
                pack_put_text(b, "Name");
                pack_put_raw(b, (struct pack_slice){kept->bytes.bytes, kept->name_length});
                pack_put_text(b, "Payload");
                pack_put_raw(
                    b, (struct pack_slice){kept->bytes.bytes + kept->name_length, payload_length});
        }
}

static void put_user_state(const struct serf *s, struct byte_buffer *b)
{
        uint8_t type = SERF_PUSH_PULL;

        byte_buffer_append(b, &type, 1);
        pack_put_map(b, 6);
        pack_put_text(b, "LTime");
        pack_put_uint(b, s->clock);
        put_statuses(s, b);
        put_left(s, b);
        pack_put_text(b, "EventLTime");
        pack_put_uint(b, s->event_clock);
        put_events(s, b);
        pack_put_text(b, "QueryLTime");
        pack_put_uint(b, s->query_clock);
}

void serf_put_state(const struct serf *s, bool join, struct byte_buffer *out)
{
        struct byte_buffer rows = BYTE_BUFFER_INIT, user = BYTE_BUFFER_INIT;
        struct gossip_push_pull head = {.join = join};

        head.node_count = swim_state_put(s->swim, &rows);
        put_user_state(s, &user);
        head.user_state_length = (uint32_t)user.len;
        gossip_put_push_pull(out, &head);
        byte_buffer_append(out, rows.bytes, rows.len);
        byte_buffer_append(out, user.bytes, user.len);
        byte_buffer_fini(&rows);
        byte_buffer_fini(&user);
}

/* ---- Merging ---- */

/* The other side's state, its lists as readers over its bytes. */
struct remote_state {
        uint64_t lamport, event_lamport, query_lamport;
        struct msgpack_reader statuses, left, events;
        uint32_t status_count, left_count, event_count;
};

static int get_part(struct msgpack_reader *r, struct pack_slice name, struct remote_state *out)
{
        static const struct pack_field clocks[] = {
            PACK_FIELD(struct remote_state, lamport, "LTime", PACK_U64),
            PACK_FIELD(struct remote_state, event_lamport, "EventLTime", PACK_U64),
            PACK_FIELD(struct remote_state, query_lamport, "QueryLTime", PACK_U64),
        };
        struct msgpack_reader value = *r;
        uint64_t *clock;

        if (pack_skip(r) < 0)
                return -EBADMSG;
        for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
                if (!pack_slice_equal(name, pack_slice_of(clocks[i].name)))
                        continue;
                clock = (uint64_t *)(void *)((uint8_t *)out + clocks[i].offset);
                return pack_get_uint(&value, UINT64_MAX, clock);
        }
        value.end = r->at;
        if (pack_slice_equal(name, pack_slice_of("StatusLTimes"))) {
                out->statuses = value;
                return pack_get_map(&out->statuses, &out->status_count);
        }
        if (pack_slice_equal(name, pack_slice_of("LeftMembers"))) {
                out->left = value;
                return pack_get_array(&out->left, &out->left_count);
        }
        if (pack_slice_equal(name, pack_slice_of("Events"))) {
                out->events = value;
                return pack_get_array(&out->events, &out->event_count);
        }
        return 0;
}

static int get_remote(struct pack_slice bytes, struct remote_state *out)
{
        struct msgpack_reader r = {bytes.bytes + 1, bytes.bytes + bytes.length};
        uint32_t pair_count;
        struct pack_slice name;

        *out = (struct remote_state){0};
        if (bytes.length < 1 || bytes.bytes[0] != SERF_PUSH_PULL ||
            pack_get_map(&r, &pair_count) < 0)
                return -EBADMSG;
        for (uint32_t i = 0; i < pair_count; i++)
                if (pack_get_raw(&r, &name) < 0 || get_part(&r, name, out) < 0)
                        return -EBADMSG;
        return 0;
}

static bool is_in_left(const struct remote_state *remote, struct pack_slice name)
{
        struct msgpack_reader left = remote->left;
        struct pack_slice one;

        for (uint32_t i = 0; i < remote->left_count && pack_get_raw(&left, &one) == 0; i++)
                if (pack_slice_equal(one, name))
                        return true;
        return false;
}

static void merge_statuses(struct serf *s, const struct remote_state *remote)
{
        struct msgpack_reader statuses = remote->statuses;
        struct serf_intent intent = {0};

        for (uint32_t i = 0; i < remote->status_count; i++) {
                if (pack_get_raw(&statuses, &intent.node) < 0 ||
                    pack_get_uint(&statuses, UINT64_MAX, &intent.lamport) < 0)
                        return;
                if (intent.node.length > GOSSIP_NAME_MAX)
                        continue;
                (void)serf_apply_intent(s, is_in_left(remote, intent.node) ? SERF_LEAVE : SERF_JOIN,
                                        &intent);
        }
}

static int merge_events_of_time(struct serf *s, struct msgpack_reader *r)
{
        static const struct pack_field fields[] = {
            PACK_FIELD(struct serf_user_event, name, "Name", PACK_RAW),
            PACK_FIELD(struct serf_user_event, payload, "Payload", PACK_RAW),
        };
        struct serf_user_event event = {0};
        struct msgpack_reader list = {0};
        uint32_t pair_count, count = 0;
        struct pack_slice name;

        // The slots of a ring that was never filled are nil.
        if (pack_get_map(r, &pair_count) < 0)
                return -EBADMSG;
        for (uint32_t i = 0; i < pair_count; i++) {
                struct msgpack_reader value;

                if (pack_get_raw(r, &name) < 0)
                        return -EBADMSG;
                value = *r;
                if (pack_skip(r) < 0)
                        return -EBADMSG;
                if (pack_slice_equal(name, pack_slice_of("LTime"))) {
                        if (pack_get_uint(&value, UINT64_MAX, &event.lamport) < 0)
                                return -EBADMSG;
                } else if (pack_slice_equal(name, pack_slice_of("Events"))) {
                        list = value;
                        if (pack_get_array(&list, &count) < 0)
                                return -EBADMSG;
                }
        }
        for (uint32_t i = 0; i < count; i++) {
                if (pack_get_struct(&list, fields, 2, &event) < 0)
                        return -EBADMSG;
                (void)serf_apply_user_event(s, &event);
        }
        return 0;
}

static void merge_user_state(struct serf *s, struct pack_slice bytes, bool join)
{
        struct remote_state remote;

        if (bytes.length == 0 || get_remote(bytes, &remote) < 0)
                return;
        // What is told is the next time to be used, not one that was.
        if (remote.lamport > 0)
                (void)lamport_witness(&s->clock, remote.lamport - 1);
        if (remote.event_lamport > 0)
                (void)lamport_witness(&s->event_clock, remote.event_lamport - 1);
        if (remote.query_lamport > 0)
                (void)lamport_witness(&s->query_clock, remote.query_lamport - 1);
        merge_statuses(s, &remote);
        if (join && s->ignore_old_events) {
                uint64_t event_time =
                    remote.event_lamport < s->event_clock ? remote.event_lamport : s->event_clock;

                if (event_time > s->event_min_time)
                        s->event_min_time = event_time;
                s->ignore_old_events = false;
        }
        for (uint32_t i = 0; i < remote.event_count; i++)
                if (merge_events_of_time(s, &remote.events) < 0)
                        return;
}

// Whether nothing is against joining those whose rows begin here.
static bool may_join(const struct serf *s, struct msgpack_reader r, uint32_t row_count)
{
        struct byte_buffer rows = BYTE_BUFFER_INIT;
        struct gossip_node_state row;
        const char *fault;
        uint32_t count = 0;

        // Damage is for the merge to find, and ends it there.
        while (count < row_count && gossip_get_node_state(&r, &row) == 0) {
                byte_buffer_append(&rows, &row, sizeof(row));
                count++;
        }
        fault = s->hooks.group_fault(s->hooks.arg, (const void *)rows.bytes, count);
        byte_buffer_fini(&rows);
        return fault == NULL;
}

int serf_merge_state(struct serf *s, struct pack_slice body, uint64_t now_us)
{
        struct msgpack_reader r = pack_reader_of(body);
        struct gossip_node_state row;
        struct gossip_push_pull head;

        s->now_us = now_us;
        if (gossip_get_push_pull(&r, &head) < 0)
                return -EBADMSG;
        if (head.join && s->hooks.group_fault && !may_join(s, r, head.node_count))
                return -EPERM;
        for (uint32_t i = 0; i < head.node_count; i++) {
                if (gossip_get_node_state(&r, &row) < 0)
                        return -EBADMSG;
                swim_state_merge(s->swim, &row, now_us);
        }
        if (head.user_state_length > (size_t)(r.end - r.at))
                return -EBADMSG;
        merge_user_state(s, (struct pack_slice){r.at, head.user_state_length}, head.join);
        return 0;
}
