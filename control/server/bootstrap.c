#include "control/server/bootstrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <xxhash.h>

static int compare_founders(const void *a, const void *b)
{
        const struct founder *first = a, *second = b;

        return strcmp(first->node_id, second->node_id);
}

uint64_t bootstrap_digest(const struct founder founders[], unsigned count)
{
        uint64_t digest = count;

        for (unsigned i = 0; i < count; i++) {
                digest =
                    XXH3_64bits_withSeed(founders[i].node_id, strlen(founders[i].node_id), digest);
                digest =
                    XXH3_64bits_withSeed(founders[i].address, strlen(founders[i].address), digest);
        }
        return digest != 0 ? digest : 1;
}

static bool conflicts(const struct server_info *own, const struct server_info *other,
                      struct bootstrap_plan *out)
{
        if (other->bootstrap) {
                snprintf(out->conflict, sizeof(out->conflict),
                         "Member has bootstrap mode. Expect disabled: member=%.100s address=%s",
                         other->name, other->address);
                return true;
        }
        if (other->expect != 0 && other->expect != own->expect) {
                snprintf(out->conflict, sizeof(out->conflict),
                         "Member has a conflicting expect value. All nodes should expect the same "
                         "number: member=%.100s address=%s expect=%u own_expect=%u",
                         other->name, other->address, other->expect, own->expect);
                return true;
        }
        return false;
}

// The founders are those with the smallest ids among all that live and expect the same.
static void choose(const struct server_member members[], size_t count, uint32_t expect,
                   struct bootstrap_plan *out)
{
        struct founder all[SERVER_KNOWN_MAX];
        unsigned found = 0;

        for (size_t i = 0; i < count && found < SERVER_KNOWN_MAX; i++) {
                const struct server_info *info = &members[i].info;

                if (members[i].life != SERVER_ALIVE || info->expect != expect)
                        continue;
                memcpy(all[found].node_id, info->node_id, sizeof(all[found].node_id));
                memcpy(all[found++].address, info->address, sizeof(all[0].address));
        }
        if (found < expect || expect > FOUNDER_MAX)
                return;
        qsort(all, found, sizeof(all[0]), compare_founders);
        memcpy(out->founders, all, expect * sizeof(all[0]));
        out->founder_count = expect;
        out->digest = bootstrap_digest(out->founders, expect);
}

static bool is_founder(const struct bootstrap_plan *plan, const struct server_info *info)
{
        for (unsigned i = 0; i < plan->founder_count; i++) {
                if (strcmp(plan->founders[i].node_id, info->node_id) == 0)
                        return true;
        }
        return false;
}

void bootstrap_plan_make(const struct server_member members[], size_t count,
                         struct bootstrap_plan *out)
{
        const struct server_info *own = &members[0].info;

        *out = (struct bootstrap_plan){.verdict = BOOTSTRAP_WAIT};
        for (size_t i = 1; i < count; i++) {
                if (members[i].life == SERVER_ALIVE && !members[i].info.empty) {
                        out->verdict = BOOTSTRAP_JOIN;
                        return;
                }
        }
        if (own->expect == 0)
                return;
        for (size_t i = 1; i < count; i++) {
                if (members[i].life == SERVER_ALIVE && conflicts(own, &members[i].info, out))
                        return;
        }
        choose(members, count, own->expect, out);
        if (out->founder_count == 0 || !is_founder(out, own))
                return;
        for (size_t i = 1; i < count; i++) {
                if (is_founder(out, &members[i].info) && members[i].info.candidates != out->digest)
                        return;
        }
        out->verdict = BOOTSTRAP_GO;
}

bool server_is_acceptable(const struct server_member members[], size_t count,
                          const struct server_info *stranger, char *reason, size_t reason_size)
{
        const struct server_info *own = &members[0].info;

        if (strcasecmp(stranger->datacenter, own->datacenter) != 0) {
                snprintf(reason, reason_size,
                         "server %.100s (%s) is of datacenter \"%.100s\", this one of \"%.100s\": "
                         "not joined",
                         stranger->name, stranger->address, stranger->datacenter, own->datacenter);
                return false;
        }
        if (stranger->cluster_id != 0 && own->cluster_id != 0 &&
            stranger->cluster_id != own->cluster_id) {
                snprintf(reason, reason_size,
                         "server %.100s (%s) belongs to another cluster: not joined; to move one "
                         "of them, stop it and remove its data_dir",
                         stranger->name, stranger->address);
                return false;
        }
        for (size_t i = 0; i < count; i++) {
                const struct server_info *known = &members[i].info;
                bool same_id = strcmp(known->node_id, stranger->node_id) == 0;
                bool same_name = strcasecmp(known->name, stranger->name) == 0;
                bool same_address = strcmp(known->address, stranger->address) == 0;
                bool alive = i == 0 || members[i].life == SERVER_ALIVE;

                // A server may come back elsewhere, and another may take a dead one's name.
                if (!alive || (!same_id && !same_name) || (same_id && same_address) ||
                    (same_id && same_name && i != 0))
                        continue;
                snprintf(reason, reason_size,
                         "servers %.100s (%s) and %.100s (%s) have one %s %.100s: the second is "
                         "not joined",
                         known->name, known->address, stranger->name, stranger->address,
                         same_id ? "node id" : "node name",
                         same_id ? stranger->node_id : stranger->name);
                return false;
        }
        return true;
}
