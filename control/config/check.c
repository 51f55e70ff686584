#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "control/config/internal.h"
#include "lictor/bytes.h"

static int check_datacenter(struct build *build)
{
        const char *name = build->config->datacenter;

        if (*name == '\0')
                return lines_add(&build->errors, "datacenter cannot be empty");
        for (const char *c = name; *c != '\0'; c++) {
                if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
                        return lines_add(&build->errors,
                                         "datacenter can only contain lowercase alphanumeric, - "
                                         "or _ characters. received: \"%s\"",
                                         name);
        }
        return 0;
}

static int check_data_dir(struct build *build)
{
        const char *path = build->config->data_dir;
        struct stat info;

        if (*path == '\0')
                return build->config->dev_mode
                           ? 0
                           : lines_add(&build->errors, "data_dir cannot be empty");
        if (stat(path, &info) == 0 && !S_ISDIR(info.st_mode))
                return lines_add(&build->errors, "data_dir \"%s\" is not a directory", path);
        return 0;
}

static int check_node_name(struct build *build)
{
        const char *name = build->config->node_name;

        if (*name == '\0')
                return lines_add(&build->errors, "node_name cannot be empty");
        if (strlen(name) > 63)
                return lines_add(&build->warnings,
                                 "Node name \"%s\" will not be discoverable via DNS due to it "
                                 "being too long. Valid lengths are between 1 and 63 bytes.",
                                 name);
        for (const char *c = name; *c != '\0'; c++) {
                if (!isalnum((unsigned char)*c) && *c != '-')
                        return lines_add(&build->warnings,
                                         "Node name \"%s\" will not be discoverable via DNS due "
                                         "to invalid characters. Valid characters include all "
                                         "alpha-numerics and dashes.",
                                         name);
        }
        return 0;
}

#define DEPLOYMENT_TABLE "See https://www.consul.io/docs/internals/consensus.html#deployment-table"

static int check_role(struct build *build)
{
        const struct config *config = build->config;
        int expect = config->bootstrap_expect;

        if (expect < 0)
                return lines_add(&build->errors,
                                 "bootstrap_expect cannot be %d. Must be greater "
                                 "than or equal to zero",
                                 expect);
        // One expected server is the same as being it.
        if ((config->bootstrap || expect == 1) && !config->server)
                return lines_add(&build->errors, "'bootstrap = true' requires 'server = true'");
        if (expect > 0 && !config->server)
                return lines_add(&build->errors, "'bootstrap_expect > 0' requires 'server = true'");
        if (expect > 0 && config->dev_mode)
                return lines_add(&build->errors, "'bootstrap_expect > 0' not allowed in dev mode");
        if (expect > 0 && config->bootstrap)
                return lines_add(&build->errors, "'bootstrap_expect > 0' and 'bootstrap = true' "
                                                 "are mutually exclusive");
        if (expect == 1)
                return lines_add(
                    &build->warnings,
                    "BootstrapExpect is set to 1; this is the same as Bootstrap mode.");
        if (expect > 0 && expect % 2 == 0 &&
            lines_add(&build->warnings, "%s",
                      expect == 2 ? "bootstrap_expect = 2: A cluster with 2 servers will provide "
                                    "no failure tolerance. " DEPLOYMENT_TABLE
                                  : "bootstrap_expect is even number: A cluster with an even "
                                    "number of servers does not achieve optimum fault "
                                    "tolerance. " DEPLOYMENT_TABLE) < 0)
                return -ENOMEM;
        if (expect > 1)
                return lines_add(&build->warnings, "bootstrap_expect > 0: expecting %d servers",
                                 expect);
        if (config->bootstrap)
                return lines_add(&build->warnings, "bootstrap = true: do not enable unless "
                                                   "necessary");
        return 0;
}

const char *meta_fault(const char *key, const char *value)
{
        if (*key == '\0')
                return "Key cannot be blank";
        for (const char *c = key; *c != '\0'; c++) {
                if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
                        return "Key contains invalid characters";
        }
        if (strlen(key) > META_KEY_BYTES_MAX)
                return "Key is too long (limit: 128 characters)";
        if (strncmp(key, "consul-", 7) == 0)
                return "Key prefix 'consul-' is reserved for internal use";
        if (strlen(value) > META_VALUE_BYTES_MAX)
                return "Value is too long (limit: 512 characters)";
        return NULL;
}

static int check_meta(struct build *build)
{
        const struct config *config = build->config;

        if (config->node_meta_count > META_PAIRS_MAX)
                return lines_add(&build->errors,
                                 "node_meta invalid: Node metadata cannot contain more than %d "
                                 "key/value pairs",
                                 META_PAIRS_MAX);
        for (size_t i = 0; i < config->node_meta_count; i++) {
                const struct config_meta *meta = &config->node_meta[i];
                const char *fault = meta_fault(meta->key, meta->value);

                if (fault != NULL)
                        return lines_add(&build->errors,
                                         "node_meta invalid: Couldn't load metadata pair ('%s', "
                                         "'%s'): %s",
                                         meta->key, meta->value, fault);
        }
        return 0;
}

static int check_alt_domain(struct build *build)
{
        const char *alt = build->config->alt_domain;
        const char *dc = build->config->datacenter;
        const char *const taken[] = {"service", "connect", "node", "query", "addr", dc};
        size_t length = strcspn(alt, ".");

        for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
                if (alt[length] == '.' && strlen(taken[i]) == length &&
                    strncasecmp(alt, taken[i], length) == 0)
                        return lines_add(&build->errors,
                                         "alt_domain cannot start with "
                                         "{service,connect,node,query,addr,%s}",
                                         dc);
        }
        return 0;
}

static int check_protocols(struct build *build)
{
        int64_t raft = setting_int(build->merged, "raft_protocol", 3);
        int64_t multiplier = setting_int(build->merged, "performance.raft_multiplier", 5);

        if (raft != 3 && raft != 0)
                return lines_add(
                    &build->errors,
                    "raft_protocol version %lld is not supported by this version of Consul",
                    (long long)raft);
        if (multiplier < 1 || multiplier > 10)
                return lines_add(&build->errors,
                                 "performance.raft_multiplier cannot be %lld. "
                                 "Must be between 1 and 10",
                                 (long long)multiplier);
        return 0;
}

int config_base64_length(const char *text)
{
        size_t length = strlen(text), padding = 0;

        if (length % 4 != 0)
                return -EINVAL;
        while (padding < 2 && length > padding && text[length - padding - 1] == '=')
                padding++;
        for (size_t i = 0; i < length - padding; i++) {
                if (!isalnum((unsigned char)text[i]) && text[i] != '+' && text[i] != '/')
                        return -EINVAL;
        }
        return (int)(length / 4 * 3 - padding);
}

// Where Go stops reading a text that is no base64: at what does not belong there, before an
// unfinished group of four, or at the end when only padding lacks.
static size_t base64_fault(const char *text)
{
        size_t i = 0;

        while (isalnum((unsigned char)text[i]) || text[i] == '+' || text[i] == '/')
                i++;
        if (text[i] == '\0')
                return i - i % 4;
        if (text[i] != '=' || i % 4 < 2)
                return i;
        return i % 4 == 2 && text[i + 1] == '=' ? i + 2 : i + 1;
}

static int check_tls(struct build *build)
{
        static const char *const versions[] = {"", "tls10", "tls11", "tls12", "tls13"};
        const char *version = setting_string(build->merged, "tls_min_version", "");

        for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
                if (strcmp(version, versions[i]) == 0)
                        return 0;
        }
        return lines_add(&build->errors,
                         "tls_min_version: value %s not supported, please specify one of "
                         "[tls10,tls11,tls12,tls13]",
                         version);
}

static int check_encrypt(struct build *build)
{
        const char *key = setting_string(build->merged, "encrypt", "");

        if (config_base64_length(key) < 0)
                return lines_add(&build->errors,
                                 "encrypt has invalid key: illegal base64 data at input byte %zu",
                                 base64_fault(key));
        return 0;
}

struct taken_port {
        const char *name;
        const struct sockaddr_storage *address;
};

static bool same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
        return a->ss_family != AF_UNIX && memcmp(a, b, sizeof(*a)) == 0;
}

static int report_taken(struct build *build, const struct taken_port *mine,
                        const struct taken_port *theirs)
{
        char text[CONFIG_ADDRESS_TEXT_MAX];

        return lines_add(&build->errors, "%s address %s already configured for %s", mine->name,
                         config_address_text(mine->address, text), theirs->name);
}

static int check_unique_ports(struct build *build)
{
        const struct config *config = build->config;
        struct sockaddr_storage own[4];
        struct taken_port taken[2 * CONFIG_LISTEN_MAX + 4];
        const struct {
                const char *name, *address;
                int port;
        } others[] = {
            {"HTTPS", setting_string(build->merged, "client_addr", "127.0.0.1"),
             config->ports.https},
            {"RPC Advertise", config->advertise_address, config->ports.server},
            {"Serf Advertise LAN", config->advertise_address, config->ports.serf_lan},
            {"Serf Advertise WAN", config->advertise_address_wan, config->ports.serf_wan},
        };
        size_t count = 0;

        for (size_t i = 0; i < config->dns_listen.count; i++)
                taken[count++] = (struct taken_port){"DNS", &config->dns_listen.addresses[i]};
        for (size_t i = 0; i < config->http_listen.count; i++)
                taken[count++] = (struct taken_port){"HTTP", &config->http_listen.addresses[i]};
        for (size_t i = 0; i < ARRAY_LEN(others); i++) {
                if (others[i].port > 0 &&
                    socket_address_parse(others[i].address, (uint16_t)others[i].port, &own[i]) == 0)
                        taken[count++] = (struct taken_port){others[i].name, &own[i]};
        }
        for (size_t i = 1; i < count; i++) {
                for (size_t k = 0; k < i; k++) {
                        if (same_address(taken[i].address, taken[k].address))
                                return report_taken(build, &taken[i], &taken[k]);
                }
        }
        return 0;
}

int build_check(struct build *build)
{
        static int (*const checks[])(struct build *) = {
            check_datacenter, check_data_dir,  check_node_name, check_role,    check_meta,
            check_alt_domain, check_protocols, check_tls,       check_encrypt, check_unique_ports};

        for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
                int ret = checks[i](build);

                if (ret < 0)
                        return ret;
        }
        return 0;
}
