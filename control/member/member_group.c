#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "control/member/keyring_file.h"
#include "control/member/member_snapshot.h"
#include "control/member/members_internal.h"
#include "lictor/version.h"

#define SNAPSHOT_BYTES_MAX (1u << 20)
/* Consul's: a machine that is replaced under its old name is let in after that time. */
#define DEAD_RECLAIM_MS 30000u

/* memberlist's least, greatest and current protocol version, then Serf's. */
static const uint8_t versions[GOSSIP_VERSION_COUNT] = {1, 5, 2, 2, 5, 4};

static int parse_address(const char *text, int port, struct sockaddr_storage *out)
{
        if (uv_ip4_addr(text, port, (struct sockaddr_in *)out) == 0)
                return 0;
        return uv_ip6_addr(text, port, (struct sockaddr_in6 *)out);
}

static void describe(const struct member_group *group, struct member_info *info)
{
        const struct config *config = group->members->options.config;

        *info = (struct member_info){
            .role = config->server ? MEMBER_SERVER : MEMBER_CLIENT,
            .port = (uint16_t)(config->ports.server > 0 ? config->ports.server : 0),
            .wan_join_port = (uint16_t)(config->ports.serf_wan > 0 ? config->ports.serf_wan : 0),
            .bootstrap = config->bootstrap || config->dev_mode || config->bootstrap_expect == 1,
        };
        if (!config->server)
                info->reconnect_timeout_ms = config->gossip.advertise_reconnect_timeout_ms;
        if (!info->bootstrap && config->bootstrap_expect > 0)
                info->expect = (uint32_t)config->bootstrap_expect;
        snprintf(info->datacenter, sizeof(info->datacenter), "%s", config->datacenter);
        snprintf(info->segment, sizeof(info->segment), "%s", config->gossip.segment);
        snprintf(info->node_id, sizeof(info->node_id), "%s", group->members->options.node_id);
        snprintf(info->build, sizeof(info->build), "%s:" MEMBER_BUILD_REVISION,
                 LICTOR_CONSUL_API_VERSION);
}

static void set_timing(const struct config_pool *from, struct serf_options *serf)
{
        struct swim_options *swim = &serf->swim;

        swim->gossip_nodes = from->gossip_nodes;
        swim->gossip_interval_ms = (uint32_t)from->gossip_interval_ms;
        swim->probe_interval_ms = (uint32_t)from->probe_interval_ms;
        swim->probe_timeout_ms = (uint32_t)from->probe_timeout_ms;
        swim->suspicion_mult = from->suspicion_mult;
        swim->retransmit_mult = from->retransmit_mult;
        serf->reconnect_timeout_ms = from->reconnect_timeout_ms;
        swim->dead_reclaim_ms = DEAD_RECLAIM_MS;
}

// The texts have been checked with the rest of the configuration.
static int set_allowed(struct member_group *group, struct pool_options *options)
{
        const struct config_pool *from = group->config;

        if (from->allowed_count == 0)
                return 0;
        group->allowed = calloc(from->allowed_count, sizeof(*group->allowed));
        if (group->allowed == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < from->allowed_count; i++)
                (void)pool_network_parse(from->allowed[i], &group->allowed[i]);
        options->allowed = group->allowed;
        options->allowed_count = from->allowed_count;
        return 0;
}

int member_group_settings(struct member_group *group, struct pool_options *options,
                          struct byte_buffer *meta, char *error, size_t error_size)
{
        const struct config *config = group->members->options.config;
        bool wan = group->which == MEMBER_WAN;
        int port = wan ? config->ports.serf_wan : config->ports.serf_lan;
        struct sockaddr_storage advertised = {0};
        struct member_info info;

        if (wan)
                pool_options_wan(options);
        else
                pool_options_lan(options);
        options->loop = group->members->options.loop;
        options->log = group->members->options.log;
        options->module = group->module;
        options->plain_in = !config->gossip.verify_incoming;
        options->plain_out = !config->gossip.verify_outgoing;
        set_timing(group->config, &options->serf);
        if (set_allowed(group, options) < 0) {
                snprintf(error, error_size, "out of memory");
                return -ENOMEM;
        }
        if (parse_address(group->config->bind, port, &options->bind) < 0 ||
            parse_address(wan ? config->advertise_address_wan : config->advertise_address, port,
                          &advertised) < 0 ||
            pool_address_from((struct sockaddr *)&advertised, &options->serf.swim.address) < 0) {
                snprintf(error, error_size, "%s: invalid ip address: %s",
                         wan ? "serf_wan" : "serf_lan", group->config->bind);
                return -EINVAL;
        }
        snprintf(group->node_name, sizeof(group->node_name), wan ? "%.120s.%.120s" : "%.250s",
                 config->node_name, config->datacenter);
        describe(group, &info);
        member_tags_put(&info, wan, meta);
        options->serf.swim.name = pack_slice_of(group->node_name);
        options->serf.swim.meta = (struct pack_slice){meta->bytes, (uint32_t)meta->len};
        memcpy(options->serf.swim.versions, versions, sizeof(versions));
        if (getrandom(&options->serf.swim.seed, sizeof(options->serf.swim.seed), 0) < 0)
                options->serf.swim.seed = uv_hrtime();
        options->serf.keyring = group->keyring.key_count > 0 ? &group->keyring : NULL;
        return 0;
}

// "": what is to be remembered is kept in memory.
static void set_paths(struct member_group *group)
{
        const struct config *config = group->members->options.config;
        const char *name = group->which == MEMBER_WAN ? "remote" : "local";
        char dir[PATH_MAX];

        if (config->data_dir[0] == '\0' || config->dev_mode)
                return;
        if ((size_t)snprintf(dir, sizeof(dir), "%s/serf", config->data_dir) >=
            sizeof(dir) - sizeof("/remote.snapshot"))
                return;
        if (mkdir(dir, 0755) < 0 && errno != EEXIST)
                log_warn(group->members->options.log, "agent", "cannot make %s: %s", dir,
                         strerror(errno));
        if (!config->gossip.disable_keyring_file)
                snprintf(group->keyring_path, sizeof(group->keyring_path), "%.4000s/%s.keyring",
                         dir, name);
        snprintf(group->snapshot_path, sizeof(group->snapshot_path), "%.4000s/%s.snapshot", dir,
                 name);
}

int member_group_keys(struct member_group *group, char *error, size_t error_size)
{
        const struct members_options *options = &group->members->options;
        const char *key = options->config->gossip.key;
        struct keyring_key parsed;
        int ret = -ENOENT;

        set_paths(group);
        if (group->keyring_path[0] != '\0')
                ret = keyring_file_read(group->keyring_path, &group->keyring, error, error_size);
        if (ret == 0) {
                if (*key != '\0')
                        log_warn(options->log, "agent",
                                 "keyring exists, so the encrypt key is not used: keyring=%s",
                                 group->keyring_path);
                return 0;
        }
        if (ret != -ENOENT)
                return ret;
        group->keyring = (struct keyring){0};
        if (*key == '\0')
                return 0;
        if (keyring_key_from_text(key, strlen(key), &parsed) < 0 ||
            keyring_install(&group->keyring, &parsed) < 0) {
                snprintf(error, error_size,
                         "Invalid key: key size must be 16, 24 or 32 bytes, in base64");
                return -EINVAL;
        }
        ret = member_group_keep_keys(group);
        if (ret < 0)
                snprintf(error, error_size, "cannot write the keyring %s: %s", group->keyring_path,
                         strerror(-ret));
        return ret;
}

int member_group_keep_keys(struct member_group *group)
{
        if (group->keyring_path[0] == '\0')
                return 0;
        return keyring_file_write(group->keyring_path, &group->keyring);
}

/* ---- The snapshot ---- */

static void on_rejoined(void *arg, unsigned joined, const char *error)
{
        struct member_group *group = arg;
        const struct log *log = group->members->options.log;

        if (joined > 0)
                log_info(log, group->module, "Re-joined to previously known nodes: nodes=%u",
                         joined);
        else
                log_warn(log, group->module, "Failed to re-join any previously known node: %.300s",
                         error);
}

static char *read_file(const char *path, size_t *length)
{
        FILE *file = fopen(path, "re");
        char *text = NULL;

        if (file == NULL)
                return NULL;
        text = malloc(SNAPSHOT_BYTES_MAX);
        if (text != NULL)
                *length = fread(text, 1, SNAPSHOT_BYTES_MAX, file);
        fclose(file);
        return text;
}

void member_group_recall(struct member_group *group)
{
        const char **addresses;
        struct member_snapshot past;
        size_t length = 0, count = 0;
        char *text;

        if (group->snapshot_path[0] == '\0')
                return;
        text = read_file(group->snapshot_path, &length);
        if (text == NULL)
                return;
        member_snapshot_parse(text, length, &past);
        free(text);
        serf_clocks_set(pool_serf(group->pool), past.clock, past.event_clock, past.query_clock);
        addresses = calloc(past.member_count + 1, sizeof(*addresses));
        for (size_t i = 0; addresses != NULL && i < past.member_count; i++) {
                if (strcmp(past.members[i].name, group->node_name) != 0)
                        addresses[count++] = past.members[i].address;
        }
        if (count > 0 && (!past.left || group->members->options.config->gossip.rejoin_after_leave))
                (void)member_group_join(group, addresses, count, true, on_rejoined, group);
        free(addresses);
        member_snapshot_fini(&past);
}

static void write_aside(const struct member_group *group, const char *text)
{
        char aside[PATH_MAX + 8];
        FILE *file;
        bool good;

        snprintf(aside, sizeof(aside), "%s.new", group->snapshot_path);
        file = fopen(aside, "we");
        good = file != NULL && fputs(text, file) >= 0;
        if (file != NULL && fclose(file) != 0)
                good = false;
        if (!good || rename(aside, group->snapshot_path) < 0)
                log_warn(group->members->options.log, group->module,
                         "cannot write the snapshot %s: %s", group->snapshot_path, strerror(errno));
}

void member_group_remember(struct member_group *group)
{
        const struct serf *serf = pool_serf(group->pool);
        struct member_snapshot now = {.left = group->left};
        struct serf_statistics statistics;
        char name[SNAPSHOT_NAME_MAX], address[64];
        char *text;

        group->snapshot_due = false;
        if (group->snapshot_path[0] == '\0')
                return;
        serf_statistics(serf, &statistics);
        now.clock = statistics.member_clock;
        now.event_clock = statistics.event_clock;
        now.query_clock = statistics.query_clock;
        for (size_t i = 0; i < serf_member_count(serf) && now.member_count < SNAPSHOT_MEMBER_MAX;
             i++) {
                const struct serf_member *member = serf_member_at(serf, i);

                // Of the failed some may be back first when all start again.
                if (member->status == SERF_LEFT || member->name.length >= sizeof(name))
                        continue;
                snprintf(name, sizeof(name), "%.*s", (int)member->name.length,
                         (const char *)member->name.bytes);
                member_address_text(&member->address, address);
                member_snapshot_add(&now, name, address);
        }
        text = member_snapshot_text(&now);
        write_aside(group, text);
        free(text);
        member_snapshot_fini(&now);
}
