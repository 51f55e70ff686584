#include "control/snapshot/consul.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/snapshot/consul_json.h"
#include "control/snapshot/consul_rows.h"
#include "control/store/store.h"
#include "lictor/bytes.h"

#define INDEX_MAX (UINT64_MAX / 8)

// Numbers are Consul's and never change.
enum consul_type {
        CONSUL_REGISTER = 0,
        CONSUL_KVS = 2,
        CONSUL_SESSION = 3,
        CONSUL_TOMBSTONE = 5,
        CONSUL_COORDINATES = 6,
        CONSUL_QUERY = 7,
        CONSUL_AUTOPILOT = 9,
        CONSUL_INDEX = 16,
        CONSUL_TYPE_COUNT = 256
};

static const char *const type_names[] = {
    "Register",
    "Deregister",
    "KVS",
    "Session",
    "ACL",
    "Tombstone",
    "CoordinateBatchUpdate",
    "PreparedQuery",
    "Txn",
    "Autopilot",
    "Area",
    "ACLBootstrap",
    "Intention",
    "ConnectCA",
    "ConnectCAProviderState",
    "ConnectCAConfig",
    "Index",
    "ACLToken",
    "ACLTokenDelete",
    "ACLPolicy",
    "ACLPolicyDelete",
    "ConnectCALeaf",
    "ConfigEntry",
    "ACLRole",
    "ACLRoleDelete",
    "ACLBindingRule",
    "ACLBindingRuleDelete",
    "ACLAuthMethod",
    "ACLAuthMethodDelete",
    "ChunkingState",
    "FederationState",
    "SystemMetadata",
};

struct conversion {
        struct consul_rows rows;
        uint64_t left_out[CONSUL_TYPE_COUNT];
        uint64_t table_index[STORE_TABLE_COUNT]; // 0: not told
};

bool snapshot_consul_begins(uint8_t byte)
{
        return (byte & 0xf0) == 0x80 || byte == 0xde || byte == 0xdf;
}

static int read_header(struct msgpack_reader *r, uint64_t *last_index)
{
        struct header {
                uint64_t last_index;
        } header = {0};
        static const struct pack_field fields[] = {
            PACK_FIELD(struct header, last_index, "LastIndex", PACK_U64)};

        if (pack_get_struct(r, fields, ARRAY_LEN(fields), &header) < 0 ||
            header.last_index > INDEX_MAX)
                return -EBADMSG;
        *last_index = header.last_index > 0 ? header.last_index : 1;
        return 0;
}

static void note_index(struct conversion *c, const json_t *value)
{
        static const char *const names[STORE_TABLE_COUNT] = {
            [STORE_NODES] = "nodes",
            [STORE_SERVICES] = "services",
            [STORE_CHECKS] = "checks",
            [STORE_QUERIES] = "prepared-queries",
            [STORE_SESSIONS] = "sessions",
            [STORE_KV] = "kvs",
            [STORE_TOMBSTONES] = "tombstones",
            [STORE_COORDINATES] = "coordinates",
            [STORE_SETTINGS] = "autopilot-config",
        };
        const char *name = json_string_value(json_object_get(value, "Key"));
        json_int_t index = json_integer_value(json_object_get(value, "Value"));

        for (int i = 0; i < STORE_TABLE_COUNT; i++) {
                if (name != NULL && strcmp(name, names[i]) == 0 && index > 0)
                        c->table_index[i] = (uint64_t)index;
        }
}

static int take_value(struct conversion *c, uint8_t type, const json_t *value)
{
        switch (type) {
        case CONSUL_REGISTER:
                return consul_rows_register(&c->rows, value);
        case CONSUL_SESSION:
                return consul_rows_session(&c->rows, value);
        case CONSUL_COORDINATES:
                return consul_rows_coordinates(&c->rows, value);
        case CONSUL_QUERY:
                return consul_rows_query(&c->rows, value);
        case CONSUL_AUTOPILOT:
                return consul_rows_autopilot(&c->rows, value);
        case CONSUL_INDEX:
                note_index(c, value);
                return 0;
        default:
                return -EINVAL;
        }
}

static bool is_taken(uint8_t type)
{
        return type == CONSUL_REGISTER || type == CONSUL_SESSION || type == CONSUL_COORDINATES ||
               type == CONSUL_QUERY || type == CONSUL_AUTOPILOT || type == CONSUL_INDEX;
}

static int take_record(struct conversion *c, uint8_t type, struct msgpack_reader *r)
{
        json_t *value;
        int ret;

        if (type == CONSUL_KVS)
                return consul_rows_kv(&c->rows, r);
        if (type == CONSUL_TOMBSTONE)
                return consul_rows_tombstone(&c->rows, r);
        if (!is_taken(type))
                return pack_skip(r) < 0 ? -EBADMSG : -EINVAL;
        ret = consul_json_read(r, &value);
        if (ret < 0)
                return ret;
        ret = take_value(c, type, value);
        json_decref(value);
        return ret == -EBADMSG ? -EINVAL : ret;
}

static int take_all(struct conversion *c, struct msgpack_reader *r, char error[SNAPSHOT_ERROR_MAX])
{
        const uint8_t *start = r->at;

        while (!msgpack_at_end(r)) {
                uint8_t type = *r->at++;
                int ret = take_record(c, type, r);

                if (ret == -EBADMSG || ret == -ENOMEM) {
                        snprintf(error, SNAPSHOT_ERROR_MAX,
                                 "Raft error when restoring snapshot: failed to restore snapshot: "
                                 "%s: record of type %u near byte %zu",
                                 ret == -ENOMEM ? "out of memory" : "damaged", type,
                                 (size_t)(r->at - start));
                        return ret;
                }
                if (ret < 0)
                        c->left_out[type]++;
        }
        return 0;
}

static void list_left_out(const struct conversion *c, char out[SNAPSHOT_LEFT_OUT_MAX])
{
        size_t len = 0;

        out[0] = '\0';
        for (unsigned i = 0; i < CONSUL_TYPE_COUNT && len < SNAPSHOT_LEFT_OUT_MAX; i++) {
                const char *comma = len > 0 ? ", " : "";
                int added;

                if (c->left_out[i] == 0)
                        continue;
                added = i < ARRAY_LEN(type_names)
                            ? snprintf(out + len, SNAPSHOT_LEFT_OUT_MAX - len, "%s%s %llu", comma,
                                       type_names[i], (unsigned long long)c->left_out[i])
                            : snprintf(out + len, SNAPSHOT_LEFT_OUT_MAX - len, "%stype %u %llu",
                                       comma, i, (unsigned long long)c->left_out[i]);
                len += (size_t)added;
        }
}

int snapshot_consul_convert(const uint8_t *bytes, size_t len, const char *datacenter,
                            snapshot_sink_fn write, void *arg, char left_out[SNAPSHOT_LEFT_OUT_MAX],
                            char error[SNAPSHOT_ERROR_MAX])
{
        struct msgpack_reader reader = {bytes, bytes + len};
        struct conversion c = {.rows = {.datacenter = datacenter}};
        int ret = read_header(&reader, &c.rows.last_index);

        if (ret < 0) {
                snprintf(error, SNAPSHOT_ERROR_MAX,
                         "Raft error when restoring snapshot: failed to restore snapshot: the "
                         "state has no header");
                return ret;
        }
        c.rows.store = store_create();
        store_begin(c.rows.store, c.rows.last_index);
        ret = take_all(&c, &reader, error);
        if (ret < 0)
                store_abort(c.rows.store);
        else
                store_commit(c.rows.store);
        for (int i = 0; i < STORE_TABLE_COUNT && ret == 0; i++) {
                if (c.table_index[i] > 0)
                        store_load_index(c.rows.store, (enum store_table)i, c.table_index[i]);
        }
        if (ret == 0) {
                list_left_out(&c, left_out);
                ret = store_snapshot_write(c.rows.store, write, arg);
                if (ret < 0)
                        snprintf(error, SNAPSHOT_ERROR_MAX, "failed to write temp snapshot: %s",
                                 strerror(-ret));
        }
        store_destroy(c.rows.store);
        return ret;
}
