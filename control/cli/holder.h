#ifndef LICTOR_CLI_HOLDER_H
#define LICTOR_CLI_HOLDER_H

/**
 * A session kept alive while a command waits for an agent, a child, or a signal: what holds the
 * locks of the lock command. One loop, no threads.
 */

#include <stdbool.h>
#include <stdint.h>

#include "control/cli/calls.h"

struct holder {
        const struct client_options *client;
        struct calls *calls;
        int signal_fd;           /* SIGINT and SIGTERM */
        bool interrupted;        /* one of them came */
        char session[64];        /* "" for none */
        bool session_gone;       /* an agent said so */
        uint64_t valid_until_ms; /* no server has ended the session before */
        uint64_t renew_at_ms, renew_sent_ms;
        struct pending renew;
        unsigned retries_max; /* of what fails in a way that may pass */
        char error[512];
};

/** Milliseconds on a clock that never jumps. */
uint64_t holder_now_ms(void);

/** SIGINT and SIGTERM are taken from here on. returns 0 or a negative errno with h->error. */
int holder_open(struct holder *h, const struct client_options *client, unsigned retries_max);
/** Ends the session, too, if it can be reached. */
void holder_close(struct holder *h);

/** Create the session. @behavior  release or delete, of the keys it locks. returns 0, or a negative
 * errno with h->error. */
int holder_create_session(struct holder *h, const char *name, const char *behavior);

/** Whether the session is certainly there. */
bool holder_is_valid(const struct holder *h);

/**
 * Wait until something happens, or until_ms: a request is done, fd readable, a signal came, the
 * session may have ended. The session is renewed by the way.
 * @fd      -1 for none.
 * returns  whether it is readable.
 */
bool holder_turn(struct holder *h, int fd, uint64_t until_ms);

/**
 * Make a request and wait for it.
 * @pending  zeroed or forgotten; the caller forgets it afterwards.
 * returns   0 for an answer of 200 or 404; -EINTR when interrupted; -EAGAIN with h->error for what
 *           may pass: no connection, no leader; another negative errno with h->error.
 */
int holder_ask(struct holder *h, const struct client_call *call, struct pending *pending);

/** The same, asking again after a second, h->retries_max times, while it may pass. */
int holder_ask_again(struct holder *h, const struct client_call *call, struct pending *pending);

/** What a request that is done says, as holder_ask() returns it. */
int holder_judge(struct holder *h, const struct pending *pending);

/** Wait that long, or until a signal. returns 0 or -EINTR. */
int holder_pause(struct holder *h, unsigned pause_ms);

#endif
