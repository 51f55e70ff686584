#ifndef CONTROL_RPC_RPC_METHODS_H
#define CONTROL_RPC_RPC_METHODS_H

/** Methods by their names. Pure. */

#include "control/rpc/rpc_call.h"

struct rpc_methods {
        struct rpc_method_entry *entries; /* by name */
        size_t count;
};

/** A method added again replaces the one before. returns 0 or -ENOMEM. */
int rpc_methods_add(struct rpc_methods *methods, const struct rpc_method *method, void *owner);
void rpc_methods_fini(struct rpc_methods *methods);

#define RPC_ERROR_MAX 320u

/**
 * Who serves a method.
 * @error   what to answer when nobody does, as Go's net/rpc words it; RPC_ERROR_MAX bytes.
 * returns  NULL when nobody does.
 */
rpc_serve_fn *rpc_methods_find(const struct rpc_methods *methods, struct pack_slice name,
                               void **owner, char error[RPC_ERROR_MAX]);

#endif
