#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/member/members_internal.h"

#define POLL_MS          10u
#define LEAVE_TIMEOUT_MS 12000u

// The pool of all servers first, as Consul: those of other datacenters are to stop asking us.
static struct member_group *leaving_group(struct members *members)
{
        static const enum member_pool order[] = {MEMBER_WAN, MEMBER_LAN};

        for (unsigned i = 0; i < MEMBER_POOL_COUNT; i++) {
                struct member_group *group = &members->groups[order[i]];

                // Under a contested name the other one would be taken to have left.
                if (group->pool != NULL && !group->left && !member_group_contested(group))
                        return group;
        }
        return NULL;
}

static void on_poll(uv_timer_t *timer)
{
        struct members *members = timer->data;
        struct member_group *group = leaving_group(members);
        bool late = uv_now(members->options.loop) >= members->leave_until_ms;

        while (group != NULL && (late || serf_has_left(pool_serf(group->pool)))) {
                group->left = true;
                member_group_remember(group);
                group = leaving_group(members);
                if (group != NULL)
                        serf_leave(pool_serf(group->pool), pool_now_us(group->pool));
        }
        if (group != NULL) {
                pool_changed(group->pool);
                return;
        }
        uv_timer_stop(timer);
        members->left(members->left_arg);
}

void members_leave(struct members *members, void (*done)(void *arg), void *arg)
{
        struct member_group *group = leaving_group(members);

        if (members->leaving || members->closing)
                return;
        members->leaving = true;
        members->left = done;
        members->left_arg = arg;
        members->leave_until_ms = uv_now(members->options.loop) + LEAVE_TIMEOUT_MS;
        if (group != NULL) {
                serf_leave(pool_serf(group->pool), pool_now_us(group->pool));
                pool_changed(group->pool);
        }
        for (int i = 0; i < MEMBER_POOL_COUNT; i++)
                uv_timer_stop(&members->groups[i].retry_timer);
        uv_timer_start(&members->leave_timer, on_poll, POLL_MS, POLL_MS);
}

static bool force(struct member_group *group, const char *name, bool prune)
{
        struct serf *serf = group->pool != NULL ? pool_serf(group->pool) : NULL;
        bool known;

        if (serf == NULL)
                return false;
        known = serf_member_find(serf, pack_slice_of(name)) != NULL;
        (void)serf_force_leave(serf, pack_slice_of(name), prune, pool_now_us(group->pool));
        pool_changed(group->pool);
        return known;
}

int members_force_leave(struct members *members, const char *name, bool prune, bool wan_only)
{
        const char *datacenter = members->options.config->datacenter;
        size_t length = strlen(name), suffix = strlen(datacenter) + 1;
        char wan_name[2 * GOSSIP_NAME_MAX + 2];
        bool known = false;

        if (length == 0 || length > GOSSIP_NAME_MAX)
                return -ENOENT;
        for (int i = 0; i < MEMBER_POOL_COUNT; i++) {
                const struct serf *serf = members_serf(members, (enum member_pool)i);

                known |= serf != NULL && !(wan_only && i == MEMBER_LAN) &&
                         serf_member_find(serf, pack_slice_of(name)) != NULL;
        }
        if (!known)
                return -ENOENT;
        if (!wan_only)
                force(&members->groups[MEMBER_LAN], name, prune);
        if (length > suffix && name[length - suffix] == '.' &&
            strcmp(name + length - suffix + 1, datacenter) == 0)
                snprintf(wan_name, sizeof(wan_name), "%s", name);
        else
                snprintf(wan_name, sizeof(wan_name), wan_only ? "%.255s" : "%.255s.%.255s", name,
                         datacenter);
        if (strlen(wan_name) <= GOSSIP_NAME_MAX)
                force(&members->groups[MEMBER_WAN], wan_name, prune);
        return 0;
}
