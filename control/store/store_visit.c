#include <errno.h>
#include <string.h>

#include "control/store/coordinate_record.h"
#include "control/store/kv_record.h"
#include "control/store/record_codec.h"
#include "control/store/setting_record.h"
#include "control/store/store_internal.h"

struct visit {
        struct msgpack_reader reader;
        struct arena arena;
        store_visit_fn fn;
        void *arg;
};

static int decode(struct visit *v, enum store_table table, const char **key)
{
        union {
                struct catalog_node node;
                struct catalog_service service;
                struct catalog_check check;
                struct catalog_query query;
                struct catalog_session session;
                struct catalog_coordinate coordinate;
                struct catalog_setting setting;
                struct kv_entry kv;
        } value;
        struct msgpack_reader *r = &v->reader;
        int ret = -EBADMSG;

        switch (table) {
        case STORE_NODES:
                return catalog_node_decode(r, &v->arena, &value.node);
        case STORE_SERVICES:
                return catalog_service_decode(r, &v->arena, &value.service);
        case STORE_CHECKS:
                return catalog_check_decode(r, &v->arena, &value.check);
        case STORE_QUERIES:
                return catalog_query_decode(r, &v->arena, &value.query);
        case STORE_SESSIONS:
                return catalog_session_decode(r, &v->arena, &value.session);
        case STORE_KV:
                ret = kv_entry_decode(r, &v->arena, &value.kv);
                if (ret == 0)
                        *key = value.kv.key;
                return ret;
        case STORE_TOMBSTONES:
                return arena_decode_text(r, &v->arena, key);
        case STORE_COORDINATES:
                return catalog_coordinate_decode(r, &v->arena, &value.coordinate);
        case STORE_SETTINGS:
                return catalog_setting_decode(r, &v->arena, &value.setting);
        case STORE_TABLE_COUNT:
                break;
        }
        return ret;
}

static int visit_rows(struct visit *v, enum store_table table)
{
        uint64_t count, index;
        int ret = msgpack_get_uint(&v->reader, &count);

        for (uint64_t i = 0; ret == 0 && i < count; i++) {
                const uint8_t *begin = v->reader.at;
                const char *key = NULL;

                ret = msgpack_get_uint(&v->reader, &index);
                if (ret == 0)
                        ret = msgpack_get_uint(&v->reader, &index);
                if (ret == 0)
                        ret = decode(v, table, &key);
                if (ret == 0)
                        v->fn(v->arg, table, (size_t)(v->reader.at - begin), key);
                arena_reset(&v->arena);
        }
        return ret;
}

int store_snapshot_visit(const uint8_t *bytes, size_t len, store_visit_fn fn, void *arg)
{
        struct visit v = {.arena = ARENA_INIT, .fn = fn, .arg = arg};
        const size_t head_len = sizeof(store_snapshot_magic) + 1;
        uint64_t index, numbers;
        int ret = store_snapshot_check(bytes, len, &index);

        if (ret < 0)
                return ret;
        v.reader = (struct msgpack_reader){bytes + head_len, bytes + len};
        // The applied index, perhaps its offset, the tables' indexes, the vanished one.
        numbers = STORE_TABLE_COUNT + 2 + (bytes[head_len - 1] > SNAPSHOT_VERSION_OLDEST);
        for (uint64_t i = 0; ret == 0 && i < numbers; i++)
                ret = msgpack_get_uint(&v.reader, &index);
        for (int i = 0; ret == 0 && i < STORE_TABLE_COUNT; i++)
                ret = visit_rows(&v, (enum store_table)i);
        arena_fini(&v.arena);
        return ret;
}
