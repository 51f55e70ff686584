#ifndef CONTROL_RELAY_RELAY_INTERNAL_H
#define CONTROL_RELAY_RELAY_INTERNAL_H

#include <sys/queue.h>

#include "control/relay/id_table.h"
#include "control/relay/relay.h"

struct relay_link;

/* One datacenter's servers. */
struct relay_area {
        struct relay_area *next;
        struct rotation rotation;
        uint64_t looked_ms; /* when the servers were last asked for */
        char datacenter[];
};

struct relay_call {
        struct id_node node;
        struct relay *relay;
        struct relay_area *area;
        struct relay_link *link;         /* NULL: it waits to be tried again */
        struct relay_call *next, **prev; /* on the link, or in relay->waiting */
        size_t attempts;                 /* to find a server, of this round */
        uint64_t hold_until_ms;          /* 0: no connection has broken yet */
        uint64_t again_ms;               /* in relay->waiting: when */
        uint64_t deadline_ms;            /* 0: none */
        LIST_ENTRY(relay_call) timed;    /* in relay->timed, while there is one */
        struct relay_events events;
        uint8_t kind;
        bool repeatable, sent;
        enum relay_error ending; /* in relay->ending */
        uint32_t len;
        uint8_t bytes[];
};

/* A connection to a server. */
struct relay_link {
        struct relay *relay;
        struct relay_link *next;
        char address[ROTATION_ADDRESS_MAX];
        void *stream;            /* the transport's; NULL: not connected yet */
        struct dial *connecting; /* NULL: connected, or failed */
        struct relay_call *calls;
        uint64_t active_ms; /* when something was heard, or it was made */
        uint64_t used_ms;   /* when a call was last on it */
        bool pinged;
};

struct relay {
        struct log_proposer proposer;
        struct relay_options options;
        struct rate_limit limit;
        struct relay_area *areas;
        struct relay_link *links;
        struct relay_call *waiting; /* to be tried again */
        struct relay_call *ending;  /* done is to be called at the loop's next turn */
        LIST_HEAD(relay_call_list, relay_call) timed; /* those that may be late */
        struct id_table calls;
        uint64_t next_id, random;
        uv_timer_t tick, ending_timer;
        uint64_t shuffle_ms, late_ms; /* when to shuffle, and to look for calls that are late */
        struct relay_stats stats;
        unsigned open_timers;
        bool closing;
        void (*closed)(void *arg);
        void *closed_arg;
        struct log_limit complaints;
};

/** That of our own servers. */
extern const struct relay_transport relay_own_transport;

/** The connection to a server, made when there is none. NULL without memory. */
struct relay_link *relay_link_find(struct relay *relay, const char *address);

/** Put a call on a link and send it as soon as there is a connection. */
void relay_link_put(struct relay_link *link, struct relay_call *call);

/** Close it; its calls are tried elsewhere or ended. @what  for the log, "" for nothing. */
void relay_link_drop(struct relay_link *take_link, const char *what);

/** Look after time-outs. */
void relay_link_tick(struct relay *relay, uint64_t now_ms);

/** A message came. returns false when no server sends that. */
bool relay_take_message(struct relay *relay, enum relay_kind kind, uint64_t id,
                        const uint8_t *bytes, size_t len, const char *address);

/** The link of a call that has been taken off it is gone. */
void relay_call_failed(struct relay_call *call);
/** A server could not be asked, or broke off. */
void relay_server_failed(struct relay *relay, const char *address);

void relay_call_unlink(struct relay_call *call);

#endif
