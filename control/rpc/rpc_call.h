#ifndef CONTROL_RPC_RPC_CALL_H
#define CONTROL_RPC_RPC_CALL_H

/**
 * One call of Consul's RPC, as a method sees it: Go's net/rpc with msgpack, whatever connection or
 * stream it came by. A call is answered once, at once or much later, and costs no thread meanwhile;
 * its answers need no order.
 *
 * context  the loop's thread.
 */

#include "control/pack/pack.h"

struct sockaddr;

struct rpc_call;

/**
 * Serve a call: answer or refuse it, now or later. Whoever keeps it for later says so with
 * rpc_call_on_cancel before returning.
 */
typedef void rpc_serve_fn(void *owner, struct rpc_call *call);

/* A method and who serves it. */
struct rpc_method {
        const char *name; /* "Catalog.Register"; borrowed */
        rpc_serve_fn *serve;
};

/** "Service.Method", as the caller wrote it; borrowed until the call ends. */
struct pack_slice rpc_call_method(const struct rpc_call *call);

/** One msgpack value, whole but otherwise unchecked; borrowed until serve returns. */
struct pack_slice rpc_call_args(const struct rpc_call *call);

/** Who calls; borrowed until the call ends. */
const struct sockaddr *rpc_call_source(const struct rpc_call *call);

/** The same as "ip:port"; borrowed until the call ends. */
const char *rpc_call_source_text(const struct rpc_call *call);

/**
 * Answer it; the call ends with this.
 * @body  one msgpack value, copied.
 */
void rpc_call_answer(struct rpc_call *take_call, const uint8_t *body, size_t length);

/**
 * Refuse it; the call ends with this.
 * @error  the text the caller gets, not empty; copied.
 */
void rpc_call_refuse(struct rpc_call *take_call, const char *error);

/**
 * Who is told when the caller went away before its answer. The call ends with this: fn must forget
 * it and neither answers nor refuses it. Replaces the one before; NULL: nobody, and then the call
 * must end before serve returns.
 */
void rpc_call_on_cancel(struct rpc_call *call, void (*fn)(void *arg, struct rpc_call *call),
                        void *arg);

#endif
