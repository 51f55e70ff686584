#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/cli.h"
#include "control/cli/tls.h"
#include "lictor/bytes.h"

#define NUMBER_MAX 10000

struct options {
        struct tls_wanted wanted;
        const char *authority, *key, *datacenter, *domain, *node;
        bool server, client, cli;
};

static int add(const char *list[], size_t *count, const char *value, const char **why)
{
        *why = "too many of them";
        // Some places are for the names every certificate has.
        if (*count >= TLS_NAMES_MAX - 4)
                return -E2BIG;
        if (*value != '\0')
                list[(*count)++] = value;
        return 0;
}

static int set_text(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;
        struct tls_wanted *wanted = &options->wanted;

        switch (flag->target[0]) {
        case 'n':
                return add(wanted->dns_names, &wanted->dns_name_count, value, why);
        case 'i':
                *why = "no IP address";
                if (!tls_is_address(value))
                        return -EINVAL;
                return add(wanted->addresses, &wanted->address_count, value, why);
        case 'a':
                options->authority = value;
                break;
        case 'k':
                options->key = value;
                break;
        case 'd':
                options->datacenter = value;
                break;
        case 'o':
                options->node = value;
                break;
        case 't':
                wanted->days = strtol(value, NULL, 10);
                break;
        default:
                options->domain = value;
                break;
        }
        return 0;
}

static int set_kind(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;
        bool *const kinds[] = {&options->server, &options->client, &options->cli};

        (void)why;
        *kinds[flag->target[0] - '0'] = strcmp(value, "true") == 0;
        return 0;
}

static const struct flag flags[] = {
    {"additional-dnsname", FLAG_STRING, "<name>", "Another name. Can be given several times.",
     set_text, "name"},
    {"additional-ipaddress", FLAG_STRING, "<address>",
     "Another address; 127.0.0.1 is always there. Can be given several times.", set_text, "ip"},
    {"ca", FLAG_STRING, "<path>",
     "The authority's certificate. The default is #DOMAIN#-agent-ca.pem, where #DOMAIN# stands for "
     "the domain.",
     set_text, "authority"},
    {"cli", FLAG_BOOL, "", "For people and their programs.", set_kind, "2"},
    {"client", FLAG_BOOL, "", "For a client agent.", set_kind, "1"},
    {"days", FLAG_INT, "<number>", "How long it is valid. The default is 365.", set_text, "time"},
    {"dc", FLAG_STRING, "<name>", "Datacenter it is for. The default is dc1.", set_text, "dc"},
    {"domain", FLAG_STRING, "<domain>", "Domain of the cluster. The default is consul.", set_text,
     "Domain"},
    {"key", FLAG_STRING, "<path>", "The authority's key. The default is #DOMAIN#-agent-ca-key.pem.",
     set_text, "key"},
    {"node", FLAG_STRING, "<name>", "With -server: the name of the one server it is for.", set_text,
     "onode"},
    {"server", FLAG_BOOL, "", "For a server.", set_kind, "0"},
};

const struct flag_set tls_cert_create_flag_set = {
    "Usage: lictor tls cert create [options]",
    "  Makes a certificate signed by the authority of `lictor tls ca create`, for a server, a "
    "client\n"
    "  agent, or somebody who uses the HTTP API. Its file is DC-KIND-DOMAIN-NUMBER.pem, its key's\n"
    "  DC-KIND-DOMAIN-NUMBER-key.pem; nothing is overwritten.\n"
    "\n"
    "      $ lictor tls cert create -server -dc=dc1\n"
    "      $ lictor tls cert create -client",
    flags,
    ARRAY_LEN(flags),
};

static const char *kind_of(const struct options *options)
{
        if (options->server)
                return "server";
        return options->client ? "client" : "cli";
}

// #DOMAIN# filled in. returns  freed with free(); NULL: no memory.
static char *fill_in(const char *path, const char *domain)
{
        static const char mark[] = "#DOMAIN#";
        const char *at = strstr(path, mark);
        char *out = NULL;

        if (at == NULL)
                return strdup(path);
        if (asprintf(&out, "%.*s%s%s", (int)(at - path), path, domain, at + sizeof(mark) - 1) < 0)
                return NULL;
        return out;
}

static int save(const struct options *options, const struct tls_pair *pair)
{
        char *certificate = NULL, *key = NULL;
        bool found = false;
        int status = 1;

        for (int i = 0; !found && i <= NUMBER_MAX; i++) {
                free(certificate);
                free(key);
                certificate = key = NULL;
                if (asprintf(&certificate, "%s-%s-%s-%d.pem", options->datacenter, kind_of(options),
                             options->domain, i) < 0)
                        return 1;
                if (asprintf(&key, "%s-%s-%s-%d-key.pem", options->datacenter, kind_of(options),
                             options->domain, i) < 0) {
                        free(certificate);
                        return 1;
                }
                found = !tls_exists(certificate) && !tls_exists(key);
        }
        if (!found)
                fputs("Could not find a filename that doesn't already exist\n", stderr);
        else
                status = tls_save(certificate, &pair->certificate, false);
        if (status == 0)
                status = tls_save(key, &pair->key, true);
        free(certificate);
        free(key);
        return status;
}

static int create(struct options *options, const struct tls_pair *issuer)
{
        struct tls_wanted *wanted = &options->wanted;
        char *name = NULL, *node_name = NULL, error[256];
        struct tls_pair pair = {0};
        int status = 1;

        if (asprintf(&name, "%s.%s.%s", kind_of(options), options->datacenter, options->domain) < 0)
                return 1;
        if (options->node != NULL && asprintf(&node_name, "%s.%s", options->node, name) >= 0)
                wanted->dns_names[wanted->dns_name_count++] = node_name;
        wanted->common_name = name;
        wanted->for_server = !options->cli;
        wanted->dns_names[wanted->dns_name_count++] = name;
        wanted->dns_names[wanted->dns_name_count++] = "localhost";
        if (!options->cli)
                wanted->addresses[wanted->address_count++] = "127.0.0.1";
        if (tls_make(wanted, issuer, &pair, error, sizeof(error)) < 0)
                fprintf(stderr, "Error creating certificate: %s\n", error);
        else
                status = save(options, &pair);
        gnutls_free(pair.certificate.data);
        gnutls_free(pair.key.data);
        free(name);
        free(node_name);
        return status;
}

static int load_and_create(struct options *options)
{
        char *authority = fill_in(options->authority, options->domain);
        char *key = fill_in(options->key, options->domain);
        struct tls_pair issuer = {0};
        int status = 1;

        if (authority != NULL && key != NULL)
                status = tls_load(authority, "CA", &issuer.certificate);
        if (status == 0)
                status = tls_load(key, "CA key", &issuer.key);
        if (status == 0) {
                if (options->server)
                        puts("==> WARNING: who holds a server's certificate can become a server\n"
                             "    and see all of the cluster's state, its keys and tokens, too.\n"
                             "    Keep it as safe as the authority's key, on servers only.");
                printf("==> Using %s and %s\n", authority, key);
                status = create(options, &issuer);
        }
        gnutls_free(issuer.certificate.data);
        gnutls_free(issuer.key.data);
        free(authority);
        free(key);
        return status;
}

int command_tls_cert_create(int argc, char *const argv[])
{
        struct options options = {.wanted = {.days = 365},
                                  .authority = "#DOMAIN#-agent-ca.pem",
                                  .key = "#DOMAIN#-agent-ca-key.pem",
                                  .datacenter = "dc1",
                                  .domain = "consul"};
        int rest = 0;
        enum flags_outcome outcome =
            flags_parse(&tls_cert_create_flag_set, argc, argv, &options, &rest);
        const char *problem = NULL;

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        if (*options.authority == '\0')
                problem = "Please provide the ca";
        else if (*options.key == '\0')
                problem = "Please provide the key";
        else if (options.server + options.client + options.cli != 1)
                problem = "Please provide either -server, -client, or -cli";
        else if (options.node != NULL && !options.server)
                problem = "-node requires -server";
        else if (options.wanted.days <= 0)
                problem = "-days has to be positive";
        if (problem != NULL) {
                fprintf(stderr, "%s\n", problem);
                return 1;
        }
        return load_and_create(&options);
}
