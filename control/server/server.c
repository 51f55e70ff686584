#include "control/server/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "control/server/recovery.h"
#include "control/server/server_internal.h"
#include "control/store/store.h"
#include "lictor/version.h"

#define SNAPSHOT_INTERVAL_MAX_MS 3600000u
/* What a deposed leader has answered may still be on its way. */
#define DEPOSED_ANSWER_MS  500u
#define RECOVERY_ERROR_MAX 1536u

static void on_raft_log(void *arg, enum raft_log_level level, const char *text)
{
        static const enum log_level levels[] = {
            [RAFT_LOG_DEBUG] = LOG_LEVEL_DEBUG,
            [RAFT_LOG_INFO] = LOG_LEVEL_INFO,
            [RAFT_LOG_WARN] = LOG_LEVEL_WARN,
            [RAFT_LOG_ERROR] = LOG_LEVEL_ERROR,
        };
        const struct server *server = arg;

        log_write(server->options.log, levels[level], "server.raft", "%s", text);
}

static void on_fatal(void *arg, const char *text)
{
        struct server *server = arg;

        log_error(server->options.log, "server.raft", "%s", text);
        if (server->options.failed != NULL)
                server->options.failed(server->options.arg, text);
}

static void on_leadership(void *arg, bool leading, raft_term term)
{
        struct server *server = arg;

        log_info(server->options.log, "server",
                 leading ? "cluster leadership acquired: term=%llu"
                         : "cluster leadership lost: term=%llu",
                 (unsigned long long)term);
        server->leading = leading;
        if (server->options.leadership != NULL)
                server->options.leadership(server->options.arg, leading);
        // The parts are made after the log that may call this.
        if (server->calls == NULL)
                return;
        server_refresh(server);
        duties_wake(server->duties);
        leader_calls_wake(server->calls);
}

/* A deposed leader may be cut off: what is asked of it would wait for the whole timeout. */
static void turn_from_leader(struct server *server, const struct raft_server *leader)
{
        if (server->forward != NULL && server->leader_address[0] != '\0' &&
            strcmp(server->leader_address, leader->address) != 0)
                forward_hurry(server->forward, server->leader_address, DEPOSED_ANSWER_MS);
        snprintf(server->leader_address, sizeof(server->leader_address), "%s", leader->address);
}

static void on_leader(void *arg, const struct raft_server *leader)
{
        struct server *server = arg;

        if (leader != NULL) {
                log_info(server->options.log, "server", "New leader elected: payload=%s",
                         leader->address);
                turn_from_leader(server, leader);
        }
        if (server->calls != NULL)
                leader_calls_wake(server->calls);
}

static void on_configuration(void *arg, const struct raft_configuration *configuration)
{
        struct server *server = arg;
        struct raft_node_status status;

        (void)configuration;
        if (server->log != NULL) {
                raft_node_status(raft_log_node(server->log), &status);
                server->configuration_index = status.last_index;
        }
        if (server->calls == NULL)
                return;
        server_refresh(server);
        duties_wake(server->duties);
}

static uint64_t cluster_id(void *arg)
{
        struct raft_node_status status;
        struct server *server = arg;

        raft_node_status(raft_log_node(server->log), &status);
        return status.cluster_id;
}

static void on_request(void *arg, struct forward_incoming *incoming,
                       const struct forward_head *head, const uint8_t *payload)
{
        struct server *server = arg;
        uint64_t own = cluster_id(server);

        if (server->closing)
                forward_answer(incoming, FORWARD_NOT_LEADER, NULL, 0);
        else if (head->kind == FORWARD_INTRODUCE)
                introductions_receive(server->introductions, incoming, payload, head->length);
        else if (own == 0 || head->cluster_id != own)
                forward_answer_text(incoming, FORWARD_WRONG_CLUSTER,
                                    "the server asked belongs to another cluster");
        else
                leader_calls_serve(server->calls, incoming, head, payload);
}

static void on_member(void *arg, const struct server_member *member)
{
        struct server *server = arg;

        (void)member;
        if (server->closing || server->duties == NULL)
                return;
        server_refresh(server);
        duties_wake(server->duties);
}

static void on_leave(void *arg, void (*done)(void *done_arg), void *done_arg)
{
        struct server *server = arg;

        members_leave(server->options.members, done, done_arg);
}

static void on_forget(void *arg, const char *name)
{
        struct server *server = arg;

        (void)members_force_leave(server->options.members, name, false, false);
}

static void set_own(struct server *server)
{
        const struct config *config = server->options.config;
        struct server_info *own = &server->own;

        snprintf(own->name, sizeof(own->name), "%s", config->node_name);
        snprintf(own->node_id, sizeof(own->node_id), "%s", server->options.node_id);
        snprintf(own->address, sizeof(own->address),
                 strchr(config->advertise_address, ':') != NULL ? "[%s]:%d" : "%s:%d",
                 config->advertise_address, config->ports.server);
        snprintf(own->datacenter, sizeof(own->datacenter), "%s", config->datacenter);
        snprintf(own->version, sizeof(own->version), "%s", LICTOR_CONSUL_API_VERSION);
        own->expect = (uint32_t)config->bootstrap_expect;
        own->bootstrap = config->bootstrap || config->dev_mode || config->bootstrap_expect == 1;
        own->serf_port = (uint16_t)(config->ports.serf_lan > 0 ? config->ports.serf_lan : 0);
        if (own->bootstrap)
                own->expect = 0;
        own->empty = true;
}

// The file goes when what it asks for is durable: a crash before only has it done again.
static int create_log(struct server *server, struct raft_log_options *options, char *error,
                      size_t error_size)
{
        struct raft_configuration recovered;
        char text[RECOVERY_ERROR_MAX];
        bool found = false;
        int ret = 0;

        if (options->node.dir != NULL)
                ret = recovery_read(options->node.dir, &recovered, &found, error, error_size);
        if (ret < 0)
                return ret;
        options->node.recover = found ? &recovered : NULL;
        ret = raft_log_create(&server->log, options, error, error_size);
        options->node.recover = NULL;
        if (ret < 0 && found) {
                snprintf(text, sizeof(text), "%s", error);
                snprintf(error, error_size, "%s/peers.json: %s", options->node.dir, text);
        }
        if (ret == 0 && found) {
                log_warn(server->options.log, "server",
                         "recovered the cluster by peers.json: servers=%u", recovered.server_count);
                ret = recovery_finish(options->node.dir, error, error_size);
        }
        if (ret == 0 && options->node.dir != NULL)
                recovery_explain(options->node.dir, server->options.log);
        return ret;
}

static int open_log(struct server *server, char *error, size_t error_size)
{
        const struct config *config = server->options.config;
        const struct config_cluster *cluster = &config->cluster;
        struct raft_log_options options = {
            .store = server->options.store,
            .fsm = server->options.fsm,
            .log = server->options.log,
        };
        char dir[4096];
        uint64_t interval_ms = cluster->raft_snapshot_interval_ms;

        raft_node_options_init(&options.node, cluster->raft_multiplier);
        options.node.loop = server->options.loop;
        snprintf(dir, sizeof(dir), "%s/raft", config->data_dir);
        options.node.dir = config->dev_mode || config->data_dir[0] == '\0' ? NULL : dir;
        options.node.node_id = server->options.node_id;
        options.node.address = server->own.address;
        if (getrandom(&options.node.seed, sizeof(options.node.seed), 0) < 0)
                options.node.seed = uv_hrtime();
        if (interval_ms > 0)
                options.node.snapshot_interval_ms =
                    (uint32_t)(interval_ms < SNAPSHOT_INTERVAL_MAX_MS ? interval_ms
                                                                      : SNAPSHOT_INTERVAL_MAX_MS);
        options.node.snapshot_threshold = cluster->raft_snapshot_threshold;
        options.node.trailing_logs = cluster->raft_trailing_logs;
        options.node.events = (struct raft_node_events){
            .arg = server,
            .leadership = on_leadership,
            .leader = on_leader,
            .configuration = on_configuration,
            .fatal = on_fatal,
            .log = on_raft_log,
        };
        return create_log(server, &options, error, error_size);
}

static int make_parts(struct server *server)
{
        const struct server_options *options = &server->options;
        const struct config_cluster *cluster = &options->config->cluster;
        const struct forward_options forwarding = {
            .loop = options->loop,
            .log = options->log,
            .arg = server,
            .cluster_id = cluster_id,
            .handle = on_request,
        };
        struct leader_calls_options calling = {
            .loop = options->loop,
            .log = options->log,
            .raft_log = server->log,
            .hold_ms = cluster->rpc_hold_timeout_ms,
            .arg = server,
            .operate = duties_operate,
        };
        struct introductions_options introducing = {
            .loop = options->loop,
            .log = options->log,
            .own = server->own,
            .arg = server,
            .event = on_member,
            .leave = on_leave,
            .forget = on_forget,
            .founders = server_founders,
            .offered = server_take_offer,
        };

        server->forward = forward_create(&forwarding);
        if (server->forward == NULL)
                return -ENOMEM;
        calling.forward = introducing.forward = server->forward;
        server->calls = leader_calls_create(&calling);
        server->introductions = introductions_create(&introducing);
        if (server->calls == NULL || server->introductions == NULL)
                return -ENOMEM;
        server->discovery = introductions_discovery(server->introductions);
        server->duties = duties_create(server);
        return server->duties != NULL ? 0 : -ENOMEM;
}

int server_create(struct server **out, const struct server_options *options, char *error,
                  size_t error_size)
{
        struct server *server = calloc(1, sizeof(*server));
        struct raft_node_status status;
        struct founder self;
        int ret;

        snprintf(error, error_size, "out of memory");
        if (server == NULL)
                return -ENOMEM;
        server->options = *options;
        set_own(server);
        uv_timer_init(options->loop, &server->leave_timer);
        server->leave_timer.data = server;
        ret = open_log(server, error, error_size);
        if (ret == 0)
                ret = make_parts(server);
        if (ret == 0)
                ret = server_listen(server, error, error_size);
        if (ret < 0) {
                server_close(server, NULL, NULL);
                return ret;
        }
        raft_node_status(raft_log_node(server->log), &status);
        if (status.empty && server->own.bootstrap) {
                memcpy(self.node_id, server->own.node_id, sizeof(self.node_id));
                memcpy(self.address, server->own.address, sizeof(self.address));
                server_bootstrap(server, &self, 1);
        }
        server_refresh(server);
        *out = server;
        return 0;
}

static void part_closed(void *arg)
{
        struct server *server = arg;

        if (--server->parts_open > 0)
                return;
        if (server->closed != NULL)
                server->closed(server->closed_arg);
        free(server);
}

static void log_closed(void *arg)
{
        part_closed(arg);
}

static void timer_closed(uv_handle_t *handle)
{
        part_closed(handle->data);
}

// The log goes last: what the others hold back is failed by then, and nothing asks it any more.
void server_close(struct server *take_server, void (*closed)(void *arg), void *arg)
{
        struct server *server = take_server;

        server->closing = true;
        server->closed = closed;
        server->closed_arg = arg;
        server->parts_open = 1;
        uv_close((uv_handle_t *)&server->leave_timer, timer_closed);
        if (server->duties != NULL && ++server->parts_open)
                duties_close(server->duties, part_closed, server);
        if (server->rpc != NULL && ++server->parts_open)
                consul_rpc_close(server->rpc, part_closed, server);
        if (server->demux != NULL && ++server->parts_open)
                demux_close(server->demux, part_closed, server);
        if (server->introductions != NULL && ++server->parts_open)
                introductions_close(server->introductions, part_closed, server);
        if (server->calls != NULL && ++server->parts_open)
                leader_calls_close(server->calls, part_closed, server);
        if (server->forward != NULL && ++server->parts_open)
                forward_close(server->forward, part_closed, server);
        if (server->log != NULL && ++server->parts_open)
                raft_log_close(server->log, log_closed, server);
}

struct log_proposer *server_proposer(struct server *server)
{
        return leader_calls_proposer(server->calls);
}

void server_operate(struct server *server, const struct operator_request *request,
                    operator_done_fn done, void *arg)
{
        leader_calls_operate(server->calls, request, done, arg);
}

void server_contact(const struct server *server, struct server_contact *out)
{
        struct raft_node_status status;

        raft_node_status(raft_log_node(server->log), &status);
        out->known_leader = status.has_leader;
        out->last_contact_ms = status.role == RAFT_LEADER             ? 0
                               : status.last_contact_ms == UINT64_MAX ? 0
                                                                      : status.last_contact_ms;
}

const char *server_leader_address(const struct server *server)
{
        struct server *self = (struct server *)server;

        raft_node_status(raft_log_node(server->log), &self->status);
        return self->status.has_leader ? self->status.leader.address : "";
}

bool server_leads(const struct server *server)
{
        return server->leading;
}

bool server_is_registered(const struct server *server)
{
        return store_check_get(server->options.store, server->own.name, "serfHealth") != NULL;
}

uint64_t server_configuration_index(const struct server *server)
{
        return server->configuration_index;
}

struct raft_node *server_raft_node(const struct server *server)
{
        return raft_log_node(server->log);
}

const struct server_member *server_members(const struct server *server, size_t *count)
{
        return server->discovery->members(server->discovery, count);
}

const char *server_name_of(const struct server *server, const char *node_id)
{
        const struct node_record *node = store_node_get_by_id(server->options.store, node_id);
        const struct server_member *members;
        size_t count;

        members = server_members(server, &count);
        for (size_t i = 0; i < count; i++) {
                if (strcmp(members[i].info.node_id, node_id) == 0)
                        return members[i].info.name;
        }
        return node != NULL ? node->node.name : NULL;
}

struct consul_rpc *server_rpc(const struct server *server)
{
        return server->rpc;
}

struct demux *server_demux(const struct server *server)
{
        return server->demux;
}
