#ifndef LICTOR_AGENT_REMOTE_QUERY_H
#define LICTOR_AGENT_REMOTE_QUERY_H

/**
 * Prepared queries that select nothing here are carried out in other datacenters, one after the
 * other, until one has something. They are sent the definition, which they need not know.
 *
 * context  the control thread.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct agent;
struct dns_failover;
struct remote_query;

struct remote_query_wish {
        const json_t *definition; /* with its template filled in */
        const char *origin;       /* the node whose agent was asked */
        bool connect;
        size_t limit; /* of instances; 0 or SIZE_MAX: none */
};

/**
 * How it ended; called exactly once unless cancelled, never before remote_query_start returns.
 * @take_answer  as the API shows a query carried out: with instances, or without what the last that
 *               could be asked had to say. NULL: nobody answered.
 * @asked        how many datacenters were.
 */
typedef void (*remote_query_done_fn)(void *arg, json_t *take_answer, unsigned asked);

/**
 * Ask those the definition names: the nearest, then the listed ones.
 * returns  until done or cancelled; NULL when there are none, or no memory.
 */
struct remote_query *remote_query_start(struct agent *agent, const struct remote_query_wish *wish,
                                        remote_query_done_fn done, void *arg);

/** Wait no longer; done is not called. */
void remote_query_cancel(struct remote_query *take_query);

/** How DNS asks for queries that select nothing here. */
void remote_query_dns(struct agent *agent, struct dns_failover *out);

#endif
