#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/server/duties.h"
#include "control/store/store.h"

#define CONSUL_SERVICE "consul"
#define ALIVE_CHECK    "serfHealth"
#define WRITES_MAX     256u   /* on their way at a time */
#define INTERVAL_MS    60000u /* between looks although nothing seems to have changed */
#define RETRY_MS       2000u  /* after a write that failed */
/* A node in the catalog that gossip has not shown by then is taken for failed, and in the end for
 * gone: whoever leads first after all have been restarted has yet to hear of the others. */
#define UNMET_AFTER_MS 15000u
#define GONE_AFTER_MS  60000u

/* A member as the catalog is to show it. */
struct shown {
        char name[SERVER_NAME_MAX];
        char address[SERVER_ADDRESS_MAX]; /* without a port */
        struct member_info info;
        const struct serf_member *member;
        bool alive;
};

static void on_written(void *arg, const struct fsm_result *result)
{
        struct duties *duties = arg;

        duties->writes_pending--;
        if (!fsm_result_ok(result)) {
                log_warn(duties->server->options.log, "server",
                         "failed to reconcile a member with the catalog: %s", result->error.text);
                duties->reconcile_after_ms = uv_now(duties->server->options.loop) + RETRY_MS;
        }
        duties_release(duties);
}

static void write_catalog(struct duties *duties, struct command *command)
{
        duties->writes_pending++;
        duties->reference_count++;
        propose_command(server_proposer(duties->server), command, on_written, duties);
}

static bool show(const struct server *server, const struct serf_member *member, struct shown *out)
{
        const struct pack_slice name = member->name;
        struct sockaddr_storage address;

        members_info(member, &out->info);
        if (out->info.role == MEMBER_STRANGER || name.length == 0 ||
            name.length >= sizeof(out->name) || memchr(name.bytes, '\0', name.length) != NULL ||
            strcmp(out->info.datacenter, server->own.datacenter) != 0)
                return false;
        memcpy(out->name, name.bytes, name.length);
        out->name[name.length] = '\0';
        pool_address_to(&member->address, &address);
        if (uv_ip_name((const struct sockaddr *)&address, out->address, sizeof(out->address)) < 0)
                return false;
        out->member = member;
        out->alive = member->status == SERF_ALIVE || member->status == SERF_LEAVING;
        return true;
}

static const char *meta_value(const struct text_map *meta, const char *key)
{
        for (uint32_t i = 0; i < meta->count; i++) {
                if (strcmp(meta->pairs[i].key, key) == 0)
                        return meta->pairs[i].value;
        }
        return "";
}

static bool has_service(const struct store *store, const struct shown *shown)
{
        const struct service_record *service;
        char version[64];

        if (shown->info.role != MEMBER_SERVER)
                return true;
        service = store_service_get(store, shown->name, CONSUL_SERVICE);
        member_build_version(&shown->info, version, sizeof(version));
        return service != NULL && service->service.port == shown->info.port &&
               strcmp(meta_value(&service->service.meta, "version"), version) == 0;
}

static bool is_registered(const struct store *store, const struct shown *shown)
{
        const struct node_record *node = store_node_get(store, shown->name);
        const struct check_record *check = store_check_get(store, shown->name, ALIVE_CHECK);

        return node != NULL && strcmp(node->node.address, shown->address) == 0 &&
               strcmp(node->node.id, shown->info.node_id) == 0 && check != NULL &&
               strcmp(check->check.status, shown->alive ? "passing" : "critical") == 0 &&
               has_service(store, shown);
}

/* What a server's service tells of it, texts included. */
struct server_meta {
        char version[64], current[4], least[4], greatest[4];
        struct text_pair pairs[7];
};

static void set_service(struct command *command, const struct shown *shown,
                        struct server_meta *meta)
{
        const char *replica = shown->info.nonvoter ? "true" : "false";
        const uint8_t *versions = shown->member->versions;
        struct catalog_service *service = &command->reg.service;
        const struct text_pair pairs[] = {
            {"non_voter", replica},
            {"raft_version", shown->info.raft_version},
            {"read_replica", replica},
            {"serf_protocol_current", meta->current},
            {"serf_protocol_max", meta->greatest},
            {"serf_protocol_min", meta->least},
            {"version", meta->version},
        };

        member_build_version(&shown->info, meta->version, sizeof(meta->version));
        snprintf(meta->least, sizeof(meta->least), "%u", versions[0]);
        snprintf(meta->greatest, sizeof(meta->greatest), "%u", versions[1]);
        snprintf(meta->current, sizeof(meta->current), "%u", versions[2]);
        memcpy(meta->pairs, pairs, sizeof(pairs));
        command->reg.has_service = true;
        *service = (struct catalog_service)CATALOG_SERVICE_INIT;
        service->id = service->name = CONSUL_SERVICE;
        service->port = shown->info.port;
        service->weight_passing = service->weight_warning = 1;
        service->meta = (struct text_map){meta->pairs, 7};
}

static void register_member(struct duties *duties, const struct shown *shown)
{
        const struct store *store = duties->server->options.store;
        const struct node_record *node = store_node_get(store, shown->name);
        struct catalog_check alive = CATALOG_CHECK_INIT;
        struct command command = {.type = COMMAND_REGISTER};
        struct server_meta meta;

        if (shown->info.role == MEMBER_SERVER && shown->info.port == 0)
                return;
        log_info(duties->server->options.log, "server",
                 shown->alive ? "member joined, marking health alive: member=%s"
                              : "member failed, marking health critical: member=%s",
                 shown->name);
        // Its own agent says more about the node, perhaps while this is on its way: what there is
        // stays, unless the address changed.
        command.reg.node = (struct catalog_node)CATALOG_NODE_INIT;
        if (node != NULL)
                command.reg.node = node->node;
        command.reg.skip_node_update =
            node == NULL || (strcmp(node->node.address, shown->address) == 0 &&
                             strcmp(node->node.id, shown->info.node_id) == 0);
        command.reg.node.name = shown->name;
        command.reg.node.id = shown->info.node_id;
        command.reg.node.address = shown->address;
        command.reg.node.datacenter = shown->info.datacenter;
        if (shown->info.role == MEMBER_SERVER)
                set_service(&command, shown, &meta);
        alive.id = ALIVE_CHECK;
        alive.name = "Serf Health Status";
        alive.status = shown->alive ? "passing" : "critical";
        alive.output = shown->alive ? "Agent alive and reachable" : "Agent not live or unreachable";
        command.reg.checks = &alive;
        command.reg.check_count = 1;
        write_catalog(duties, &command);
}

static void deregister(struct duties *duties, const char *name, const char *why)
{
        struct command command = {.type = COMMAND_DEREGISTER};

        log_info(duties->server->options.log, "server", "deregistering member: member=%s reason=%s",
                 name, why);
        command.dereg = (struct command_deregister){name, "", ""};
        write_catalog(duties, &command);
}

static void reconcile_member(struct duties *duties, const struct serf_member *member)
{
        const struct server *server = duties->server;
        const struct store *store = server->options.store;
        const struct node_record *node;
        struct shown shown;

        if (!show(server, member, &shown))
                return;
        node = store_node_get(store, shown.name);
        if (member->status == SERF_LEFT) {
                // Somebody else may have its name by now; this server's own is for others to say.
                if (node != NULL && strcmp(node->node.id, shown.info.node_id) == 0 &&
                    strcmp(shown.name, server->own.name) != 0)
                        deregister(duties, shown.name, "left");
        } else if (!shown.alive &&
                   (node == NULL || strcmp(node->node.id, shown.info.node_id) != 0)) {
                // Failed before anybody here knew it.
                return;
        } else if (!is_registered(store, &shown)) {
                register_member(duties, &shown);
        }
}

// Nodes that were members once: they have the check, and gossip does not know them.
static void reconcile_unmet(struct duties *duties, uint64_t leading_ms)
{
        const struct store *store = duties->server->options.store;
        const struct serf *serf = members_serf(duties->server->options.members, MEMBER_LAN);
        const struct node_record *node;
        char name[SERVER_NAME_MAX];
        struct store_iter it;

        store_nodes(store, &it);
        while ((node = store_next_node(&it)) != NULL) {
                const struct check_record *check =
                    store_check_get(store, node->node.name, ALIVE_CHECK);
                struct catalog_check failed = CATALOG_CHECK_INIT;
                struct command command = {.type = COMMAND_REGISTER};

                if (check == NULL || serf_member_find(serf, pack_slice_of(node->node.name)))
                        continue;
                snprintf(name, sizeof(name), "%s", node->node.name);
                // A write may be applied at once and end the walk: one at a time.
                if (leading_ms > GONE_AFTER_MS) {
                        deregister(duties, name, "reaped");
                        return;
                }
                if (strcmp(check->check.status, "passing") != 0)
                        continue;
                command.reg.node = node->node;
                command.reg.skip_node_update = true;
                failed.id = ALIVE_CHECK;
                failed.name = "Serf Health Status";
                failed.status = "critical";
                failed.output = "Agent not live or unreachable";
                command.reg.checks = &failed;
                command.reg.check_count = 1;
                write_catalog(duties, &command);
                return;
        }
}

void duties_reconcile(struct duties *duties)
{
        uint64_t now_ms = uv_now(duties->server->options.loop);
        uint64_t leading_ms = now_ms - duties->leading_since_ms;
        const struct serf *serf = members_serf(duties->server->options.members, MEMBER_LAN);

        if (duties->writes_pending > 0 || now_ms < duties->reconcile_after_ms ||
            (!duties->reconcile_due && now_ms < duties->reconcile_next_ms))
                return;
        duties->reconcile_due = false;
        duties->reconcile_next_ms = now_ms + INTERVAL_MS;
        for (size_t i = 0; i < serf_member_count(serf) && duties->writes_pending < WRITES_MAX; i++)
                reconcile_member(duties, serf_member_at(serf, i));
        if (leading_ms > UNMET_AFTER_MS && duties->writes_pending == 0)
                reconcile_unmet(duties, leading_ms);
        else if (leading_ms <= UNMET_AFTER_MS)
                duties->reconcile_next_ms = now_ms + UNMET_AFTER_MS;
        // Until a look finds nothing to be done.
        duties->reconcile_due = duties->writes_pending > 0 || duties->reconcile_after_ms > now_ms;
}
