#include "control/agent/agent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control/agent/agent_internal.h"
#include "control/agent/consul_servers.h"
#include "control/agent/data_dir.h"
#include "control/agent/datacenters.h"
#include "control/agent/dns_freshness.h"
#include "control/agent/drop_report.h"
#include "control/agent/local.h"
#include "control/agent/loop_meter.h"
#include "control/agent/metrics.h"
#include "control/agent/remote.h"
#include "control/agent/remote_query.h"
#include "control/agent/wan_names.h"
#include "control/api/api.h"
#include "control/consul/service.h"
#include "control/dns/dns_tcp.h"
#include "control/dns/resolver.h"
#include "control/dns/shared_failover.h"
#include "control/dns/slow.h"
#include "control/event/events.h"
#include "control/leader/leader.h"
#include "control/member/members.h"
#include "control/publisher/publisher.h"
#include "control/server/server.h"
#include "control/store/store.h"
#include "lictor/bytes.h"
#include "raft/node/short_slice.h"

#define REPORT_INTERVAL_MS 5000u

int agent_prepare(struct agent *agent, const struct agent_options *options, char *error,
                  size_t error_size)
{
        struct config *config = options->config;
        int ret;

        *agent = (struct agent){.input = options->input,
                                .config = config,
                                .log = options->log,
                                .data_dir_lock = -1,
                                .exit_status = 1};
        ret = data_dir_open(config->data_dir, &agent->data_dir_lock, error, error_size);
        if (ret == 0)
                ret = data_dir_node_id(config->data_dir, config->node_id, agent->node_id, error,
                                       error_size);
        if (ret < 0) {
                if (agent->data_dir_lock >= 0)
                        close(agent->data_dir_lock);
                config_destroy(config);
                return ret;
        }
        return 0;
}

static void on_leadership(void *arg, bool leading)
{
        struct agent *agent = arg;

        if (agent->leader != NULL)
                leader_set(agent->leader, leading);
}

static void on_renew_session(void *arg, const char *id)
{
        struct agent *agent = arg;

        if (agent->leader != NULL)
                leader_renew_session(agent->leader, id);
}

// A client has no log of its own: servers are told what is to change.
static int start_log(struct agent *agent, char *error, size_t error_size)
{
        const struct server_options options = {
            .loop = &agent->loop,
            .log = agent->log,
            .config = agent->config,
            .store = agent->store,
            .fsm = agent->fsm,
            .members = agent->members,
            .node_id = agent->node_id,
            .arg = agent,
            .leadership = on_leadership,
            .renew_session = on_renew_session,
            .failed = agent_on_failed,
        };
        int ret;

        snprintf(error, error_size, "out of memory");
        ret = remote_start(agent);
        if (ret < 0)
                return ret;
        if (!agent->config->server) {
                agent->proposer = consul_servers_proposer(agent->consul_servers);
                return 0;
        }
        ret = server_create(&agent->server, &options, error, error_size);
        if (ret == 0)
                agent->proposer = server_proposer(agent->server);
        return ret;
}

static int start_local(struct agent *agent, char *error, size_t error_size)
{
        const struct local_options options = {
            .loop = &agent->loop,
            .proposer = agent->proposer,
            .log = agent->log,
            .node_id = agent->node_id,
            .catalog = agent->consul_servers != NULL ? consul_servers_catalog(agent->consul_servers)
                                                     : &agent->local_catalog.catalog,
        };
        int ret;

        local_store_catalog_init(&agent->local_catalog, agent->store, remote_wait, agent);
        ret = local_create(&agent->local, &options);
        if (ret < 0) {
                snprintf(error, error_size, "cannot set up the local state: %s", strerror(-ret));
                return ret;
        }
        return local_configure(agent->local, agent->config, error, error_size);
}

static int start_leader(struct agent *agent, char *error, size_t error_size)
{
        const struct leader_options options = {.loop = &agent->loop,
                                               .store = agent->store,
                                               .proposer = agent->proposer,
                                               .log = agent->log};
        int ret;

        if (agent->server == NULL)
                return 0;
        ret = leader_create(&agent->leader, &options);
        if (ret < 0) {
                snprintf(error, error_size, "cannot set up the leader's timers: %s",
                         strerror(-ret));
                return ret;
        }
        leader_set(agent->leader, server_leads(agent->server));
        return 0;
}

static int start_events(struct agent *agent, char *error, size_t error_size)
{
        (void)error;
        (void)error_size;
        agent->events = events_create(agent->config->node_name, agent->local);
        events_set_carrier(agent->events, agent_carry_event, agent);
        return 0;
}

static int watch_loop(struct agent *agent, char *error, size_t error_size)
{
        int ret = loop_meter_create(&agent->loop_meter, &agent->loop);

        if (ret < 0)
                snprintf(error, error_size, "cannot watch the event loop: %s", uv_strerror(ret));
        return ret;
}

// How long the start took is no figure of the service.
static int measure_turns(struct agent *agent, char *error, size_t error_size)
{
        (void)error;
        (void)error_size;
        loop_meter_start(agent->loop_meter);
        return 0;
}

static void log_addresses(const struct agent *agent, const struct config_listen *listen,
                          const char *message, const char *network)
{
        char text[CONFIG_ADDRESS_TEXT_MAX];

        for (size_t i = 0; i < listen->count; i++)
                log_info(agent->log, "agent", "%s: address=%s network=%s", message,
                         config_address_text(&listen->addresses[i], text), network);
}

void agent_recursor_settings(const struct config *config, struct recursor_config *out)
{
        *out = (struct recursor_config){.servers = config->recursors,
                                        .server_count = config->recursor_count,
                                        .timeout_ms = config->recursor_timeout_ms,
                                        .random_order = config->recursor_random};
}

static int start_resolver(struct agent *agent, char *error, size_t error_size)
{
        struct dns_resolver_config settings = {.dataplane = agent->dataplane,
                                               .publisher = agent->publisher};
        struct dns_failover failover;
        int ret;

        agent_recursor_settings(agent->config, &settings.recursors);
        remote_dns(agent, &settings.elsewhere);
        remote_query_dns(agent, &failover);
        ret = shared_failover_create(&agent->loop, &failover, &agent->shared_failover);
        if (ret == 0) {
                shared_failover_set_age(agent->shared_failover, agent->config->dns.cache_age_ms);
                settings.failover = shared_failover_front(agent->shared_failover);
        }
        settings.renewal = (struct dns_renewal){agent, remote_wait};
        agent->dns_freshness = dns_freshness_start(agent);
        agent->datacenters = datacenters_start(agent);
        if (agent->dns_freshness == NULL || agent->datacenters == NULL)
                ret = -ENOMEM;
        if (ret == 0)
                ret = dns_resolver_start(&agent->loop, &settings, &agent->dns_resolver);
        if (ret < 0)
                snprintf(error, error_size, "Failed to start DNS: %s", strerror(-ret));
        return ret;
}

static int start_dns(struct agent *agent, char *error, size_t error_size)
{
        const struct dns_tcp_config settings = {
            .addresses = agent->config->dns_listen.addresses,
            .address_count = agent->config->dns_listen.count,
            .resolver = agent->dns_resolver,
        };
        char reason[900] = "";
        const char *driver;
        int ret;

        ret = dns_tcp_start(&agent->loop, agent->dataplane, &settings, &agent->dns_tcp, reason,
                            sizeof(reason));
        if (ret < 0) {
                snprintf(error, error_size, "Failed to start DNS: %s", reason);
                return ret;
        }
        ret = runtime_start(&agent->config->dataplane, agent->dataplane, &agent->runtime, reason,
                            sizeof(reason));
        if (ret < 0) {
                snprintf(error, error_size, "Failed to start the data plane: %s", reason);
                return ret;
        }
        ret = dns_slow_start(&agent->loop, agent->runtime, agent->dataplane, agent->dns_resolver,
                             &agent->dns_slow);
        if (ret < 0)
                snprintf(error, error_size, "cannot watch the slow path: %s", strerror(-ret));
        for (size_t i = 0; (driver = runtime_port_driver(agent->runtime, i)) != NULL; i++)
                log_info(agent->log, "agent", "Serving port: device=%s driver=%s",
                         agent->config->dataplane.ports[i].device, driver);
        log_addresses(agent, &agent->config->dns_listen, "Started DNS server", "udp");
        log_addresses(agent, &agent->config->dns_listen, "Started DNS server", "tcp");
        return ret;
}

static int start_api(struct agent *agent, char *error, size_t error_size)
{
        char reason[512] = "";
        int ret = api_create(&agent->api, agent, reason, sizeof(reason));

        if (ret < 0) {
                snprintf(error, error_size, "Failed to start HTTP: %s", reason);
                return ret;
        }
        log_addresses(agent, &agent->config->http_listen, "Started HTTP server", "tcp");
        snprintf(error, error_size, "out of memory");
        ret = remote_serve(agent);
        return ret == 0 && agent->server != NULL ? consul_service_create(agent, &agent->consul)
                                                 : ret;
}

static void on_signal(uv_signal_t *handle, int number)
{
        struct agent *agent = handle->data;
        const struct config *config = agent->config;
        bool leave =
            number == SIGTERM ? config->leave_on_terminate : !config->skip_leave_on_interrupt;
        char error[1024];

        if (number == SIGUSR1) {
                metrics_dump(agent, stderr);
                return;
        }
        log_info(agent->log, "agent", "Caught: signal=%s",
                 number == SIGHUP    ? "hangup"
                 : number == SIGTERM ? "terminated"
                                     : "interrupt");
        if (number == SIGHUP) {
                if (agent_reload(agent, error, sizeof(error)) < 0)
                        log_error(agent->log, "agent", "Failed to reload: error=\"%s\"", error);
                return;
        }
        if (leave) {
                log_info(agent->log, "agent", "Gracefully shutting down agent...");
                (void)agent_leave(agent, NULL, NULL);
        } else {
                agent_shutdown(agent, 1);
        }
}

static void on_report(uv_timer_t *timer)
{
        struct agent *agent = timer->data;

        drop_report_run(agent->drop_report, agent->runtime, agent->log, uv_now(&agent->loop));
}

static int start_handles(struct agent *agent, char *error, size_t error_size)
{
        static const int numbers[] = {SIGHUP, SIGTERM, SIGINT, SIGUSR1};

        snprintf(error, error_size, "out of memory");
        agent->drop_report = drop_report_create();
        if (agent->drop_report == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
                uv_signal_init(&agent->loop, &agent->signals[i]);
                agent->signals[i].data = agent;
        }
        uv_timer_init(&agent->loop, &agent->report_timer);
        uv_timer_init(&agent->loop, &agent->end_timer);
        uv_timer_init(&agent->loop, &agent->catch_up_timer);
        agent->report_timer.data = agent->end_timer.data = agent->catch_up_timer.data = agent;
        agent->handles_open = true;
        for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
                if (uv_signal_start(&agent->signals[i], on_signal, numbers[i]) < 0)
                        return -EIO;
        }
        return uv_timer_start(&agent->report_timer, on_report, REPORT_INTERVAL_MS,
                              REPORT_INTERVAL_MS);
}

static int check_settings(struct agent *agent, char *error, size_t error_size)
{
        return config_check_start(agent->config, error, error_size);
}

static int write_pid_file(struct agent *agent, char *error, size_t error_size)
{
        const char *path = agent->config->pid_file;
        FILE *file;
        int ret = 0;

        if (*path == '\0')
                return 0;
        file = fopen(path, "we");
        if (file != NULL) {
                agent->pid_file_written = true;
                fprintf(file, "%d", getpid());
                if (fclose(file) == 0)
                        return 0;
        }
        ret = errno != 0 ? -errno : -EIO;
        snprintf(error, error_size, "could not write pid_file %s: %s", path,
                 ret == -ENOENT ? "no such file or directory" : strerror(-ret));
        return ret;
}

// In the order they depend on each other; agent_stop goes the other way. DNS comes before HTTP, so
// that whoever sees the API answer may ask both.
int agent_start(struct agent *agent, char *error, size_t error_size)
{
        static int (*const parts[])(struct agent *, char *, size_t) = {
            check_settings,
            write_pid_file,
            agent_start_registry,
            agent_start_publisher,
            start_handles,
            watch_loop,
            agent_start_members,
            start_log,
            start_leader,
            start_local,
            start_events,
            agent_await_registry,
            agent_publish,
            start_resolver,
            start_dns,
            start_api,
            agent_start_own,
            measure_turns,
        };
        int ret = uv_loop_init(&agent->loop);

        if (ret < 0) {
                snprintf(error, error_size, "cannot start the event loop: %s", uv_strerror(ret));
                return ret;
        }
        signal(SIGPIPE, SIG_IGN);
        agent->loop_open = true;
        agent->start_ms = uv_now(&agent->loop);
        agent->start_unix_s = time(NULL);
        // The control thread reads the table only while it answers, and is offline otherwise.
        lictor_reader_register();
        lictor_reader_offline();
        for (size_t i = 0; ret == 0 && i < ARRAY_LEN(parts); i++)
                ret = parts[i](agent, error, error_size);
        if (ret < 0)
                return ret;
        log_info(agent->log, "agent", "Started agent: node=%s datacenter=%s",
                 agent->config->node_name, agent->config->datacenter);
        return 0;
}

int agent_run(struct agent *agent)
{
        log_info(agent->log, "agent", "Lictor agent running!");
        raft_short_slice();
        if (!agent->stopping)
                uv_run(&agent->loop, UV_RUN_DEFAULT);
        return agent->exit_status;
}

void agent_shutdown(struct agent *agent, int exit_status)
{
        agent->exit_status = exit_status;
        agent->stopping = true;
        uv_stop(&agent->loop);
}

static void stop_handles(struct agent *agent)
{
        if (!agent->handles_open)
                return;
        for (size_t i = 0; i < ARRAY_LEN(agent->signals); i++)
                uv_close((uv_handle_t *)&agent->signals[i], NULL);
        uv_close((uv_handle_t *)&agent->report_timer, NULL);
        uv_close((uv_handle_t *)&agent->end_timer, NULL);
        uv_close((uv_handle_t *)&agent->catch_up_timer, NULL);
}

// What closes handles gives its memory back in the loop's last turns, so those come before the
// parts below are freed.
static void close_loop(struct agent *agent)
{
        if (!agent->loop_open)
                return;
        uv_run(&agent->loop, UV_RUN_DEFAULT);
        uv_loop_close(&agent->loop);
        lictor_reader_unregister();
}

void agent_stop(struct agent *agent)
{
        agent_stop_own(agent);
        consul_service_destroy(agent->consul);
        remote_serve_stop(agent->serving);
        wan_names_destroy(agent->wan_names);
        agent->wan_names = NULL;
        if (agent->api != NULL)
                api_destroy(agent->api);
        dns_freshness_stop(agent->dns_freshness);
        agent->dns_freshness = NULL;
        dns_resolver_stop(agent->dns_resolver);
        dns_slow_stop(agent->dns_slow);
        if (agent->runtime != NULL)
                runtime_stop(agent->runtime);
        dns_tcp_stop(agent->dns_tcp);
        shared_failover_destroy(agent->shared_failover);
        agent->shared_failover = NULL;
        events_destroy(agent->events);
        local_destroy(agent->local);
        if (agent->leader != NULL)
                leader_destroy(agent->leader);
        agent->leader = NULL;
        datacenters_stop(agent->datacenters);
        remote_stop(agent);
        if (agent->server != NULL)
                server_close(agent->server, NULL, NULL);
        members_destroy(agent->members);
        stop_handles(agent);
        loop_meter_destroy(agent->loop_meter);
        agent->loop_meter = NULL;
        close_loop(agent);
        datacenters_free(agent->datacenters);
        agent->datacenters = NULL;
        if (agent->publisher != NULL)
                publisher_destroy(agent->publisher);
        if (agent->dataplane != NULL)
                lictor_dataplane_destroy(agent->dataplane);
        if (agent->fsm != NULL)
                fsm_destroy(agent->fsm);
        if (agent->store != NULL)
                store_destroy(agent->store);
        free(agent->drop_report);
        if (agent->pid_file_written)
                unlink(agent->config->pid_file);
        if (agent->data_dir_lock >= 0)
                close(agent->data_dir_lock);
        log_info(agent->log, "agent", "Exit code: code=%d", agent->exit_status);
        config_destroy(agent->config);
}
