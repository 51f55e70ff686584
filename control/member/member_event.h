#ifndef CONTROL_MEMBER_MEMBER_EVENT_H
#define CONTROL_MEMBER_MEMBER_EVENT_H

/** User events as Consul's agents carry them in Serf's. Pure. */

#include "control/event/events.h"
#include "control/gossip/serf.h"

/* What Consul puts before an event's name. */
#define MEMBER_EVENT_PREFIX "consul:event:"

/** Consul's form of an event on the wire. */
void member_event_put(const struct event *event, struct byte_buffer *name,
                      struct byte_buffer *payload);

/**
 * Read one; its texts are in @scratch.
 * returns 0; -ENOENT for another's event; -EBADMSG.
 */
int member_event_get(const struct serf_user_event *heard, struct event *out,
                     struct byte_buffer *scratch);

#endif
