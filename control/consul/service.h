#ifndef CONTROL_CONSUL_SERVICE_H
#define CONTROL_CONSUL_SERVICE_H

/**
 * The methods of Consul's RPC: what client agents ask a server for on its port. Those that read
 * wait for the store to be as fresh as asked for and, as blocking queries, for a change, without a
 * thread; those that change something pass it to the log, wherever its leader is; those for another
 * datacenter are passed on to a server there. Beside them, over gRPC, subscriptions to the health
 * of services, with which those agents answer blocking queries themselves.
 *
 * context  the control thread.
 */

#include <stddef.h>
#include <stdint.h>

#include "control/grpc/grpc_server.h"
#include "control/subscribe/subscriptions.h"

struct agent;
struct consul_service;
struct relay_incoming;

/**
 * Begin to serve calls on the server's port; the API and the relay are there.
 * returns  0 or -ENOMEM.
 */
int consul_service_create(struct agent *agent, struct consul_service **out);

/** End it; open calls are cancelled. Before the API ends. NULL is let pass. */
void consul_service_destroy(struct consul_service *take_service);

/** Answer a call that a server of another datacenter has passed on (RELAY_CALL). */
void consul_service_relayed(struct consul_service *service, struct relay_incoming *take_incoming,
                            const uint8_t *bytes, size_t len);

/** Serve a subscription that a server of another datacenter has passed on (RELAY_SUBSCRIBE). */
void consul_service_subscribe(struct consul_service *service, struct relay_incoming *take_incoming,
                              const uint8_t *bytes, size_t len);

struct consul_service_stats {
        struct grpc_server_stats grpc;
        struct subscriptions_stats subscriptions;
};

/** What its subscriptions have done since the start. */
void consul_service_stats(const struct consul_service *service, struct consul_service_stats *out);

#endif
