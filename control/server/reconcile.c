#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/server/duties.h"
#include "control/store/store.h"

#define CONSUL_SERVICE "consul"
#define ALIVE_CHECK    "serfHealth"
/* A server in the catalog that nobody has met by then is taken for failed. */
#define UNMET_AFTER_MS 15000u

static void on_written(void *arg, const struct fsm_result *result)
{
        struct duties *duties = arg;

        if (!fsm_result_ok(result))
                log_warn(duties->server->options.log, "server",
                         "cannot bring the catalog in line with the servers: %s",
                         result->error.text);
        duties->writes_pending--;
        duties_release(duties);
}

static void write_catalog(struct duties *duties, struct command *command)
{
        duties->writes_pending++;
        duties->reference_count++;
        propose_command(server_proposer(duties->server), command, on_written, duties);
}

static const char *status_of(enum server_life life)
{
        return life == SERVER_ALIVE ? "passing" : "critical";
}

static bool is_registered(const struct store *store, const struct server_info *info, int port,
                          const char *status)
{
        const struct service_record *service = store_service_get(store, info->name, CONSUL_SERVICE);
        const struct check_record *check = store_check_get(store, info->name, ALIVE_CHECK);

        return service != NULL && service->service.port == port && check != NULL &&
               strcmp(check->check.status, status) == 0;
}

static void register_member(struct duties *duties, const struct server_info *info,
                            const char *status)
{
        const struct store *store = duties->server->options.store;
        char host[SERVER_ADDRESS_MAX];
        int port = server_address_split(info->address, host);
        struct catalog_check alive = CATALOG_CHECK_INIT;
        struct command command = {.type = COMMAND_REGISTER};

        if (port == 0 || is_registered(store, info, port, status))
                return;
        command.reg.node = (struct catalog_node)CATALOG_NODE_INIT;
        command.reg.node.name = info->name;
        command.reg.node.id = info->node_id;
        command.reg.node.address = host;
        command.reg.node.datacenter = info->datacenter;
        // Its own agent says more about the node.
        command.reg.skip_node_update = true;
        command.reg.has_service = true;
        command.reg.service = (struct catalog_service)CATALOG_SERVICE_INIT;
        command.reg.service.id = command.reg.service.name = CONSUL_SERVICE;
        command.reg.service.port = port;
        command.reg.service.weight_passing = command.reg.service.weight_warning = 1;
        alive.id = ALIVE_CHECK;
        alive.name = "Serf Health Status";
        alive.status = status;
        alive.output = strcmp(status, "passing") == 0 ? "Agent alive and reachable"
                                                      : "Agent not live or unreachable";
        command.reg.checks = &alive;
        command.reg.check_count = 1;
        write_catalog(duties, &command);
}

static void deregister_member(struct duties *duties, const struct server_info *info)
{
        const struct node_record *node = store_node_get(duties->server->options.store, info->name);
        struct command command = {.type = COMMAND_DEREGISTER};

        // Somebody else may have its name by now.
        if (node == NULL || strcmp(node->node.id, info->node_id) != 0)
                return;
        log_info(duties->server->options.log, "server", "deregistering a server that left: name=%s",
                 info->name);
        command.dereg = (struct command_deregister){info->name, "", ""};
        write_catalog(duties, &command);
}

static bool is_met(const struct server_member members[], size_t count, const char *node)
{
        for (size_t i = 0; i < count; i++) {
                if (strcmp(members[i].info.name, node) == 0)
                        return true;
        }
        return false;
}

// Servers the catalog has from before this one led, and which have not shown up since.
static void fail_unmet(struct duties *duties, const struct server_member members[], size_t count)
{
        const struct store *store = duties->server->options.store;
        const struct service_record *service;
        struct store_iter it;

        store_instances(store, CONSUL_SERVICE, &it);
        while ((service = store_next_service(&it)) != NULL) {
                const struct check_record *check =
                    store_check_get(store, service->service.node, ALIVE_CHECK);
                const struct node_record *node = store_node_get(store, service->service.node);
                struct server_info info = {0};

                if (check == NULL || node == NULL || strcmp(check->check.status, "passing") != 0 ||
                    is_met(members, count, service->service.node))
                        continue;
                snprintf(info.name, sizeof(info.name), "%s", node->node.name);
                snprintf(info.node_id, sizeof(info.node_id), "%s", node->node.id);
                snprintf(info.datacenter, sizeof(info.datacenter), "%s", node->node.datacenter);
                snprintf(info.address, sizeof(info.address),
                         strchr(node->node.address, ':') != NULL ? "[%.45s]:%d" : "%.45s:%d",
                         node->node.address, service->service.port);
                // The walk ends with a write: one at a time.
                register_member(duties, &info, status_of(SERVER_FAILED));
                return;
        }
}

void duties_reconcile(struct duties *duties)
{
        uint64_t age_ms = uv_now(duties->server->options.loop) - duties->leading_since_ms;
        const struct server_member *members;
        size_t count;

        if (duties->writes_pending > 0)
                return;
        members = server_members(duties->server, &count);
        for (size_t i = 0; i < count; i++) {
                if (members[i].life == SERVER_LEFT)
                        deregister_member(duties, &members[i].info);
                else
                        register_member(duties, &members[i].info, status_of(members[i].life));
        }
        if (age_ms > UNMET_AFTER_MS)
                fail_unmet(duties, members, count);
}
