#ifndef LICTOR_CLI_CALLS_H
#define LICTOR_CLI_CALLS_H

/** Requests under way at the same time, waited for together with descriptors. */

#include <stdbool.h>

#include "control/cli/client.h"

struct calls;
struct exchange;

/* One request; the caller's storage, zeroed before its first use. */
struct pending {
        bool done;                 /* result, reply and error hold */
        int result;                /* as client_send() */
        struct client_reply reply; /* of a result of 0; released by calls_forget() */
        char error[512];
        struct exchange *exchange; /* while under way */
};

/** returns  NULL without memory. */
struct calls *calls_create(void);
/** No request may be under way. */
void calls_destroy(struct calls *take_calls);

/**
 * Begin a request. What fails at once is done with that result.
 * @call     its body is borrowed until the request is done or forgotten.
 * @pending  stays where it is until then.
 */
void calls_begin(struct calls *calls, const struct client_options *options,
                 const struct client_call *call, struct pending *pending);

/** Give a request up, or release its reply; nothing to do is fine. */
void calls_forget(struct calls *calls, struct pending *pending);

/**
 * Let requests go on until something of them is done, a descriptor is readable or time is up.
 * @fds      descriptors to watch; negative ones are left out.
 * @readable set for each of them.
 */
void calls_poll(struct calls *calls, const int fds[], bool readable[], unsigned count,
                int timeout_ms);

#define CALLS_FDS_MAX 4

#endif
