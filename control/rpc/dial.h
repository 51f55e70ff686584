#ifndef CONTROL_RPC_DIAL_H
#define CONTROL_RPC_DIAL_H

/**
 * Connecting to another server's port. The caller gives up by a deadline of its own.
 *
 * context  the loop's thread.
 */

#include <uv.h>

struct dial;

/**
 * How it ended; not called after dial_cancel.
 * @take_tcp  connected, nothing reads it; end with uv_close and free in its callback. NULL: not
 * connected.
 * @error     0, or a negative errno and why there is no connection.
 */
typedef void (*dial_done_fn)(void *arg, uv_tcp_t *take_tcp, int error);

/**
 * Begin to connect.
 * @address  "ip:port" or "[ip]:port".
 * @done     called once, never before return.
 * returns   NULL without memory or for no such address; @done is not called then.
 */
struct dial *dial_start(uv_loop_t *loop, const char *address, dial_done_fn done, void *arg);

/** Give up; NULL is allowed. */
void dial_cancel(struct dial *take_dial);

/** Read an address of dial_start's form. returns 0 or -EINVAL. */
int dial_address_parse(const char *text, struct sockaddr_storage *out);

#endif
