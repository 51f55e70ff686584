#ifndef LICTOR_AGENT_CONSUL_SERVERS_H
#define LICTOR_AGENT_CONSUL_SERVERS_H

/**
 * A client agent's side of Consul's own servers: which servers there are is known from gossip, and
 * while they are Consul's, the catalog is followed, and this agent's services are pushed, by
 * Consul's RPC (control/upstream).
 *
 * context  the control thread.
 */

#include "control/agent/agent.h"
#include "control/relay/relay.h"

struct consul_servers;
struct follower_options;
struct follower_state;
struct member_info;

/**
 * Begin; the store and gossip are there.
 * @calls      as for the relay to our own servers; which of them are Consul's is told apart by
 *             consul_servers_owns.
 * @following  as for the follower.
 * returns     NULL without memory.
 */
struct consul_servers *consul_servers_create(struct agent *agent, const struct relay_options *calls,
                                             const struct follower_options *following);

/** End all calls. The memory goes with the loop's next turns. NULL is let pass. */
void consul_servers_destroy(struct consul_servers *take_servers);

/** Whether a server is one of Consul's, or is to be spoken to as if it were. */
bool consul_servers_owns(const struct agent *agent, const struct member_info *info);

/** Members have changed: see whose the servers are. */
void consul_servers_look(struct consul_servers *servers);

/** Whether the servers are Consul's now; false for NULL. */
bool consul_servers_in_use(const struct consul_servers *servers);

/** Where calls to them go. */
struct upstream *consul_servers_upstream(struct consul_servers *servers);

/** Changes proposed through it go to whichever servers there are. */
struct log_proposer *consul_servers_proposer(struct consul_servers *servers);

/** What this agent compares itself with, whichever servers there are. */
struct local_catalog *consul_servers_catalog(struct consul_servers *servers);

/** As follower_wait and follower_state, of the copy of Consul's catalog. */
void consul_servers_wait(struct consul_servers *servers, local_catalog_ready_fn done, void *arg);
void consul_servers_state(const struct consul_servers *servers, struct follower_state *out);

#endif
