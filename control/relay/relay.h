#ifndef CONTROL_RELAY_RELAY_H
#define CONTROL_RELAY_RELAY_H

/**
 * Calls to servers: one connection to each that is asked, made when needed and kept, any number of
 * calls on it, waiting ones included. Servers that fail are passed over; what only reads is asked
 * again, what may have changed something never is.
 *
 * context  the loop's thread.
 */

#include <uv.h>

#include "control/fsm/propose.h"
#include "control/log/log.h"
#include "control/relay/relay_codec.h"
#include "control/relay/relay_stream.h"
#include "control/relay/rotation.h"

#define RELAY_NO_SERVERS_TEXT "No known Consul servers"
#define RELAY_NO_PATH_TEXT    "No path to datacenter"
#define RELAY_RATE_TEXT       "RPC rate limit exceeded"

struct relay;
struct relay_call;

/** Takes one server's address, "ip:port" of its server port. */
typedef void (*relay_server_fn)(void *arg, const char *address);

/*
 * How calls travel on a connection: as relay_stream.h says of each function, but that create also
 * says what comes first, and that cancel tells the other side. What any bytes of the other side's
 * show is told as a PONG at least.
 */
struct relay_transport {
        void *(*create)(uv_tcp_t *take_tcp, const struct relay_stream_events *events);
        int (*send)(void *stream, enum relay_kind kind, uint64_t id, const void *bytes, size_t len);
        void (*cancel)(void *stream, uint64_t id);
        void (*close)(void *take_stream);
};

struct relay_options {
        uv_loop_t *loop;                         /* borrowed, as all below */
        const struct relay_transport *transport; /* NULL: our own servers' */
        const struct log *log;
        uint64_t hold_ms; /* how long a read is tried again */
        double rate;      /* calls a second; 0: no limit */
        double burst;
        void *arg;
        /* Tell the servers of a datacenter, "" for this agent's own. */
        void (*servers)(void *arg, const char *datacenter, relay_server_fn tell, void *tell_arg);
};

/** returns  NULL without memory. */
struct relay *relay_create(const struct relay_options *options);

/** Have another limit from now on, with a full burst; nothing changes when it is the same. */
void relay_set_limit(struct relay *relay, double rate, double burst);

/** End all calls. @closed  called last, when the memory is gone; may be NULL. */
void relay_close(struct relay *take_relay, void (*closed)(void *arg), void *arg);

enum relay_error {
        RELAY_OK,
        RELAY_NO_SERVERS, /* nobody could be asked: nothing was done */
        RELAY_LIMITED,    /* over the rate: nothing was done */
        RELAY_LOST,       /* the connection broke: what was asked may have been done */
        RELAY_STOPPED,    /* this agent ends */
};

struct relay_events {
        void *arg;
        /* How the call ended; called exactly once unless it is cancelled, never before relay_start
           returns. @bytes  the answer's, borrowed until return. */
        void (*done)(void *arg, enum relay_error error, const uint8_t *bytes, size_t len);
        /* What came before the answer, in order; NULL where nothing does. Borrowed until return. A
           call is not asked again once something came. */
        void (*item)(void *arg, const uint8_t *bytes, size_t len);
};

struct relay_question {
        enum relay_kind kind;
        const char *datacenter; /* "": this agent's own */
        bool repeatable;     /* it changes nothing: when the connection breaks it is asked again */
        bool unlimited;      /* the rate is not for it */
        uint64_t timeout_ms; /* from now on, then it is LOST; 0: as long as the server is there */
        const void *bytes;   /* copied */
        size_t len;
};

/** Ask. returns  to be used until done or cancelled; NULL without memory, and done is not called.
 */
struct relay_call *relay_start(struct relay *relay, const struct relay_question *question,
                               const struct relay_events *events);

/** Say that so many bytes of an answer in pieces were dealt with. */
void relay_more(struct relay_call *call, uint32_t dealt_with);

/** Wait no longer; done is not called. The server is told. */
void relay_cancel(struct relay_call *take_call);

/** What an operator reads of an error. */
const char *relay_error_text(enum relay_error error, bool own_datacenter);

/** Changes proposed through it are proposed by a server. */
struct log_proposer *relay_proposer(struct relay *relay);

struct relay_stats {
        uint64_t calls;
        uint64_t limited; /* refused over the rate */
        uint64_t failed;  /* attempts: a server could not be asked, or broke off */
        uint64_t outstanding;
        unsigned connections;
};

/** What it has done since the start, and has open now. */
void relay_stats(const struct relay *relay, struct relay_stats *out);

#endif
