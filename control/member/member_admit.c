#include <string.h>

#include "control/member/admission.h"
#include "control/member/members_internal.h"

#define IDS_SLACK 64u /* besides two for each member */
/* A member of another address that bears our name is told of with every exchange of states. */
#define CONTEST_MS 300000u

static struct admission admission_of(const struct member_group *group)
{
        const struct members_options *options = &group->members->options;

        return (struct admission){.wan = group->which == MEMBER_WAN,
                                  .name = group->node_name,
                                  .node_id = options->node_id,
                                  .datacenter = options->config->datacenter,
                                  .segment = options->config->gossip.segment};
}

void member_group_conflict(void *arg, const struct swim_node *node,
                           const struct swim_address *other)
{
        struct member_group *group = arg;
        const struct log *log = group->members->options.log;
        uint64_t now_ms = uv_now(group->members->options.loop), held;
        bool own = pack_slice_equal(node->name, pack_slice_of(group->node_name));
        char mine[64], theirs[64];

        if (own)
                group->contested_until_ms = now_ms + CONTEST_MS;
        if (!log_limit_allow(&group->conflicts, now_ms, &held))
                return;
        member_address_text(&node->address, mine);
        member_address_text(other, theirs);
        if (own)
                log_error(log, group->module,
                          "Node name conflicts with another node at %s. Names must be unique! "
                          "(Resolution enabled: false)",
                          theirs);
        else
                log_warn(log, group->module, "Name conflict for '%.*s' both %s and %s are claiming",
                         (int)node->name.length, (const char *)node->name.bytes, mine, theirs);
}

bool member_group_contested(const struct member_group *group)
{
        return uv_now(group->members->options.loop) < group->contested_until_ms;
}

/* ---- Node IDs ---- */

void member_group_note_id(struct member_group *group, const struct serf_member *member)
{
        struct member_ids *ids = &group->ids;
        const struct serf *serf;
        struct member_info info;

        if (group->which != MEMBER_LAN)
                return;
        members_info(member, &info);
        if (info.node_id[0] != '\0')
                member_ids_put(ids, info.node_id, member->name);
        if (group->pool == NULL)
                return;
        // Those of members who are gone or have another by now.
        serf = pool_serf(group->pool);
        if (member_ids_count(ids) <= 2 * serf_member_count(serf) + IDS_SLACK)
                return;
        member_ids_clear(ids);
        for (size_t i = 0; i < serf_member_count(serf); i++) {
                const struct serf_member *each = serf_member_at(serf, i);

                members_info(each, &info);
                if (info.node_id[0] != '\0' && each->status != SERF_LEFT &&
                    each->status != SERF_FAILED)
                        member_ids_put(ids, info.node_id, each->name);
        }
}

// A member that lives and has this ID already. The first keeps it, or the catalog, where a node is
// renamed by its ID, would have them by turns.
static bool is_taken(const struct member_group *group, struct pack_slice name, const char *node_id,
                     char why[ADMISSION_TEXT_MAX])
{
        const char *bearer = *node_id ? member_ids_find(&group->ids, node_id) : NULL;
        const struct serf_member *member;
        struct member_info info;

        if (bearer == NULL || pack_slice_equal(name, pack_slice_of(bearer)))
                return false;
        member = serf_member_find(pool_serf(group->pool), pack_slice_of(bearer));
        if (member == NULL || member->status == SERF_LEFT || member->status == SERF_FAILED)
                return false;
        members_info(member, &info);
        if (strcmp(info.node_id, node_id) != 0)
                return false;
        admission_put_twins(name, node_id, member->name, why);
        return true;
}

/* ---- What the pool asks ---- */

bool member_group_admits(void *arg, const struct gossip_alive *alive)
{
        struct member_group *group = arg;
        struct admission admission = admission_of(group);
        char why[ADMISSION_TEXT_MAX];
        struct member_info info;
        uint64_t held;

        member_tags_get(alive->meta, &info);
        if (admission_of_member(&admission, alive->node, &info, why) &&
            (group->which != MEMBER_LAN || !is_taken(group, alive->node, info.node_id, why)))
                return true;
        if (log_limit_allow(&group->refusals, uv_now(group->members->options.loop), &held))
                log_warn(group->members->options.log, group->module,
                         "ignoring alive message for '%.*s': %s: more=%lu", (int)alive->node.length,
                         (const char *)alive->node.bytes, why, (unsigned long)held);
        return false;
}

const char *member_group_fault(void *arg, const struct gossip_node_state rows[], uint32_t count)
{
        struct member_group *group = arg;
        struct admission admission = admission_of(group);

        return admission_of_group(&admission, rows, count, group->fault) ? NULL : group->fault;
}
