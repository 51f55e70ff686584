#include <limits.h>
#include <stdio.h>

#include "control/server/raft_log.h"
#include "control/server/server_internal.h"

static void on_raft_connection(void *arg, uv_tcp_t *take_connection, const char *peer)
{
        struct server *server = arg;

        (void)peer;
        raft_node_accept(raft_log_node(server->log), take_connection);
}

static void on_forward_connection(void *arg, uv_tcp_t *take_connection, const char *peer)
{
        struct server *server = arg;

        (void)peer;
        forward_accept(server->forward, take_connection);
}

// What the server port is for.
static int make_port(struct server *server)
{
        const struct config_cluster *cluster = &server->options.config->cluster;
        struct demux_options options = {.loop = server->options.loop,
                                        .log = server->options.log,
                                        .timeout_ms = cluster->rpc_handshake_timeout_ms};
        struct consul_rpc_options calling = {.loop = server->options.loop,
                                             .log = server->options.log,
                                             .per_source_max =
                                                 cluster->rpc_max_conns_per_client > 0
                                                     ? cluster->rpc_max_conns_per_client
                                                     : UINT_MAX};
        int ret = demux_create(&options, &server->demux);

        if (ret < 0)
                return ret;
        demux_register(server->demux, DEMUX_RAFT, on_raft_connection, server);
        demux_register(server->demux, DEMUX_FORWARD, on_forward_connection, server);
        calling.demux = server->demux;
        ret = consul_rpc_create(&calling, &server->rpc);
        return ret == 0 ? server_add_status_calls(server) : ret;
}

int server_listen(struct server *server, char *error, size_t error_size)
{
        const struct config *config = server->options.config;
        struct sockaddr_storage address;
        int ret = make_port(server);

        if (ret < 0)
                return ret;
        if (config->ports.server < 0)
                return 0;
        ret =
            uv_ip4_addr(config->bind_address, config->ports.server, (struct sockaddr_in *)&address);
        if (ret < 0)
                ret = uv_ip6_addr(config->bind_address, config->ports.server,
                                  (struct sockaddr_in6 *)&address);
        if (ret == 0)
                ret = demux_listen(server->demux, (struct sockaddr *)&address);
        if (ret < 0)
                snprintf(error, error_size,
                         "Failed to start Consul server: Failed to start RPC layer: listen tcp "
                         "%s:%d: bind: %s",
                         config->bind_address, config->ports.server,
                         ret == UV_EADDRINUSE ? "address already in use" : uv_strerror(ret));
        return ret;
}
