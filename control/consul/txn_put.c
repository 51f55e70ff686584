#include <errno.h>

#include "control/consul/args.h"
#include "control/consul/records.h"
#include "control/store/memory.h"
#include "control/store/store_write.h"

// Transactions from the side of who asks: the request is written, the answer read.

static const struct {
        const char *name, *row;
} kinds[] = {[TXN_KV] = {"KV", "DirEnt"},
             [TXN_NODE] = {"Node", "Node"},
             [TXN_SERVICE] = {"Service", "Service"},
             [TXN_CHECK] = {"Check", "Check"},
             [TXN_SESSION] = {"Session", "Session"}};

// --- The request.

static void put_row(struct byte_buffer *b, const struct txn_op *op)
{
        struct catalog_session session = CATALOG_SESSION_INIT;

        switch (op->kind) {
        case TXN_KV:
                consul_put_new_kv(b, &op->kv, op->index);
                return;
        case TXN_NODE:
                consul_put_new_node(b, &op->node, op->index);
                return;
        case TXN_SERVICE:
                consul_put_new_service(b, &op->service, op->index);
                return;
        case TXN_CHECK:
                consul_put_new_check(b, &op->check, op->index);
                return;
        case TXN_SESSION:
                session.id = op->session_id;
                consul_put_new_session(b, &session);
                return;
        case TXN_KIND_COUNT:
                break;
        }
        pack_put_nil(b);
}

static void put_op(struct byte_buffer *b, const struct txn_op *op)
{
        bool is_service = op->kind == TXN_SERVICE;

        pack_put_map(b, 1);
        wire_put_name(b, kinds[op->kind].name);
        pack_put_map(b, is_service ? 3 : 2);
        wire_put_name(b, "Verb");
        pack_put_text(b, txn_verb_word(op->verb));
        if (is_service) {
                wire_put_name(b, "Node");
                pack_put_text(b, op->service.node);
        }
        wire_put_name(b, kinds[op->kind].row);
        put_row(b, op);
}

void consul_txn_put(struct byte_buffer *b, const char *datacenter, const struct command_txn *txn)
{
        pack_put_map(b, 2);
        wire_put_name(b, "Datacenter");
        pack_put_text(b, datacenter);
        wire_put_name(b, "Ops");
        pack_put_array(b, txn->op_count);
        for (uint32_t i = 0; i < txn->op_count; i++)
                put_op(b, &txn->ops[i]);
}

// --- The answer.

struct packed_rows {
        struct pack_slice kv, node, service, check;
};

static bool is_there(struct pack_slice value)
{
        struct msgpack_reader r = pack_reader_of(value);

        return value.length > 0 && pack_peek(&r) != PACK_IS_NIL;
}

// returns  1 with a row, 0 without one.
static int get_row(struct msgpack_reader *r, struct arena *arena, struct txn_result_row *out)
{
        static const struct wire_field fields[] = {
            WIRE_FIELD(struct packed_rows, kv, "KV", WIRE_VALUE),
            WIRE_FIELD(struct packed_rows, node, "Node", WIRE_VALUE),
            WIRE_FIELD(struct packed_rows, service, "Service", WIRE_VALUE),
            WIRE_FIELD(struct packed_rows, check, "Check", WIRE_VALUE),
        };
        struct packed_rows rows = {{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
        struct msgpack_reader value;

        if (wire_get(r, fields, sizeof(fields) / sizeof(fields[0]), arena, &rows) < 0)
                return -EBADMSG;
        *out = (struct txn_result_row){.kind = TXN_KV};
        if (is_there(rows.kv)) {
                value = pack_reader_of(rows.kv);
                out->row.kv = consul_get_kv_record(&value, arena);
                out->without_value = out->row.kv != NULL && out->row.kv->value_len == 0;
        } else if (is_there(rows.node)) {
                out->kind = TXN_NODE;
                value = pack_reader_of(rows.node);
                out->row.node = consul_get_node_record(&value, arena);
        } else if (is_there(rows.service)) {
                out->kind = TXN_SERVICE;
                value = pack_reader_of(rows.service);
                out->row.service = consul_get_service_record(&value, "", arena);
        } else if (is_there(rows.check)) {
                out->kind = TXN_CHECK;
                value = pack_reader_of(rows.check);
                out->row.check = consul_get_check_record(&value, arena);
        } else {
                return 0;
        }
        return out->row.record != NULL ? 1 : -EBADMSG;
}

static int get_rows(struct pack_slice list, struct arena *arena, struct fsm_result *result)
{
        struct msgpack_reader r = pack_reader_of(list);
        uint32_t count;

        if (!is_there(list))
                return 0;
        if (pack_get_array(&r, &count) < 0)
                return -EBADMSG;
        result->txn_rows = memory_get_zeroed((size_t)count + 1, sizeof(*result->txn_rows));
        for (; count > 0; count--) {
                int ret = get_row(&r, arena, &result->txn_rows[result->txn_row_count]);

                if (ret < 0)
                        return ret;
                result->txn_row_count += (uint32_t)ret;
        }
        return 0;
}

struct packed_error {
        uint64_t op_index;
        const char *what;
};

static int get_errors(struct pack_slice list, struct arena *arena, struct fsm_result *result)
{
        static const struct wire_field fields[] = {
            WIRE_FIELD(struct packed_error, op_index, "OpIndex", WIRE_U64),
            WIRE_FIELD(struct packed_error, what, "What", WIRE_TEXT),
        };
        struct msgpack_reader r = pack_reader_of(list);
        uint32_t count;

        if (!is_there(list))
                return 0;
        if (pack_get_array(&r, &count) < 0 || count > COMMAND_TXN_MAX)
                return -EBADMSG;
        for (; count > 0; count--) {
                struct packed_error packed = {0, ""};
                struct store_error error;

                if (wire_get(&r, fields, 2, arena, &packed) < 0 ||
                    packed.op_index >= COMMAND_TXN_MAX)
                        return -EBADMSG;
                store_error_set(&error, "%s", packed.what);
                fsm_result_add_error(result, (uint32_t)packed.op_index, &error);
        }
        return 0;
}

struct packed_answer {
        struct pack_slice results, errors;
};

int consul_txn_result_get(struct pack_slice body, struct fsm_result *result)
{
        static const struct wire_field fields[] = {
            WIRE_FIELD(struct packed_answer, results, "Results", WIRE_VALUE),
            WIRE_FIELD(struct packed_answer, errors, "Errors", WIRE_VALUE),
        };
        struct packed_answer answer = {{NULL, 0}, {NULL, 0}};
        struct msgpack_reader r = pack_reader_of(body);
        struct arena arena = ARENA_INIT;
        int ret = wire_get(&r, fields, 2, &arena, &answer);

        if (ret == 0)
                ret = get_rows(answer.results, &arena, result);
        if (ret == 0)
                ret = get_errors(answer.errors, &arena, result);
        arena_fini(&arena);
        return ret;
}
