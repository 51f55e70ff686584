#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/api/upstream_internal.h"
#include "control/consul/records.h"

// Answers with keys, sessions and coordinates.

static int write_kv(struct upstream_reply *reply, struct msgpack_reader *r, struct json_writer *w)
{
        struct kv_record *record = consul_get_kv_record(r, &reply->arena);

        if (record == NULL)
                return -EBADMSG;
        api_write_kv(w, record, true);
        record_release(&record->head);
        return 0;
}

static void reply_raw(struct upstream_reply *reply, struct pack_slice list)
{
        struct msgpack_reader r = pack_reader_of(list);
        struct kv_record *record;
        uint32_t count = 0;

        record = pack_get_array(&r, &count) == 0 ? consul_get_kv_record(&r, &reply->arena) : NULL;
        if (record == NULL) {
                upstream_refuse(reply, NULL);
                return;
        }
        api_reply_raw_kv(reply->request, record);
        record_release(&record->head);
}

void upstream_print_key(struct upstream_reply *reply)
{
        struct pack_slice list = upstream_member(reply, "Entries");
        bool is_raw = http_request_param(reply->request, "raw") != NULL &&
                      http_request_param(reply->request, "recurse") == NULL;

        if (upstream_is_empty(list))
                http_reply_empty(reply->request, 404);
        else if (is_raw)
                reply_raw(reply, list);
        else
                upstream_print_items(reply, list, write_kv);
}

static int write_session(struct upstream_reply *reply, struct msgpack_reader *r,
                         struct json_writer *w)
{
        struct session_record *record = consul_get_session_record(r, &reply->arena);

        if (record == NULL)
                return -EBADMSG;
        api_write_session(reply->api, w, record);
        record_release(&record->head);
        return 0;
}

void upstream_print_sessions(struct upstream_reply *reply)
{
        upstream_print_items(reply, upstream_member(reply, "Sessions"), write_session);
}

void upstream_print_renewed(struct upstream_reply *reply)
{
        struct pack_slice list = upstream_member(reply, "Sessions");

        if (upstream_is_empty(list))
                http_reply_text(reply->request, 404, "Session id '%.60s' not found", reply->name);
        else
                upstream_print_items(reply, list, write_session);
}

struct packed_coordinate {
        const char *node, *segment;
        struct pack_slice at;
};

static int write_coordinate(struct upstream_reply *reply, struct msgpack_reader *r,
                            struct json_writer *w)
{
        static const struct wire_field fields[] = {
            WIRE_FIELD(struct packed_coordinate, node, "Node", WIRE_TEXT),
            WIRE_FIELD(struct packed_coordinate, segment, "Segment", WIRE_TEXT),
            WIRE_FIELD(struct packed_coordinate, at, "Coord", WIRE_VALUE),
        };
        struct packed_coordinate packed = {.node = "", .segment = ""};
        struct coordinate at;
        struct msgpack_reader value;
        bool has;

        if (wire_get(r, fields, 3, &reply->arena, &packed) < 0 || packed.at.length == 0)
                return -EBADMSG;
        value = pack_reader_of(packed.at);
        if (consul_get_coordinate(&value, &at, &has) < 0 || !has)
                return -EBADMSG;
        api_write_coordinate_of(w, packed.node, packed.segment, &at);
        return 0;
}

void upstream_print_coordinates(struct upstream_reply *reply)
{
        upstream_print_items(reply, upstream_member(reply, "Coordinates"), write_coordinate);
}

void upstream_print_coordinate(struct upstream_reply *reply)
{
        struct pack_slice list = upstream_member(reply, "Coordinates");

        if (upstream_is_empty(list))
                http_reply_empty(reply->request, 404);
        else
                upstream_print_items(reply, list, write_coordinate);
}
