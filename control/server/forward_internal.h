#ifndef CONTROL_SERVER_FORWARD_INTERNAL_H
#define CONTROL_SERVER_FORWARD_INTERNAL_H

#include "control/server/forward.h"
#include "control/server/frame_stream.h"

struct forward_link;       /* to a server, requests going out */
struct forward_connection; /* from a server, requests coming in */

struct forward {
        struct forward_options options;
        struct forward_link *links;
        struct forward_connection *connections;
        unsigned connection_count;
        uv_timer_t timer; /* for time-outs */
        uint64_t next_id;
        unsigned request_count;
        bool closing;
        void (*closed)(void *arg);
        void *closed_arg;
        struct log_limit complaints;
};

/** End every link's requests and connections. */
void forward_close_links(struct forward *forward);

/** End every connection that came in. */
void forward_close_connections(struct forward *forward);

#endif
