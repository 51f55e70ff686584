#ifndef LICTOR_AGENT_REMOTE_H
#define LICTOR_AGENT_REMOTE_H

/**
 * What an agent has to do with servers elsewhere: it calls them, and, being a server, answers their
 * and its clients' calls.
 *
 * context  the control thread.
 */

#include "control/agent/agent.h"
#include "control/follow/feed.h"
#include "control/relay/relay_server.h"

struct remote_serving;

/** Make agent->relay, and a client's agent->follower and agent->consul_servers. returns 0 or a
 * negative errno. */
int remote_start(struct agent *agent);
/** End both. Their memory goes with the loop's next turns. */
void remote_stop(struct agent *agent);

/** Wait until the store may be read, and shows what was acknowledged. @arg  the agent. */
void remote_wait(void *arg, local_catalog_ready_fn done, void *done_arg);

struct follower_state;
struct relay_stats;

/** Of a client: how its copy of the catalog is, and what it has asked the servers, whosever they
 * are. */
void remote_copy_state(const struct agent *agent, struct follower_state *out);
void remote_call_stats(const struct agent *agent, struct relay_stats *out);

/** Of a client: servers may have come or gone. */
void remote_members_changed(struct agent *agent);
/** Of a client: take over the configured limits of calls. */
void remote_set_limit(struct agent *agent);

/**
 * Begin to answer calls on a server's port; the API is there.
 * returns 0 or -ENOMEM.
 */
int remote_serve(struct agent *agent);
/** End it; before the API. NULL is let pass. */
void remote_serve_stop(struct remote_serving *take_serving);

struct remote_serve_stats {
        struct relay_server_stats calls;
        struct feed_stats feed;
};

/** What it has served. */
void remote_serve_stats(const struct remote_serving *serving, struct remote_serve_stats *out);

/** Where names of other datacenters are asked for. */
struct dns_elsewhere;
void remote_dns(struct agent *agent, struct dns_elsewhere *out);

struct dns_responder;
struct relay_incoming;
/** Answer another agent's DNS call. @responder  of the data plane. */
void remote_dns_serve(struct agent *agent, struct dns_responder *responder,
                      struct relay_incoming *take_incoming, const uint8_t *bytes, size_t len);

#endif
