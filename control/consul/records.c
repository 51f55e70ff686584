#include "control/consul/records.h"

struct indexes {
        uint64_t create, modify, lock;
};

// Those of the row that comes next, which is not read by that.
static int peek_indexes(const struct msgpack_reader *r, struct indexes *out)
{
        static const struct pack_field fields[] = {
            PACK_FIELD(struct indexes, create, "CreateIndex", PACK_U64),
            PACK_FIELD(struct indexes, modify, "ModifyIndex", PACK_U64),
            PACK_FIELD(struct indexes, lock, "LockIndex", PACK_U64),
        };
        struct msgpack_reader again = *r;

        *out = (struct indexes){0, 0, 0};
        return pack_get_struct(&again, fields, sizeof(fields) / sizeof(fields[0]), out);
}

struct node_record *consul_get_node_record(struct msgpack_reader *r, struct arena *arena)
{
        struct catalog_node node;
        struct indexes at;
        uint64_t index;

        if (peek_indexes(r, &at) < 0 || consul_get_node(r, arena, &node, &index) < 0 ||
            node.name[0] == '\0')
                return NULL;
        return node_record_create(&node, at.create, at.modify);
}

struct service_record *consul_get_service_record(struct msgpack_reader *r, const char *node,
                                                 struct arena *arena)
{
        struct catalog_service service;
        struct indexes at;
        uint64_t index;

        if (peek_indexes(r, &at) < 0 || consul_get_service(r, arena, &service, &index) < 0 ||
            service.name[0] == '\0' || service.id[0] == '\0')
                return NULL;
        service.node = node;
        return service_record_create(&service, at.create, at.modify);
}

struct check_record *consul_get_check_record(struct msgpack_reader *r, struct arena *arena)
{
        struct catalog_check check;
        struct indexes at;
        uint64_t index;

        if (peek_indexes(r, &at) < 0 || consul_get_check(r, arena, &check, &index) < 0 ||
            check.node[0] == '\0' || check.id[0] == '\0')
                return NULL;
        return check_record_create(&check, at.create, at.modify);
}

struct kv_record *consul_get_kv_record(struct msgpack_reader *r, struct arena *arena)
{
        struct kv_entry entry;
        struct indexes at;
        uint64_t index;

        if (peek_indexes(r, &at) < 0 || consul_get_kv(r, arena, &entry, &index) < 0 ||
            entry.key[0] == '\0')
                return NULL;
        entry.lock_index = at.lock;
        return kv_record_create(&entry, at.create, at.modify);
}

struct session_record *consul_get_session_record(struct msgpack_reader *r, struct arena *arena)
{
        struct catalog_session session;
        struct indexes at;

        if (peek_indexes(r, &at) < 0 || consul_get_session(r, arena, &session) < 0 ||
            session.id[0] == '\0')
                return NULL;
        return session_record_create(&session, at.create, at.modify);
}

void consul_get_service_node_records(struct msgpack_reader *r, struct arena *arena,
                                     struct node_record **node, struct service_record **service)
{
        struct catalog_service flat_service;
        struct catalog_node flat_node;
        struct indexes at;

        *node = NULL;
        *service = NULL;
        if (peek_indexes(r, &at) < 0 ||
            consul_get_service_node(r, arena, &flat_node, &flat_service) < 0 ||
            flat_node.name[0] == '\0' || flat_service.name[0] == '\0' || flat_service.id[0] == '\0')
                return;
        *node = node_record_create(&flat_node, at.create, at.modify);
        *service = service_record_create(&flat_service, at.create, at.modify);
}
