#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "control/config/internal.h"
#include "lictor/address.h"
#include "lictor/bytes.h"

int socket_address_parse(const char *text, uint16_t port, struct sockaddr_storage *out)
{
        struct sockaddr_in *v4 = (struct sockaddr_in *)out;
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
        char bare[INET6_ADDRSTRLEN + 2];
        size_t length = strlen(text);

        memset(out, 0, sizeof(*out));
        if (length >= sizeof(bare) || length == 0)
                return -EINVAL;
        memcpy(bare, text, length + 1);
        if (bare[0] == '[' && bare[length - 1] == ']') {
                bare[length - 1] = '\0';
                memmove(bare, bare + 1, length - 1);
        }
        if (inet_pton(AF_INET, bare, &v4->sin_addr) == 1) {
                v4->sin_family = AF_INET;
                v4->sin_port = htons(port);
                return 0;
        }
        if (inet_pton(AF_INET6, bare, &v6->sin6_addr) == 1) {
                v6->sin6_family = AF_INET6;
                v6->sin6_port = htons(port);
                return 0;
        }
        return -EINVAL;
}

bool cidr_is_valid(const char *text)
{
        const char *slash = strchr(text, '/');
        char address[INET6_ADDRSTRLEN + 1], *end;
        struct sockaddr_storage parsed;
        unsigned long prefix;

        if (slash == NULL || slash == text || (size_t)(slash - text) >= sizeof(address))
                return false;
        memcpy(address, text, (size_t)(slash - text));
        address[slash - text] = '\0';
        prefix = strtoul(slash + 1, &end, 10);
        if (slash[1] < '0' || slash[1] > '9' || *end != '\0')
                return false;
        return socket_address_parse(address, 0, &parsed) == 0 &&
               prefix <= (parsed.ss_family == AF_INET ? 32u : 128u);
}

bool socket_address_is_unspecified(const char *text)
{
        return strcmp(text, "0.0.0.0") == 0 || strcmp(text, "::") == 0 || strcmp(text, "[::]") == 0;
}

const char *config_address_text(const struct sockaddr_storage *address,
                                char out[CONFIG_ADDRESS_TEXT_MAX])
{
        if (address->ss_family != AF_UNIX)
                return address_text((const struct sockaddr *)address, out, CONFIG_ADDRESS_TEXT_MAX);
        snprintf(out, CONFIG_ADDRESS_TEXT_MAX, "unix://%s",
                 ((const struct sockaddr_un *)address)->sun_path);
        return out;
}

static bool is_private(const struct in_addr *address)
{
        uint32_t host = ntohl(address->s_addr);

        return host >> 24 == 10 || host >> 20 == 0xac1 || host >> 16 == 0xc0a8;
}

// The address other nodes reach us by when none is given: a private one, else any but loopback.
static void find_own_address(char out[static INET6_ADDRSTRLEN])
{
        struct ifaddrs *list, *item;
        bool found_private = false;

        snprintf(out, INET6_ADDRSTRLEN, "%s", "127.0.0.1");
        if (getifaddrs(&list) < 0)
                return;
        for (item = list; item != NULL && !found_private; item = item->ifa_next) {
                const struct sockaddr_in *v4 = (const struct sockaddr_in *)item->ifa_addr;

                if (v4 == NULL || v4->sin_family != AF_INET || (item->ifa_flags & IFF_LOOPBACK) ||
                    !(item->ifa_flags & IFF_UP))
                        continue;
                found_private = is_private(&v4->sin_addr);
                if (found_private || strcmp(out, "127.0.0.1") == 0)
                        inet_ntop(AF_INET, &v4->sin_addr, out, INET6_ADDRSTRLEN);
        }
        freeifaddrs(list);
}

static const struct {
        const char *name, *path;
        size_t offset;
        int fallback;
} ports[] = {
    {"dns", "ports.dns", offsetof(struct config_ports, dns), 8600},
    {"http", "ports.http", offsetof(struct config_ports, http), 8500},
    {"https", "ports.https", offsetof(struct config_ports, https), -1},
    {"grpc", "ports.grpc", offsetof(struct config_ports, grpc), -1},
    {"serf_lan", "ports.serf_lan", offsetof(struct config_ports, serf_lan), 8301},
    {"serf_wan", "ports.serf_wan", offsetof(struct config_ports, serf_wan), 8302},
    {"server", "ports.server", offsetof(struct config_ports, server), 8300},
    {"sidecar_min_port", "ports.sidecar_min_port", offsetof(struct config_ports, sidecar_min_port),
     21000},
    {"sidecar_max_port", "ports.sidecar_max_port", offsetof(struct config_ports, sidecar_max_port),
     21255},
    {"expose_min_port", "ports.expose_min_port", offsetof(struct config_ports, expose_min_port),
     21500},
    {"expose_max_port", "ports.expose_max_port", offsetof(struct config_ports, expose_max_port),
     21755},
};

static int set_ports(struct build *build)
{
        for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
                int *port = (int *)((char *)&build->config->ports + ports[i].offset);
                int64_t value = setting_int(build->merged, ports[i].path, ports[i].fallback);

                if (value > UINT16_MAX) {
                        build->gathered = true;
                        if (lines_add(&build->errors, "ports.%s: invalid port: %lld", ports[i].name,
                                      (long long)value) < 0)
                                return -ENOMEM;
                        value = -1;
                }
                *port = value > 0 ? (int)value : -1;
        }
        return 0;
}

static int add_unix(struct build *build, const char *key, const char *path, bool allowed,
                    struct config_listen *listen)
{
        struct sockaddr_un *local = (struct sockaddr_un *)&listen->addresses[listen->count];

        if (!allowed)
                return lines_add(&build->errors, "DNS address cannot be a unix socket");
        if (strlen(path) >= sizeof(local->sun_path))
                return lines_add(&build->errors, "%s: path of unix socket is too long: %s", key,
                                 path);
        memset(local, 0, sizeof(listen->addresses[0]));
        local->sun_family = AF_UNIX;
        snprintf(local->sun_path, sizeof(local->sun_path), "%s", path);
        listen->count++;
        return 0;
}

int address_refuse(struct build *build, const char *key, const char *text)
{
        build->gathered = true;
        return lines_add(&build->errors, "%s: invalid ip address: %s", key, text);
}

// A list separated by blanks; port < 0 leaves the addresses checked but not listened on.
static int add_listen(struct build *build, const char *key, const char *list, int port,
                      bool unix_allowed, struct config_listen *listen)
{
        char *copy = strdup(list), *rest = copy, *word;
        int ret = 0;

        if (copy == NULL)
                return -ENOMEM;
        while (ret == 0 && (word = strsep(&rest, " \t")) != NULL) {
                if (*word == '\0')
                        continue;
                if (listen->count == CONFIG_LISTEN_MAX) {
                        ret = lines_add(&build->errors, "%s: at most %u addresses are supported",
                                        key, CONFIG_LISTEN_MAX);
                        break;
                }
                if (strncmp(word, "unix://", 7) == 0) {
                        ret = add_unix(build, key, word + 7, unix_allowed, listen);
                } else if (socket_address_parse(word, (uint16_t)(port > 0 ? port : 0),
                                                &listen->addresses[listen->count]) < 0) {
                        ret = address_refuse(build, key, word);
                } else {
                        listen->count++;
                }
        }
        free(copy);
        if (port <= 0)
                listen->count = 0;
        return ret;
}

static int set_client(struct build *build)
{
        struct config *config = build->config;
        const json_t *merged = build->merged;
        const char *client = setting_string(merged, "client_addr", "127.0.0.1");
        const char *dns = setting_string(merged, "addresses.dns", NULL);
        const char *http = setting_string(merged, "addresses.http", NULL);
        static const char *const unserved[] = {"addresses.https", "addresses.grpc"};
        struct config_listen none = {0};
        size_t errors = build->errors.count;
        int ret;

        if (asprintf(&config->client_text, "[%s]", client) < 0) {
                config->client_text = NULL;
                return -ENOMEM;
        }
        ret = add_listen(build, dns != NULL ? "addresses.dns" : "client_addr",
                         dns != NULL ? dns : client, config->ports.dns, false, &config->dns_listen);
        // The same bad client_addr is one mistake, not two.
        if (ret < 0 || (build->errors.count > errors && http == NULL))
                return ret;
        ret = add_listen(build, http != NULL ? "addresses.http" : "client_addr",
                         http != NULL ? http : client, config->ports.http, true,
                         &config->http_listen);
        for (size_t i = 0; ret == 0 && i < ARRAY_LEN(unserved); i++)
                ret = add_listen(build, unserved[i], setting_string(merged, unserved[i], ""), -1,
                                 true, &none);
        return ret;
}

static int set_bind(struct build *build)
{
        struct config *config = build->config;
        const char *bind =
            setting_string(build->merged, "bind_addr", config->dev_mode ? "127.0.0.1" : "0.0.0.0");
        struct sockaddr_storage parsed;

        config->bind_address = strdup(bind);
        if (config->bind_address == NULL)
                return -ENOMEM;
        if (strchr(bind, ' ') != NULL)
                return lines_add(&build->errors, "bind_addr cannot contain multiple addresses. Use "
                                                 "'addresses.{dns,http,https}' instead.");
        if (strncmp(bind, "unix://", 7) == 0)
                return lines_add(&build->errors, "bind_addr cannot be a unix socket");
        if (socket_address_parse(bind, 0, &parsed) < 0)
                return lines_add(&build->errors, "bind_addr cannot be empty");
        return 0;
}

static int check_advertised(struct build *build, const char *key, const char *address)
{
        struct sockaddr_storage parsed;

        if (socket_address_is_unspecified(address))
                return lines_add(&build->errors,
                                 "Advertise%s address cannot be 0.0.0.0, :: or [::]",
                                 strstr(key, "wan") != NULL ? " WAN" : "");
        if (socket_address_parse(address, 0, &parsed) < 0)
                return address_refuse(build, key, address);
        return 0;
}

static int set_advertise(struct build *build)
{
        struct config *config = build->config;
        const json_t *merged = build->merged;
        char own[INET6_ADDRSTRLEN];
        const char *lan = setting_string(merged, "advertise_addr", NULL);
        int ret;

        if (lan == NULL) {
                lan = config->bind_address;
                if (socket_address_is_unspecified(lan)) {
                        find_own_address(own);
                        lan = own;
                }
        }
        config->advertise_address = strdup(lan);
        config->advertise_address_wan = strdup(setting_string(merged, "advertise_addr_wan", lan));
        if (config->advertise_address == NULL || config->advertise_address_wan == NULL)
                return -ENOMEM;
        if (build->errors.count > 0)
                return 0;
        ret = check_advertised(build, "advertise_addr", config->advertise_address);
        // What is no address is looked at twice: for agents near and far.
        if (ret == 0 && build->errors.count > 0 && build->gathered)
                ret = check_advertised(build, "advertise_addr", config->advertise_address);
        // A WAN address taken over from the other one is not a second mistake.
        if (ret == 0 && strcmp(config->advertise_address, config->advertise_address_wan) != 0)
                ret = check_advertised(build, "advertise_addr_wan", config->advertise_address_wan);
        return ret;
}

static int tag(struct config *config, const char *key, const char *address)
{
        struct config_meta *slot = &config->tagged_addresses[config->tagged_address_count];

        for (size_t i = 0; i < config->tagged_address_count; i++) {
                if (strcmp(config->tagged_addresses[i].key, key) == 0)
                        return 0;
        }
        slot->key = strdup(key);
        slot->value = strdup(address);
        config->tagged_address_count++;
        return slot->key != NULL && slot->value != NULL ? 0 : -ENOMEM;
}

static int tag_family(struct build *build, const char *lan_or_wan, const char *address,
                      const char *suffix, int family)
{
        struct sockaddr_storage parsed;
        char path[40], key[16];
        const char *given;

        snprintf(path, sizeof(path), "advertise_addr%s%s",
                 strcmp(lan_or_wan, "wan") == 0 ? "_wan" : "", suffix);
        snprintf(key, sizeof(key), "%s%s", lan_or_wan, suffix);
        given = setting_string(build->merged, path, NULL);
        if (given != NULL) {
                int ret = check_advertised(build, path, given);

                if (ret == 0 && socket_address_parse(given, 0, &parsed) == 0 &&
                    parsed.ss_family != family)
                        ret = lines_add(&build->errors, "%s must be an ipv%d address", path,
                                        family == AF_INET ? 4 : 6);
                return ret < 0 ? ret : tag(build->config, key, given);
        }
        if (socket_address_parse(address, 0, &parsed) == 0 && parsed.ss_family == family)
                return tag(build->config, key, address);
        return 0;
}

static int set_tagged(struct build *build)
{
        const json_t *map = setting_get(build->merged, "tagged_addresses");
        struct config *config = build->config;
        const char *key;
        json_t *value;
        int ret = 0;

        // Six of our own beside the configured ones.
        config->tagged_addresses =
            calloc(json_object_size(map) + 6, sizeof(*config->tagged_addresses));
        if (config->tagged_addresses == NULL)
                return -ENOMEM;
        json_object_foreach((json_t *)map, key, value)
        {
                if (ret == 0)
                        ret = tag(config, key, json_string_value(value));
        }
        if (ret == 0)
                ret = tag(config, "lan", config->advertise_address);
        if (ret == 0)
                ret = tag_family(build, "lan", config->advertise_address, "_ipv4", AF_INET);
        if (ret == 0)
                ret = tag_family(build, "lan", config->advertise_address, "_ipv6", AF_INET6);
        if (ret == 0)
                ret = tag(config, "wan", config->advertise_address_wan);
        if (ret == 0)
                ret = tag_family(build, "wan", config->advertise_address_wan, "_ipv4", AF_INET);
        if (ret == 0)
                ret = tag_family(build, "wan", config->advertise_address_wan, "_ipv6", AF_INET6);
        return ret;
}

int build_addresses(struct build *build)
{
        static int (*const steps[])(struct build *) = {set_ports, set_bind, set_client,
                                                       set_advertise, set_tagged};

        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
                int ret = steps[i](build);

                if (ret < 0)
                        return ret;
        }
        return 0;
}
