#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/server/server_internal.h"

#define POLL_MS            20u
#define TRANSFER_MAX_MS    2000u
#define REMOVAL_TIMEOUT_MS 1500u

// Leaving goes in steps: another one leads; the others are told; this one is out of the
// configuration, as far as it still hears. Each step is bounded, as leaving must end.

static unsigned voter_count(const struct server *server)
{
        const struct raft_configuration *configuration =
            raft_node_configuration(raft_log_node(server->log));
        unsigned count = 0;

        for (unsigned i = 0; i < configuration->server_count; i++)
                count += configuration->servers[i].voter;
        return count;
}

static bool is_in_configuration(const struct server *server)
{
        const struct raft_configuration *configuration =
            raft_node_configuration(raft_log_node(server->log));

        for (unsigned i = 0; i < configuration->server_count; i++) {
                if (strcmp(configuration->servers[i].node_id, server->own.node_id) == 0)
                        return true;
        }
        return false;
}

static void on_drained(uv_timer_t *timer)
{
        struct server *server = timer->data;

        server->left(server->left_arg);
}

// Who still asks this one is answered until it has learnt of others.
static void finish(struct server *server)
{
        uint64_t drain_ms = server->options.config->cluster.leave_drain_time_ms;

        uv_timer_stop(&server->leave_timer);
        uv_timer_start(&server->leave_timer, on_drained, server->alone ? 0 : drain_ms, 0);
}

static void on_poll(uv_timer_t *timer)
{
        struct server *server = timer->data;

        if (!is_in_configuration(server) || uv_now(server->options.loop) >= server->leave_until_ms)
                finish(server);
}

static void on_told(void *arg)
{
        struct server *server = arg;

        if (server->closing)
                return;
        if (server->alone) {
                finish(server);
                return;
        }
        server->leave_until_ms = uv_now(server->options.loop) + REMOVAL_TIMEOUT_MS;
        uv_timer_start(&server->leave_timer, on_poll, POLL_MS, POLL_MS);
}

static void tell_others(struct server *server)
{
        if (!server->leave_told)
                server->discovery->leave(server->discovery, on_told, server);
        server->leave_told = true;
}

static void on_transferred(void *arg, int status)
{
        struct server *server = arg;

        if (server->closing)
                return;
        if (status < 0)
                log_warn(server->options.log, "server", "cannot hand leadership over: %s",
                         strerror(-status));
        tell_others(server);
}

static void on_transfer_timeout(uv_timer_t *timer)
{
        tell_others(timer->data);
}

void server_leave(struct server *server, void (*done)(void *arg), void *arg)
{
        int ret;

        if (server->leaving)
                return;
        server->leaving = true;
        server->left = done;
        server->left_arg = arg;
        server->alone = voter_count(server) < 2;
        if (server->alone || !server->leading) {
                tell_others(server);
                return;
        }
        ret =
            raft_node_transfer(raft_log_node(server->log), RAFT_NO_SERVER, on_transferred, server);
        if (ret < 0)
                on_transferred(server, ret);
        else
                uv_timer_start(&server->leave_timer, on_transfer_timeout, TRANSFER_MAX_MS, 0);
}
