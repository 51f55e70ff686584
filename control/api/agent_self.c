#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>

#include "control/api/api_internal.h"
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

void api_write_member(const struct api *api, struct json_writer *w, bool wan)
{
        const struct config *config = api->agent->config;
        char name[512];

        snprintf(name, sizeof(name), wan ? "%s.%s" : "%s", config->node_name, config->datacenter);
        json_writer_begin_object(w);
        json_writer_put_string(w, "Name", name);
        json_writer_put_string(w, "Addr",
                               wan ? config->advertise_address_wan : config->advertise_address);
        json_writer_put_int(w, "Port", wan ? config->ports.serf_wan : config->ports.serf_lan);
        json_writer_key(w, "Tags");
        json_writer_begin_object(w);
        json_writer_put_string(w, "acls", "0");
        if (config->bootstrap)
                json_writer_put_string(w, "bootstrap", "1");
        json_writer_put_string(w, "build", LICTOR_CONSUL_API_VERSION ":");
        json_writer_put_string(w, "dc", config->datacenter);
        json_writer_put_string(w, "id", api->agent->node_id);
        json_writer_put_string(w, "lictor", LICTOR_VERSION);
        put_number_text(w, "port", (uint64_t)config->ports.server);
        json_writer_put_string(w, "role", config->server ? "consul" : "node");
        put_number_text(w, "wan_join_port", (uint64_t)config->ports.serf_wan);
        json_writer_put_string(w, "vsn", "2");
        json_writer_end_object(w);
        json_writer_put_int(w, "Status", 1);
        put_protocols(w);
        json_writer_end_object(w);
}

static void begin_group(struct json_writer *w, const char *name)
{
        json_writer_key(w, name);
        json_writer_begin_object(w);
}

static void write_cluster_stats(const struct api *api, struct json_writer *w)
{
        const struct agent *agent = api->agent;
        uint64_t applied = store_applied_index(agent->store);

        begin_group(w, "consul");
        json_writer_put_string(w, "acl", "disabled");
        put_flag_text(w, "bootstrap", agent->config->bootstrap);
        put_number_text(w, "known_datacenters", 1);
        put_flag_text(w, "leader", agent_leader_address(agent)[0] != '\0');
        json_writer_put_string(w, "leader_addr", agent_leader_address(agent));
        put_flag_text(w, "server", agent->config->server);
        json_writer_end_object(w);
        begin_group(w, "raft");
        json_writer_put_string(w, "state",
                               agent_leader_address(agent)[0] != '\0' ? "Leader" : "Follower");
        put_number_text(w, "num_peers", 0);
        put_number_text(w, "applied_index", applied);
        put_number_text(w, "commit_index", applied);
        put_number_text(w, "last_log_index", applied);
        json_writer_end_object(w);
        begin_group(w, "serf_lan");
        put_number_text(w, "members", 1);
        put_number_text(w, "failed", 0);
        put_number_text(w, "left", 0);
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
