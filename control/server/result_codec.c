#include "control/server/result_codec.h"

#include <errno.h>
#include <string.h>

#include "control/store/memory.h"
#include "control/store/record_codec.h"

static void put_row(const struct txn_result_row *row, struct byte_buffer *out)
{
        struct kv_entry entry;

        msgpack_put_array(out, 5);
        msgpack_put_uint(out, row->kind);
        msgpack_put_bool(out, row->without_value);
        msgpack_put_uint(out, row->row.record->create_index);
        msgpack_put_uint(out, row->row.record->modify_index);
        switch (row->kind) {
        case TXN_NODE:
                catalog_node_encode(&row->row.node->node, out);
                break;
        case TXN_SERVICE:
                catalog_service_encode(&row->row.service->service, out);
                break;
        case TXN_CHECK:
                catalog_check_encode(&row->row.check->check, out);
                break;
        case TXN_KV:
                entry = kv_record_entry(row->row.kv);
                kv_entry_encode(&entry, out);
                break;
        case TXN_SESSION:
                catalog_session_encode(&row->row.session->session, out);
                break;
        case TXN_KIND_COUNT:
                break;
        }
}

void fsm_result_encode(const struct fsm_result *result, struct byte_buffer *out)
{
        msgpack_put_array(out, 5);
        msgpack_put_uint(out, result->index);
        msgpack_put_bool(out, result->refused);
        msgpack_put_text(out, result->error.text);
        msgpack_put_array(out, result->txn_error_count);
        for (uint32_t i = 0; i < result->txn_error_count; i++) {
                msgpack_put_array(out, 2);
                msgpack_put_uint(out, result->txn_errors[i].op_index);
                msgpack_put_text(out, result->txn_errors[i].error.text);
        }
        msgpack_put_array(out, result->txn_row_count);
        for (uint32_t i = 0; i < result->txn_row_count; i++)
                put_row(&result->txn_rows[i], out);
}

static int get_error_text(struct msgpack_reader *r, struct store_error *error)
{
        const char *text;
        size_t len;

        if (msgpack_get_text(r, &text, &len) < 0 || len >= sizeof(error->text))
                return -EBADMSG;
        memcpy(error->text, text, len);
        error->text[len] = 0;
        return 0;
}

static int get_txn_errors(struct msgpack_reader *r, struct fsm_result *out)
{
        uint32_t count, fields;
        int ret = msgpack_get_array(r, &count);

        for (uint32_t i = 0; ret == 0 && i < count; i++) {
                struct store_error error;
                uint64_t op_index;

                if (msgpack_get_array(r, &fields) < 0 || fields != 2 ||
                    msgpack_get_uint(r, &op_index) < 0 || op_index > UINT32_MAX ||
                    get_error_text(r, &error) < 0)
                        return -EBADMSG;
                fsm_result_add_error(out, (uint32_t)op_index, &error);
        }
        return ret;
}

static int get_record(struct msgpack_reader *r, struct arena *arena, uint64_t kind,
                      uint64_t create_index, uint64_t modify_index, union store_row *row)
{
        union {
                struct catalog_node node;
                struct catalog_service service;
                struct catalog_check check;
                struct kv_entry kv;
                struct catalog_session session;
        } value;

        switch (kind) {
        case TXN_NODE:
                if (catalog_node_decode(r, arena, &value.node) < 0)
                        return -EBADMSG;
                row->node = node_record_create(&value.node, create_index, modify_index);
                return 0;
        case TXN_SERVICE:
                if (catalog_service_decode(r, arena, &value.service) < 0)
                        return -EBADMSG;
                row->service = service_record_create(&value.service, create_index, modify_index);
                return 0;
        case TXN_CHECK:
                if (catalog_check_decode(r, arena, &value.check) < 0)
                        return -EBADMSG;
                row->check = check_record_create(&value.check, create_index, modify_index);
                return 0;
        case TXN_KV:
                if (kv_entry_decode(r, arena, &value.kv) < 0)
                        return -EBADMSG;
                row->kv = kv_record_create(&value.kv, create_index, modify_index);
                return 0;
        case TXN_SESSION:
                if (catalog_session_decode(r, arena, &value.session) < 0)
                        return -EBADMSG;
                row->session = session_record_create(&value.session, create_index, modify_index);
                return 0;
        default:
                return -EBADMSG;
        }
}

static int get_rows(struct msgpack_reader *r, struct arena *arena, struct fsm_result *out)
{
        uint32_t count, fields;

        if (msgpack_get_array(r, &count) < 0 || count > COMMAND_TXN_MAX)
                return -EBADMSG;
        out->txn_rows = memory_get_zeroed(count + 1, sizeof(*out->txn_rows));
        for (uint32_t i = 0; i < count; i++) {
                uint64_t kind, create_index, modify_index;
                bool without_value;
                union store_row row;

                if (msgpack_get_array(r, &fields) < 0 || fields != 5 ||
                    msgpack_get_uint(r, &kind) < 0 || msgpack_get_bool(r, &without_value) < 0 ||
                    msgpack_get_uint(r, &create_index) < 0 ||
                    msgpack_get_uint(r, &modify_index) < 0 ||
                    get_record(r, arena, kind, create_index, modify_index, &row) < 0)
                        return -EBADMSG;
                out->txn_rows[out->txn_row_count++] = (struct txn_result_row){
                    .kind = (enum txn_kind)kind, .without_value = without_value, .row = row};
        }
        return 0;
}

int fsm_result_decode(const uint8_t *bytes, size_t len, struct fsm_result *out)
{
        struct msgpack_reader r = {bytes, bytes + len};
        struct arena arena = ARENA_INIT;
        uint32_t fields;
        int ret = -EBADMSG;

        fsm_result_init(out);
        if (msgpack_get_array(&r, &fields) == 0 && fields == 5 &&
            msgpack_get_uint(&r, &out->index) == 0 && msgpack_get_bool(&r, &out->refused) == 0 &&
            get_error_text(&r, &out->error) == 0 && get_txn_errors(&r, out) == 0 &&
            get_rows(&r, &arena, out) == 0 && msgpack_at_end(&r))
                ret = 0;
        arena_fini(&arena);
        return ret;
}
