#ifndef CONTROL_UPSTREAM_QUERIES_H
#define CONTROL_UPSTREAM_QUERIES_H

/**
 * Prepared queries, as Consul's servers answer PreparedQuery.List, so that names of queries are
 * answered from an agent's own store. Pure; bytes may be hostile.
 */

#include "control/consul/args.h"

/**
 * Make a store's queries those of an answer, as one command; what is the same is left alone, and
 * what no query can be is left out.
 * @index   the answer's.
 * returns  0; -EBADMSG or -ENOMEM, and nothing has changed.
 */
int upstream_queries_apply(struct store *store, struct pack_slice body, uint64_t *index);

#endif
