#include "control/member/admission.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/store/memory.h"

/* A node ID and the row that bears it. */
struct claim {
        char node_id[37];
        uint32_t row;
};

bool admission_of_member(const struct admission *admission, struct pack_slice name,
                         const struct member_info *info, char why[ADMISSION_TEXT_MAX])
{
        int length = (int)name.length;
        const char *text = (const char *)name.bytes;

        if (admission->wan) {
                if (info->role == MEMBER_SERVER)
                        return true;
                snprintf(why, ADMISSION_TEXT_MAX, "Member '%.*s' is not a server", length, text);
                return false;
        }
        if (strcmp(info->node_id, admission->node_id) == 0 &&
            !pack_slice_equal(name, pack_slice_of(admission->name)))
                snprintf(why, ADMISSION_TEXT_MAX,
                         "Member '%.*s' has conflicting node ID '%s' with this agent's ID", length,
                         text, info->node_id);
        else if (info->role != MEMBER_STRANGER &&
                 strcmp(info->datacenter, admission->datacenter) != 0)
                snprintf(why, ADMISSION_TEXT_MAX, "Member '%.*s' part of wrong datacenter '%s'",
                         length, text, info->datacenter);
        else if (strcmp(info->segment, admission->segment) != 0)
                snprintf(why, ADMISSION_TEXT_MAX,
                         "Member '%.*s' part of wrong segment '%s' (expected '%s')", length, text,
                         info->segment, admission->segment);
        else
                return true;
        return false;
}

void admission_put_twins(struct pack_slice name, const char *node_id, struct pack_slice other,
                         char why[ADMISSION_TEXT_MAX])
{
        snprintf(why, ADMISSION_TEXT_MAX,
                 "Member '%.*s' has conflicting node ID '%s' with member '%.*s'", (int)name.length,
                 (const char *)name.bytes, node_id, (int)other.length, (const char *)other.bytes);
}

// Those who are gone may have come back under a new name.
static bool is_gone(const struct gossip_node_state *row)
{
        return row->state == GOSSIP_STATE_LEFT || row->state == GOSSIP_STATE_DEAD;
}

static int compare_claims(const void *a, const void *b)
{
        const struct claim *left = a, *right = b;
        int order = strcmp(left->node_id, right->node_id);

        return order != 0 ? order : (left->row > right->row) - (left->row < right->row);
}

// The first row, of those before @count, whose node ID an earlier one has; else @count.
static uint32_t find_twin(struct claim claims[], uint32_t claim_count, uint32_t count,
                          const struct claim **first)
{
        uint32_t found = count;

        qsort(claims, claim_count, sizeof(*claims), compare_claims);
        for (uint32_t i = 1; i < claim_count; i++) {
                if (strcmp(claims[i - 1].node_id, claims[i].node_id) != 0 || claims[i].row >= found)
                        continue;
                found = claims[i].row;
                *first = &claims[i - 1];
        }
        return found;
}

bool admission_of_group(const struct admission *admission, const struct gossip_node_state rows[],
                        uint32_t count, char why[ADMISSION_TEXT_MAX])
{
        struct claim *claims = memory_get((count + 1) * sizeof(*claims));
        const struct claim *first = NULL;
        uint32_t claim_count = 0, fault = count, twin;
        struct member_info info;

        for (uint32_t i = 0; i < count && fault == count; i++) {
                member_tags_get(rows[i].meta, &info);
                if (is_gone(&rows[i]))
                        info.node_id[0] = '\0';
                if (!admission_of_member(admission, rows[i].name, &info, why)) {
                        fault = i;
                } else if (!admission->wan && info.node_id[0] != '\0') {
                        claims[claim_count].row = i;
                        memcpy(claims[claim_count++].node_id, info.node_id, sizeof(info.node_id));
                }
        }
        twin = find_twin(claims, claim_count, fault, &first);
        if (twin < fault)
                admission_put_twins(rows[twin].name, first->node_id, rows[first->row].name, why);
        free(claims);
        return twin == count;
}
