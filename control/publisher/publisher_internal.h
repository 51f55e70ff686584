#ifndef CONTROL_PUBLISHER_PUBLISHER_INTERNAL_H
#define CONTROL_PUBLISHER_PUBLISHER_INTERNAL_H

/**
 * Inside the publisher. A batch of changes is first turned into the sets of entries that may differ
 * now (dirty); each of those is then compiled from the store as it is. Nothing is remembered from
 * one batch to the next but the settings.
 */

#include "control/publisher/publisher.h"

/* An array that grows; its memory is kept for the next batch. */
struct dirty_list {
        void *items;
        size_t count;
        size_t capacity; /* in items */
};

struct dirty_tag {
        const char *service;
        const char *tag; /* "" for all instances */
};

/* Texts are borrowed from records that live at least as long as the batch. */
struct dirty {
        struct dirty_list nodes;     /* const char * */
        struct dirty_list tags;      /* struct dirty_tag */
        struct dirty_list addresses; /* struct lictor_address */
        struct dirty_list queries;   /* const char *, ids */
};

/* A new state that takes the place of one that is published: both are walked side by side. */
struct takeover {
        const struct store *former;
        enum { TAKEOVER_NODES, TAKEOVER_SERVICES, TAKEOVER_QUERIES, TAKEOVER_DONE } phase;
        struct store_iter old_it, new_it;
        union store_row old, new; /* the next ones; .record is NULL at the end */
};

struct publisher {
        struct store *store;
        struct lictor_dataplane *dp;
        struct publisher_config config; /* texts are ours */
        struct publisher_stats stats;
        size_t open_count; /* queries that the table cannot answer, or not always */
        bool held;         /* changes are not followed, the whole is published later */
        bool idle;         /* nor is anything else */
        struct takeover takeover;
        struct dirty dirty;
        struct dirty_list instances; /* struct lictor_instance, scratch */
        struct dirty_list records;   /* const struct service_record *, beside instances */
        struct dirty_list members;   /* struct member, scratch of publisher_services.c */
        struct dirty_list subset;    /* struct lictor_instance, scratch */
        struct dirty_list servers;   /* struct lictor_node, scratch */
};

/** Make room for one more item of @item_len bytes. returns  where it goes. */
void *dirty_list_add(struct dirty_list *list, size_t item_len);
void dirty_list_fini(struct dirty_list *list);

/** Note what a change may have touched. */
void dirty_note(struct dirty *d, const struct store *s, const struct store_change *change);

/** Note a node itself, without what runs on it. */
void dirty_note_node(struct dirty *d, const struct node_record *node);

/** Note one instance: its name, each of its tags. */
void dirty_note_instance(struct dirty *d, const struct service_record *service);

/** Note one instance and its own address. NULL is let pass. */
void dirty_note_service(struct dirty *d, const struct service_record *service);

/** Order each set and drop its doubles. */
void dirty_finish(struct dirty *d);

/** Copy of @config with texts of its own. */
void publisher_config_copy(const struct publisher_config *config, struct publisher_config *out);
void publisher_config_fini(struct publisher_config *config);

/** The addresses that answer for a node, and for an instance of a service on it; @wan  elsewhere.
 */
void publisher_node_fill(const struct node_record *node, bool wan, struct lictor_node *out);
void publisher_instance_fill(const struct service_record *service, const struct node_record *node,
                             enum store_health health, bool wan, struct lictor_instance *out);

/** Follow the store when a whole state is replaced. */
void publisher_inherit(struct publisher *p);

/** Publish what is noted in p->dirty. */
void publisher_publish_dirty(struct publisher *p);

/** Withdraw the names of a query that is gone or has changed. */
void publisher_remove_names(struct publisher *p, const struct query_record *former);

/** Count anew which queries the table cannot answer, and tell the data plane. */
void publisher_recount_open(struct publisher *p);

/** Compile one entry, or remove it when there is nothing to answer. */
void publisher_publish_node(struct publisher *p, const char *name);
void publisher_publish_address(struct publisher *p, const struct lictor_address *address);
void publisher_publish_nameservers(struct publisher *p);
void publisher_publish_query(struct publisher *p, const struct query_record *query);
/** Whether a query asks other datacenters when it selects nothing. */
bool publisher_query_fails_over(const struct query_record *query);
void publisher_remove_query(struct publisher *p, const char *name);

/** Likewise what a query, or what a template makes of the name, selects. returns  whether any. */
bool publisher_publish_named_query(struct publisher *p, const struct query_record *query,
                                   const char *name);

/**
 * Compile the subsets of one service, and the queries that select from it.
 * @tags  all of one service; in order, no doubles in any letter case.
 */
void publisher_publish_service(struct publisher *p, const struct dirty_tag tags[],
                               size_t tag_count);
/** Only the subsets. */
void publisher_publish_tags(struct publisher *p, const struct dirty_tag tags[], size_t tag_count);

/** Count what a lictor_*_set or _remove returned. */
void publisher_count_set(struct publisher *p, int ret);
void publisher_count_remove(struct publisher *p, int ret);

/** Whether an instance in that state is answered at all. */
bool publisher_serves(enum store_health health, bool only_passing);

#endif
