#include "control/gossip/message.h"

#define FIELDS(type, ...)           static const struct pack_field type##_fields[] = {__VA_ARGS__}
#define COUNT(array)                (sizeof(array) / sizeof((array)[0]))
#define F(type, member, name, kind) PACK_FIELD(struct gossip_##type, member, name, kind)

FIELDS(ping, F(ping, sequence, "SeqNo", PACK_U32), F(ping, node, "Node", PACK_RAW),
       F(ping, source_address, "SourceAddr", PACK_BYTES),
       F(ping, source_port, "SourcePort", PACK_U16),
       F(ping, source_node, "SourceNode", PACK_BYTES));

FIELDS(indirect_ping, F(indirect_ping, sequence, "SeqNo", PACK_U32),
       F(indirect_ping, target, "Target", PACK_RAW), F(indirect_ping, port, "Port", PACK_U16),
       F(indirect_ping, node, "Node", PACK_RAW), F(indirect_ping, nack, "Nack", PACK_BOOL),
       F(indirect_ping, source_address, "SourceAddr", PACK_BYTES),
       F(indirect_ping, source_port, "SourcePort", PACK_U16),
       F(indirect_ping, source_node, "SourceNode", PACK_BYTES));

FIELDS(ack, F(ack, sequence, "SeqNo", PACK_U32), F(ack, payload, "Payload", PACK_RAW));

FIELDS(nack, F(nack, sequence, "SeqNo", PACK_U32));

FIELDS(accusation, F(accusation, incarnation, "Incarnation", PACK_U32),
       F(accusation, node, "Node", PACK_RAW), F(accusation, from, "From", PACK_RAW));

FIELDS(alive, F(alive, incarnation, "Incarnation", PACK_U32), F(alive, node, "Node", PACK_RAW),
       F(alive, address, "Addr", PACK_RAW), F(alive, port, "Port", PACK_U16),
       F(alive, meta, "Meta", PACK_RAW), F(alive, versions, "Vsn", PACK_RAW));

FIELDS(node_state, F(node_state, name, "Name", PACK_RAW), F(node_state, address, "Addr", PACK_RAW),
       F(node_state, port, "Port", PACK_U16), F(node_state, meta, "Meta", PACK_RAW),
       F(node_state, incarnation, "Incarnation", PACK_U32), F(node_state, state, "State", PACK_U8),
       F(node_state, versions, "Vsn", PACK_RAW));

FIELDS(push_pull, F(push_pull, node_count, "Nodes", PACK_U32),
       F(push_pull, user_state_length, "UserStateLen", PACK_U32),
       F(push_pull, join, "Join", PACK_BOOL));

static void put(struct byte_buffer *b, enum gossip_type type, const struct pack_field fields[],
                size_t field_count, const void *m)
{
        uint8_t byte = (uint8_t)type;

        byte_buffer_append(b, &byte, 1);
        pack_put_struct(b, fields, field_count, m);
}

void gossip_put_ping(struct byte_buffer *b, const struct gossip_ping *m)
{
        put(b, GOSSIP_PING, ping_fields, COUNT(ping_fields), m);
}

void gossip_put_indirect_ping(struct byte_buffer *b, const struct gossip_indirect_ping *m)
{
        put(b, GOSSIP_INDIRECT_PING, indirect_ping_fields, COUNT(indirect_ping_fields), m);
}

void gossip_put_ack(struct byte_buffer *b, const struct gossip_ack *m)
{
        put(b, GOSSIP_ACK, ack_fields, COUNT(ack_fields), m);
}

void gossip_put_nack(struct byte_buffer *b, const struct gossip_nack *m)
{
        put(b, GOSSIP_NACK, nack_fields, COUNT(nack_fields), m);
}

void gossip_put_accusation(struct byte_buffer *b, enum gossip_type type,
                           const struct gossip_accusation *m)
{
        put(b, type, accusation_fields, COUNT(accusation_fields), m);
}

void gossip_put_alive(struct byte_buffer *b, const struct gossip_alive *m)
{
        put(b, GOSSIP_ALIVE, alive_fields, COUNT(alive_fields), m);
}

void gossip_put_push_pull(struct byte_buffer *b, const struct gossip_push_pull *m)
{
        put(b, GOSSIP_PUSH_PULL, push_pull_fields, COUNT(push_pull_fields), m);
}

void gossip_put_node_state(struct byte_buffer *b, const struct gossip_node_state *m)
{
        pack_put_struct(b, node_state_fields, COUNT(node_state_fields), m);
}

static const struct pack_field error_fields[] = {{"Error", PACK_RAW, 0}};

int gossip_get_ping(struct msgpack_reader *r, struct gossip_ping *m)
{
        *m = (struct gossip_ping){0};
        return pack_get_struct(r, ping_fields, COUNT(ping_fields), m);
}

int gossip_get_indirect_ping(struct msgpack_reader *r, struct gossip_indirect_ping *m)
{
        *m = (struct gossip_indirect_ping){0};
        return pack_get_struct(r, indirect_ping_fields, COUNT(indirect_ping_fields), m);
}

int gossip_get_ack(struct msgpack_reader *r, struct gossip_ack *m)
{
        *m = (struct gossip_ack){0};
        return pack_get_struct(r, ack_fields, COUNT(ack_fields), m);
}

int gossip_get_nack(struct msgpack_reader *r, struct gossip_nack *m)
{
        *m = (struct gossip_nack){0};
        return pack_get_struct(r, nack_fields, COUNT(nack_fields), m);
}

int gossip_get_accusation(struct msgpack_reader *r, struct gossip_accusation *m)
{
        *m = (struct gossip_accusation){0};
        return pack_get_struct(r, accusation_fields, COUNT(accusation_fields), m);
}

int gossip_get_alive(struct msgpack_reader *r, struct gossip_alive *m)
{
        *m = (struct gossip_alive){0};
        return pack_get_struct(r, alive_fields, COUNT(alive_fields), m);
}

int gossip_get_push_pull(struct msgpack_reader *r, struct gossip_push_pull *m)
{
        *m = (struct gossip_push_pull){0};
        return pack_get_struct(r, push_pull_fields, COUNT(push_pull_fields), m);
}

int gossip_get_node_state(struct msgpack_reader *r, struct gossip_node_state *m)
{
        *m = (struct gossip_node_state){0};
        return pack_get_struct(r, node_state_fields, COUNT(node_state_fields), m);
}

int gossip_get_error(struct msgpack_reader *r, struct pack_slice *text)
{
        *text = (struct pack_slice){0};
        return pack_get_struct(r, error_fields, COUNT(error_fields), text);
}
