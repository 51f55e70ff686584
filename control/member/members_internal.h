#ifndef CONTROL_MEMBER_MEMBERS_INTERNAL_H
#define CONTROL_MEMBER_MEMBERS_INTERNAL_H

#include <limits.h>

#include "control/member/admission.h"
#include "control/member/member_event.h"
#include "control/member/member_ids.h"
#include "control/member/members.h"

#define KEY_QUERY_MAX 8u

/* A question about keys on its way. */
struct key_query {
        struct key_answer answer;
        uint32_t id;
        bool open;
        bool finished; /* to be told at the loop's next turn */
        members_keys_fn done;
        void *arg;
};

/* One pool, and what the agent keeps beside it. */
struct member_group {
        struct members *members;
        enum member_pool which;
        const struct config_pool *config;
        struct pool *pool; /* NULL: there is none */
        char module[32];   /* of its log lines */
        char node_name[GOSSIP_NAME_MAX + 1];
        struct keyring keyring;
        char keyring_path[PATH_MAX]; /* "": kept in memory */
        char snapshot_path[PATH_MAX];
        bool snapshot_due, left;
        bool changed; /* to be told */
        unsigned retry_attempts;
        bool retrying;
        uv_timer_t retry_timer;
        struct log_limit refusals, conflicts;
        struct member_ids ids;          /* of the LAN pool's members */
        uint64_t contested_until_ms;    /* another bears this agent's name */
        char fault[ADMISSION_TEXT_MAX]; /* against a group that was to be joined */
        struct pool_network *allowed;   /* who may gossip; NULL: everybody */
        uint64_t quiet_from_ms;         /* of lines about members: when the present interval ends */
        unsigned lines;                 /* written in it */
        unsigned lines_held;
};

struct members {
        struct members_options options;
        struct member_group groups[MEMBER_POOL_COUNT];
        uv_timer_t wake_timer, snapshot_timer, flood_timer, leave_timer;
        struct key_query key_queries[KEY_QUERY_MAX];
        unsigned references; /* handles, pools and joins on their way */
        bool closing;
        bool flooding;
        bool leaving;
        uint64_t leave_until_ms;
        void (*left)(void *arg);
        void *left_arg;
};

void members_hold(struct members *members);
/** The last one frees. */
void members_release(struct members *members);
/** Look at everything that is due at the loop's next turn. */
void members_wake(struct members *members);

/** Tags, timings and addresses of a pool by the configuration; @meta holds the tags. */
int member_group_settings(struct member_group *group, struct pool_options *options,
                          struct byte_buffer *meta, char *error, size_t error_size);
/** Find a pool's keys. */
int member_group_keys(struct member_group *group, char *error, size_t error_size);
/** Keep the keys that are in force now. returns 0 or a negative errno. */
int member_group_keep_keys(struct member_group *group);

/** Put the clocks back, and join again who was alive. */
void member_group_recall(struct member_group *group);
/** Write down who is alive. */
void member_group_remember(struct member_group *group);

/** The pool's hooks (serf.h) that say who may be a member; @arg is the group. */
bool member_group_admits(void *arg, const struct gossip_alive *alive);
const char *member_group_fault(void *arg, const struct gossip_node_state rows[], uint32_t count);
void member_group_conflict(void *arg, const struct swim_node *node,
                           const struct swim_address *other);
/** A member came or changed: remember who has its node ID. */
void member_group_note_id(struct member_group *group, const struct serf_member *member);
/** Whether another member was found lately that bears this agent's name. */
bool member_group_contested(const struct member_group *group);

/** As members_join. @first_only  one that is reached is enough. */
int member_group_join(struct member_group *group, const char *const addresses[], size_t count,
                      bool first_only, members_joined_fn done, void *arg);
/** Begin to join whom the configuration names. */
void member_group_join_configured(struct member_group *group);
/** Servers of this datacenter that are not in the pool of all servers yet. */
void members_flood(struct members *members);

/** An answer to a question about keys. returns whether it was one. */
bool member_keys_answer(struct member_group *group, uint32_t id, enum serf_answer kind,
                        struct pack_slice from, struct pack_slice payload);
void member_keys_tell(struct members *members);

/** "ip:port" of an address. @out 64 bytes. */
void member_address_text(const struct swim_address *address, char out[64]);

#endif
