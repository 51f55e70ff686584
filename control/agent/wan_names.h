#ifndef LICTOR_AGENT_WAN_NAMES_H
#define LICTOR_AGENT_WAN_NAMES_H

/**
 * This datacenter's names as agents of other ones want them that have translate_wan_addrs set: with
 * the addresses tagged for the WAN. They ask for few before they follow the catalog, so each is
 * compiled when asked for, into a table of its own.
 *
 * context  the control thread.
 */

#include "control/agent/agent.h"
#include "dataplane/dns/dns_burst.h"

struct wan_names;

/** returns  NULL without memory. */
struct wan_names *wan_names_create(struct agent *agent);
/** NULL is let pass. */
void wan_names_destroy(struct wan_names *take_names);

/**
 * Answer a question for a node, service or query in place.
 * returns  false, and the message is as it was, for any other.
 */
bool wan_names_answer(struct wan_names *names, enum dns_transport transport,
                      struct dns_message *message);

#endif
