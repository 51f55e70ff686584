#include <errno.h>

#include "control/consul/args.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

// --- Reading.

// In the order in which Consul looks for them.
static const struct {
        enum txn_kind kind;
        const char *name;
} kinds[] = {{TXN_KV, "KV"},
             {TXN_NODE, "Node"},
             {TXN_SERVICE, "Service"},
             {TXN_CHECK, "Check"},
             {TXN_SESSION, "Session"}};

// An operation's body by its kind, as a whole.
struct packed_op {
        struct pack_slice bodies[COUNT(kinds)];
};

// What a body says beside the row.
struct packed_body {
        const char *verb, *node;
        struct pack_slice row;
};

static int get_row(struct pack_slice row, enum txn_kind kind, const char *datacenter,
                   struct arena *arena, struct txn_op *out)
{
        static const uint8_t nothing[] = {0xc0};
        struct msgpack_reader r =
            pack_reader_of(row.length > 0 ? row : (struct pack_slice){nothing, 1});
        struct catalog_session session;
        int ret;

        switch (kind) {
        case TXN_KV:
                return consul_get_kv(&r, arena, &out->kv, &out->index);
        case TXN_NODE:
                ret = consul_get_node(&r, arena, &out->node, &out->index);
                out->node.datacenter = datacenter;
                return ret;
        case TXN_SERVICE:
                return consul_get_service(&r, arena, &out->service, &out->index);
        case TXN_CHECK:
                return consul_get_check(&r, arena, &out->check, &out->index);
        case TXN_SESSION:
                ret = consul_get_session(&r, arena, &session);
                out->session_id = session.id;
                return ret;
        case TXN_KIND_COUNT:
                break;
        }
        return -EBADMSG;
}

static int get_body(struct pack_slice body, enum txn_kind kind, const char *datacenter,
                    struct arena *arena, struct txn_op *out)
{
        static const char *const rows[] = {[TXN_KV] = "DirEnt",
                                           [TXN_NODE] = "Node",
                                           [TXN_SERVICE] = "Service",
                                           [TXN_CHECK] = "Check",
                                           [TXN_SESSION] = "Session"};
        const struct wire_field fields[] = {
            WIRE_FIELD(struct packed_body, verb, "Verb", WIRE_TEXT),
            {rows[kind], WIRE_VALUE, offsetof(struct packed_body, row)},
            // Of a service only: a node's row has that name itself.
            WIRE_FIELD(struct packed_body, node, "Node", WIRE_TEXT),
        };
        struct packed_body packed = {.verb = "", .node = ""};
        struct msgpack_reader r = pack_reader_of(body);
        int ret;

        if (wire_get(&r, fields, kind == TXN_SERVICE ? 3 : 2, arena, &packed) < 0)
                return -EBADMSG;
        *out = (struct txn_op){.kind = kind, .verb_text = packed.verb};
        out->verb = txn_verb_of(packed.verb);
        ret = get_row(packed.row, kind, datacenter, arena, out);
        if (ret == 0 && kind == TXN_SERVICE)
                out->service.node = packed.node;
        return ret;
}

// returns  1 for an operation, 0 for an empty one.
static int get_op(struct msgpack_reader *r, const char *datacenter, struct arena *arena,
                  struct txn_op *out)
{
        struct wire_field fields[COUNT(kinds)];
        struct packed_op packed = {{{NULL, 0}}};

        for (size_t i = 0; i < COUNT(kinds); i++)
                fields[i] = (struct wire_field){
                    kinds[i].name, WIRE_VALUE,
                    (uint16_t)(offsetof(struct packed_op, bodies) + i * sizeof(struct pack_slice))};
        if (wire_get(r, fields, COUNT(fields), arena, &packed) < 0)
                return -EBADMSG;
        for (size_t i = 0; i < COUNT(kinds); i++) {
                struct msgpack_reader body = pack_reader_of(packed.bodies[i]);
                int ret;

                if (packed.bodies[i].length == 0 || pack_peek(&body) == PACK_IS_NIL)
                        continue;
                ret = get_body(packed.bodies[i], kinds[i].kind, datacenter, arena, out);
                return ret < 0 ? ret : 1;
        }
        return 0;
}

struct packed_txn {
        struct pack_slice ops;
};

int consul_txn_get(struct pack_slice args, const char *datacenter, struct arena *arena,
                   struct command *out)
{
        static const struct wire_field fields[] = {
            WIRE_FIELD(struct packed_txn, ops, "Ops", WIRE_VALUE)};
        struct packed_txn packed = {{NULL, 0}};
        struct msgpack_reader r = pack_reader_of(args), ops;
        uint32_t count = 0;

        *out = (struct command){.type = COMMAND_TXN};
        if (wire_get(&r, fields, COUNT(fields), arena, &packed) < 0)
                return -EBADMSG;
        ops = pack_reader_of(packed.ops);
        if (packed.ops.length > 0 && pack_get_array(&ops, &count) < 0)
                return -EBADMSG;
        // An operation takes a byte at least, and far more memory: no more than can be carried out.
        if (count > COMMAND_TXN_MAX)
                return -E2BIG;
        out->txn.ops = arena_get(arena, ((size_t)count + 1) * sizeof(*out->txn.ops));
        for (uint32_t i = 0; i < count; i++) {
                int ret = get_op(&ops, datacenter, arena, &out->txn.ops[out->txn.op_count]);

                if (ret < 0)
                        return ret;
                out->txn.op_count += (uint32_t)ret;
        }
        return 0;
}

// --- Writing.

static void put_result(struct byte_buffer *b, const struct txn_result_row *row)
{
        pack_put_map(b, 1);
        switch (row->kind) {
        case TXN_KV:
                wire_put_name(b, "KV");
                consul_put_kv(b, row->row.kv, !row->without_value);
                return;
        case TXN_NODE:
                wire_put_name(b, "Node");
                consul_put_node(b, row->row.node);
                return;
        case TXN_SERVICE:
                wire_put_name(b, "Service");
                consul_put_service(b, row->row.service);
                return;
        case TXN_CHECK:
                wire_put_name(b, "Check");
                consul_put_check(b, row->row.check);
                return;
        case TXN_SESSION:
        case TXN_KIND_COUNT:
                break;
        }
        wire_put_name(b, "Session");
        pack_put_nil(b);
}

void consul_put_txn(struct byte_buffer *b, const struct fsm_result *result,
                    const struct consul_meta *meta)
{
        uint32_t errors = result->txn_error_count;

        pack_put_map(b, 2 + (meta != NULL ? CONSUL_META_PAIRS : 0));
        wire_put_name(b, "Results");
        if (errors > 0) {
                pack_put_nil(b);
        } else {
                pack_put_array(b, result->txn_row_count);
                for (uint32_t i = 0; i < result->txn_row_count; i++)
                        put_result(b, &result->txn_rows[i]);
        }
        wire_put_name(b, "Errors");
        if (errors == 0)
                pack_put_nil(b);
        else
                pack_put_array(b, errors);
        for (uint32_t i = 0; i < errors; i++) {
                pack_put_map(b, 2);
                wire_put_name(b, "OpIndex");
                pack_put_uint(b, result->txn_errors[i].op_index);
                wire_put_name(b, "What");
                pack_put_text(b, result->txn_errors[i].error.text);
        }
        if (meta != NULL)
                consul_put_meta(b, meta);
}
