#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>

#include "control/api/api_internal.h"
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

static void write_coordinate(struct json_writer *w)
{
        json_writer_begin_object(w);
        json_writer_key(w, "Vec");
        json_writer_begin_array(w);
        for (unsigned i = 0; i < 8; i++)
                json_writer_int(w, 0);
        json_writer_end_array(w);
        json_writer_key(w, "Error");
        json_writer_double(w, 1.5);
        json_writer_put_int(w, "Adjustment", 0);
        json_writer_key(w, "Height");
        json_writer_double(w, 1e-05);
        json_writer_end_object(w);
}

static void put_protocols(struct json_writer *w)
{
        static const struct {
                const char *key;
                int value;
        } protocols[] = {{"ProtocolMin", 1}, {"ProtocolMax", 5}, {"ProtocolCur", 2},
                         {"DelegateMin", 2}, {"DelegateMax", 5}, {"DelegateCur", 4}};

        for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
                json_writer_put_int(w, protocols[i].key, protocols[i].value);
}

/* A member as listings show it. */
struct member {
        const char *name, *address, *node_id, *version;
        int port, server_port;
        unsigned expect;
        bool bootstrap, server;
        int status; // Serf's numbers: 1 alive, 3 left, 4 failed
};

static void write_member(const struct api *api, struct json_writer *w, const struct member *member,
                         bool wan)
{
        const struct config *config = api->agent->config;
        char name[600];

        snprintf(name, sizeof(name), wan ? "%.255s.%.255s" : "%.255s", member->name,
                 config->datacenter);
        json_writer_begin_object(w);
        json_writer_put_string(w, "Name", name);
        json_writer_put_string(w, "Addr", member->address);
        json_writer_put_int(w, "Port", member->port);
        json_writer_key(w, "Tags");
        json_writer_begin_object(w);
        json_writer_put_string(w, "acls", "0");
        if (member->bootstrap)
                json_writer_put_string(w, "bootstrap", "1");
        json_writer_put_string(w, "build", member->version);
        json_writer_put_string(w, "dc", config->datacenter);
        if (member->expect > 0)
                put_number_text(w, "expect", member->expect);
        json_writer_put_string(w, "id", member->node_id);
        json_writer_put_string(w, "lictor", LICTOR_VERSION);
        put_number_text(w, "port", (uint64_t)member->server_port);
        json_writer_put_string(w, "role", member->server ? "consul" : "node");
        put_number_text(w, "wan_join_port", (uint64_t)config->ports.serf_wan);
        json_writer_put_string(w, "vsn", "2");
        json_writer_end_object(w);
        json_writer_put_int(w, "Status", member->status);
        put_protocols(w);
        json_writer_end_object(w);
}

void api_write_member(const struct api *api, struct json_writer *w, bool wan)
{
        const struct config *config = api->agent->config;
        const struct member own = {
            .name = config->node_name,
            .address = wan ? config->advertise_address_wan : config->advertise_address,
            .node_id = api->agent->node_id,
            .version = LICTOR_CONSUL_API_VERSION ":",
            .port = wan ? config->ports.serf_wan : config->ports.serf_lan,
            .server_port = config->ports.server,
            .expect = config->bootstrap_expect > 1 ? (unsigned)config->bootstrap_expect : 0,
            .bootstrap = config->bootstrap,
            .server = config->server,
            .status = 1,
        };

        write_member(api, w, &own, wan);
}

// The other servers, as far as they have been met.
static void write_others(const struct api *api, struct json_writer *w)
{
        static const int statuses[] = {[SERVER_ALIVE] = 1, [SERVER_LEFT] = 3, [SERVER_FAILED] = 4};
        const struct server_member *members;
        size_t count = 0;

        if (api->agent->server == NULL)
                return;
        members = server_members(api->agent->server, &count);
        for (size_t i = 1; i < count; i++) {
                const struct server_info *info = &members[i].info;
                char host[SERVER_ADDRESS_MAX] = "", version[40];
                struct member member = {
                    .name = info->name,
                    .address = host,
                    .node_id = info->node_id,
                    .version = version,
                    .port = info->serf_port,
                    .server_port = server_address_split(info->address, host),
                    .expect = info->expect,
                    .bootstrap = info->bootstrap,
                    .server = true,
                    .status = statuses[members[i].life],
                };

                snprintf(version, sizeof(version), "%s:", info->version);
                write_member(api, w, &member, false);
        }
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
        const struct server_member *members = NULL;
        size_t count = 1, lives[3] = {1};

        begin_group(w, "consul");
        json_writer_put_string(w, "acl", "disabled");
        put_flag_text(w, "bootstrap", agent->config->bootstrap);
        put_number_text(w, "known_datacenters", 1);
        put_flag_text(w, "leader", agent->server != NULL && server_leads(agent->server));
        json_writer_put_string(w, "leader_addr", agent_leader_address(agent));
        put_flag_text(w, "server", agent->config->server);
        json_writer_end_object(w);
        if (agent->server != NULL) {
                begin_group(w, "raft");
                write_raft_stats(agent->server, w);
                json_writer_end_object(w);
                members = server_members(agent->server, &count);
        }
        for (size_t i = 1; members != NULL && i < count; i++)
                lives[members[i].life]++;
        begin_group(w, "serf_lan");
        put_number_text(w, "members", count);
        put_number_text(w, "failed", lives[SERVER_FAILED]);
        put_number_text(w, "left", lives[SERVER_LEFT]);
        json_writer_end_object(w);
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
        write_coordinate(&w);
        json_writer_key(&w, "Member");
        api_write_member(api, &w, false);
        json_writer_key(&w, "Stats");
        write_stats(api, &w);
        api_put_map(&w, "Meta", &local_node(api->agent->local)->meta, false);
        json_writer_end_object(&w);
        http_reply_json(request, 200, &w);
}

void api_agent_members(struct http_request *request, void *app)
{
        const char *wan = http_request_param(request, "wan");
        const struct api *api = app;
        struct json_writer w;

        json_writer_init(&w, http_request_pretty(request));
        json_writer_begin_array(&w);
        api_write_member(api, &w, wan != NULL && wan[0] != '\0');
        if (wan == NULL || wan[0] == '\0')
                write_others(api, &w);
        json_writer_end_array(&w);
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
