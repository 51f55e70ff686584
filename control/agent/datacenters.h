#ifndef LICTOR_AGENT_DATACENTERS_H
#define LICTOR_AGENT_DATACENTERS_H

/**
 * Other datacenters in use: after a few questions for one its catalog is followed, so that the
 * workers answer its names, until it has not been asked for a while. A server follows the servers
 * there; a client follows a server of its own datacenter, which does it for all of its clients.
 *
 * context  the control thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/agent/agent.h"

struct relay_incoming;

/** Follow nobody yet. returns  NULL without memory. */
struct datacenters *datacenters_start(struct agent *agent);

/** Follow nobody any more; while others may still read the tables. NULL is let pass. */
void datacenters_stop(struct datacenters *datacenters);
/** Free all, after the loop's last turn. NULL is let pass. */
void datacenters_free(struct datacenters *take_datacenters);

/** A name of another datacenter has been answered on the slow path. */
void datacenters_note(struct datacenters *datacenters, const char *name);

/** Another agent wants to follow a datacenter through this one. */
void datacenters_serve(struct datacenters *datacenters, const char *name,
                       struct relay_incoming *take_incoming, const uint8_t *bytes, size_t len);

/** The settings have changed. */
void datacenters_configure(struct datacenters *datacenters);

struct datacenter_state {
        char name[64];
        bool answered; /* by the workers */
        uint64_t age_ms;
        uint64_t entries;
};

/** Those that are followed. @out  @max of them. returns  how many there are. */
size_t datacenters_states(const struct datacenters *datacenters, struct datacenter_state out[],
                          size_t max);

#endif
