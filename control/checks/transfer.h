#ifndef CONTROL_CHECKS_TRANSFER_H
#define CONTROL_CHECKS_TRANSFER_H

// libcurl on the loop: its sockets are watched by libuv, its handles are used again.

#include <curl/curl.h>
#include <stdbool.h>
#include <uv.h>

#include "control/checks/tail.h"

struct transfers;
struct transfer;

/**
 * Called once, not before transfer_begin() has returned.
 * The transfer is still the caller's to end.
 */
typedef void (*transfer_done_fn)(void *arg, CURLcode result);

/** returns  0 or a negative errno. */
int transfers_create(uv_loop_t *loop, struct transfers **out);
/** No transfer may be under way. Memory goes with the loop's next turns. */
void transfers_destroy(struct transfers *take_transfers);

/**
 * A handle with nothing set but what all checks share: no signals, no reuse of connections (a check
 * is to see whether new ones are taken), the environment's proxies but not for this host.
 * returns  NULL without memory.
 */
struct transfer *transfer_create(struct transfers *transfers, transfer_done_fn done, void *arg);

/** Its handle, to set options on and to read results from. */
CURL *transfer_handle(struct transfer *transfer);

/** Whether servers' certificates are verified. */
void transfer_set_trust(struct transfer *transfer, bool verifies);

/** Start. returns 0 or a negative errno. */
int transfer_begin(struct transfer *transfer);

/** Give it back, under way or not; done is not called any more. */
void transfer_end(struct transfer *take_transfer);

/** What libcurl says about a failure, beyond curl_easy_strerror(). Borrowed; "" for nothing. */
const char *transfer_error(const struct transfer *transfer);

#endif
