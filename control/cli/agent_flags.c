#include "control/cli/agent_flags.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/cli.h"
#include "lictor/bytes.h"

static int add_source(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct agent_flags *flags = context;
        struct config_source *sources =
            realloc(flags->sources, (flags->source_count + 1) * sizeof(*sources));

        (void)flag;
        *why = "out of memory";
        if (sources == NULL)
                return -ENOMEM;
        flags->sources = sources;
        sources[flags->source_count++] = (struct config_source){value};
        return 0;
}

static int add_fragment(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct agent_flags *flags = context;
        const char **fragments =
            realloc(flags->fragments, (flags->fragment_count + 1) * sizeof(*fragments));

        (void)flag;
        *why = "out of memory";
        if (fragments == NULL)
                return -ENOMEM;
        flags->fragments = fragments;
        fragments[flags->fragment_count++] = value;
        return 0;
}

static int set_format(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct agent_flags *flags = context;

        (void)flag, (void)why;
        flags->format = value;
        return 0;
}

static int set_dev(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct agent_flags *flags = context;

        (void)flag, (void)why;
        flags->dev_mode = strcmp(value, "true") == 0;
        return 0;
}

static json_t *to_json(const struct flag *flag, const char *value)
{
        if (flag->kind == FLAG_BOOL)
                return json_boolean(strcmp(value, "true") == 0);
        if (flag->kind == FLAG_INT)
                return json_integer(strtol(value, NULL, 10));
        return json_string(value);
}

// The object that holds the setting at a path of at most two parts; *key is its last part.
static json_t *parent_of(struct agent_flags *flags, const char *path, const char **key)
{
        const char *dot = strchr(path, '.');
        char first[32];
        json_t *parent;

        *key = path;
        if (dot == NULL)
                return flags->settings;
        *key = dot + 1;
        snprintf(first, sizeof(first), "%.*s", (int)(dot - path), path);
        parent = json_object_get(flags->settings, first);
        if (parent != NULL)
                return parent;
        parent = json_object();
        return json_object_set_new(flags->settings, first, parent) < 0 ? NULL : parent;
}

static int set_setting(void *context, const struct flag *flag, const char *value, const char **why)
{
        const char *key;
        json_t *parent = parent_of(context, flag->target, &key);

        *why = "out of memory";
        return parent != NULL && json_object_set_new(parent, key, to_json(flag, value)) == 0
                   ? 0
                   : -ENOMEM;
}

static int add_setting(void *context, const struct flag *flag, const char *value, const char **why)
{
        const char *key;
        json_t *parent = parent_of(context, flag->target, &key);
        json_t *list = json_object_get(parent, key);

        *why = "out of memory";
        if (list == NULL) {
                list = json_array();
                if (json_object_set_new(parent, key, list) < 0)
                        return -ENOMEM;
        }
        return json_array_append_new(list, to_json(flag, value)) < 0 ? -ENOMEM : 0;
}

// "key:value"
static int set_pair(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct agent_flags *flags = context;
        json_t *map = json_object_get(flags->settings, flag->target);
        const char *colon = strchr(value, ':');
        size_t length = colon != NULL ? (size_t)(colon - value) : strlen(value);
        char *key = strndup(value, length);
        int ret = -ENOMEM;

        *why = "out of memory";
        if (key == NULL)
                return -ENOMEM;
        if (map == NULL) {
                map = json_object();
                if (json_object_set_new(flags->settings, flag->target, map) < 0)
                        goto out;
        }
        if (json_object_set_new(map, key, json_string(colon != NULL ? colon + 1 : "")) == 0)
                ret = 0;
out:
        free(key);
        return ret;
}

#define SETTING(name, kind, value, help, path)                                                     \
        {                                                                                          \
                name, FLAG_##kind, value, help, set_setting, path                                  \
        }
#define LIST(name, value, help, path)                                                              \
        {                                                                                          \
                name, FLAG_STRING, value, help, add_setting, path                                  \
        }

static const struct flag flags[] = {
    SETTING("advertise", STRING, "<address>", "Address other nodes reach this one by.",
            "advertise_addr"),
    SETTING("advertise-wan", STRING, "<address>", "Address other datacenters reach this node by.",
            "advertise_addr_wan"),
    SETTING("alt-domain", STRING, "<name>", "A second domain that DNS answers for.", "alt_domain"),
    {"allow-write-http-from", FLAG_STRING, "<network>",
     "Accept writing requests from this network only, e.g. 10.0.0.0/8. Can be given several times.",
     add_setting, "http_config.allow_write_http_from"},
    SETTING("bind", STRING, "<address>",
            "Address for traffic inside the cluster. The default is 0.0.0.0.", "bind_addr"),
    SETTING("bootstrap", BOOL, "", "Make this server the leader without waiting for others.",
            "bootstrap"),
    SETTING("bootstrap-expect", INT, "<count>",
            "Number of servers to wait for before the cluster is bootstrapped.",
            "bootstrap_expect"),
    SETTING("check_output_max_size", INT, "<bytes>", "Keep at most this much of a check's output.",
            "check_output_max_size"),
    SETTING("client", STRING, "<address>",
            "Addresses, separated by blanks, on which HTTP and DNS are served. The default is "
            "127.0.0.1.",
            "client_addr"),
    {"config-dir", FLAG_STRING, "<path>",
     "Directory whose .json and .hcl files are read in alphabetical order. Can be given several "
     "times.",
     add_source, NULL},
    {"config-file", FLAG_STRING, "<path>",
     "File of settings, .json or .hcl. Can be given several times; later ones win.", add_source,
     NULL},
    {"config-format", FLAG_STRING, "<format>",
     "Read all files as this format, whatever their names: json or hcl.", set_format, NULL},
    SETTING("data-dir", STRING, "<path>", "Directory the agent keeps its state in.", "data_dir"),
    SETTING("datacenter", STRING, "<name>", "The agent's datacenter. The default is dc1.",
            "datacenter"),
    {"dev", FLAG_BOOL, "",
     "Start a server for development: alone, leader at once, on 127.0.0.1, nothing on disk.",
     set_dev, NULL},
    SETTING("disable-host-node-id", BOOL, "", "Make the node's ID at random. The default.",
            "disable_host_node_id"),
    SETTING("disable-keyring-file", BOOL, "", "Keep the gossip keyring out of data_dir.",
            "disable_keyring_file"),
    SETTING("dns-port", INT, "<port>",
            "Port for DNS over UDP and TCP; -1 turns it off. The default is 8600.", "ports.dns"),
    SETTING("domain", STRING, "<name>", "Domain that DNS answers for. The default is consul.",
            "domain"),
    SETTING("enable-local-script-checks", BOOL, "",
            "Allow checks of configuration files to run programs.", "enable_local_script_checks"),
    SETTING("enable-script-checks", BOOL, "", "Allow checks to run programs.",
            "enable_script_checks"),
    SETTING("default-query-time", DURATION, "<duration>",
            "Time a blocking query waits when it names none. The default is 300s.",
            "default_query_time"),
    SETTING("encrypt", STRING, "<key>", "Key for encrypting gossip, in base64.", "encrypt"),
    SETTING("grpc-port", INT, "<port>", "Port for gRPC; -1 turns it off, which is the default.",
            "ports.grpc"),
    {"hcl", FLAG_STRING, "<settings>",
     "Settings in HCL, laid over those of files and flags. Can be given several times.",
     add_fragment, NULL},
    SETTING("http-port", INT, "<port>",
            "Port for the HTTP API; -1 turns it off. The default is 8500.", "ports.http"),
    SETTING("https-port", INT, "<port>",
            "Port for the HTTPS API; -1 turns it off, which is the default.", "ports.https"),
    LIST("join", "<address>",
         "Address of a server's port to join at start. Can be given several times.", "start_join"),
    LIST("join-wan", "<address>", "Address of a server of another datacenter to join at start.",
         "start_join_wan"),
    SETTING("log-file", STRING, "<path>", "File to write the log to.", "log_file"),
    SETTING("log-json", BOOL, "", "Write the log as JSON, one object a line.", "log_json"),
    SETTING("log-level", STRING, "<level>",
            "Log this level and above: trace, debug, info, warn, err. The default is info.",
            "log_level"),
    SETTING("log-rotate-bytes", INT, "<count>", "Begin a new log file after this many bytes.",
            "log_rotate_bytes"),
    SETTING("log-rotate-duration", DURATION, "<duration>",
            "Begin a new log file after this time. The default is 24h.", "log_rotate_duration"),
    SETTING("log-rotate-max-files", INT, "<count>", "Old log files to keep; 0 keeps all, -1 none.",
            "log_rotate_max_files"),
    SETTING("node", STRING, "<name>",
            "Name of this node, unique in the cluster. The default is the host's name.",
            "node_name"),
    SETTING("node-id", STRING, "<uuid>", "ID of this node. The default is kept in data_dir.",
            "node_id"),
    SETTING("max-query-time", DURATION, "<duration>",
            "Time a blocking query waits at most. The default is 600s.", "max_query_time"),
    {"node-meta", FLAG_STRING, "<key:value>", "Metadata of this node. Can be given several times.",
     set_pair, "node_meta"},
    SETTING("non-voting-server", BOOL, "", "Known, without effect.", "non_voting_server"),
    SETTING("pid-file", STRING, "<path>", "File to write the process's ID to.", "pid_file"),
    SETTING("primary-datacenter", STRING, "<name>", "Datacenter that owns ACLs.",
            "primary_datacenter"),
    SETTING("protocol", INT, "<version>", "Protocol version to speak.", "protocol"),
    LIST("primary-gateway", "<address>", "Known, without effect.", "primary_gateways"),
    SETTING("raft-protocol", INT, "<version>", "Raft protocol version to speak.", "raft_protocol"),
    SETTING("read-replica", BOOL, "", "Known, without effect.", "read_replica"),
    LIST("recursor", "<address>", "Server to forward foreign names to. Can be given several times.",
         "recursors"),
    SETTING("rejoin", BOOL, "", "Join the cluster again after leaving it.", "rejoin_after_leave"),
    SETTING("retry-interval", DURATION, "<duration>", "Time between attempts to join.",
            "retry_interval"),
    SETTING("retry-interval-wan", DURATION, "<duration>",
            "Time between attempts to join another datacenter.", "retry_interval_wan"),
    LIST("retry-join", "<address>", "Address of a server's port, tried until it works.",
         "retry_join"),
    LIST("retry-join-wan", "<address>", "The same for another datacenter.", "retry_join_wan"),
    SETTING("retry-max", INT, "<count>", "Attempts to join; 0 means no limit.", "retry_max"),
    SETTING("retry-max-wan", INT, "<count>",
            "Attempts to join another datacenter; 0 means no limit.", "retry_max_wan"),
    SETTING("segment", STRING, "<name>", "Known, without effect.", "segment"),
    LIST("serf-lan-allowed-cidrs", "<network>",
         "Accept gossip from this network only. Can be given several times.",
         "serf_lan_allowed_cidrs"),
    SETTING("serf-lan-bind", STRING, "<address>", "Address for gossip in the datacenter.",
            "serf_lan"),
    SETTING("serf-lan-port", INT, "<port>", "Port for gossip. The default is 8301.",
            "ports.serf_lan"),
    LIST("serf-wan-allowed-cidrs", "<network>",
         "Accept gossip between datacenters from this network only.", "serf_wan_allowed_cidrs"),
    SETTING("serf-wan-bind", STRING, "<address>", "Address for gossip between datacenters.",
            "serf_wan"),
    SETTING("serf-wan-port", INT, "<port>",
            "Port for gossip between datacenters. The default is 8302.", "ports.serf_wan"),
    SETTING("server", BOOL, "", "Run as a server rather than a client.", "server"),
    SETTING("server-port", INT, "<port>", "Port for servers' RPC. The default is 8300.",
            "ports.server"),
    SETTING("syslog", BOOL, "", "Log to syslog as well.", "enable_syslog"),
    SETTING("ui", BOOL, "", "Serve the web interface.", "ui"),
    SETTING("ui-content-path", STRING, "<path>", "Path of the web interface.", "ui_content_path"),
    SETTING("ui-dir", STRING, "<path>", "Directory with the web interface's files.", "ui_dir"),
};

const struct flag_set agent_flag_set = {
    "Usage: lictor agent [options]",
    "  Starts an agent and runs it until it is interrupted. It keeps the registry of services and\n"
    "  checks, serves it over HTTP (port 8500), and answers DNS (port 8600) from polled workers.\n"
    "\n"
    "  To try it:\n"
    "\n"
    "      $ lictor agent -dev\n"
    "      $ curl -X PUT -d '{\"Name\": \"web\", \"Port\": 80}' \\\n"
    "            http://127.0.0.1:8500/v1/agent/service/register\n"
    "      $ dig @127.0.0.1 -p 8600 web.service.consul SRV\n"
    "\n"
    "  Every flag is also a setting of the configuration files; flags win. SIGHUP reads the files\n"
    "  again. The block \"dataplane\" of a file chooses DPDK ports in place of kernel sockets.",
    flags,
    ARRAY_LEN(flags),
};

static void print_extra(int argc, char *const argv[])
{
        fputs("==> Unexpected extra arguments: [", stderr);
        for (int i = 0; i < argc; i++)
                fprintf(stderr, "%s%s", i > 0 ? " " : "", argv[i]);
        fputs("]\n", stderr);
}

int agent_flags_parse(int argc, char *const argv[], struct agent_flags *out)
{
        enum flags_outcome outcome;
        int rest = 0;

        *out = (struct agent_flags){.settings = json_object()};
        if (out->settings == NULL)
                return 1;
        outcome = flags_parse(&agent_flag_set, argc, argv, out, &rest);
        if (outcome == FLAGS_OK && rest < argc) {
                print_extra(argc - rest, argv + rest);
                outcome = FLAGS_BAD;
        }
        if (outcome == FLAGS_OK && config_format_parse(out->format, &out->input.format) < 0) {
                fputs("==> -config-format must be either 'hcl' or 'json'\n", stderr);
                outcome = FLAGS_BAD;
        }
        if (outcome != FLAGS_OK) {
                agent_flags_fini(out);
                return outcome == FLAGS_HELP ? 0 : 1;
        }
        out->input.sources = out->sources;
        out->input.source_count = out->source_count;
        out->input.flags = out->settings;
        out->input.fragments = out->fragments;
        out->input.fragment_count = out->fragment_count;
        out->input.dev_mode = out->dev_mode;
        return -1;
}

void agent_flags_fini(struct agent_flags *parsed)
{
        free(parsed->sources);
        free(parsed->fragments);
        json_decref(parsed->settings);
        *parsed = (struct agent_flags){0};
}
