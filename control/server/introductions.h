#ifndef CONTROL_SERVER_INTRODUCTIONS_H
#define CONTROL_SERVER_INTRODUCTIONS_H

/**
 * Servers that gossip found introduce themselves to each other on the server port: what Raft has to
 * know before they may be in one cluster, and what tags have no room for. Who lives is gossip's to
 * say.
 *
 * context  the control thread.
 */

#include "control/server/forward.h"
#include "control/server/introduction.h"

struct introductions;

struct introductions_options {
        uv_loop_t *loop; /* borrowed for the whole life, as all pointers below */
        const struct log *log;
        struct forward *forward;
        struct server_info own;
        void *arg;
        server_event_fn event;
        /* Tell everybody that this server goes; done once they know. */
        void (*leave)(void *arg, void (*done)(void *done_arg), void *done_arg);
        /* Tell everybody that a failed server will not come back. */
        void (*forget)(void *arg, const char *name);
        /* This server's first configuration while its log holds nothing else. returns its size. */
        unsigned (*founders)(void *arg, struct founder out[FOUNDER_MAX]);
        /* Another server's, which may concern this one. */
        void (*offered)(void *arg, const struct founder founders[], unsigned count);
};

/** returns  NULL without memory. Nothing is sent before the loop runs. */
struct introductions *introductions_create(const struct introductions_options *options);

/** Stop. Requests on their way are forgotten: close the forward after it. */
void introductions_close(struct introductions *take, void (*closed)(void *arg), void *arg);

/* A server as gossip sees it. */
struct server_sighting {
        char name[SERVER_NAME_MAX];
        char node_id[37];
        char address[SERVER_ADDRESS_MAX]; /* of its server port */
        enum server_life life;
};

/**
 * What gossip sees now: all servers of the datacenter, this one left out. Who is not among them any
 * more is taken for gone.
 */
void introductions_sight(struct introductions *introductions,
                         const struct server_sighting sightings[], size_t count);

/** What others see of it; borrowed. */
struct discovery *introductions_discovery(struct introductions *introductions);

/** Answer another server's introduction. */
void introductions_receive(struct introductions *introductions,
                           struct forward_incoming *take_incoming, const uint8_t *payload,
                           size_t len);

#endif
