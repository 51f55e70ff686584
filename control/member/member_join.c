#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/member/members_internal.h"

#define JOIN_ADDRESSES_MAX 1024u
#define JOIN_ERROR_MAX     2000u

/* Addresses to be joined, one after the other. */
struct joining {
        struct member_group *group;
        struct members *members;
        uv_getaddrinfo_t resolving;
        struct addrinfo *resolved, *next; /* of the address being joined */
        char **addresses;
        size_t count, at;
        bool first_only; /* one that is reached is enough */
        unsigned joined, failed;
        char host[256];
        char errors[JOIN_ERROR_MAX];
        size_t errors_len;
        members_joined_fn done;
        void *arg;
};

static void step(struct joining *joining);

static void finish(struct joining *joining)
{
        char text[JOIN_ERROR_MAX + 64] = "";
        struct members *members = joining->members;

        if (joining->failed == 1)
                snprintf(text, sizeof(text), "1 error occurred:%s\n\n", joining->errors);
        else if (joining->failed > 1)
                snprintf(text, sizeof(text), "%u errors occurred:%s\n\n", joining->failed,
                         joining->errors);
        if (joining->done != NULL)
                joining->done(joining->arg, joining->joined, text);
        if (joining->resolved != NULL)
                uv_freeaddrinfo(joining->resolved);
        for (size_t i = 0; i < joining->count; i++)
                free(joining->addresses[i]);
        free(joining->addresses);
        free(joining);
        members_release(members);
}

static void note_error(struct joining *joining, const char *what, const char *why)
{
        size_t room = sizeof(joining->errors) - joining->errors_len;
        int len = snprintf(joining->errors + joining->errors_len, room,
                           "\n\t* Failed to join %s: %s", what, why);

        joining->failed++;
        // The first errors say enough.
        if (len > 0 && (size_t)len < room)
                joining->errors_len += (size_t)len;
        else
                joining->errors[joining->errors_len] = '\0';
}

static void on_joined(void *arg, int status, const char *why)
{
        struct joining *joining = arg;
        char ip[INET6_ADDRSTRLEN] = "?", text[400];

        uv_ip_name(joining->next->ai_addr, ip, sizeof(ip));
        if (status == 0) {
                joining->joined++;
        } else {
                if (status == UV_ECONNREFUSED)
                        snprintf(text, sizeof(text), "dial tcp %s: connect: connection refused",
                                 joining->addresses[joining->at]);
                else
                        snprintf(text, sizeof(text), "%.300s", why);
                note_error(joining, ip, text);
        }
        joining->next = joining->next->ai_next;
        step(joining);
}

static void next_address(struct joining *joining)
{
        if (joining->resolved != NULL)
                uv_freeaddrinfo(joining->resolved);
        joining->resolved = joining->next = NULL;
        joining->at++;
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
        struct joining *joining = request->data;

        if (status < 0) {
                note_error(joining, joining->addresses[joining->at], uv_strerror(status));
                joining->at++;
        } else {
                joining->resolved = joining->next = found;
        }
        step(joining);
}

// Splits "host", "host:port", "[v6]:port" or a bare IPv6 address. returns 0 or -EINVAL.
static int split(const char *address, char *host, size_t size, char port[6], int default_port)
{
        const char *colon = strrchr(address, ':'), *end;
        bool bracketed = address[0] == '[';
        bool bare = !bracketed && colon != NULL && strchr(address, ':') != colon;
        size_t len;

        snprintf(port, 6, "%d", default_port);
        end = address + strlen(address);
        if (bracketed) {
                address++;
                end = strchr(address, ']');
                if (end == NULL || (end[1] != '\0' && end[1] != ':'))
                        return -EINVAL;
                colon = end[1] == ':' ? end + 1 : NULL;
        } else if (bare) {
                colon = NULL;
        } else if (colon != NULL) {
                end = colon;
        }
        if (colon != NULL) {
                unsigned long number = strtoul(colon + 1, NULL, 10);

                if (colon[1] == '\0' || strlen(colon + 1) > 5 ||
                    strspn(colon + 1, "0123456789") != strlen(colon + 1) || number == 0 ||
                    number > UINT16_MAX)
                        return -EINVAL;
                snprintf(port, 6, "%lu", number);
        }
        len = (size_t)(end - address);
        if (len == 0 || len >= size)
                return -EINVAL;
        memcpy(host, address, len);
        host[len] = '\0';
        return 0;
}

static void resolve(struct joining *joining)
{
        const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
        const struct config_ports *ports = &joining->members->options.config->ports;
        const char *address = joining->addresses[joining->at];
        char port[6];
        int ret;

        ret = split(address, joining->host, sizeof(joining->host), port,
                    joining->group->which == MEMBER_WAN ? ports->serf_wan : ports->serf_lan);
        if (ret == 0)
                ret = uv_getaddrinfo(joining->members->options.loop, &joining->resolving,
                                     on_resolved, joining->host, port, &hints);
        if (ret == 0)
                return;
        note_error(joining, address,
                   ret == -EINVAL ? "\"host\" or \"host:port\" is expected" : uv_strerror(ret));
        joining->at++;
        step(joining);
}

/* Goes on by itself only when something failed at once, so the depth is that of addresses that are
 * wrong; callers come from the loop. */
static void step(struct joining *joining)
{
        int ret;

        if (joining->resolved != NULL && joining->next == NULL)
                next_address(joining);
        if (joining->members->closing || joining->at == joining->count ||
            (joining->first_only && joining->joined > 0)) {
                finish(joining);
                return;
        }
        if (joining->resolved == NULL) {
                resolve(joining);
                return;
        }
        ret = pool_join(joining->group->pool, joining->next->ai_addr, on_joined, joining);
        if (ret < 0)
                on_joined(joining, ret, uv_strerror(ret));
}

static struct joining *make(struct member_group *group, const char *const addresses[], size_t count)
{
        struct joining *joining = calloc(1, sizeof(*joining));

        if (joining == NULL)
                return NULL;
        joining->addresses = calloc(count + 1, sizeof(*joining->addresses));
        for (; joining->addresses != NULL && joining->count < count; joining->count++) {
                joining->addresses[joining->count] = strdup(addresses[joining->count]);
                if (joining->addresses[joining->count] == NULL)
                        break;
        }
        if (joining->addresses == NULL || joining->count < count) {
                for (size_t i = 0; i < joining->count; i++)
                        free(joining->addresses[i]);
                free(joining->addresses);
                free(joining);
                return NULL;
        }
        joining->group = group;
        joining->members = group->members;
        joining->resolving.data = joining;
        members_hold(group->members);
        return joining;
}

int member_group_join(struct member_group *group, const char *const addresses[], size_t count,
                      bool first_only, members_joined_fn done, void *arg)
{
        struct joining *joining;

        if (group->pool == NULL)
                return -ENOENT;
        joining = make(group, addresses, count < JOIN_ADDRESSES_MAX ? count : JOIN_ADDRESSES_MAX);
        if (joining == NULL)
                return -ENOMEM;
        joining->first_only = first_only;
        joining->done = done;
        joining->arg = arg;
        step(joining);
        return 0;
}

int members_join(struct members *members, enum member_pool pool, const char *const addresses[],
                 size_t count, members_joined_fn done, void *arg)
{
        struct member_group *group = &members->groups[pool];

        if (group->pool == NULL)
                return -ENOENT;
        log_info(members->options.log, "agent", "(%s) joining: addresses=%zu first=%s",
                 pool == MEMBER_LAN ? "LAN" : "WAN", count, count > 0 ? addresses[0] : "");
        serf_ignore_old_events(pool_serf(group->pool));
        return member_group_join(group, addresses, count, false, done, arg);
}

/* ---- What the configuration names ---- */

static const char *pool_label(const struct member_group *group)
{
        return group->which == MEMBER_LAN ? "LAN" : "WAN";
}

static void on_start_joined(void *arg, unsigned joined, const char *error)
{
        struct member_group *group = arg;
        const struct members_options *options = &group->members->options;

        if (joined > 0) {
                log_info(options->log, "agent", "(%s) joined: number_of_nodes=%u",
                         pool_label(group), joined);
                return;
        }
        log_warn(options->log, "agent", "(%s) couldn't join: number_of_nodes=0 error=\"%s\"",
                 pool_label(group), error);
        if (!group->members->closing)
                options->failed(options->arg, error);
}

static void try_again(struct member_group *group);

static void on_retry(uv_timer_t *timer)
{
        try_again(
            (struct member_group *)((char *)timer - offsetof(struct member_group, retry_timer)));
}

static void on_retry_joined(void *arg, unsigned joined, const char *error)
{
        struct member_group *group = arg;
        const struct members_options *options = &group->members->options;
        char text[600];

        if (group->members->closing)
                return;
        if (joined > 0) {
                log_info(options->log, "agent",
                         "Join cluster completed. Synced with initial agents: cluster=%s "
                         "num_agents=%u",
                         pool_label(group), joined);
                return;
        }
        group->retry_attempts++;
        if (group->config->retry_max > 0 && group->retry_attempts > group->config->retry_max) {
                snprintf(text, sizeof(text),
                         "Retry join failed: max join retry exhausted: cluster=%s error=\"%.300s\"",
                         pool_label(group), error);
                options->failed(options->arg, text);
                return;
        }
        log_warn(options->log, "agent",
                 "Join cluster failed, will retry: cluster=%s retry_interval_ms=%llu error=\"%s\"",
                 pool_label(group), (unsigned long long)group->config->retry_interval_ms, error);
        uv_timer_start(&group->retry_timer, on_retry, group->config->retry_interval_ms, 0);
}

// Addresses that a cloud's interface would have to be asked for are passed over, with a line.
static void try_again(struct member_group *group)
{
        const struct config_pool *config = group->config;
        const char **addresses = calloc(config->retry_join_count + 1, sizeof(*addresses));
        size_t count = 0;

        if (addresses == NULL)
                return;
        for (size_t i = 0; i < config->retry_join_count; i++) {
                const char *address = config->retry_join[i];

                if (strstr(address, "provider=") == NULL)
                        addresses[count++] = address;
                else if (group->retry_attempts == 0)
                        log_error(group->members->options.log, "agent",
                                  "retry_join \"%.100s\": cloud providers are not supported by "
                                  "this agent: name addresses",
                                  address);
        }
        if (group->members->closing ||
            member_group_join(group, addresses, count, false, on_retry_joined, group) < 0)
                log_warn(group->members->options.log, "agent", "cannot join: out of memory");
        free(addresses);
}

void member_group_join_configured(struct member_group *group)
{
        const struct config_pool *config = group->config;

        if (config->start_join_count > 0)
                (void)members_join(group->members, group->which,
                                   (const char *const *)config->start_join,
                                   config->start_join_count, on_start_joined, group);
        if (config->retry_join_count > 0) {
                log_info(group->members->options.log, "agent", "Joining cluster...: cluster=%s",
                         pool_label(group));
                try_again(group);
        }
}

/* ---- Servers of this datacenter in the pool of all servers ---- */

static void on_flooded(void *arg, unsigned joined, const char *error)
{
        struct members *members = arg;

        (void)error;
        members->flooding = false;
        if (joined > 0)
                log_debug(members->options.log, "agent.server",
                          "Successfully performed flood-join for server: servers=%u", joined);
}

static bool is_in_wan(const struct members *members, const struct serf_member *member)
{
        const struct serf *wan = members_serf(members, MEMBER_WAN);
        char name[GOSSIP_NAME_MAX + 1];
        const struct serf_member *found;

        snprintf(name, sizeof(name), "%.*s.%.100s",
                 (int)(member->name.length < 150 ? member->name.length : 150),
                 (const char *)member->name.bytes, members->options.config->datacenter);
        found = serf_member_find(wan, pack_slice_of(name));
        return found != NULL && found->status == SERF_ALIVE;
}

void members_flood(struct members *members)
{
        const struct serf *lan = members_serf(members, MEMBER_LAN);
        const char *addresses[16];
        char texts[16][64];
        size_t count = 0;

        if (members->flooding || members->leaving || members->groups[MEMBER_WAN].pool == NULL)
                return;
        for (size_t i = 0; i < serf_member_count(lan) && count < 16; i++) {
                const struct serf_member *member = serf_member_at(lan, i);
                struct swim_address address = member->address;
                struct member_info info;

                if (member->status != SERF_ALIVE || is_in_wan(members, member))
                        continue;
                members_info(member, &info);
                if (info.role != MEMBER_SERVER || info.wan_join_port == 0)
                        continue;
                address.port = info.wan_join_port;
                member_address_text(&address, texts[count]);
                addresses[count] = texts[count];
                count++;
        }
        members->flooding = count > 0;
        if (count > 0 && member_group_join(&members->groups[MEMBER_WAN], addresses, count, false,
                                           on_flooded, members) < 0)
                members->flooding = false;
}
