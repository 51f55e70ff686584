#include <errno.h>

#include "control/consul/rows.h"

// Instances: a service with its node, and with the checks of both.

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#define NODE(member, name, kind)    WIRE_FIELD(struct catalog_node, member, name, kind)
#define SERVICE(member, name, kind) WIRE_FIELD(struct catalog_service, member, name, kind)

// The node's part of an instance in one flat map, and the service's.
static const struct wire_field flat_node_fields[] = {
    NODE(id, "ID", WIRE_TEXT),
    NODE(address, "Address", WIRE_TEXT),
    NODE(datacenter, "Datacenter", WIRE_TEXT),
    NODE(tagged_addresses, "TaggedAddresses", WIRE_TEXT_MAP),
    NODE(meta, "NodeMeta", WIRE_TEXT_MAP),
};

static const struct wire_field flat_service_fields[] = {
    SERVICE(node, "Node", WIRE_TEXT),
    SERVICE(kind, "ServiceKind", WIRE_TEXT),
    SERVICE(id, "ServiceID", WIRE_TEXT),
    SERVICE(name, "ServiceName", WIRE_TEXT),
    SERVICE(tags, "ServiceTags", WIRE_TEXTS),
    SERVICE(address, "ServiceAddress", WIRE_TEXT),
    SERVICE(tagged_addresses, "ServiceTaggedAddresses", WIRE_ADDRESSES),
    SERVICE(weight_passing, "ServiceWeights", WIRE_WEIGHTS),
    SERVICE(meta, "ServiceMeta", WIRE_TEXT_MAP),
    SERVICE(port, "ServicePort", WIRE_I32),
    SERVICE(socket_path, "ServiceSocketPath", WIRE_TEXT),
    SERVICE(enable_tag_override, "ServiceEnableTagOverride", WIRE_BOOL),
    SERVICE(proxy_json, "ServiceProxy", WIRE_PROXY),
    SERVICE(connect_json, "ServiceConnect", WIRE_CONNECT),
};

void consul_put_service_node(struct byte_buffer *b, const struct node_record *node,
                             const struct service_record *record)
{
        size_t node_count = node != NULL ? COUNT(flat_node_fields) : 0;

        pack_put_map(b, (uint32_t)(node_count + COUNT(flat_service_fields)) + 2);
        if (node != NULL)
                wire_put(b, flat_node_fields, node_count, &node->node);
        wire_put(b, flat_service_fields, COUNT(flat_service_fields), &record->service);
        consul_put_indexes(b, &record->head);
}

void consul_put_instance(struct byte_buffer *b, const struct store *store,
                         const struct service_record *record)
{
        const struct node_record *node = store_node_get(store, record->service.node);
        const char *const owners[] = {"", record->service.id};
        const struct check_record *check;
        struct store_iter it;
        uint32_t count = 0;
        size_t at;

        pack_put_map(b, 3);
        wire_put_name(b, "Node");
        if (node != NULL)
                consul_put_node(b, node);
        else
                pack_put_nil(b);
        wire_put_name(b, "Service");
        consul_put_service(b, record);
        wire_put_name(b, "Checks");
        at = consul_begin_list(b);
        for (size_t i = 0; i < COUNT(owners); i++) {
                store_checks_of_instance(store, record->service.node, owners[i], &it);
                for (; (check = store_next_check(&it)) != NULL; count++)
                        consul_put_check(b, check);
        }
        consul_end_list(b, at, count);
}

int consul_get_service_node(struct msgpack_reader *r, struct arena *arena,
                            struct catalog_node *node, struct catalog_service *service)
{
        struct msgpack_reader again = *r;

        *node = (struct catalog_node)CATALOG_NODE_INIT;
        *service = (struct catalog_service)CATALOG_SERVICE_INIT;
        if (wire_get(&again, flat_node_fields, COUNT(flat_node_fields), arena, node) < 0 ||
            wire_get(r, flat_service_fields, COUNT(flat_service_fields), arena, service) < 0)
                return -EBADMSG;
        node->name = service->node;
        return 0;
}
