#ifndef CONTROL_PUBLISHER_PUBLISHER_H
#define CONTROL_PUBLISHER_PUBLISHER_H

/**
 * The publisher: turns the store's changes into the data plane's entries, one lictor_commit per
 * applied command, in time proportional to what changed.
 *
 * context  the control thread, which is also the data plane's writer.
 */

#include "control/store/store.h"
#include "lictor/dataplane.h"

struct ttl_rule {
        const char *pattern; /* a service's name, or a prefix followed by "*" */
        uint32_t ttl_s;
};

/* Everything of the configuration that decides what DNS answers. */
struct publisher_config {
        struct lictor_zone zone;
        const struct ttl_rule *service_ttl; /* any order: exact first, then the longest prefix */
        size_t service_ttl_count;
        bool only_passing; /* leave out warning instances too */
        /* What other datacenters select is answered by the addresses tagged for the WAN. */
        bool translate_wan;
        bool is_wan; /* so is what the store holds: it is another datacenter's, or for one */
};

struct publisher_stats {
        uint64_t commits;
        uint64_t entries_set;
        uint64_t entries_removed;
        uint64_t entries_refused; /* names that cannot be written in DNS */
        uint64_t entries_failed;  /* for want of memory; the old ones stay */
};

struct publisher;
struct json_t;

/**
 * Create it, listening to @store, and publish what the store holds.
 * @store   borrowed for the publisher's life.
 * @dp      borrowed likewise; created by the caller with config->zone.
 * @config  copied.
 * returns  0; -EINVAL when the domain or datacenter is no DNS name; -ENOSPC without a free
 * listener.
 */
int publisher_create(struct store *store, struct lictor_dataplane *dp,
                     const struct publisher_config *config, struct publisher **out);
/**
 * Create one that follows nothing: it publishes single names, from the store as it is.
 * returns  0, or -EINVAL as above.
 */
int publisher_create_idle(struct store *store, struct lictor_dataplane *dp,
                          const struct publisher_config *config, struct publisher **out);
/** Stop listening. What was published stays in the data plane. */
void publisher_destroy(struct publisher *p);

/**
 * Publish nothing until publisher_release, which publishes everything at once: for the time in
 * which a store is filled at start. Only while nothing but that has been published: what goes away
 * meanwhile is not withdrawn.
 */
void publisher_hold(struct publisher *p);
void publisher_release(struct publisher *p);

/**
 * From now on a name that is not found does not exist: the store has caught up with the cluster.
 * Has an effect when the publisher was created with an unready zone; configuring leaves it as it
 * is.
 */
void publisher_set_ready(struct publisher *p);

/**
 * Take new settings: gives the zone to the data plane and publishes everything afresh. Names that
 * are still there never go unanswered meanwhile.
 * returns  0; -EINVAL for a bad domain or datacenter, and then nothing has changed.
 */
int publisher_configure(struct publisher *p, const struct publisher_config *config);

/**
 * Say whether what is published is too old to be answered; not at first. Costs little when nothing
 * changes.
 */
void publisher_set_stale(struct publisher *p, bool stale);

/**
 * Publish what a template makes of one name, which readers may see until it is withdrawn.
 * returns  false when no template takes the name, or it selects nothing: then nothing was done.
 */
bool publisher_publish_template(struct publisher *p, const char *name);
/**
 * Publish what a query selected in another datacenter, likewise to be withdrawn.
 * @answer  as the API shows a query carried out.
 * returns  false when there is nothing in it: then nothing was done.
 */
bool publisher_publish_answer(struct publisher *p, const char *name, const struct json_t *answer);
void publisher_withdraw_template(struct publisher *p, const char *name);

/* What a question is about. */
struct publisher_name {
        enum { PUBLISHER_NODE, PUBLISHER_SERVICE, PUBLISHER_QUERY } kind;
        char name[256];
        char tag[256]; /* of a service; "" for all instances */
};

/**
 * With an idle publisher: publish that one name, a query's after its template, to be withdrawn.
 * Costs what the name's instances do.
 */
void publisher_publish_name(struct publisher *p, const struct publisher_name *name);
void publisher_withdraw_name(struct publisher *p, const struct publisher_name *name);

/** Counters since the publisher was created. */
void publisher_stats(const struct publisher *p, struct publisher_stats *out);

/**
 * The time to live of a service's answers under the rules, whose case counts.
 * @as_asked  match the name in the lower case that questions are looked up in, not as it is spelled
 */
uint32_t publisher_service_ttl_s(const struct publisher_config *config, const char *service,
                                 bool as_asked);

#endif
