#ifndef CONTROL_SUBSCRIBE_SUBSCRIPTIONS_H
#define CONTROL_SUBSCRIBE_SUBSCRIPTIONS_H

/**
 * Who follows the health of which services. A subscriber is sent a snapshot of a service's
 * instances, then what each command changed; one that comes back with an index since which nothing
 * has changed goes on from there. Messages are encoded once for all that are sent them.
 *
 * A subscriber that does not keep up, and all of them when the store's state is replaced, are ended
 * with ABORTED: they begin anew then.
 *
 * context  the store's thread.
 */

#include "control/grpc/grpc_call.h"
#include "control/subscribe/subscribe_codec.h"

struct subscriptions;
struct subscriber;

/* Where a subscriber's messages go. */
struct subscriber_sink {
        /* Takes a reference of its own. returns  0 or a negative errno: it is over then. */
        int (*send)(void *arg, struct grpc_message *message);
        size_t (*backlog)(void *arg); /* bytes sent and not taken yet */
        /* It is over; not called after subscriber_remove. */
        void (*end)(void *arg, enum grpc_code code, const char *text);
};

/** @store  borrowed; is listened to. returns  0 or a negative errno. */
int subscriptions_create(struct store *store, struct subscriptions **out);

/** Subscribers must have been removed. NULL is let pass. */
void subscriptions_destroy(struct subscriptions *take_subscriptions);

/**
 * Begin to send, perhaps before return. The request's datacenter does not count here.
 * returns  NULL when the topic is none, or without memory; the sink is not told then.
 */
struct subscriber *subscriptions_add(struct subscriptions *subscriptions,
                                     const struct subscribe_request *request,
                                     const struct subscriber_sink *sink, void *arg);

/** Send no more. */
void subscriber_remove(struct subscriber *take_subscriber);

struct subscriptions_stats {
        unsigned subscribers;
        uint64_t snapshots; /* sent, since the start; so are all below */
        uint64_t resumed;
        uint64_t events;
        uint64_t aborted;
};

/** What has been done since the start. */
void subscriptions_stats(const struct subscriptions *subscriptions,
                         struct subscriptions_stats *out);

#endif
