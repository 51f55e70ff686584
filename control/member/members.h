#ifndef CONTROL_MEMBER_MEMBERS_H
#define CONTROL_MEMBER_MEMBERS_H

/**
 * The agent's gossip pools: one of its datacenter's agents, and a server's one more of all
 * datacenters' servers. Joining, leaving, keys, what is remembered on disk, user events.
 *
 * context  the control thread. Callbacks come from the loop, never from within a call made here,
 *          unless said so.
 */

#include <uv.h>

#include "control/config/config.h"
#include "control/event/events.h"
#include "control/member/member_tags.h"
#include "control/pool/pool.h"

enum member_pool { MEMBER_LAN, MEMBER_WAN, MEMBER_POOL_COUNT };

struct members;

struct members_options {
        uv_loop_t *loop; /* borrowed for the whole life, as all below */
        const struct log *log;
        const struct config *config;
        const char *node_id;
        void *arg;
        /* Members of a pool came, changed or went: look at the list. */
        void (*changed)(void *arg, enum member_pool pool);
        /* An event fired somewhere, here too; borrowed until return. May come from members_fire. */
        void (*event)(void *arg, const struct event *event);
        /* The process must end: nobody could be joined. @text for the operator. */
        void (*failed)(void *arg, const char *text);
};

/**
 * Bind, begin to gossip, and join whom the configuration or an earlier life names.
 * @error  on failure one line for the operator.
 * returns 0 or a negative errno.
 */
int members_create(struct members **out, const struct members_options *options, char *error,
                   size_t error_size);

/** Stop without leaving. The memory is given back by the loop's next turns. */
void members_destroy(struct members *take_members);

/** A pool's state machine, to be read; NULL when there is no such pool. */
const struct serf *members_serf(const struct members *members, enum member_pool pool);

/** What a pool's sockets did; there has to be such a pool. */
void members_counters(const struct members *members, enum member_pool pool,
                      struct pool_counters *out);

/** Whether a pool's messages are encrypted. */
bool members_encrypted(const struct members *members, enum member_pool pool);

#define MEMBER_DATACENTERS_MAX 256u

struct member_datacenter {
        char name[MEMBER_TEXT_MAX];
        double distance_s; /* the median of its servers'; infinite when none has told its place */
};

/**
 * Datacenters with a server that is known, this agent's own included: the nearest first.
 * @out     room for @max of them; may be NULL to count them only.
 * returns  how many there are.
 */
size_t members_datacenters(const struct members *members, struct member_datacenter out[],
                           size_t max);

/** What a member tells of itself. */
void members_info(const struct serf_member *member, struct member_info *out);

/**
 * How joining ended.
 * @joined  addresses that were reached.
 * @error   what went wrong with others, in Consul's words; "" for nothing. Borrowed until return.
 */
typedef void (*members_joined_fn)(void *arg, unsigned joined, const char *error);

/**
 * Join who listens at some addresses: "host", "host:port", names included.
 * @addresses  copied.
 * returns     0 and @done will be called exactly once; -ENOENT without such a pool.
 */
int members_join(struct members *members, enum member_pool pool, const char *const addresses[],
                 size_t count, members_joined_fn done, void *arg);

/** Leave both pools, bounded in time. @done called once; a second call is let pass. */
void members_leave(struct members *members, void (*done)(void *arg), void *arg);

/**
 * Declare a failed member to have left.
 * @name  of its node; a server's is taken out of the WAN pool as well, unless wan_only.
 * returns 0 or -ENOENT.
 */
int members_force_leave(struct members *members, const char *name, bool prune, bool wan_only);

/** Fire an event at all agents of the datacenter, this one included. returns 0 or -E2BIG. */
int members_fire(struct members *members, const struct event *event);

enum key_action { KEY_LIST, KEY_INSTALL, KEY_USE, KEY_REMOVE };

#define KEY_ANSWER_KEYS_MAX 32u

/* How many members hold a key. */
struct key_holders {
        char key[48]; /* base64 */
        unsigned count, primary_count;
};

/* What the members of a pool answered. */
struct key_answer {
        enum member_pool pool;
        unsigned member_count, answered_count, refused_count;
        struct key_holders keys[KEY_ANSWER_KEYS_MAX];
        unsigned key_count;
        char node[GOSSIP_NAME_MAX + 1]; /* the first that refused, and why */
        char message[256];
};

typedef void (*members_keys_fn)(void *arg, const struct key_answer *answer);

/**
 * Ask every member of a pool about the keyring, or have it changed.
 * @key    base64; ignored for a list.
 * returns 0 and @done will be called exactly once; -ENOENT without such a pool; -EOPNOTSUPP without
 *         encryption; -EBUSY.
 */
int members_keys(struct members *members, enum member_pool pool, enum key_action action,
                 const char *key, unsigned relay_factor, members_keys_fn done, void *arg);

#endif
