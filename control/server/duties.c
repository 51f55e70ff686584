#include "control/server/duties.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TICK_MS              250u
#define COORDINATES_AFTER_MS 5000u /* whoever begins to lead has measured nothing yet */

static int64_t now_ms(void)
{
        return (int64_t)(uv_hrtime() / 1000000u);
}

static int64_t now_unix_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void duties_release(struct duties *duties)
{
        if (--duties->reference_count > 0)
                return;
        if (duties->closed != NULL)
                duties->closed(duties->closed_arg);
        free(duties);
}

static const struct server_member *find_member(const struct server *server, const char *node_id)
{
        const struct server_member *members;
        size_t count;

        members = server_members(server, &count);
        for (size_t i = 0; i < count; i++) {
                if (strcmp(members[i].info.node_id, node_id) == 0)
                        return &members[i];
        }
        return NULL;
}

void duties_judge(struct duties *duties)
{
        const struct config_cluster *cluster = &duties->server->options.config->cluster;
        struct raft_node *node = raft_log_node(duties->server->log);
        struct autopilot_sight sights[RAFT_SERVER_MAX];
        struct raft_node_peer peers[RAFT_SERVER_MAX];
        struct raft_node_options timing = {0};
        struct raft_node_status status;
        struct autopilot_config config;
        unsigned count = raft_node_peers(node, peers);

        raft_node_status(node, &status);
        raft_node_options_init(&timing, cluster->raft_multiplier);
        server_autopilot_config(duties->server, &config);
        for (unsigned i = 0; i < count; i++) {
                const struct server_member *member =
                    find_member(duties->server, peers[i].server.node_id);
                struct autopilot_sight *sight = &sights[i];

                *sight = (struct autopilot_sight){
                    .life = member != NULL ? member->life : SERVER_FAILED,
                    .known = member != NULL,
                    .voter = peers[i].server.voter,
                    .leader = peers[i].leader,
                    .caught_up = peers[i].caught_up,
                    .last_contact_ms = peers[i].leader ? 0 : peers[i].last_contact_ms,
                    .last_index = peers[i].match_index,
                };
                snprintf(sight->node_id, sizeof(sight->node_id), "%s", peers[i].server.node_id);
        }
        if (duties->autopilot.since_ms == 0)
                duties->autopilot.unix_offset_ms = now_unix_ms() - now_ms();
        autopilot_judge(&duties->autopilot, &config, sights, count, status.last_index,
                        timing.heartbeat_ms, now_ms());
}

static void on_changed(void *arg, int status)
{
        struct duties *duties = arg;

        if (status < 0)
                log_warn(duties->server->options.log, "server",
                         "a membership change did not come about: %s", strerror(-status));
        duties->change_pending = false;
        duties_wake(duties);
        duties_release(duties);
}

// Only one change at a time: true when one is on its way now.
static bool begin_change(struct duties *duties, int ret, const char *what, const char *name)
{
        if (ret == 0) {
                log_info(duties->server->options.log, "server", "%s: server=%s", what, name);
                duties->change_pending = true;
                duties->reference_count++;
                return true;
        }
        if (ret != -EBUSY && ret != -EPERM && ret != -EAGAIN)
                log_warn(duties->server->options.log, "server", "%s: server=%s error=\"%s\"", what,
                         name, strerror(-ret));
        return ret == -EBUSY;
}

static const struct raft_server *find_peer(const struct raft_configuration *configuration,
                                           const char *node_id)
{
        for (unsigned i = 0; i < configuration->server_count; i++) {
                if (strcmp(configuration->servers[i].node_id, node_id) == 0)
                        return &configuration->servers[i];
        }
        return NULL;
}

// Take in who appeared, follow who moved, let go who left.
static bool change_membership(struct duties *duties)
{
        struct raft_node *node = raft_log_node(duties->server->log);
        const struct raft_configuration *configuration = raft_node_configuration(node);
        const struct server_member *members;
        size_t count;

        members = server_members(duties->server, &count);
        for (size_t i = 1; i < count; i++) {
                const struct server_info *info = &members[i].info;
                const struct raft_server *peer = find_peer(configuration, info->node_id);
                bool moved = peer != NULL && strcmp(peer->address, info->address) != 0;

                if (members[i].life == SERVER_ALIVE && (peer == NULL || moved)) {
                        if (begin_change(duties,
                                         raft_node_put_server(node, info->node_id, info->address,
                                                              peer != NULL && peer->voter,
                                                              on_changed, duties),
                                         peer == NULL ? "adding a server without a vote"
                                                      : "a server has a new address",
                                         info->name))
                                return true;
                } else if (members[i].life == SERVER_LEFT && peer != NULL) {
                        if (begin_change(duties,
                                         raft_node_remove(node, peer->id, on_changed, duties),
                                         "removing a server that left", info->name))
                                return true;
                }
        }
        return false;
}

static void fly(struct duties *duties)
{
        struct raft_node *node = raft_log_node(duties->server->log);
        const struct autopilot_server *server;
        struct autopilot_config config;
        const char *name;

        server_autopilot_config(duties->server, &config);
        server = autopilot_promotion(&duties->autopilot, &config, now_ms());
        if (server != NULL) {
                name = server_name_of(duties->server, server->sight.node_id);
                if (begin_change(duties,
                                 raft_node_promote(node, raft_server_id_of(server->sight.node_id),
                                                   on_changed, duties),
                                 "promoting a server to voter", name != NULL ? name : ""))
                        return;
        }
        server = autopilot_removal(&duties->autopilot, &config, now_ms());
        if (server != NULL) {
                name = server_name_of(duties->server, server->sight.node_id);
                if (begin_change(duties,
                                 raft_node_remove(node, raft_server_id_of(server->sight.node_id),
                                                  on_changed, duties),
                                 "removing a failed server", name != NULL ? name : ""))
                        duties->server->discovery->forget(duties->server->discovery,
                                                          server->sight.node_id);
        }
}

static void on_tick(uv_timer_t *timer)
{
        struct duties *duties = timer->data;
        struct server *server = duties->server;

        if (!server->leading || server->closing || server->leaving) {
                if (duties->was_leading && !server->leading)
                        autopilot_reset(&duties->autopilot);
                duties->was_leading = server->leading;
                return;
        }
        if (!duties->was_leading) {
                duties->leading_since_ms = uv_now(server->options.loop);
                duties->reconcile_due = true;
                duties->coordinate_next_ms = duties->leading_since_ms + COORDINATES_AFTER_MS;
        }
        duties->was_leading = true;
        duties_settle_autopilot(duties);
        duties_judge(duties);
        duties_reconcile(duties);
        duties_tell_coordinates(duties);
        if (!duties->change_pending && !change_membership(duties))
                fly(duties);
}

static void on_closed(uv_handle_t *handle)
{
        duties_release(handle->data);
}

struct duties *duties_create(struct server *server)
{
        struct duties *duties = calloc(1, sizeof(*duties));

        if (duties == NULL)
                return NULL;
        duties->server = server;
        duties->reference_count = 1;
        uv_timer_init(server->options.loop, &duties->timer);
        duties->timer.data = duties;
        uv_timer_start(&duties->timer, on_tick, TICK_MS, TICK_MS);
        return duties;
}

void duties_close(struct duties *take_duties, void (*closed)(void *arg), void *arg)
{
        take_duties->closing = true;
        take_duties->closed = closed;
        take_duties->closed_arg = arg;
        uv_close((uv_handle_t *)&take_duties->timer, on_closed);
}

void duties_wake(struct duties *duties)
{
        if (!duties->closing)
                uv_timer_start(&duties->timer, on_tick, 0, TICK_MS);
}
