#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/api/upstream_internal.h"
#include "control/consul/records.h"
#include "control/store/store_write.h"

// Answers with the catalog's rows, which are printed as an agent's own.

static int write_items(struct upstream_reply *reply, struct pack_slice list, upstream_item_fn item,
                       struct json_writer *w)
{
        struct msgpack_reader r = pack_reader_of(list);
        uint32_t count = 0;

        if (list.length > 0 && pack_get_array(&r, &count) < 0)
                return -EBADMSG;
        json_writer_begin_array(w);
        for (; count > 0; count--) {
                int ret = item(reply, &r, w);

                if (ret < 0)
                        return ret;
                arena_reset(&reply->arena);
        }
        json_writer_end_array(w);
        return 0;
}

void upstream_print_items(struct upstream_reply *reply, struct pack_slice list,
                          upstream_item_fn item)
{
        struct json_writer w;

        json_writer_init(&w, http_request_pretty(reply->request));
        if (write_items(reply, list, item, &w) < 0)
                upstream_refuse(reply, &w);
        else
                http_reply_json(reply->request, 200, &w);
}

bool upstream_is_empty(struct pack_slice list)
{
        struct msgpack_reader r = pack_reader_of(list);
        uint32_t count;

        return list.length == 0 || (pack_get_array(&r, &count) == 0 && count == 0);
}

static int write_record(struct upstream_reply *reply, struct json_writer *w, api_item_fn write,
                        const struct record *take_record)
{
        if (take_record == NULL)
                return -EBADMSG;
        write(reply->api, w, take_record);
        record_release(take_record);
        return 0;
}

static const struct record *head_of(const void *record)
{
        return record; // records begin with it
}

// --- Nodes, services and checks.

static int write_node(struct upstream_reply *reply, struct msgpack_reader *r, struct json_writer *w)
{
        return write_record(reply, w, api_write_node,
                            head_of(consul_get_node_record(r, &reply->arena)));
}

static int write_check(struct upstream_reply *reply, struct msgpack_reader *r,
                       struct json_writer *w)
{
        return write_record(reply, w, api_write_check,
                            head_of(consul_get_check_record(r, &reply->arena)));
}

static int write_service(struct upstream_reply *reply, struct msgpack_reader *r,
                         struct json_writer *w)
{
        return write_record(reply, w, api_write_service,
                            head_of(consul_get_service_record(r, "", &reply->arena)));
}

void upstream_print_nodes(struct upstream_reply *reply)
{
        upstream_print_items(reply, upstream_member(reply, "Nodes"), write_node);
}

void upstream_print_checks(struct upstream_reply *reply)
{
        upstream_print_items(reply, upstream_member(reply, "HealthChecks"), write_check);
}

static int write_service_node(struct upstream_reply *reply, struct msgpack_reader *r,
                              struct json_writer *w)
{
        struct service_record *service;
        struct node_record *node;

        consul_get_service_node_records(r, &reply->arena, &node, &service);
        if (node == NULL)
                return -EBADMSG;
        api_write_flat_instance(reply->api, w, node, service);
        record_release(&node->head);
        record_release(&service->head);
        return 0;
}

void upstream_print_service_nodes(struct upstream_reply *reply)
{
        upstream_print_items(reply, upstream_member(reply, "ServiceNodes"), write_service_node);
}

struct packed_instance {
        struct pack_slice node, service, checks;
};

static int get_instance(struct upstream_reply *reply, struct msgpack_reader *r,
                        struct packed_instance *out)
{
        static const struct wire_field fields[] = {
            WIRE_FIELD(struct packed_instance, node, "Node", WIRE_VALUE),
            WIRE_FIELD(struct packed_instance, service, "Service", WIRE_VALUE),
            WIRE_FIELD(struct packed_instance, checks, "Checks", WIRE_VALUE),
        };

        *out = (struct packed_instance){{NULL, 0}, {NULL, 0}, {NULL, 0}};
        if (wire_get(r, fields, 3, &reply->arena, out) < 0 || out->node.length == 0 ||
            out->service.length == 0)
                return -EBADMSG;
        return 0;
}

static int write_checks(struct upstream_reply *reply, struct pack_slice checks,
                        struct json_writer *w)
{
        struct msgpack_reader r = pack_reader_of(checks);
        uint32_t count = 0;

        if (checks.length > 0 && pack_get_array(&r, &count) < 0)
                return -EBADMSG;
        json_writer_begin_array(w);
        for (; count > 0; count--) {
                if (write_check(reply, &r, w) < 0)
                        return -EBADMSG;
        }
        json_writer_end_array(w);
        return 0;
}

static bool is_passing(struct upstream_reply *reply, struct pack_slice checks)
{
        struct msgpack_reader r = pack_reader_of(checks);
        struct catalog_check check;
        uint64_t index;
        uint32_t count = 0;

        if (checks.length > 0 && pack_get_array(&r, &count) < 0)
                return true; // which writing it finds out
        for (; count > 0; count--) {
                if (consul_get_check(&r, &reply->arena, &check, &index) < 0)
                        return true;
                if (store_health_of(check.status) != STORE_PASSING)
                        return false;
        }
        return true;
}

static int write_instance(struct upstream_reply *reply, struct msgpack_reader *r,
                          struct json_writer *w)
{
        struct packed_instance packed;
        struct msgpack_reader node, service;

        if (get_instance(reply, r, &packed) < 0)
                return -EBADMSG;
        if (api_wants_passing(reply->request) && !is_passing(reply, packed.checks))
                return 0;
        node = pack_reader_of(packed.node);
        service = pack_reader_of(packed.service);
        json_writer_begin_object(w);
        json_writer_key(w, "Node");
        if (write_node(reply, &node, w) < 0)
                return -EBADMSG;
        json_writer_key(w, "Service");
        if (write_service(reply, &service, w) < 0)
                return -EBADMSG;
        json_writer_key(w, "Checks");
        if (write_checks(reply, packed.checks, w) < 0)
                return -EBADMSG;
        json_writer_end_object(w);
        return 0;
}

void upstream_print_instances(struct upstream_reply *reply)
{
        upstream_print_items(reply, upstream_member(reply, "Nodes"), write_instance);
}

// --- What is on one node.

struct packed_node_services {
        struct pack_slice node, services;
};

static bool is_nil(struct pack_slice value)
{
        struct msgpack_reader r = pack_reader_of(value);

        return value.length == 0 || pack_peek(&r) == PACK_IS_NIL;
}

// returns  1 when there is a node, 0 when there is none.
static int get_node_services(struct upstream_reply *reply, struct packed_node_services *out)
{
        static const struct wire_field fields[] = {
            WIRE_FIELD(struct packed_node_services, node, "Node", WIRE_VALUE),
            WIRE_FIELD(struct packed_node_services, services, "Services", WIRE_VALUE),
        };
        struct pack_slice value = upstream_member(reply, "NodeServices");
        struct msgpack_reader r = pack_reader_of(value);

        *out = (struct packed_node_services){{NULL, 0}, {NULL, 0}};
        if (value.length == 0)
                return 0;
        if (wire_get(&r, fields, 2, &reply->arena, out) < 0)
                return -EBADMSG;
        return is_nil(out->node) ? 0 : 1;
}

static int write_service_map(struct upstream_reply *reply, struct pack_slice services,
                             struct json_writer *w)
{
        struct msgpack_reader r = pack_reader_of(services);
        uint32_t count = 0;

        if (services.length > 0 && pack_get_map(&r, &count) < 0)
                return -EBADMSG;
        json_writer_begin_object(w);
        for (; count > 0; count--) {
                const char *id;

                if (wire_get_text(&r, &reply->arena, &id) < 0)
                        return -EBADMSG;
                json_writer_key(w, id);
                if (write_service(reply, &r, w) < 0)
                        return -EBADMSG;
        }
        json_writer_end_object(w);
        return 0;
}

static int write_node_of(struct upstream_reply *reply, struct pack_slice value,
                         struct json_writer *w)
{
        struct msgpack_reader r = pack_reader_of(value);

        json_writer_key(w, "Node");
        return write_node(reply, &r, w);
}

void upstream_print_node(struct upstream_reply *reply)
{
        struct packed_node_services packed;
        struct json_writer w;
        int ret = get_node_services(reply, &packed);

        json_writer_init(&w, http_request_pretty(reply->request));
        if (ret == 0)
                json_writer_null(&w);
        if (ret == 1) {
                json_writer_begin_object(&w);
                ret = write_node_of(reply, packed.node, &w);
                json_writer_key(&w, "Services");
                if (ret == 0)
                        ret = write_service_map(reply, packed.services, &w);
                json_writer_end_object(&w);
        }
        if (ret < 0)
                upstream_refuse(reply, &w);
        else
                http_reply_json(reply->request, 200, &w);
}

void upstream_print_node_services(struct upstream_reply *reply)
{
        struct packed_node_services packed;
        struct json_writer w;
        int ret = get_node_services(reply, &packed);

        json_writer_init(&w, http_request_pretty(reply->request));
        json_writer_begin_object(&w);
        if (ret == 0) {
                json_writer_put_null(&w, "Node");
                json_writer_put_null(&w, "Services");
        }
        if (ret == 1)
                ret = write_node_of(reply, packed.node, &w);
        if (ret == 0 && packed.node.length > 0 && !is_nil(packed.node)) {
                json_writer_key(&w, "Services");
                if (is_nil(packed.services))
                        json_writer_null(&w);
                else
                        ret = write_items(reply, packed.services, write_service, &w);
        }
        json_writer_end_object(&w);
        if (ret < 0)
                upstream_refuse(reply, &w);
        else
                http_reply_json(reply->request, 200, &w);
}

// --- A prepared query's outcome.

static void put_text(struct upstream_reply *reply, struct json_writer *w, const char *name)
{
        struct pack_slice value = upstream_member(reply, name);
        struct msgpack_reader r = pack_reader_of(value);
        const char *text = "";

        if (value.length == 0 || wire_get_text(&r, &reply->arena, &text) == 0)
                json_writer_put_string(w, name, text);
}

static int put_value(struct upstream_reply *reply, struct json_writer *w, const char *name)
{
        struct pack_slice value = upstream_member(reply, name);

        json_writer_key(w, name);
        if (value.length > 0)
                return upstream_write_value(w, value);
        json_writer_null(w);
        return 0;
}

void upstream_print_executed(struct upstream_reply *reply)
{
        struct pack_slice nodes = upstream_member(reply, "Nodes");
        struct json_writer w;

        json_writer_init(&w, http_request_pretty(reply->request));
        json_writer_begin_object(&w);
        put_text(reply, &w, "Service");
        json_writer_key(&w, "Nodes");
        if (write_items(reply, nodes, write_instance, &w) < 0 || put_value(reply, &w, "DNS") < 0) {
                upstream_refuse(reply, &w);
                return;
        }
        put_text(reply, &w, "Datacenter");
        if (put_value(reply, &w, "Failovers") < 0) {
                upstream_refuse(reply, &w);
                return;
        }
        json_writer_put_uint(&w, "Index", reply->meta->index);
        json_writer_put_uint(&w, "LastContact", reply->meta->last_contact_ms * 1000000);
        json_writer_put_bool(&w, "KnownLeader", reply->meta->known_leader);
        put_text(reply, &w, "ConsistencyLevel");
        json_writer_put_bool(&w, "NotModified", false);
        json_writer_put_uint(&w, "Backend", 0);
        json_writer_end_object(&w);
        http_reply_json(reply->request, 200, &w);
}
