#include <errno.h>
#include <string.h>

#include "control/member/member_event.h"
#include "control/pack/pack.h"

#define EVENT_VERSION 1

/* The payload as Consul encodes it. */
struct packed {
        struct pack_slice id, name, payload, node_filter, service_filter, tag_filter;
        int64_t version;
};

static const struct pack_field fields[] = {
    PACK_FIELD(struct packed, id, "ID", PACK_RAW),
    PACK_FIELD(struct packed, name, "n", PACK_RAW),
    PACK_FIELD(struct packed, payload, "p", PACK_BYTES),
    PACK_FIELD(struct packed, node_filter, "nf", PACK_BYTES),
    PACK_FIELD(struct packed, service_filter, "sf", PACK_BYTES),
    PACK_FIELD(struct packed, tag_filter, "tf", PACK_BYTES),
    PACK_FIELD(struct packed, version, "v", PACK_I64),
};

void member_event_put(const struct event *event, struct byte_buffer *name,
                      struct byte_buffer *payload)
{
        const struct packed packed = {
            .id = pack_slice_of(event->id),
            .name = pack_slice_of(event->name),
            .payload = {event->payload, (uint32_t)event->payload_len},
            .node_filter = pack_slice_of(event->node_filter),
            .service_filter = pack_slice_of(event->service_filter),
            .tag_filter = pack_slice_of(event->tag_filter),
            .version = EVENT_VERSION,
        };

        byte_buffer_append(name, MEMBER_EVENT_PREFIX, strlen(MEMBER_EVENT_PREFIX));
        byte_buffer_append(name, event->name, strlen(event->name));
        pack_put_struct(payload, fields, sizeof(fields) / sizeof(fields[0]), &packed);
}

// A text with its NUL, or false when there is one within.
static bool put_text(struct byte_buffer *scratch, struct pack_slice text)
{
        if (text.length > 0 && memchr(text.bytes, '\0', text.length) != NULL)
                return false;
        byte_buffer_append(scratch, text.bytes, text.length);
        byte_buffer_append(scratch, "", 1);
        return true;
}

int member_event_get(const struct serf_user_event *heard, struct event *out,
                     struct byte_buffer *scratch)
{
        struct msgpack_reader r = pack_reader_of(heard->payload);
        struct packed packed = {0};
        const struct pack_slice *const texts[] = {&packed.id, &packed.name, &packed.node_filter,
                                                  &packed.service_filter, &packed.tag_filter};
        const char **const outs[] = {&out->id, &out->name, &out->node_filter, &out->service_filter,
                                     &out->tag_filter};
        size_t starts[sizeof(texts) / sizeof(texts[0])];

        if (heard->name.length < strlen(MEMBER_EVENT_PREFIX) ||
            memcmp(heard->name.bytes, MEMBER_EVENT_PREFIX, strlen(MEMBER_EVENT_PREFIX)) != 0)
                return -ENOENT;
        if (pack_get_struct(&r, fields, sizeof(fields) / sizeof(fields[0]), &packed) < 0)
                return -EBADMSG;
        scratch->len = 0;
        *out = (struct event){.payload = packed.payload.bytes,
                              .payload_len = packed.payload.length,
                              .lamport_time = heard->lamport};
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                starts[i] = scratch->len;
                if (!put_text(scratch, *texts[i]))
                        return -EBADMSG;
        }
        // The buffer stays where it is from here on.
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                *outs[i] = (const char *)scratch->bytes + starts[i];
        return packed.name.length > 0 ? 0 : -EBADMSG;
}
