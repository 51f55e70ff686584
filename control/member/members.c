#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/member/members_internal.h"

#define SNAPSHOT_INTERVAL_MS 500u
#define SNAPSHOT_AT_ONCE_MAX 64u /* members */
#define FLOOD_INTERVAL_MS    10000u
#define LINES_INTERVAL_MS    10000u
#define LINES_MAX            200u /* about members, in that time */
#define REFUSAL_INTERVAL_MS  10000u

void members_hold(struct members *members)
{
        members->references++;
}

void members_release(struct members *members)
{
        if (--members->references > 0)
                return;
        for (int i = 0; i < MEMBER_POOL_COUNT; i++) {
                free(members->groups[i].allowed);
                member_ids_fini(&members->groups[i].ids);
        }
        free(members);
}

void member_address_text(const struct swim_address *address, char out[64])
{
        struct sockaddr_storage socket_address;
        char ip[INET6_ADDRSTRLEN] = "?";

        pool_address_to(address, &socket_address);
        uv_ip_name((const struct sockaddr *)&socket_address, ip, sizeof(ip));
        snprintf(out, 64, address->length == 16 ? "[%s]:%u" : "%s:%u", ip, address->port);
}

const struct serf *members_serf(const struct members *members, enum member_pool pool)
{
        struct pool *found = members != NULL ? members->groups[pool].pool : NULL;

        return found != NULL ? pool_serf(found) : NULL;
}

void members_counters(const struct members *members, enum member_pool pool,
                      struct pool_counters *out)
{
        pool_counters(members->groups[pool].pool, out);
}

bool members_encrypted(const struct members *members, enum member_pool pool)
{
        return members->groups[pool].keyring.key_count > 0;
}

void members_info(const struct serf_member *member, struct member_info *out)
{
        member_tags_get(member->meta, out);
}

/* ---- What the pools say ---- */

static void on_wake(uv_timer_t *timer)
{
        struct members *members = timer->data;

        for (int i = 0; i < MEMBER_POOL_COUNT; i++) {
                struct member_group *group = &members->groups[i];

                if (!group->changed || group->pool == NULL)
                        continue;
                group->changed = false;
                group->snapshot_due = true;
                // Who dies right after joining is to find the others again; in a large group most
                // of them are known by then.
                if (serf_member_count(pool_serf(group->pool)) <= SNAPSHOT_AT_ONCE_MAX)
                        member_group_remember(group);
                members->options.changed(members->options.arg, group->which);
                if (!members->closing)
                        members_flood(members);
        }
        member_keys_tell(members);
}

void members_wake(struct members *members)
{
        if (!members->closing)
                uv_timer_start(&members->wake_timer, on_wake, 0, 0);
}

// Whether one more line about members may be written: a flood of them is counted instead.
static bool may_log(struct member_group *group)
{
        uint64_t now_ms = uv_now(group->members->options.loop);

        if (now_ms >= group->quiet_from_ms) {
                if (group->lines_held > 0)
                        log_warn(group->members->options.log, group->module,
                                 "more members came and went: events=%u", group->lines_held);
                group->quiet_from_ms = now_ms + LINES_INTERVAL_MS;
                group->lines = group->lines_held = 0;
        }
        if (group->lines < LINES_MAX) {
                group->lines++;
                return true;
        }
        group->lines_held++;
        return false;
}

static void on_member_event(void *arg, enum serf_member_event event,
                            const struct serf_member *member)
{
        static const char *const words[] = {[SERF_MEMBER_JOINED] = "EventMemberJoin",
                                            [SERF_MEMBER_UPDATED] = "EventMemberUpdate",
                                            [SERF_MEMBER_FAILED] = "EventMemberFailed",
                                            [SERF_MEMBER_LEFT] = "EventMemberLeave",
                                            [SERF_MEMBER_REAPED] = "EventMemberReap"};
        struct member_group *group = arg;
        char address[64];

        member_address_text(&member->address, address);
        if (may_log(group))
                log_info(group->members->options.log, group->module, "%s: %.*s %s", words[event],
                         (int)member->name.length, (const char *)member->name.bytes, address);
        if (event == SERF_MEMBER_JOINED || event == SERF_MEMBER_UPDATED)
                member_group_note_id(group, member);
        group->changed = true;
        members_wake(group->members);
}

static void on_user_event(void *arg, const struct serf_user_event *heard)
{
        struct byte_buffer scratch = BYTE_BUFFER_INIT;
        struct member_group *group = arg;
        struct members *members = group->members;
        struct event event;

        group->snapshot_due = true;
        if (group->which == MEMBER_LAN && !members->closing &&
            member_event_get(heard, &event, &scratch) == 0) {
                log_debug(members->options.log, group->module, "new event: name=%s id=%s",
                          event.name, event.id);
                members->options.event(members->options.arg, &event);
        }
        byte_buffer_fini(&scratch);
}

static void on_answer(void *arg, uint32_t id, enum serf_answer kind, struct pack_slice from,
                      struct pack_slice payload)
{
        struct member_group *group = arg;

        if (member_keys_answer(group, id, kind, from, payload))
                members_wake(group->members);
}

static int on_keys_changed(void *arg, const struct keyring *ring)
{
        struct member_group *group = arg;

        (void)ring;
        return member_group_keep_keys(group);
}

// Who comes and goes may ask to be forgotten sooner.
static uint64_t on_kept_ms(void *arg, const struct serf_member *member, uint64_t kept_ms)
{
        struct member_info info;

        (void)arg;
        member_tags_get(member->meta, &info);
        return info.reconnect_timeout_ms > 0 ? info.reconnect_timeout_ms : kept_ms;
}

/* ---- Life ---- */

static void on_snapshot(uv_timer_t *timer)
{
        struct members *members = timer->data;

        for (int i = 0; i < MEMBER_POOL_COUNT; i++) {
                struct member_group *group = &members->groups[i];

                if (group->pool != NULL && group->snapshot_due)
                        member_group_remember(group);
        }
}

static void on_flood(uv_timer_t *timer)
{
        members_flood(timer->data);
}

static int start_group(struct members *members, enum member_pool which, char *error,
                       size_t error_size)
{
        const struct config *config = members->options.config;
        struct member_group *group = &members->groups[which];
        struct byte_buffer meta = BYTE_BUFFER_INIT;
        struct pool_options options;
        char reason[256] = "";
        int ret;

        snprintf(group->module, sizeof(group->module), "agent.%s.serf.%s",
                 config->server ? "server" : "client", which == MEMBER_LAN ? "lan" : "wan");
        ret = member_group_keys(group, error, error_size);
        if (ret == 0)
                ret = member_group_settings(group, &options, &meta, error, error_size);
        if (ret == 0) {
                options.hooks = (struct serf_hooks){.arg = group,
                                                    .conflict = member_group_conflict,
                                                    .admits = member_group_admits,
                                                    .group_fault = member_group_fault,
                                                    .member_event = on_member_event,
                                                    .user_event = on_user_event,
                                                    .answer = on_answer,
                                                    .keys_changed = on_keys_changed,
                                                    .kept_ms = on_kept_ms};
                ret = pool_start(&options, &group->pool, reason, sizeof(reason));
                if (ret < 0)
                        snprintf(error, error_size,
                                 "Failed to start Consul %s: Failed to start %s Serf: %s",
                                 config->server ? "server" : "client",
                                 which == MEMBER_LAN ? "LAN" : "WAN", reason);
                else
                        members_hold(members);
        }
        byte_buffer_fini(&meta);
        return ret;
}

static uv_timer_t *timer_at(struct members *members, unsigned i)
{
        uv_timer_t *const timers[] = {
            &members->wake_timer,
            &members->snapshot_timer,
            &members->flood_timer,
            &members->leave_timer,
            &members->groups[MEMBER_LAN].retry_timer,
            &members->groups[MEMBER_WAN].retry_timer,
        };

        return i < sizeof(timers) / sizeof(timers[0]) ? timers[i] : NULL;
}

static int init_group(struct members *members, enum member_pool which)
{
        const struct config_gossip *gossip = &members->options.config->gossip;
        struct member_group *group = &members->groups[which];

        group->members = members;
        group->which = which;
        group->config = which == MEMBER_LAN ? &gossip->lan : &gossip->wan;
        group->refusals.interval_ms = group->conflicts.interval_ms = REFUSAL_INTERVAL_MS;
        return member_ids_init(&group->ids);
}

int members_create(struct members **out, const struct members_options *options, char *error,
                   size_t error_size)
{
        struct members *members = calloc(1, sizeof(*members));
        uv_timer_t *timer;
        int ret;

        snprintf(error, error_size, "out of memory");
        if (members == NULL)
                return -ENOMEM;
        members->options = *options;
        for (unsigned i = 0; (timer = timer_at(members, i)) != NULL; i++) {
                uv_timer_init(options->loop, timer);
                timer->data = members;
                members_hold(members);
        }
        ret = init_group(members, MEMBER_LAN);
        if (ret == 0)
                ret = init_group(members, MEMBER_WAN);
        if (ret == 0)
                ret = start_group(members, MEMBER_LAN, error, error_size);
        if (ret == 0 && options->config->server && options->config->ports.serf_wan > 0)
                ret = start_group(members, MEMBER_WAN, error, error_size);
        if (ret < 0) {
                members_destroy(members);
                return ret;
        }
        for (int i = 0; i < MEMBER_POOL_COUNT; i++) {
                if (members->groups[i].pool == NULL)
                        continue;
                member_group_recall(&members->groups[i]);
                member_group_join_configured(&members->groups[i]);
        }
        uv_timer_start(&members->snapshot_timer, on_snapshot, SNAPSHOT_INTERVAL_MS,
                       SNAPSHOT_INTERVAL_MS);
        uv_timer_start(&members->flood_timer, on_flood, FLOOD_INTERVAL_MS, FLOOD_INTERVAL_MS);
        *out = members;
        return 0;
}

static void on_pool_closed(void *arg)
{
        members_release(arg);
}

static void on_timer_closed(uv_handle_t *handle)
{
        members_release(handle->data);
}

void members_destroy(struct members *take_members)
{
        struct members *members = take_members;
        uv_timer_t *timer;

        if (members == NULL)
                return;
        members->closing = true;
        members_hold(members);
        for (int i = 0; i < MEMBER_POOL_COUNT; i++) {
                struct member_group *group = &members->groups[i];

                if (group->pool == NULL)
                        continue;
                member_group_remember(group);
                pool_stop(group->pool, on_pool_closed, members);
                group->pool = NULL;
        }
        for (unsigned i = 0; (timer = timer_at(members, i)) != NULL; i++)
                uv_close((uv_handle_t *)timer, on_timer_closed);
        members_release(members);
}

int members_fire(struct members *members, const struct event *event)
{
        struct byte_buffer name = BYTE_BUFFER_INIT, payload = BYTE_BUFFER_INIT;
        struct pool *pool = members->groups[MEMBER_LAN].pool;
        int ret;

        member_event_put(event, &name, &payload);
        ret = serf_fire(pool_serf(pool), (struct pack_slice){name.bytes, (uint32_t)name.len},
                        (struct pack_slice){payload.bytes, (uint32_t)payload.len}, false,
                        pool_now_us(pool));
        pool_changed(pool);
        byte_buffer_fini(&name);
        byte_buffer_fini(&payload);
        return ret;
}
