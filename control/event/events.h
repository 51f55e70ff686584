#ifndef CONTROL_EVENT_EVENTS_H
#define CONTROL_EVENT_EVENTS_H

/**
 * User events: small messages sent to every agent of a datacenter, kept by each that they concern,
 * the newest EVENTS_MAX of them. Gossip carries them: what is fired here is handed to it, and what
 * it hears is received here.
 *
 * context  control thread.
 */

#include <stddef.h>
#include <stdint.h>

#define EVENTS_MAX 256
/* Of name and payload as gossip carries them, in bytes. */
#define EVENT_SIZE_MAX  512
#define EVENT_ERROR_MAX 256

struct event {
        const char *id; /* UUID */
        const char *name;
        const uint8_t *payload;
        size_t payload_len;
        const char *node_filter; /* regular expressions, "" for all */
        const char *service_filter;
        const char *tag_filter; /* of the service that matches */
        uint64_t lamport_time;
};

struct events;
struct local_state;
struct watch_hub;

/**
 * @node_name  of this agent; borrowed for the events' life, as is @local.
 * returns     owned by the caller; memory that cannot be had ends the process.
 */
struct events *events_create(const char *node_name, const struct local_state *local);
/** NULL is let pass. */
void events_destroy(struct events *take_events);

/**
 * Who carries events to all agents.
 * @send  told each event fired here, borrowed until return, and hands it to events_receive at once,
 *        as it does those of others. NULL for nobody: events stay here.
 */
void events_set_carrier(struct events *events, void (*send)(void *arg, const struct event *event),
                        void *arg);

/**
 * Who is told of the events of one name in place of keeping them: those of the exec command are
 * orders, and no news.
 * @name  borrowed for the events' life.
 */
void events_set_orders(struct events *events, const char *name,
                       void (*order)(void *arg, const struct event *event), void *arg);

/**
 * Check an event, hand it to the carrier, and deliver it here.
 * @event   its time is not looked at; the next is given to it.
 * returns  0, or -EINVAL with @error in Consul's words.
 */
int events_fire(struct events *events, const struct event *event, char error[EVENT_ERROR_MAX]);

/** Deliver an event heard of: it is kept when its filters fit this agent. Copied. */
void events_receive(struct events *events, const struct event *event);

/** Events kept, and the i-th of them, the oldest first; borrowed until the next event. */
size_t events_count(const struct events *events);
const struct event *events_at(const struct events *events, size_t i);

/** What an event is known by in X-Consul-Index: its id, folded. */
uint64_t event_index(const struct event *event);

/** Watches of kind 0 under the empty key fire with each event kept. */
struct watch_hub *events_watches(const struct events *events);

#endif
