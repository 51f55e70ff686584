#include "control/follow/follow_codec.h"

#include <errno.h>
#include <string.h>

#include "control/store/record_codec.h"
#include "control/store/store_write.h"

static const enum store_table followed[] = {STORE_NODES, STORE_SERVICES, STORE_CHECKS,
                                            STORE_QUERIES};

static void put_u64(struct byte_buffer *out, uint64_t value)
{
        uint8_t bytes[8];

        for (unsigned i = 0; i < 8; i++)
                bytes[i] = (uint8_t)(value >> (56 - 8 * i));
        byte_buffer_append(out, bytes, sizeof(bytes));
}

static uint64_t get_u64(const uint8_t *in)
{
        uint64_t value = 0;

        for (unsigned i = 0; i < 8; i++)
                value = value << 8 | in[i];
        return value;
}

void follow_request_encode(const struct follow_request *in, struct byte_buffer *out)
{
        put_u64(out, in->cluster_id);
        put_u64(out, in->index);
        byte_buffer_append(out, in->datacenter, strlen(in->datacenter));
}

int follow_request_decode(const uint8_t *bytes, size_t len, struct follow_request *out)
{
        if (len < 16 || len - 16 >= sizeof(out->datacenter) ||
            memchr(bytes + 16, '\0', len - 16) != NULL)
                return -EBADMSG;
        *out = (struct follow_request){get_u64(bytes), get_u64(bytes + 8), ""};
        memcpy(out->datacenter, bytes + 16, len - 16);
        return 0;
}

void follow_item_encode(const struct follow_item *in, struct byte_buffer *out)
{
        const uint8_t kind = (uint8_t)in->kind, leader = in->known_leader ? 1 : 0;

        byte_buffer_append(out, &kind, 1);
        switch (in->kind) {
        case FOLLOW_SNAPSHOT:
                put_u64(out, in->cluster_id);
                put_u64(out, in->index);
                break;
        case FOLLOW_DELTA:
                put_u64(out, in->before);
                put_u64(out, in->index);
                break;
        case FOLLOW_BEAT:
                put_u64(out, in->index);
                put_u64(out, in->contact_ms);
                byte_buffer_append(out, &leader, 1);
                break;
        }
}

int follow_item_decode(const uint8_t *bytes, size_t len, struct follow_item *out)
{
        uint64_t first, second;

        if (len < FOLLOW_ITEM_HEAD || bytes[0] < FOLLOW_SNAPSHOT || bytes[0] > FOLLOW_BEAT)
                return -EBADMSG;
        *out = (struct follow_item){.kind = (enum follow_item_kind)bytes[0],
                                    .bytes = bytes + FOLLOW_ITEM_HEAD,
                                    .len = len - FOLLOW_ITEM_HEAD};
        first = get_u64(bytes + 1);
        second = get_u64(bytes + 9);
        if (out->kind == FOLLOW_BEAT) {
                out->index = first;
                out->contact_ms = second;
                if (out->len != 1 || out->bytes[0] > 1)
                        return -EBADMSG;
                out->known_leader = out->bytes[0] == 1;
                return 0;
        }
        out->cluster_id = out->before = first;
        out->index = second;
        return out->kind == FOLLOW_DELTA && out->before >= out->index ? -EBADMSG : 0;
}

static bool is_followed(enum store_table table)
{
        for (size_t i = 0; i < sizeof(followed) / sizeof(followed[0]); i++) {
                if (followed[i] == table)
                        return true;
        }
        return false;
}

uint64_t follow_catalog_index(const struct store *store)
{
        uint64_t index = 0;

        for (size_t i = 0; i < sizeof(followed) / sizeof(followed[0]); i++) {
                if (store_table_index(store, followed[i]) > index)
                        index = store_table_index(store, followed[i]);
        }
        return index;
}

// The values are those of the rows, so that they are the same rows where they arrive.
static void put_value(struct byte_buffer *out, enum store_table table, union store_row row)
{
        if (table == STORE_NODES)
                catalog_node_encode(&row.node->node, out);
        else if (table == STORE_SERVICES)
                catalog_service_encode(&row.service->service, out);
        else if (table == STORE_CHECKS)
                catalog_check_encode(&row.check->check, out);
        else
                catalog_query_encode(&row.query->query, out);
}

static void put_key(struct byte_buffer *out, enum store_table table, union store_row row)
{
        if (table == STORE_NODES) {
                msgpack_put_text(out, row.node->node.name);
                msgpack_put_text(out, "");
        } else if (table == STORE_SERVICES) {
                msgpack_put_text(out, row.service->service.node);
                msgpack_put_text(out, row.service->service.id);
        } else if (table == STORE_CHECKS) {
                msgpack_put_text(out, row.check->check.node);
                msgpack_put_text(out, row.check->check.id);
        } else {
                msgpack_put_text(out, row.query->query.id);
                msgpack_put_text(out, "");
        }
}

size_t follow_rows_encode(const struct store_change changes[], size_t count,
                          struct byte_buffer *out)
{
        size_t put = 0;

        for (size_t i = 0; i < count; i++) {
                const struct store_change *change = &changes[i];

                if (!is_followed(change->table))
                        continue;
                put++;
                msgpack_put_uint(out, change->table);
                msgpack_put_bool(out, change->after.record != NULL);
                if (change->after.record != NULL)
                        put_value(out, change->table, change->after);
                else
                        put_key(out, change->table, change->before);
        }
        return put;
}

// A row without its name would be in no index, and so owned by nobody.
static int set_row(struct store *store, enum store_table table, struct msgpack_reader *r,
                   struct arena *arena)
{
        struct store_error error;
        struct catalog_node node;
        struct catalog_service service;
        struct catalog_check check;
        struct catalog_query query;

        switch (table) {
        case STORE_NODES:
                return catalog_node_decode(r, arena, &node) < 0 || *node.name == 0 ||
                               store_set_node(store, &node, &error) < 0
                           ? -EBADMSG
                           : 0;
        case STORE_SERVICES:
                return catalog_service_decode(r, arena, &service) < 0 ||
                               store_set_service(store, &service, &error) < 0
                           ? -EBADMSG
                           : 0;
        case STORE_CHECKS:
                return catalog_check_decode(r, arena, &check) < 0 ||
                               store_set_check(store, &check, &error) < 0
                           ? -EBADMSG
                           : 0;
        default:
                return catalog_query_decode(r, arena, &query) < 0 || *query.id == 0 ||
                               store_set_query(store, &query, &error) < 0
                           ? -EBADMSG
                           : 0;
        }
}

// What hangs on a row goes with it, here as there, so that it may be gone already.
static int delete_row(struct store *store, enum store_table table, struct msgpack_reader *r,
                      struct arena *arena)
{
        const char *first, *second;

        if (arena_decode_text(r, arena, &first) < 0 || arena_decode_text(r, arena, &second) < 0)
                return -EBADMSG;
        if (table == STORE_NODES)
                store_delete_node(store, first);
        else if (table == STORE_SERVICES)
                store_delete_service(store, first, second);
        else if (table == STORE_CHECKS)
                store_delete_check(store, first, second);
        else
                store_delete_query(store, first);
        return 0;
}

static int apply_row(struct store *store, struct msgpack_reader *r, struct arena *arena)
{
        uint64_t table;
        bool is_set;

        if (msgpack_get_uint(r, &table) < 0 || table >= STORE_TABLE_COUNT ||
            !is_followed((enum store_table)table) || msgpack_get_bool(r, &is_set) < 0)
                return -EBADMSG;
        return is_set ? set_row(store, (enum store_table)table, r, arena)
                      : delete_row(store, (enum store_table)table, r, arena);
}

int follow_rows_apply(struct store *store, uint64_t index, const uint8_t *bytes, size_t len)
{
        struct msgpack_reader r = {bytes, bytes + len};
        struct arena arena = ARENA_INIT;
        int ret = 0;

        if (index <= store_applied_index(store))
                return -EBADMSG;
        store_begin(store, index);
        while (ret == 0 && !msgpack_at_end(&r))
                ret = apply_row(store, &r, &arena);
        if (ret == 0)
                store_commit(store);
        else
                store_abort(store);
        arena_fini(&arena);
        return ret;
}
