#include "control/fsm/command.h"
#include "control/fsm/fsm_internal.h"
#include "control/store/record_codec.h"
#include <errno.h>
#include <string.h>

static void put_register(const struct command_register *reg, struct byte_buffer *out)
{
        msgpack_put_map(out, 1 + (uint32_t)reg->skip_node_update + (uint32_t)reg->has_service +
                                 (reg->check_count > 0));
        msgpack_put_text(out, "Node");
        catalog_node_encode(&reg->node, out);
        if (reg->skip_node_update) {
                msgpack_put_text(out, "Skip");
                msgpack_put_bool(out, true);
        }
        if (reg->has_service) {
                msgpack_put_text(out, "Service");
                catalog_service_encode(&reg->service, out);
        }
        if (reg->check_count > 0) {
                msgpack_put_text(out, "Checks");
                msgpack_put_array(out, reg->check_count);
                for (uint32_t i = 0; i < reg->check_count; i++)
                        catalog_check_encode(&reg->checks[i], out);
        }
}

static void put_deregister(const struct command_deregister *dereg, struct byte_buffer *out)
{
        msgpack_put_map(out, 3);
        msgpack_put_text(out, "Node");
        msgpack_put_text(out, dereg->node);
        msgpack_put_text(out, "Service");
        msgpack_put_text(out, dereg->service_id);
        msgpack_put_text(out, "Check");
        msgpack_put_text(out, dereg->check_id);
}

static int put_op(const struct txn_op *op, struct byte_buffer *out)
{
        if (op->verb >= TXN_VERB_COUNT)
                return -EINVAL;
        msgpack_put_array(out, 4);
        msgpack_put_uint(out, op->kind);
        msgpack_put_uint(out, op->verb);
        msgpack_put_uint(out, op->index);
        switch (op->kind) {
        case TXN_NODE:
                catalog_node_encode(&op->node, out);
                break;
        case TXN_SERVICE:
                catalog_service_encode(&op->service, out);
                break;
        case TXN_CHECK:
                catalog_check_encode(&op->check, out);
                break;
        case TXN_KV:
                kv_entry_encode(&op->kv, out);
                break;
        case TXN_SESSION:
                msgpack_put_text(out, op->session_id);
                break;
        case TXN_KIND_COUNT:
                return -EINVAL;
        }
        return 0;
}

static int put_txn(const struct command_txn *txn, struct byte_buffer *out)
{
        int ret = 0;

        msgpack_put_map(out, 1);
        msgpack_put_text(out, "Ops");
        msgpack_put_array(out, txn->op_count);
        for (uint32_t i = 0; i < txn->op_count && ret == 0; i++)
                ret = put_op(&txn->ops[i], out);
        return ret;
}

static int put_coordinates(const struct command_coordinates *coordinates, struct byte_buffer *out)
{
        if (coordinates->count > COMMAND_COORDINATES_MAX)
                return -E2BIG;
        msgpack_put_map(out, 1);
        msgpack_put_text(out, "Updates");
        msgpack_put_array(out, coordinates->count);
        for (uint32_t i = 0; i < coordinates->count; i++)
                catalog_coordinate_encode(&coordinates->items[i], out);
        return 0;
}

static void put_restore(const struct command_restore *restore, struct byte_buffer *out)
{
        msgpack_put_map(out, 4);
        msgpack_put_text(out, "ID");
        msgpack_put_text(out, restore->id);
        msgpack_put_text(out, "Offset");
        msgpack_put_uint(out, restore->offset);
        msgpack_put_text(out, "Total");
        msgpack_put_uint(out, restore->total);
        msgpack_put_text(out, "Bytes");
        msgpack_put_bytes(out, restore->bytes, restore->len);
}

static int put_body(const struct command *command, struct byte_buffer *out)
{
        switch (command->type) {
        case COMMAND_NOOP:
                msgpack_put_map(out, 0);
                return 0;
        case COMMAND_REGISTER:
                put_register(&command->reg, out);
                return 0;
        case COMMAND_DEREGISTER:
                put_deregister(&command->dereg, out);
                return 0;
        case COMMAND_TXN:
                return put_txn(&command->txn, out);
        case COMMAND_QUERY_SET:
                msgpack_put_map(out, 2);
                msgpack_put_text(out, "Create");
                msgpack_put_bool(out, command->query_set.create);
                msgpack_put_text(out, "Query");
                catalog_query_encode(&command->query_set.query, out);
                return 0;
        case COMMAND_QUERY_DELETE:
                msgpack_put_map(out, 1);
                msgpack_put_text(out, "ID");
                msgpack_put_text(out, command->query_delete.id);
                return 0;
        case COMMAND_KV:
                msgpack_put_map(out, 1);
                msgpack_put_text(out, "Op");
                return put_op(&command->kv, out);
        case COMMAND_SESSION_CREATE:
                msgpack_put_map(out, 1);
                msgpack_put_text(out, "Session");
                catalog_session_encode(&command->session_create, out);
                return 0;
        case COMMAND_SESSION_DESTROY:
                msgpack_put_map(out, 1);
                msgpack_put_text(out, "ID");
                msgpack_put_text(out, command->session_destroy);
                return 0;
        case COMMAND_TOMBSTONE_REAP:
                msgpack_put_map(out, 1);
                msgpack_put_text(out, "Index");
                msgpack_put_uint(out, command->reap_index);
                return 0;
        case COMMAND_COORDINATES:
                return put_coordinates(&command->coordinates, out);
        case COMMAND_SETTING:
                msgpack_put_map(out, 3);
                msgpack_put_text(out, "Cas");
                msgpack_put_bool(out, command->setting.cas);
                msgpack_put_text(out, "Index");
                msgpack_put_uint(out, command->setting.index);
                msgpack_put_text(out, "Setting");
                catalog_setting_encode(&command->setting.setting, out);
                return 0;
        case COMMAND_RESTORE:
                put_restore(&command->restore, out);
                return 0;
        case COMMAND_TYPE_COUNT:
                break;
        }
        return -EINVAL;
}

int command_encode(const struct command *command, struct byte_buffer *out)
{
        const uint8_t head[2] = {COMMAND_VERSION, (uint8_t)command->type};
        size_t start = out->len;
        int ret;

        byte_buffer_append(out, head, sizeof(head));
        ret = put_body(command, out);
        if (ret == 0 && out->len - start > COMMAND_BYTES_MAX)
                ret = -E2BIG;
        if (ret < 0)
                out->len = start;
        return ret;
}

struct input {
        struct msgpack_reader reader;
        struct arena *arena;
};

// Whether the next key is this one; if so it has been read.
static bool at_key(struct input *in, const char *key)
{
        struct msgpack_reader ahead = in->reader;
        const char *text;
        size_t len;

        if (msgpack_get_text(&ahead, &text, &len) < 0 || len != strlen(key) ||
            memcmp(text, key, len) != 0)
                return false;
        in->reader = ahead;
        return true;
}

static int get_checks(struct input *in, struct command_register *reg)
{
        uint32_t count;

        if (msgpack_get_array(&in->reader, &count) < 0 || count == 0 || count > COMMAND_CHECKS_MAX)
                return -EBADMSG;
        reg->checks = arena_get(in->arena, count * sizeof(*reg->checks));
        reg->check_count = count;
        for (uint32_t i = 0; i < count; i++) {
                struct catalog_check *check = &reg->checks[i];

                if (catalog_check_decode(&in->reader, in->arena, check) < 0 || *check->id == 0 ||
                    *check->status == 0)
                        return -EBADMSG;
        }
        return 0;
}

static int get_register(struct input *in, uint32_t key_count, struct command_register *reg)
{
        reg->service = (struct catalog_service)CATALOG_SERVICE_INIT;
        if (key_count-- == 0 || !at_key(in, "Node") ||
            catalog_node_decode(&in->reader, in->arena, &reg->node) < 0 || *reg->node.name == 0)
                return -EBADMSG;
        if (key_count > 0 && at_key(in, "Skip")) {
                key_count--;
                if (msgpack_get_bool(&in->reader, &reg->skip_node_update) < 0 ||
                    !reg->skip_node_update)
                        return -EBADMSG;
        }
        if (key_count > 0 && at_key(in, "Service")) {
                key_count--;
                reg->has_service = true;
                if (catalog_service_decode(&in->reader, in->arena, &reg->service) < 0 ||
                    *reg->service.id == 0 || *reg->service.name == 0)
                        return -EBADMSG;
        }
        if (key_count > 0 && at_key(in, "Checks")) {
                key_count--;
                if (get_checks(in, reg) < 0)
                        return -EBADMSG;
        }
        return key_count == 0 ? 0 : -EBADMSG;
}

static int get_deregister(struct input *in, uint32_t key_count, struct command_deregister *dereg)
{
        if (key_count != 3 || !at_key(in, "Node") ||
            arena_decode_text(&in->reader, in->arena, &dereg->node) < 0 || *dereg->node == 0 ||
            !at_key(in, "Service") ||
            arena_decode_text(&in->reader, in->arena, &dereg->service_id) < 0 ||
            !at_key(in, "Check") || arena_decode_text(&in->reader, in->arena, &dereg->check_id) < 0)
                return -EBADMSG;
        return 0;
}

static int get_op(struct input *in, struct txn_op *op)
{
        uint64_t kind, verb;
        uint32_t parts;

        if (msgpack_get_array(&in->reader, &parts) < 0 || parts != 4 ||
            msgpack_get_uint(&in->reader, &kind) < 0 || kind >= TXN_KIND_COUNT ||
            msgpack_get_uint(&in->reader, &verb) < 0 || verb >= TXN_VERB_COUNT ||
            msgpack_get_uint(&in->reader, &op->index) < 0)
                return -EBADMSG;
        op->kind = (enum txn_kind)kind;
        op->verb = (enum txn_verb)verb;
        op->verb_text = "";
        switch (op->kind) {
        case TXN_NODE:
                return catalog_node_decode(&in->reader, in->arena, &op->node);
        case TXN_SERVICE:
                return catalog_service_decode(&in->reader, in->arena, &op->service);
        case TXN_CHECK:
                return catalog_check_decode(&in->reader, in->arena, &op->check);
        case TXN_KV:
                return kv_entry_decode(&in->reader, in->arena, &op->kv);
        case TXN_SESSION:
                return arena_decode_text(&in->reader, in->arena, &op->session_id);
        case TXN_KIND_COUNT:
                break;
        }
        return -EBADMSG;
}

// A row is stored under these: without them it could be neither found nor removed.
static bool op_is_named(const struct txn_op *op)
{
        if (!txn_op_is_possible(op))
                return false;
        switch (op->kind) {
        case TXN_NODE:
                return *op->node.name != 0;
        case TXN_SERVICE:
                return *op->service.node != 0 &&
                       (op->verb == TXN_GET || (*op->service.id != 0 && *op->service.name != 0));
        case TXN_CHECK:
                return *op->check.node != 0 && *op->check.id != 0 && *op->check.status != 0;
        case TXN_KV:
                return *op->kv.key != 0 || op->verb == TXN_DELETE_TREE;
        case TXN_SESSION:
                return *op->session_id != 0;
        case TXN_KIND_COUNT:
                break;
        }
        return false;
}

static int get_txn(struct input *in, uint32_t key_count, struct command_txn *txn)
{
        if (key_count != 1 || !at_key(in, "Ops") ||
            msgpack_get_array(&in->reader, &txn->op_count) < 0 || txn->op_count > COMMAND_TXN_MAX)
                return -EBADMSG;
        txn->ops = arena_get(in->arena, txn->op_count * sizeof(*txn->ops));
        for (uint32_t i = 0; i < txn->op_count; i++)
                if (get_op(in, &txn->ops[i]) < 0 || !op_is_named(&txn->ops[i]))
                        return -EBADMSG;
        return 0;
}

static int get_query_set(struct input *in, uint32_t key_count, struct command *out)
{
        struct catalog_query *query = &out->query_set.query;

        if (key_count != 2 || !at_key(in, "Create") ||
            msgpack_get_bool(&in->reader, &out->query_set.create) < 0 || !at_key(in, "Query") ||
            catalog_query_decode(&in->reader, in->arena, query) < 0 || *query->id == 0 ||
            *query->service == 0 || query->dns_ttl_s < -1)
                return -EBADMSG;
        return 0;
}

static int get_locks(struct input *in, uint32_t key_count, struct command *out)
{
        struct catalog_session *session = &out->session_create;

        if (key_count != 1)
                return -EBADMSG;
        if (out->type == COMMAND_KV)
                return at_key(in, "Op") && get_op(in, &out->kv) == 0 && out->kv.kind == TXN_KV &&
                               op_is_named(&out->kv)
                           ? 0
                           : -EBADMSG;
        if (out->type == COMMAND_SESSION_CREATE)
                return at_key(in, "Session") &&
                               catalog_session_decode(&in->reader, in->arena, session) == 0 &&
                               *session->id != 0 && *session->node != 0 &&
                               session->service_checks.count ==
                                   session->service_check_namespaces.count
                           ? 0
                           : -EBADMSG;
        if (out->type == COMMAND_SESSION_DESTROY)
                return at_key(in, "ID") &&
                               arena_decode_text(&in->reader, in->arena, &out->session_destroy) ==
                                   0 &&
                               *out->session_destroy != 0
                           ? 0
                           : -EBADMSG;
        return at_key(in, "Index") && msgpack_get_uint(&in->reader, &out->reap_index) == 0
                   ? 0
                   : -EBADMSG;
}

static int get_coordinates(struct input *in, uint32_t key_count, struct command_coordinates *out)
{
        if (key_count != 1 || !at_key(in, "Updates") ||
            msgpack_get_array(&in->reader, &out->count) < 0 || out->count > COMMAND_COORDINATES_MAX)
                return -EBADMSG;
        out->items = arena_get(in->arena, out->count * sizeof(*out->items));
        for (uint32_t i = 0; i < out->count; i++)
                if (catalog_coordinate_decode(&in->reader, in->arena, &out->items[i]) < 0)
                        return -EBADMSG;
        return 0;
}

static int get_setting(struct input *in, uint32_t key_count, struct command_setting *out)
{
        if (key_count != 3 || !at_key(in, "Cas") || msgpack_get_bool(&in->reader, &out->cas) < 0 ||
            !at_key(in, "Index") || msgpack_get_uint(&in->reader, &out->index) < 0 ||
            !at_key(in, "Setting"))
                return -EBADMSG;
        return catalog_setting_decode(&in->reader, in->arena, &out->setting);
}

static int get_restore(struct input *in, uint32_t key_count, struct command_restore *out)
{
        if (key_count != 4 || !at_key(in, "ID") ||
            arena_decode_text(&in->reader, in->arena, &out->id) < 0 || *out->id == 0 ||
            !at_key(in, "Offset") || msgpack_get_uint(&in->reader, &out->offset) < 0 ||
            !at_key(in, "Total") || msgpack_get_uint(&in->reader, &out->total) < 0 ||
            !at_key(in, "Bytes") || msgpack_get_bytes(&in->reader, &out->bytes, &out->len) < 0)
                return -EBADMSG;
        if (out->total > COMMAND_RESTORE_MAX || out->offset >= out->total || out->len == 0 ||
            out->len > out->total - out->offset)
                return -EBADMSG;
        return 0;
}

static int get_body(struct input *in, struct command *out)
{
        uint32_t key_count;

        if (msgpack_get_map(&in->reader, &key_count) < 0)
                return -EBADMSG;
        switch (out->type) {
        case COMMAND_NOOP:
                return key_count == 0 ? 0 : -EBADMSG;
        case COMMAND_REGISTER:
                return get_register(in, key_count, &out->reg);
        case COMMAND_DEREGISTER:
                return get_deregister(in, key_count, &out->dereg);
        case COMMAND_TXN:
                return get_txn(in, key_count, &out->txn);
        case COMMAND_QUERY_SET:
                return get_query_set(in, key_count, out);
        case COMMAND_QUERY_DELETE:
                if (key_count != 1 || !at_key(in, "ID") ||
                    arena_decode_text(&in->reader, in->arena, &out->query_delete.id) < 0 ||
                    *out->query_delete.id == 0)
                        return -EBADMSG;
                return 0;
        case COMMAND_KV:
        case COMMAND_SESSION_CREATE:
        case COMMAND_SESSION_DESTROY:
        case COMMAND_TOMBSTONE_REAP:
                return get_locks(in, key_count, out);
        case COMMAND_COORDINATES:
                return get_coordinates(in, key_count, &out->coordinates);
        case COMMAND_SETTING:
                return get_setting(in, key_count, &out->setting);
        case COMMAND_RESTORE:
                return get_restore(in, key_count, &out->restore);
        case COMMAND_TYPE_COUNT:
                break;
        }
        return -EBADMSG;
}

int command_decode(const uint8_t *bytes, size_t len, struct arena *arena, struct command *out)
{
        struct input in = {.arena = arena};
        int ret;

        memset(out, 0, sizeof(*out));
        if (len < 2 || len > COMMAND_BYTES_MAX)
                return -EBADMSG;
        if (bytes[0] != COMMAND_VERSION || bytes[1] >= COMMAND_TYPE_COUNT)
                return -ENOTSUP;
        out->type = (enum command_type)bytes[1];
        in.reader = (struct msgpack_reader){bytes + 2, bytes + len};
        ret = get_body(&in, out);
        return ret == 0 && !msgpack_at_end(&in.reader) ? -EBADMSG : ret;
}
