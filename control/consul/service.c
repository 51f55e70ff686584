#include "control/consul/service.h"

#include <errno.h>
#include <stdlib.h>

#include "control/consul/consul_internal.h"
#include "control/rpc/consul_rpc.h"
#include "control/server/server.h"

void consul_serve(void *owner, struct rpc_call *call)
{
        const struct consul_method *method = consul_find_method(rpc_call_method(call));

        if (owner == NULL || method == NULL)
                rpc_call_refuse(call, "this server is stopping");
        else
                consul_call_serve(owner, method, rpc_call_args(call), call, NULL);
}

// Has the transport bring calls to the service; NULL: to nobody any more, which needs no memory.
static int add_methods(const struct agent *agent, struct consul_service *service)
{
        int ret = 0;

        for (size_t i = 0; i < consul_method_count && ret == 0; i++)
                ret = consul_rpc_add(server_rpc(agent->server), &consul_methods[i].rpc, 1, service);
        return ret;
}

int consul_service_create(struct agent *agent, struct consul_service **out)
{
        struct consul_service *service = calloc(1, sizeof(*service));
        int ret;

        if (service == NULL)
                return -ENOMEM;
        service->agent = agent;
        // Zero would stay zero.
        service->random = uv_hrtime();
        LIST_INIT(&service->calls);
        LIST_INIT(&service->followings);
        LIST_INIT(&service->snapshots);
        consul_snapshot_start(service);
        *out = service; // ended with the agent, also on failure
        ret = add_methods(agent, service);
        return ret == 0 ? consul_subscribe_start(service) : ret;
}

void consul_service_destroy(struct consul_service *take_service)
{
        if (take_service == NULL)
                return;
        add_methods(take_service->agent, NULL);
        while (!LIST_EMPTY(&take_service->calls))
                consul_call_stop(LIST_FIRST(&take_service->calls));
        consul_subscribe_stop(take_service);
        consul_snapshot_stop(take_service);
        free(take_service);
}
