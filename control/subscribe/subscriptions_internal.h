#ifndef CONTROL_SUBSCRIBE_SUBSCRIPTIONS_INTERNAL_H
#define CONTROL_SUBSCRIBE_SUBSCRIPTIONS_INTERNAL_H

#include <sys/queue.h>

#include "control/subscribe/subscriptions.h"

struct subscriber {
        LIST_ENTRY(subscriber) entry;
        struct subscribed *subscribed;
        struct subscriber_sink sink;
        void *arg;
        size_t allowance; // how much may be unread: a snapshot's bytes beside BACKLOG_MAX
};

// What one command did to an instance.
struct touched {
        struct subscribed *subscribed;
        struct subscribe_change change;
};

// A service that somebody subscribes to. There are as many as there are of those.
struct subscribed {
        struct subscriptions *owner;
        LIST_HEAD(subscriber_list, subscriber) subscribers;
        struct grpc_message *snapshot; // the latest one, while it is fresh; NULL: none
        bool connect;
        char key[]; // in lower case
};

struct subscriptions {
        struct store *store;
        struct subscribed **sorted; // by connect and key
        size_t count, capacity;
        size_t connect_count;
        uint64_t restores;       // of the store
        uint64_t floor_index;    // who has less than that begins anew
        size_t kept;             // bytes of messages
        struct touched *touched; // by one command; kept for the next
        size_t touched_count, touched_capacity;
        struct subscriptions_stats stats;
};

// --- subscribed.c: those services, by their names in any letter case.

// NULL when nobody subscribes to it.
struct subscribed *subscribed_find(const struct subscriptions *subscriptions, bool connect,
                                   const char *name);
// Adds it if need be; NULL without memory.
struct subscribed *subscribed_get(struct subscriptions *subscriptions, bool connect,
                                  const char *name);
void subscribed_forget_snapshot(struct subscribed *subscribed);
// Frees one that nobody subscribes to.
void subscribed_drop(struct subscribed *take_subscribed);

// --- touched.c: which instances changes concern, of services that are subscribed to.

// Finds them: each once for a service, those of a service in a row.
void touched_collect(struct subscriptions *subscriptions, const struct store_change changes[],
                     size_t count);

#endif
