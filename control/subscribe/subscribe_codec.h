#ifndef CONTROL_SUBSCRIBE_SUBSCRIBE_CODEC_H
#define CONTROL_SUBSCRIBE_SUBSCRIBE_CODEC_H

/**
 * The messages of subscribe.StateChangeSubscription, with which Consul's agents follow the health
 * of services: a request, and events that carry instances with their nodes and checks.
 *
 * Pure. Bytes read may be hostile.
 */

#include "control/store/store.h"

enum subscribe_topic {
        SUBSCRIBE_SERVICE_HEALTH = 1,
        SUBSCRIBE_SERVICE_HEALTH_CONNECT = 2 /* of those that take a service's mesh traffic */
};

#define SUBSCRIBE_KEY_MAX        512u
#define SUBSCRIBE_DATACENTER_MAX 64u

struct subscribe_request {
        uint64_t topic;                            /* may be none of those above */
        uint64_t index;                            /* of what the subscriber has; 0: nothing */
        char key[SUBSCRIBE_KEY_MAX];               /* the service's name */
        char datacenter[SUBSCRIBE_DATACENTER_MAX]; /* "": the one asked's own */
};

/** returns  0; -EBADMSG; -EMSGSIZE for texts that are too long. */
int subscribe_request_decode(const uint8_t *bytes, size_t len, struct subscribe_request *out);

enum subscribe_op { SUBSCRIBE_REGISTER = 0, SUBSCRIBE_DEREGISTER = 1 };

/* What happened to an instance. */
struct subscribe_change {
        const struct service_record *record; /* as it is, or was */
        enum subscribe_op op;
};

/**
 * Append an event: one instance's, or those of several that changed at once.
 * @store  where the nodes and checks of those registered are.
 * @count  not 0.
 */
void subscribe_event_encode(const struct store *store, uint64_t index,
                            const struct subscribe_change changes[], size_t count,
                            struct byte_buffer *out);

/** Append the event that ends a snapshot. */
void subscribe_end_of_snapshot_encode(uint64_t index, struct byte_buffer *out);

/** Append the event that says that the subscriber is to begin anew. */
void subscribe_new_snapshot_encode(struct byte_buffer *out);

#endif
