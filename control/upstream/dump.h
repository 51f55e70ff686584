#ifndef CONTROL_UPSTREAM_DUMP_H
#define CONTROL_UPSTREAM_DUMP_H

/**
 * Nodes with their services and checks, as Consul's servers answer Internal.NodeDump (all of them)
 * and Internal.NodeInfo (one). Pure; bytes may be hostile.
 */

#include "control/consul/args.h"

struct upstream_node {
        struct catalog_node node;
        struct catalog_service *services;
        struct catalog_check *checks;
        size_t service_count, check_count;
};

struct upstream_dump {
        struct upstream_node *nodes;
        size_t node_count;
        struct consul_meta meta;
};

/**
 * Read an answer.
 * @datacenter  the nodes', which the answer does not name; borrowed as long as @out.
 * @arena       has the texts and arrays.
 * returns      0 or -EBADMSG.
 */
int upstream_dump_get(struct pack_slice body, const char *datacenter, struct arena *arena,
                      struct upstream_dump *out);

/**
 * Make a store's nodes, services and checks those of a dump of all nodes, as one command. What is
 * the same is left alone.
 * returns  how many rows the store has refused; it is without them.
 */
size_t upstream_dump_apply(struct store *store, const struct upstream_dump *dump);

#endif
