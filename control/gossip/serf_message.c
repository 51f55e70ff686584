#include "control/gossip/serf_message.h"

#include <errno.h>

#define COUNT(array)                (sizeof(array) / sizeof((array)[0]))
#define F(type, member, name, kind) PACK_FIELD(struct serf_##type, member, name, kind)

static const struct pack_field join_fields[] = {
    F(intent, lamport, "LTime", PACK_U64),
    F(intent, node, "Node", PACK_RAW),
};

static const struct pack_field leave_fields[] = {
    F(intent, lamport, "LTime", PACK_U64),
    F(intent, node, "Node", PACK_RAW),
    F(intent, prune, "Prune", PACK_BOOL),
};

static const struct pack_field user_event_fields[] = {
    F(user_event, lamport, "LTime", PACK_U64),
    F(user_event, name, "Name", PACK_RAW),
    F(user_event, payload, "Payload", PACK_RAW),
    F(user_event, coalesce, "CC", PACK_BOOL),
};

static const struct pack_field query_response_fields[] = {
    F(query_response, lamport, "LTime", PACK_U64),   F(query_response, id, "ID", PACK_U32),
    F(query_response, from, "From", PACK_RAW),       F(query_response, flags, "Flags", PACK_U32),
    F(query_response, payload, "Payload", PACK_RAW),
};

static void put_type(struct byte_buffer *b, enum serf_type type)
{
        uint8_t byte = (uint8_t)type;

        byte_buffer_append(b, &byte, 1);
}

void serf_put_intent(struct byte_buffer *b, enum serf_type type, const struct serf_intent *m)
{
        put_type(b, type);
        if (type == SERF_JOIN)
                pack_put_struct(b, join_fields, COUNT(join_fields), m);
        else
                pack_put_struct(b, leave_fields, COUNT(leave_fields), m);
}

void serf_put_user_event(struct byte_buffer *b, const struct serf_user_event *m)
{
        put_type(b, SERF_USER_EVENT);
        pack_put_struct(b, user_event_fields, COUNT(user_event_fields), m);
}

void serf_put_query_response(struct byte_buffer *b, const struct serf_query_response *m)
{
        put_type(b, SERF_QUERY_RESPONSE);
        pack_put_struct(b, query_response_fields, COUNT(query_response_fields), m);
}

/* Filters stand as they are in the middle, so this map is written by hand. */
void serf_put_query(struct byte_buffer *b, const struct serf_query_message *m)
{
        put_type(b, SERF_QUERY);
        pack_put_map(b, 11);
        pack_put_text(b, "LTime");
        pack_put_uint(b, m->lamport);
        pack_put_text(b, "ID");
        pack_put_uint(b, m->id);
        pack_put_text(b, "Addr");
        pack_put_raw(b, m->address);
        pack_put_text(b, "Port");
        pack_put_uint(b, m->port);
        pack_put_text(b, "SourceNode");
        pack_put_raw(b, m->source_node);
        pack_put_text(b, "Filters");
        if (m->filters.length > 0)
                byte_buffer_append(b, m->filters.bytes, m->filters.length);
        else
                pack_put_nil(b);
        pack_put_text(b, "Flags");
        pack_put_uint(b, m->flags);
        pack_put_text(b, "RelayFactor");
        pack_put_uint(b, m->relay_factor);
        pack_put_text(b, "Timeout");
        pack_put_int(b, m->timeout_ns);
        pack_put_text(b, "Name");
        pack_put_raw(b, m->name);
        pack_put_text(b, "Payload");
        pack_put_raw(b, m->payload);
}

int serf_get_intent(struct pack_slice body, struct serf_intent *m)
{
        struct msgpack_reader r = pack_reader_of(body);

        *m = (struct serf_intent){0};
        return pack_get_struct(&r, leave_fields, COUNT(leave_fields), m);
}

int serf_get_user_event(struct pack_slice body, struct serf_user_event *m)
{
        struct msgpack_reader r = pack_reader_of(body);

        *m = (struct serf_user_event){0};
        return pack_get_struct(&r, user_event_fields, COUNT(user_event_fields), m);
}

int serf_get_query_response(struct pack_slice body, struct serf_query_response *m)
{
        struct msgpack_reader r = pack_reader_of(body);

        *m = (struct serf_query_response){0};
        return pack_get_struct(&r, query_response_fields, COUNT(query_response_fields), m);
}

static const struct pack_field query_fields[] = {
    F(query_message, lamport, "LTime", PACK_U64),
    F(query_message, id, "ID", PACK_U32),
    F(query_message, address, "Addr", PACK_RAW),
    F(query_message, port, "Port", PACK_U16),
    F(query_message, source_node, "SourceNode", PACK_RAW),
    F(query_message, flags, "Flags", PACK_U32),
    F(query_message, relay_factor, "RelayFactor", PACK_U8),
    F(query_message, timeout_ns, "Timeout", PACK_I64),
    F(query_message, name, "Name", PACK_RAW),
    F(query_message, payload, "Payload", PACK_RAW),
};

/* Finds the filters' bytes in a map that was read well before. */
static int find_filters(struct msgpack_reader r, struct pack_slice *filters)
{
        uint32_t pair_count;
        struct pack_slice name;

        if (pack_get_map(&r, &pair_count) < 0)
                return -EBADMSG;
        for (uint32_t i = 0; i < pair_count; i++) {
                const uint8_t *begin;

                if (pack_get_raw(&r, &name) < 0)
                        return -EBADMSG;
                begin = r.at;
                if (pack_skip(&r) < 0)
                        return -EBADMSG;
                if (pack_slice_equal(name, pack_slice_of("Filters")))
                        *filters = (struct pack_slice){begin, (uint32_t)(r.at - begin)};
        }
        return 0;
}

int serf_get_query(struct pack_slice body, struct serf_query_message *m)
{
        struct msgpack_reader r = pack_reader_of(body);

        *m = (struct serf_query_message){0};
        if (pack_get_struct(&r, query_fields, COUNT(query_fields), m) < 0)
                return -EBADMSG;
        return find_filters(pack_reader_of(body), &m->filters);
}

void serf_put_relay(struct byte_buffer *b, const struct serf_relay *m)
{
        put_type(b, SERF_RELAY);
        pack_put_map(b, 2);
        pack_put_text(b, "DestAddr");
        pack_put_map(b, 3);
        pack_put_text(b, "IP");
        pack_put_raw(b, m->address);
        pack_put_text(b, "Port");
        pack_put_uint(b, m->port);
        pack_put_text(b, "Zone");
        pack_put_text(b, "");
        pack_put_text(b, "DestName");
        pack_put_raw(b, m->node);
        byte_buffer_append(b, m->message.bytes, m->message.length);
}

static const struct pack_field address_fields[] = {
    F(relay, address, "IP", PACK_RAW),
    F(relay, port, "Port", PACK_U16),
};

int serf_get_relay(struct pack_slice body, struct serf_relay *m)
{
        struct msgpack_reader r = pack_reader_of(body);
        uint32_t pair_count;

        *m = (struct serf_relay){0};
        if (pack_get_map(&r, &pair_count) < 0)
                return -EBADMSG;
        for (uint32_t i = 0; i < pair_count; i++) {
                struct pack_slice name;
                int ret;

                if (pack_get_raw(&r, &name) < 0)
                        return -EBADMSG;
                if (pack_slice_equal(name, pack_slice_of("DestAddr")))
                        ret = pack_get_struct(&r, address_fields, COUNT(address_fields), m);
                else if (pack_slice_equal(name, pack_slice_of("DestName")))
                        ret = pack_get_raw(&r, &m->node);
                else
                        ret = pack_skip(&r);
                if (ret < 0)
                        return -EBADMSG;
        }
        m->message = (struct pack_slice){r.at, (uint32_t)(r.end - r.at)};
        return m->message.length > 0 ? 0 : -EBADMSG;
}

void serf_put_filters(struct byte_buffer *b, uint32_t count)
{
        pack_put_array(b, count);
}

/* A filter is a raw value: its kind, then msgpack. */
static void put_filter(struct byte_buffer *b, struct byte_buffer *filter)
{
        pack_put_raw(b, (struct pack_slice){filter->bytes, (uint32_t)filter->len});
        byte_buffer_fini(filter);
}

void serf_put_filter_nodes(struct byte_buffer *b, const struct pack_slice names[], uint32_t count)
{
        struct byte_buffer filter = BYTE_BUFFER_INIT;
        uint8_t kind = SERF_FILTER_NODES;

        byte_buffer_append(&filter, &kind, 1);
        pack_put_array(&filter, count);
        for (uint32_t i = 0; i < count; i++)
                pack_put_raw(&filter, names[i]);
        put_filter(b, &filter);
}

static const struct pack_field tag_fields[] = {
    F(filter, tag, "Tag", PACK_RAW),
    F(filter, expression, "Expr", PACK_RAW),
};

void serf_put_filter_tag(struct byte_buffer *b, struct pack_slice tag, struct pack_slice expression)
{
        struct serf_filter values = {.tag = tag, .expression = expression};
        struct byte_buffer filter = BYTE_BUFFER_INIT;
        uint8_t kind = SERF_FILTER_TAG;

        byte_buffer_append(&filter, &kind, 1);
        pack_put_struct(&filter, tag_fields, COUNT(tag_fields), &values);
        put_filter(b, &filter);
}

int serf_filters_open(struct pack_slice filters, struct serf_filter_reader *r)
{
        *r = (struct serf_filter_reader){.reader = pack_reader_of(filters)};
        return filters.length == 0 ? 0 : pack_get_array(&r->reader, &r->left);
}

int serf_filter_next(struct serf_filter_reader *r, struct serf_filter *out)
{
        struct pack_slice filter;
        struct msgpack_reader body;

        if (r->left == 0)
                return 0;
        r->left--;
        *out = (struct serf_filter){0};
        if (pack_get_raw(&r->reader, &filter) < 0 || filter.length < 1)
                return -EBADMSG;
        body = (struct msgpack_reader){filter.bytes + 1, filter.bytes + filter.length};
        out->kind = (enum serf_filter_kind)filter.bytes[0];
        if (filter.bytes[0] == SERF_FILTER_NODES) {
                if (pack_get_array(&body, &out->node_count) < 0)
                        return -EBADMSG;
                out->nodes = body;
                return 1;
        }
        if (filter.bytes[0] != SERF_FILTER_TAG)
                return -EBADMSG;
        return pack_get_struct(&body, tag_fields, COUNT(tag_fields), out) < 0 ? -EBADMSG : 1;
}
