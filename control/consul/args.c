#include "control/consul/args.h"

#include <errno.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

// --- Requests that read.

// A query and what is read of it once more.
struct packed_query {
        struct consul_query query;
        struct pack_slice source, agent, payload;
        const char *tag, *old_session;
};

#define QUERY(member, name, kind)  WIRE_FIELD(struct packed_query, query.member, name, kind)
#define PACKED(member, name, kind) WIRE_FIELD(struct packed_query, member, name, kind)

static const struct wire_field query_fields[] = {
    QUERY(datacenter, "Datacenter", WIRE_TEXT),
    QUERY(node, "Node", WIRE_TEXT),
    QUERY(service_name, "ServiceName", WIRE_TEXT),
    QUERY(service_kind, "ServiceKind", WIRE_TEXT),
    QUERY(service_address, "ServiceAddress", WIRE_TEXT),
    QUERY(state, "State", WIRE_TEXT),
    QUERY(key, "Key", WIRE_TEXT),
    QUERY(prefix, "Prefix", WIRE_TEXT),
    QUERY(separator, "Seperator", WIRE_TEXT),
    QUERY(session_id, "SessionID", WIRE_TEXT),
    QUERY(query_id, "QueryID", WIRE_TEXT),
    QUERY(query_id_or_name, "QueryIDOrName", WIRE_TEXT),
    QUERY(event_name, "Name", WIRE_TEXT),
    QUERY(config_kind, "Kind", WIRE_TEXT),
    QUERY(tags, "ServiceTags", WIRE_TEXTS),
    QUERY(node_meta, "NodeMetaFilters", WIRE_TEXT_MAP),
    QUERY(limit, "Limit", WIRE_I64),
    QUERY(tag_filter, "TagFilter", WIRE_BOOL),
    QUERY(connect, "Connect", WIRE_BOOL),
    QUERY(ingress, "Ingress", WIRE_BOOL),
    QUERY(use_service_kind, "UseServiceKind", WIRE_BOOL),
    QUERY(min_index, "MinQueryIndex", WIRE_U64),
    QUERY(max_wait_ns, "MaxQueryTime", WIRE_I64),
    QUERY(max_stale_ns, "MaxStaleDuration", WIRE_I64),
    QUERY(filter, "Filter", WIRE_TEXT),
    QUERY(token, "Token", WIRE_TEXT),
    QUERY(stale, "AllowStale", WIRE_BOOL),
    QUERY(consistent, "RequireConsistent", WIRE_BOOL),
    QUERY(allow_not_modified, "AllowNotModifiedResponse", WIRE_BOOL),
    PACKED(source, "Source", WIRE_VALUE),
    PACKED(agent, "Agent", WIRE_VALUE),
    PACKED(payload, "Payload", WIRE_VALUE),
    PACKED(tag, "ServiceTag", WIRE_TEXT),
    PACKED(old_session, "Session", WIRE_TEXT),
};

static const struct wire_field source_fields[] = {
    WIRE_FIELD(struct consul_source, datacenter, "Datacenter", WIRE_TEXT),
    WIRE_FIELD(struct consul_source, node, "Node", WIRE_TEXT),
};

static int get_source(struct pack_slice value, struct arena *arena, struct consul_source *out)
{
        struct msgpack_reader r = pack_reader_of(value);

        return value.length > 0 ? wire_get(&r, source_fields, COUNT(source_fields), arena, out) : 0;
}

static struct pack_slice slice_of(const struct byte_buffer *b)
{
        return (struct pack_slice){b->bytes, (uint32_t)b->len};
}

static struct pack_slice put_source(struct byte_buffer *b, const struct consul_source *source)
{
        if (source->node[0] == '\0')
                return (struct pack_slice){NULL, 0};
        wire_put_set(b, source_fields, COUNT(source_fields), source);
        return slice_of(b);
}

void consul_query_put(struct byte_buffer *b, const struct consul_query *query)
{
        struct packed_query packed = {.query = *query, .tag = "", .old_session = ""};
        struct byte_buffer source = BYTE_BUFFER_INIT, agent = BYTE_BUFFER_INIT;
        struct byte_buffer payload = BYTE_BUFFER_INIT;

        packed.source = put_source(&source, &query->source);
        packed.agent = put_source(&agent, &query->agent);
        if (query->event_payload.length > 0) {
                pack_put_raw(&payload, query->event_payload);
                packed.payload = slice_of(&payload);
        }
        wire_put_set(b, query_fields, COUNT(query_fields), &packed);
        byte_buffer_fini(&source);
        byte_buffer_fini(&agent);
        byte_buffer_fini(&payload);
}

int consul_query_get(struct pack_slice args, struct arena *arena, struct consul_query *out)
{
        struct packed_query packed = {
            .query = CONSUL_QUERY_INIT,
            .tag = "",
            .old_session = "",
        };
        struct msgpack_reader r = pack_reader_of(args), payload;
        const char **tags;

        if (wire_get(&r, query_fields, COUNT(query_fields), arena, &packed) < 0 ||
            get_source(packed.source, arena, &packed.query.source) < 0 ||
            get_source(packed.agent, arena, &packed.query.agent) < 0)
                return -EBADMSG;
        payload = pack_reader_of(packed.payload);
        if (packed.payload.length > 0 && pack_get_raw(&payload, &packed.query.event_payload) < 0)
                return -EBADMSG;
        if (packed.query.session_id[0] == '\0')
                packed.query.session_id = packed.old_session;
        if (packed.tag[0] != '\0') {
                tags = arena_get(arena, sizeof(*tags));
                tags[0] = packed.tag;
                packed.query.tags = (struct text_list){tags, 1};
        }
        *out = packed.query;
        return 0;
}

int consul_datacenter_get(struct pack_slice args, struct arena *arena, const char **out)
{
        static const struct wire_field fields[] = {{"Datacenter", WIRE_TEXT, 0}};
        struct msgpack_reader r = pack_reader_of(args);

        *out = "";
        // Some methods take no structure.
        if (args.length == 0 || pack_peek(&r) != PACK_IS_MAP)
                return 0;
        return wire_get(&r, fields, COUNT(fields), arena, out);
}

// --- Requests that change the catalog.

struct packed_register {
        struct catalog_node node;
        struct pack_slice service, check, checks;
        bool skip_node_update;
};

#define REGISTER(member, name, kind) WIRE_FIELD(struct packed_register, member, name, kind)

static const struct wire_field register_fields[] = {
    REGISTER(node.datacenter, "Datacenter", WIRE_TEXT),
    REGISTER(node.id, "ID", WIRE_TEXT),
    REGISTER(node.name, "Node", WIRE_TEXT),
    REGISTER(node.address, "Address", WIRE_TEXT),
    REGISTER(node.tagged_addresses, "TaggedAddresses", WIRE_TEXT_MAP),
    REGISTER(node.meta, "NodeMeta", WIRE_TEXT_MAP),
    REGISTER(service, "Service", WIRE_VALUE),
    REGISTER(check, "Check", WIRE_VALUE),
    REGISTER(checks, "Checks", WIRE_VALUE),
    REGISTER(skip_node_update, "SkipNodeUpdate", WIRE_BOOL),
};

void consul_register_put(struct byte_buffer *b, const char *datacenter,
                         const struct command_register *reg)
{
        struct packed_register packed = {.node = reg->node,
                                         .skip_node_update = reg->skip_node_update};
        struct byte_buffer service = BYTE_BUFFER_INIT, checks = BYTE_BUFFER_INIT;

        packed.node.datacenter = datacenter;
        if (reg->has_service) {
                consul_put_new_service(&service, &reg->service, 0);
                packed.service = slice_of(&service);
        }
        if (reg->check_count > 0) {
                pack_put_array(&checks, reg->check_count);
                for (uint32_t i = 0; i < reg->check_count; i++)
                        consul_put_new_check(&checks, &reg->checks[i], 0);
                packed.checks = slice_of(&checks);
        }
        wire_put_set(b, register_fields, COUNT(register_fields), &packed);
        byte_buffer_fini(&service);
        byte_buffer_fini(&checks);
}

static bool is_there(struct pack_slice value)
{
        struct msgpack_reader r = pack_reader_of(value);

        return value.length > 0 && pack_peek(&r) != PACK_IS_NIL;
}

// Checks, and the single one of old after them.
static int get_checks(const struct packed_register *packed, struct arena *arena,
                      struct command_register *out)
{
        struct msgpack_reader list = pack_reader_of(packed->checks);
        struct msgpack_reader single = pack_reader_of(packed->check);
        uint32_t count = 0;
        uint64_t index;

        if (packed->checks.length > 0 && pack_get_array(&list, &count) < 0)
                return -EBADMSG;
        // A check takes a byte at least there, and far more here.
        if (count > COMMAND_CHECKS_MAX)
                return -EBADMSG;
        out->checks = arena_get(arena, ((size_t)count + 1) * sizeof(*out->checks));
        while (out->check_count < count) {
                if (consul_get_check(&list, arena, &out->checks[out->check_count++], &index) < 0)
                        return -EBADMSG;
        }
        if (is_there(packed->check))
                return consul_get_check(&single, arena, &out->checks[out->check_count++], &index);
        return 0;
}

int consul_register_get(struct pack_slice args, const char *datacenter, struct arena *arena,
                        struct command *out)
{
        struct packed_register packed = {.node = CATALOG_NODE_INIT};
        struct msgpack_reader r = pack_reader_of(args), service;
        uint64_t index;

        if (wire_get(&r, register_fields, COUNT(register_fields), arena, &packed) < 0)
                return -EBADMSG;
        *out = (struct command){.type = COMMAND_REGISTER};
        packed.node.datacenter = datacenter;
        out->reg.node = packed.node;
        out->reg.skip_node_update = packed.skip_node_update;
        out->reg.service = (struct catalog_service)CATALOG_SERVICE_INIT;
        out->reg.has_service = is_there(packed.service);
        service = pack_reader_of(packed.service);
        if (out->reg.has_service &&
            consul_get_service(&service, arena, &out->reg.service, &index) < 0)
                return -EBADMSG;
        return get_checks(&packed, arena, &out->reg);
}

struct packed_deregister {
        struct command_deregister dereg;
        const char *datacenter;
};

#define DEREGISTER(member, name) WIRE_FIELD(struct packed_deregister, member, name, WIRE_TEXT)

static const struct wire_field deregister_fields[] = {
    DEREGISTER(dereg.node, "Node"),
    DEREGISTER(dereg.service_id, "ServiceID"),
    DEREGISTER(dereg.check_id, "CheckID"),
    DEREGISTER(datacenter, "Datacenter"),
};

int consul_deregister_get(struct pack_slice args, struct arena *arena, struct command *out)
{
        struct packed_deregister packed = {{"", "", ""}, ""};
        struct msgpack_reader r = pack_reader_of(args);

        if (wire_get(&r, deregister_fields, COUNT(deregister_fields), arena, &packed) < 0)
                return -EBADMSG;
        *out = (struct command){.type = COMMAND_DEREGISTER, .dereg = packed.dereg};
        return 0;
}

void consul_deregister_put(struct byte_buffer *b, const char *datacenter,
                           const struct command_deregister *dereg)
{
        const struct packed_deregister packed = {*dereg, datacenter};

        wire_put_set(b, deregister_fields, COUNT(deregister_fields), &packed);
}

// --- Requests that change keys, sessions and coordinates.

struct packed_change {
        const char *op;
        struct pack_slice body;
};

static int get_change(struct pack_slice args, const char *body_name, struct arena *arena,
                      struct packed_change *out)
{
        const struct wire_field fields[] = {
            WIRE_FIELD(struct packed_change, op, "Op", WIRE_TEXT),
            {body_name, WIRE_VALUE, offsetof(struct packed_change, body)},
        };
        struct msgpack_reader r = pack_reader_of(args);

        *out = (struct packed_change){.op = ""};
        return wire_get(&r, fields, COUNT(fields), arena, out);
}

static const uint8_t nothing[] = {0xc0};

// What is absent reads as nil.
static struct msgpack_reader reader_of_body(struct pack_slice body)
{
        return pack_reader_of(body.length > 0 ? body : (struct pack_slice){nothing, 1});
}

int consul_kvs_get(struct pack_slice args, struct arena *arena, struct command *out,
                   const char **op)
{
        struct packed_change packed;
        struct msgpack_reader body;

        if (get_change(args, "DirEnt", arena, &packed) < 0)
                return -EBADMSG;
        *out = (struct command){.type = COMMAND_KV};
        out->kv = (struct txn_op){.kind = TXN_KV, .verb_text = packed.op};
        out->kv.verb = txn_verb_of(packed.op);
        *op = packed.op;
        body = reader_of_body(packed.body);
        return consul_get_kv(&body, arena, &out->kv.kv, &out->kv.index);
}

int consul_session_request_get(struct pack_slice args, struct arena *arena, const char **op,
                               struct catalog_session *session)
{
        struct packed_change packed;
        struct msgpack_reader body;

        if (get_change(args, "Session", arena, &packed) < 0)
                return -EBADMSG;
        *op = packed.op;
        body = reader_of_body(packed.body);
        return consul_get_session(&body, arena, session);
}

struct packed_coordinate {
        const char *node, *segment;
        struct pack_slice at;
};

int consul_coordinate_update_get(struct pack_slice args, struct arena *arena,
                                 struct catalog_coordinate *out, bool *has)
{
        static const struct wire_field fields[] = {
            WIRE_FIELD(struct packed_coordinate, node, "Node", WIRE_TEXT),
            WIRE_FIELD(struct packed_coordinate, segment, "Segment", WIRE_TEXT),
            WIRE_FIELD(struct packed_coordinate, at, "Coord", WIRE_VALUE),
        };
        struct packed_coordinate packed = {.node = "", .segment = ""};
        struct msgpack_reader r = pack_reader_of(args), at;

        if (wire_get(&r, fields, COUNT(fields), arena, &packed) < 0)
                return -EBADMSG;
        *out = (struct catalog_coordinate){.node = packed.node, .segment = packed.segment};
        at = reader_of_body(packed.at);
        return consul_get_coordinate(&at, &out->at, has);
}

void consul_coordinate_update_put(struct byte_buffer *b, const char *datacenter,
                                  const struct catalog_coordinate *coordinate)
{
        pack_put_map(b, CONSUL_COORDINATE_PAIRS + 1);
        wire_put_name(b, "Datacenter");
        pack_put_text(b, datacenter);
        consul_put_coordinate_pairs(b, coordinate);
}

int consul_query_change_get(struct pack_slice args, struct arena *arena,
                            struct consul_query_change *out)
{
        struct packed_change packed;
        struct msgpack_reader body;

        *out = (struct consul_query_change){.op = ""};
        if (get_change(args, "Query", arena, &packed) < 0)
                return -EBADMSG;
        out->op = packed.op;
        body = reader_of_body(packed.body);
        return is_there(packed.body) ? wire_get_json(&body, &out->query) : 0;
}

int consul_keyring_get(struct pack_slice args, struct arena *arena,
                       struct consul_keyring_request *out)
{
        static const struct wire_field fields[] = {
            WIRE_FIELD(struct consul_keyring_request, operation, "Operation", WIRE_TEXT),
            WIRE_FIELD(struct consul_keyring_request, key, "Key", WIRE_TEXT),
            WIRE_FIELD(struct consul_keyring_request, relay_factor, "RelayFactor", WIRE_I64),
            WIRE_FIELD(struct consul_keyring_request, local_only, "LocalOnly", WIRE_BOOL),
        };
        struct msgpack_reader r = pack_reader_of(args);

        *out = (struct consul_keyring_request){.operation = "", .key = ""};
        return wire_get(&r, fields, COUNT(fields), arena, out);
}

int consul_peer_get(struct pack_slice args, struct arena *arena, struct consul_peer_request *out)
{
        static const struct wire_field fields[] = {
            WIRE_FIELD(struct consul_peer_request, id, "ID", WIRE_TEXT),
            WIRE_FIELD(struct consul_peer_request, address, "Address", WIRE_TEXT),
        };
        struct msgpack_reader r = pack_reader_of(args);

        *out = (struct consul_peer_request){"", ""};
        return wire_get(&r, fields, COUNT(fields), arena, out);
}

// --- What answers have in common.

void consul_put_meta(struct byte_buffer *b, const struct consul_meta *meta)
{
        wire_put_name(b, "Index");
        pack_put_uint(b, meta->index);
        wire_put_name(b, "LastContact");
        pack_put_uint(b, meta->last_contact_ms * 1000000);
        wire_put_name(b, "KnownLeader");
        pack_put_bool(b, meta->known_leader);
        wire_put_name(b, "ConsistencyLevel");
        pack_put_text(b, "");
        wire_put_name(b, "NotModified");
        pack_put_bool(b, meta->not_modified);
        wire_put_name(b, "Backend");
        pack_put_uint(b, 0);
}

struct packed_meta {
        uint64_t index;
        int64_t last_contact_ns;
        bool known_leader, not_modified;
};

int consul_meta_get(struct pack_slice body, struct consul_meta *out)
{
        static const struct pack_field fields[] = {
            PACK_FIELD(struct packed_meta, index, "Index", PACK_U64),
            PACK_FIELD(struct packed_meta, last_contact_ns, "LastContact", PACK_I64),
            PACK_FIELD(struct packed_meta, known_leader, "KnownLeader", PACK_BOOL),
            PACK_FIELD(struct packed_meta, not_modified, "NotModified", PACK_BOOL),
        };
        struct packed_meta packed = {0};
        struct msgpack_reader r = pack_reader_of(body);

        if (pack_get_struct(&r, fields, COUNT(fields), &packed) < 0)
                return -EBADMSG;
        *out = (struct consul_meta){
            .index = packed.index,
            .last_contact_ms =
                packed.last_contact_ns > 0 ? (uint64_t)packed.last_contact_ns / 1000000 : 0,
            .known_leader = packed.known_leader,
            .not_modified = packed.not_modified};
        return 0;
}
