#include <errno.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/cli.h"
#include "control/cli/tls.h"
#include "lictor/bytes.h"

struct options {
        struct tls_wanted wanted;
        const char *domain, *name;
        bool constrain;
};

static int set_option(void *context, const struct flag *flag, const char *value, const char **why)
{
        struct options *options = context;
        struct tls_wanted *wanted = &options->wanted;

        switch (flag->target[0]) {
        case 'a':
                *why = "too many of them";
                // Two places are for the domain and localhost.
                if (wanted->permitted_count >= TLS_NAMES_MAX - 2)
                        return -E2BIG;
                wanted->permitted[wanted->permitted_count++] = value;
                break;
        case 'c':
                options->name = value;
                break;
        case 'd':
                wanted->days = strtol(value, NULL, 10);
                break;
        case 'n':
                options->constrain = strcmp(value, "true") == 0;
                break;
        default:
                options->domain = value;
                break;
        }
        return 0;
}

static const struct flag flags[] = {
    {"additional-name-constraint", FLAG_STRING, "<domain>",
     "With -name-constraint: another domain it may sign for. Can be given several times.",
     set_option, "additional"},
    {"common-name", FLAG_STRING, "<name>", "Name of the authority.", set_option, "common-name"},
    {"days", FLAG_INT, "<number>", "How long it is valid. The default is 1825.", set_option,
     "days"},
    {"domain", FLAG_STRING, "<domain>", "Domain of the cluster. The default is consul.", set_option,
     "Domain"},
    {"name-constraint", FLAG_BOOL, "",
     "Let it sign for names in the domain and for localhost only.", set_option, "name-constraint"},
};

const struct flag_set tls_ca_create_flag_set = {
    "Usage: lictor tls ca create [options]",
    "  Makes a certificate authority for the agents of a cluster: DOMAIN-agent-ca.pem, which "
    "every\n"
    "  agent needs, and DOMAIN-agent-ca-key.pem, which signs and is to be kept where no agent "
    "runs.\n"
    "\n"
    "      $ lictor tls ca create -domain=example -days=365",
    flags,
    ARRAY_LEN(flags),
};

static int create(struct options *options, const char *certificate_path, const char *key_path)
{
        struct tls_wanted *wanted = &options->wanted;
        unsigned char chance[8];
        struct tls_pair pair;
        char name[96] = "Lictor Agent CA ", error[256];
        int status;

        if (gnutls_rnd(GNUTLS_RND_NONCE, chance, sizeof(chance)) < 0) {
                fputs("Error reading random data\n", stderr);
                return 1;
        }
        for (size_t i = 0; i < sizeof(chance); i++)
                snprintf(name + strlen(name), sizeof(name) - strlen(name), "%02x", chance[i]);
        wanted->common_name = options->name != NULL ? options->name : name;
        if (options->constrain) {
                wanted->permitted[wanted->permitted_count++] = options->domain;
                wanted->permitted[wanted->permitted_count++] = "localhost";
        }
        if (tls_make(wanted, NULL, &pair, error, sizeof(error)) < 0) {
                fprintf(stderr, "%s\n", error);
                return 1;
        }
        status = tls_save(certificate_path, &pair.certificate, false);
        if (status == 0)
                status = tls_save(key_path, &pair.key, true);
        gnutls_free(pair.certificate.data);
        gnutls_free(pair.key.data);
        return status;
}

int command_tls_ca_create(int argc, char *const argv[])
{
        struct options options = {.wanted = {.days = 1825, .authority = true}, .domain = "consul"};
        char *certificate_path = NULL, *key_path = NULL;
        int rest = 0, status = 1;
        enum flags_outcome outcome =
            flags_parse(&tls_ca_create_flag_set, argc, argv, &options, &rest);

        if (outcome != FLAGS_OK)
                return outcome == FLAGS_HELP ? 0 : 1;
        if (!options.constrain && options.wanted.permitted_count > 0) {
                fputs("-additional-name-constraint requires -name-constraint\n", stderr);
                return 1;
        }
        if (options.wanted.days <= 0) {
                fputs("-days has to be positive\n", stderr);
                return 1;
        }
        if (asprintf(&certificate_path, "%s-agent-ca.pem", options.domain) < 0)
                return 1;
        if (asprintf(&key_path, "%s-agent-ca-key.pem", options.domain) < 0)
                key_path = NULL;
        else if (tls_exists(certificate_path))
                fprintf(stderr, "%s already exists.\n", certificate_path);
        else if (tls_exists(key_path))
                fprintf(stderr, "%s already exists.\n", key_path);
        else
                status = create(&options, certificate_path, key_path);
        free(certificate_path);
        free(key_path);
        return status;
}
