#ifndef CONTROL_MEMBER_ADMISSION_H
#define CONTROL_MEMBER_ADMISSION_H

/**
 * Who may be a member of a pool beside this agent, by what Consul's agents ask of each other. Pure.
 */

#include "control/gossip/message.h"
#include "control/member/member_tags.h"

#define ADMISSION_TEXT_MAX 600u

/* This agent, as members are measured by it. Texts are borrowed. */
struct admission {
        bool wan; /* of the pool of all datacenters' servers */
        const char *name;
        const char *node_id;
        const char *datacenter;
        const char *segment;
};

/**
 * Judge one that says it is alive.
 * @why     what is against it, for the operator.
 * returns  whether nothing is.
 */
bool admission_of_member(const struct admission *admission, struct pack_slice name,
                         const struct member_info *info, char why[ADMISSION_TEXT_MAX]);

/**
 * Judge a group that is to be joined, by the rows of its push/pull: besides each for itself, no two
 * that live may have one node ID.
 */
bool admission_of_group(const struct admission *admission, const struct gossip_node_state rows[],
                        uint32_t count, char why[ADMISSION_TEXT_MAX]);

/** Say that two members have one node ID. */
void admission_put_twins(struct pack_slice name, const char *node_id, struct pack_slice other,
                         char why[ADMISSION_TEXT_MAX]);

#endif
