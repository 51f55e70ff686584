#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>

#include "control/api/api_internal.h"
#include "control/member/members.h"
#include "control/server/introduction.h"
#include "control/server/server.h"
#include "lictor/version.h"

static void put_number_text(struct json_writer *w, const char *key, uint64_t value)
{
        char text[24];

        snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
        json_writer_put_string(w, key, text);
}

static void put_flag_text(struct json_writer *w, const char *key, bool value)
{
        json_writer_put_string(w, key, value ? "true" : "false");
}

static void write_config(const struct api *api, struct json_writer *w)
{
        const struct config *config = api->agent->config;

        json_writer_begin_object(w);
        json_writer_put_string(w, "Datacenter", config->datacenter);
        json_writer_put_string(w, "PrimaryDatacenter", config->primary_datacenter);
        json_writer_put_string(w, "NodeName", config->node_name);
        json_writer_put_string(w, "NodeID", api->agent->node_id);
        json_writer_put_string(w, "Revision", "");
        json_writer_put_bool(w, "Server", config->server);
        // Clients choose their features by this: the version whose API is spoken here.
        json_writer_put_string(w, "Version", LICTOR_CONSUL_API_VERSION);
        json_writer_put_string(w, "LictorVersion", LICTOR_VERSION);
        json_writer_end_object(w);
}

static void write_debug_config(const struct api *api, struct json_writer *w)
{
        const struct config *config = api->agent->config;

        json_writer_begin_object(w);
        json_writer_put_string(w, "AdvertiseAddrLAN", config->advertise_address);
        json_writer_put_string(w, "AdvertiseAddrWAN", config->advertise_address_wan);
        json_writer_put_string(w, "BindAddr", config->bind_address);
        json_writer_put_bool(w, "Bootstrap", config->bootstrap);
        json_writer_put_string(w, "DNSDomain", config->domain);
        json_writer_put_string(w, "DNSAltDomain", config->alt_domain);
        json_writer_put_string(w, "DataDir", config->data_dir);
        json_writer_put_string(w, "Datacenter", config->datacenter);
        json_writer_put_bool(w, "DevMode", config->dev_mode);
        json_writer_put_bool(w, "EnableLocalScriptChecks", config->enable_local_script_checks);
        json_writer_put_bool(w, "EnableRemoteScriptChecks", config->enable_remote_script_checks);
        json_writer_put_int(w, "DNSPort", config->ports.dns);
        json_writer_put_int(w, "HTTPPort", config->ports.http);
        json_writer_put_string(w, "NodeID", api->agent->node_id);
        json_writer_put_string(w, "NodeName", config->node_name);
        json_writer_put_int(w, "SerfPortLAN", config->ports.serf_lan);
        json_writer_put_int(w, "SerfPortWAN", config->ports.serf_wan);
        json_writer_put_bool(w, "ServerMode", config->server);
        json_writer_put_int(w, "ServerPort", config->ports.server);
        json_writer_end_object(w);
}

// The place in its datacenter's network, where it started as long as it has not measured.
static void write_coordinate(const struct api *api, struct json_writer *w)
{
        const struct serf *serf = members_serf(api->agent->members, MEMBER_LAN);
        const struct coordinate origin = COORDINATE_ORIGIN;

        api_write_coordinate(w, serf != NULL ? serf_coordinate(serf) : &origin);
}

static void begin_group(struct json_writer *w, const char *name)
{
        json_writer_key(w, name);
        json_writer_begin_object(w);
}

static void write_raft_stats(const struct server *server, struct json_writer *w)
{
        static const char *const states[] = {[RAFT_FOLLOWER] = "Follower",
                                             [RAFT_PRE_CANDIDATE] = "Candidate",
                                             [RAFT_CANDIDATE] = "Candidate",
                                             [RAFT_LEADER] = "Leader"};
        const struct raft_configuration *configuration =
            raft_node_configuration(server_raft_node(server));
        struct raft_node_status status;
        struct server_contact contact;
        unsigned voters = 0;

        raft_node_status(server_raft_node(server), &status);
        server_contact(server, &contact);
        for (unsigned i = 0; i < configuration->server_count; i++)
                voters += configuration->servers[i].voter;
        json_writer_put_string(w, "state", states[status.role]);
        put_number_text(w, "num_peers", voters - (status.is_voter && voters > 0));
        put_number_text(w, "applied_index", status.applied_index);
        put_number_text(w, "commit_index", status.commit_index);
        put_number_text(w, "last_log_index", status.last_index);
        put_number_text(w, "last_log_term", status.last_term);
        put_number_text(w, "last_snapshot_index", status.snapshot_index);
        put_number_text(w, "term", status.term);
        if (status.role == RAFT_LEADER)
                json_writer_put_string(w, "last_contact", "0");
        else if (status.last_contact_ms == UINT64_MAX)
                json_writer_put_string(w, "last_contact", "never");
        else
                put_number_text(w, "last_contact", contact.last_contact_ms);
}

static void write_cluster_stats(const struct api *api, struct json_writer *w)
{
        const struct agent *agent = api->agent;

        begin_group(w, "consul");
        json_writer_put_string(w, "acl", "disabled");
        put_flag_text(w, "bootstrap", agent->config->bootstrap);
        put_number_text(w, "known_datacenters", members_datacenters(agent->members, NULL, 0));
        put_flag_text(w, "leader", agent->server != NULL && server_leads(agent->server));
        json_writer_put_string(w, "leader_addr", agent_leader_address(agent));
        put_flag_text(w, "server", agent->config->server);
        json_writer_end_object(w);
        if (agent->server != NULL) {
                begin_group(w, "raft");
                write_raft_stats(agent->server, w);
                json_writer_end_object(w);
        }
        api_write_gossip_stats(api, w);
}

static void write_stats(const struct api *api, struct json_writer *w)
{
        size_t services, checks, ttls;
        struct utsname host = {0};

        local_counts(api->agent->local, &services, &checks, &ttls);
        uname(&host);
        json_writer_begin_object(w);
        begin_group(w, "agent");
        put_number_text(w, "check_monitors", 0);
        put_number_text(w, "check_ttls", ttls);
        put_number_text(w, "checks", checks);
        put_number_text(w, "services", services);
        json_writer_end_object(w);
        begin_group(w, "build");
        json_writer_put_string(w, "prerelease", "");
        json_writer_put_string(w, "revision", "");
        json_writer_put_string(w, "version", LICTOR_CONSUL_API_VERSION);
        json_writer_put_string(w, "lictor", LICTOR_VERSION);
        json_writer_end_object(w);
        write_cluster_stats(api, w);
        begin_group(w, "runtime");
        json_writer_put_string(w, "arch", host.machine);
        json_writer_put_string(w, "os", "linux");
        put_number_text(w, "cpu_count", (uint64_t)get_nprocs());
        json_writer_end_object(w);
        json_writer_end_object(w);
}

void api_agent_self(struct http_request *request, void *app)
{
        const struct api *api = app;
        struct json_writer w;

        json_writer_init(&w, http_request_pretty(request));
        json_writer_begin_object(&w);
        json_writer_key(&w, "Config");
        write_config(api, &w);
        json_writer_key(&w, "DebugConfig");
        write_debug_config(api, &w);
        json_writer_key(&w, "Coord");
        write_coordinate(api, &w);
        json_writer_key(&w, "Member");
        api_write_self(api, &w);
        json_writer_key(&w, "Stats");
        write_stats(api, &w);
        api_put_map(&w, "Meta", &local_node(api->agent->local)->meta, false);
        json_writer_end_object(&w);
        http_reply_json(request, 200, &w);
}

void api_agent_version(struct http_request *request, void *app)
{
        struct json_writer w;

        (void)app;
        json_writer_init(&w, http_request_pretty(request));
        json_writer_begin_object(&w);
        json_writer_put_string(&w, "SHA", "");
        json_writer_put_string(&w, "HumanVersion", LICTOR_CONSUL_API_VERSION);
        json_writer_put_string(&w, "FIPS", "");
        json_writer_put_string(&w, "LictorVersion", LICTOR_VERSION);
        json_writer_end_object(&w);
        http_reply_json(request, 200, &w);
}

void api_agent_host(struct http_request *request, void *app)
{
        struct utsname host = {0};
        struct sysinfo info = {0};
        struct json_writer w;

        (void)app;
        uname(&host);
        sysinfo(&info);
        json_writer_init(&w, http_request_pretty(request));
        json_writer_begin_object(&w);
        begin_group(&w, "Memory");
        json_writer_put_uint(&w, "total", (uint64_t)info.totalram * info.mem_unit);
        json_writer_put_uint(&w, "free", (uint64_t)info.freeram * info.mem_unit);
        json_writer_end_object(&w);
        begin_group(&w, "CPU");
        json_writer_put_int(&w, "count", get_nprocs());
        json_writer_end_object(&w);
        begin_group(&w, "Host");
        json_writer_put_string(&w, "hostname", host.nodename);
        json_writer_put_string(&w, "os", "linux");
        json_writer_put_string(&w, "kernelVersion", host.release);
        json_writer_put_string(&w, "kernelArch", host.machine);
        json_writer_put_int(&w, "uptime", info.uptime);
        json_writer_end_object(&w);
        json_writer_put_null(&w, "Disk");
        json_writer_put_int(&w, "CollectionTime", (int64_t)time(NULL) * 1000000000);
        json_writer_put_null(&w, "Errors");
        json_writer_end_object(&w);
        http_reply_json(request, 200, &w);
}

void api_agent_reload(struct http_request *request, void *app)
{
        struct api *api = app;
        char error[1024];

        if (agent_reload(api->agent, error, sizeof(error)) < 0)
                http_reply_text(request, 500, "%s", error);
        else
                http_reply_empty(request, 200);
}
