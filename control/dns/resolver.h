#ifndef LICTOR_CONTROL_DNS_RESOLVER_H
#define LICTOR_CONTROL_DNS_RESOLVER_H

/**
 * Answers what neither table nor zone alone can: templates of prepared queries, names that only
 * other name servers know, and answers that lead to such names.
 */

#include <stdbool.h>
#include <uv.h>

#include "control/dns/recursor.h"
#include "control/dns/responder.h"

struct dns_resolver;
struct json_t;
struct publisher;

/* Servers of other datacenters. */
struct dns_elsewhere {
        void *arg;
        /**
         * Ask one. @done called exactly once unless cancelled, not before return, with the answer
         * or NULL.
         * returns  the call; NULL when none is known.
         */
        void *(*ask)(void *arg, const char *datacenter, enum dns_transport transport,
                     const struct dns_message *message,
                     void (*done)(void *done_arg, const uint8_t *answer, size_t len),
                     void *done_arg);
        void (*cancel)(void *take_call);
};

/* Prepared queries that select nothing here. */
struct dns_failover {
        void *arg;
        /**
         * Carry one out elsewhere. @done called exactly once unless cancelled, not before return,
         * with what it has selected, as the API shows it, or NULL.
         * returns  the call; NULL when there is no such query, or nowhere to go.
         */
        void *(*ask)(void *arg, const char *name,
                     void (*done)(void *done_arg, const struct json_t *answer), void *done_arg);
        void (*cancel)(void *take_call);
};

/* Whether the table, which the zone calls stale, can be made new. */
struct dns_renewal {
        void *arg;
        /** Try. @done  called once, perhaps before return: NULL, or why not. */
        void (*wait)(void *arg, void (*done)(void *done_arg, const char *error), void *done_arg);
};

struct dns_resolver_config {
        const struct lictor_dataplane *dataplane; /* borrowed until stopped */
        struct publisher *publisher;              /* for templates; borrowed; may be NULL */
        struct recursor_config recursors;         /* without servers nothing is asked for */
        struct dns_elsewhere elsewhere;           /* ask is NULL: there are none */
        struct dns_failover failover;             /* likewise */
        struct dns_renewal renewal;               /* wait is NULL: it cannot */
};

/* One message on its way. */
struct dns_job {
        struct dns_message message; /* punted or answered; its buffer is borrowed until done */
        enum dns_transport transport;
        void (*done)(struct dns_job *job); /* once; the verdict says whether to send */

        struct dns_resolver *resolver; /* from here on the resolver's */
        struct dns_job *next, **link;
        struct recursor_call *call;
        void *elsewhere;           /* a call to another datacenter */
        void *failover;            /* likewise */
        struct dns_job_wait *wait; /* for the table to be made new */
        enum dns_when_stale when_stale;
        bool unreached; /* the other datacenter did not answer */
        struct dns_chase *chase;
};

/** returns  0 or a negative errno. */
int dns_resolver_start(uv_loop_t *loop, const struct dns_resolver_config *config,
                       struct dns_resolver **out);

/** Ask other servers from now on. returns  0 or -ENOMEM, and then nothing has changed. */
int dns_resolver_configure(struct dns_resolver *resolver, const struct recursor_config *recursors);

/** Figures of what it asked other servers, since the start. */
void dns_resolver_stats(const struct dns_resolver *resolver, struct recursor_stats *out);

/** End every job without an answer, and then itself. */
void dns_resolver_stop(struct dns_resolver *take_resolver);

/** Whether a message, as dns_responder_answer left it, needs a job. */
bool dns_resolver_wants(const struct dns_resolver *resolver, const struct dns_message *message);

/** Begin a job; it may be done before this returns. */
void dns_resolver_take(struct dns_resolver *resolver, struct dns_job *job);

#endif
