#include "control/consul/consul_internal.h"

// What is asked of the service mesh, for which there is nothing here: lists are empty, in the shape
// that Consul's agents expect.

static uint64_t services_index(const struct consul_read *read)
{
        return store_table_index(read->store, STORE_SERVICES);
}

static void watch_services(const struct consul_read *read)
{
        store_watch_table(read->store, consul_next_watch(read), STORE_SERVICES);
}

static void write_gateway_services(const struct consul_read *read, struct byte_buffer *b)
{
        (void)read;
        wire_put_name(b, "Services");
        pack_put_nil(b);
}

static void write_gateway_dump(const struct consul_read *read, struct byte_buffer *b)
{
        (void)read;
        wire_put_name(b, "Dump");
        pack_put_nil(b);
}

static void write_gateway_intentions(const struct consul_read *read, struct byte_buffer *b)
{
        (void)read;
        wire_put_name(b, "Intentions");
        pack_put_array(b, 0);
}

static void write_federation_states(const struct consul_read *read, struct byte_buffer *b)
{
        (void)read;
        wire_put_name(b, "States");
        pack_put_array(b, 0);
}

static void write_federation_state(const struct consul_read *read, struct byte_buffer *b)
{
        (void)read;
        wire_put_name(b, "State");
        pack_put_nil(b);
}

static void write_mesh_gateways(const struct consul_read *read, struct byte_buffer *b)
{
        (void)read;
        wire_put_name(b, "DatacenterNodes");
        pack_put_map(b, 0);
}

#define EMPTY(name, writer)                                                                        \
        const struct consul_read_kind name = {                                                     \
            .index = services_index, .watch = watch_services, .write = (writer), .pair_count = 1}

EMPTY(consul_gateway_services, write_gateway_services);
EMPTY(consul_gateway_dump, write_gateway_dump);
EMPTY(consul_gateway_intentions, write_gateway_intentions);
EMPTY(consul_federation_states, write_federation_states);
EMPTY(consul_federation_state, write_federation_state);
EMPTY(consul_mesh_gateways, write_mesh_gateways);

void consul_service_topology(struct consul_call *call, const void *what)
{
        struct arena arena = ARENA_INIT;
        struct consul_query query;

        (void)what;
        if (consul_query_get(call->args, &arena, &query) < 0)
                consul_call_refuse(call, CONSUL_UNREADABLE_TEXT);
        else
                consul_call_refuse(call,
                                   "failed to get sources for discovery chain target \"%.128s\": "
                                   "failed to fetch discovery chain for \"%.128s\": no cluster ca "
                                   "config setup",
                                   query.service_name, query.service_name);
        arena_fini(&arena);
}
