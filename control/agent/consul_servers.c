#include "control/agent/consul_servers.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/follow/follower.h"
#include "control/member/members.h"
#include "control/upstream/dump.h"
#include "control/upstream/replica.h"

/* How often this agent says where it is, and up to half more. */
#define COORDINATE_MS 15000u

struct consul_servers {
        struct agent *agent;
        uv_timer_t coordinate_timer;
        struct upstream *upstream;
        struct replica *replica;
        struct log_proposer proposer;
        struct local_catalog catalog;
        bool in_use;
};

// --- Whose the servers are.

bool consul_servers_owns(const struct agent *agent, const struct member_info *info)
{
        return !agent->config->server &&
               (agent->config->cluster.consul_rpc || !member_is_ours(info));
}

void consul_servers_look(struct consul_servers *servers)
{
        const struct agent *agent = servers->agent;
        const struct serf *serf = members_serf(agent->members, MEMBER_LAN);
        bool was_in_use = servers->in_use;
        size_t ours = 0, theirs = 0;

        for (size_t i = 0; serf != NULL && i < serf_member_count(serf); i++) {
                const struct serf_member *member = serf_member_at(serf, i);
                struct member_info info;

                members_info(member, &info);
                if (info.role != MEMBER_SERVER || member->status != SERF_ALIVE ||
                    strcasecmp(info.datacenter, agent->config->datacenter) != 0)
                        continue;
                if (consul_servers_owns(agent, &info))
                        theirs++;
                else
                        ours++;
        }
        // Whose they were counts as long as none is seen.
        if (ours + theirs > 0)
                servers->in_use = ours == 0;
        if (servers->in_use != was_in_use)
                log_info(agent->log, "client", "the servers are %s",
                         servers->in_use ? "Consul's: they are asked by its RPC" : "Lictor's");
        if (servers->in_use)
                replica_wake(servers->replica);
}

bool consul_servers_in_use(const struct consul_servers *servers)
{
        return servers != NULL && servers->in_use;
}

struct upstream *consul_servers_upstream(struct consul_servers *servers)
{
        return servers->upstream;
}

// --- Changes.

static int propose(struct log_proposer *self, const uint8_t *bytes, size_t len,
                   propose_done_fn done, void *arg)
{
        struct consul_servers *servers =
            (struct consul_servers *)((char *)self - offsetof(struct consul_servers, proposer));
        struct log_proposer *to = servers->in_use ? upstream_proposer(servers->upstream)
                                                  : relay_proposer(servers->agent->relay);

        return to->propose(to, bytes, len, done, arg);
}

struct log_proposer *consul_servers_proposer(struct consul_servers *servers)
{
        return &servers->proposer;
}

// --- Where this agent is: our own servers measure it themselves, Consul's are told.

static void on_coordinate(uv_timer_t *timer)
{
        struct consul_servers *servers = timer->data;
        const struct agent *agent = servers->agent;
        const struct serf *serf = members_serf(agent->members, MEMBER_LAN);
        struct catalog_coordinate update = {.node = agent->config->node_name,
                                            .segment = agent->config->gossip.segment};
        struct command command = {.type = COMMAND_COORDINATES, .coordinates = {&update, 1}};
        bool disabled = json_is_true(json_object_get(agent->config->merged, "disable_coordinates"));

        uv_timer_start(timer, on_coordinate, COORDINATE_MS + uv_hrtime() % (COORDINATE_MS / 2), 0);
        if (!servers->in_use || disabled || serf == NULL)
                return;
        update.at = *serf_coordinate(serf);
        // Another one follows: what becomes of it is not asked.
        propose_command(&servers->proposer, &command, NULL, NULL);
}

// --- What the catalog has of a node.

// A reading on its way; it ends with its call.
struct reading {
        local_catalog_fn done;
        void *arg;
        const char *datacenter;
};

static void tell_node(const struct reading *reading, const struct upstream_node *from)
{
        const struct catalog_service **services =
            calloc(from->service_count + 1, sizeof(const struct catalog_service *));
        const struct catalog_check **checks =
            calloc(from->check_count + 1, sizeof(const struct catalog_check *));
        const struct local_catalog_view view = {.node =
                                                    from->node.name != NULL ? &from->node : NULL,
                                                .services = services,
                                                .service_count = from->service_count,
                                                .checks = checks,
                                                .check_count = from->check_count};

        for (size_t i = 0; services != NULL && i < from->service_count; i++)
                services[i] = &from->services[i];
        for (size_t i = 0; checks != NULL && i < from->check_count; i++)
                checks[i] = &from->checks[i];
        if (services != NULL && checks != NULL)
                reading->done(reading->arg, 0, &view);
        else
                reading->done(reading->arg, -ENOMEM, NULL);
        free(services);
        free(checks);
}

static void on_node(void *arg, const char *error, struct pack_slice body)
{
        static const struct upstream_node nobody = {.node = {.name = NULL}};
        struct reading *reading = arg;
        struct arena arena = ARENA_INIT;
        struct upstream_dump dump;

        if (error != NULL)
                reading->done(reading->arg, -EAGAIN, NULL);
        else if (upstream_dump_get(body, reading->datacenter, &arena, &dump) < 0)
                reading->done(reading->arg, -EBADMSG, NULL);
        else
                tell_node(reading, dump.node_count > 0 ? &dump.nodes[0] : &nobody);
        arena_fini(&arena);
        free(reading);
}

static void read_node(struct local_catalog *self, const char *node, local_catalog_fn done,
                      void *arg)
{
        struct consul_servers *servers =
            (struct consul_servers *)((char *)self - offsetof(struct consul_servers, catalog));
        struct local_catalog *own = &servers->agent->local_catalog.catalog;
        struct consul_query query = CONSUL_QUERY_INIT;
        struct upstream_question question = {.method = "Internal.NodeInfo",
                                             .repeatable = true,
                                             .timeout_ms = UPSTREAM_ANSWER_MS,
                                             .done = on_node};
        struct reading *reading;

        if (!servers->in_use) {
                own->read_node(own, node, done, arg);
                return;
        }
        reading = malloc(sizeof(*reading));
        if (reading != NULL) {
                *reading = (struct reading){done, arg, upstream_datacenter(servers->upstream)};
                question.arg = reading;
                query.datacenter = reading->datacenter;
                query.node = node;
                if (upstream_query(servers->upstream, &query, &question) != NULL)
                        return;
        }
        free(reading);
        done(arg, -ENOMEM, NULL);
}

static void listen_store(struct local_catalog *self, local_catalog_change_fn fn, void *arg)
{
        struct consul_servers *servers =
            (struct consul_servers *)((char *)self - offsetof(struct consul_servers, catalog));
        struct local_catalog *own = &servers->agent->local_catalog.catalog;

        own->listen(own, fn, arg);
}

struct local_catalog *consul_servers_catalog(struct consul_servers *servers)
{
        return &servers->catalog;
}

// --- The copy.

void consul_servers_wait(struct consul_servers *servers, local_catalog_ready_fn done, void *arg)
{
        replica_wait(servers->replica, done, arg);
}

void consul_servers_state(const struct consul_servers *servers, struct follower_state *out)
{
        replica_state(servers->replica, out);
}

// --- Life.

struct consul_servers *consul_servers_create(struct agent *agent, const struct relay_options *calls,
                                             const struct follower_options *following)
{
        struct consul_servers *servers = calloc(1, sizeof(*servers));
        struct replica_options options = {.loop = following->loop,
                                          .log = following->log,
                                          .store = following->store,
                                          .node = agent->config->node_name,
                                          .arg = following->arg,
                                          .synced = following->synced,
                                          .lost = following->lost};

        if (servers == NULL)
                return NULL;
        servers->agent = agent;
        servers->proposer.propose = propose;
        servers->catalog = (struct local_catalog){.read_node = read_node, .listen = listen_store};
        servers->upstream = upstream_create(calls, agent->config->datacenter);
        options.upstream = servers->upstream;
        if (servers->upstream != NULL)
                servers->replica = replica_create(&options);
        if (servers->replica != NULL) {
                uv_timer_init(following->loop, &servers->coordinate_timer);
                servers->coordinate_timer.data = servers;
                uv_timer_start(&servers->coordinate_timer, on_coordinate, COORDINATE_MS, 0);
                consul_servers_look(servers);
                return servers;
        }
        upstream_close(servers->upstream);
        free(servers);
        return NULL;
}

static void on_closed(uv_handle_t *handle)
{
        free(handle->data);
}

void consul_servers_destroy(struct consul_servers *take_servers)
{
        if (take_servers == NULL)
                return;
        replica_destroy(take_servers->replica);
        upstream_close(take_servers->upstream);
        uv_close((uv_handle_t *)&take_servers->coordinate_timer, on_closed);
}
