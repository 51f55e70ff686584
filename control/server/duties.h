#ifndef CONTROL_SERVER_DUTIES_H
#define CONTROL_SERVER_DUTIES_H

/** What the leader's duties share. */

#include "control/server/autopilot.h"
#include "control/server/server_internal.h"

struct duties {
        struct server *server;
        uv_timer_t timer;
        struct autopilot autopilot;
        uint64_t leading_since_ms;
        bool was_leading;
        bool change_pending;     /* a membership change is on its way */
        bool setting_pending;    /* the first settings are on their way to the log */
        unsigned writes_pending; /* of the catalog */
        bool reconcile_due;      /* members changed, or the last look found something to do */
        uint64_t reconcile_next_ms, reconcile_after_ms;
        uint64_t coordinate_next_ms, coordinate_cycle_ms;
        size_t coordinate_at; /* the member to go on with */
        unsigned coordinate_writes;
        unsigned reference_count;
        bool closing;
        void (*closed)(void *arg);
        void *closed_arg;
};

/** Give back a reference. */
void duties_release(struct duties *duties);

/** Look at all servers of the Raft configuration and judge them. */
void duties_judge(struct duties *duties);

/** Write to the catalog where members are in the network. */
void duties_tell_coordinates(struct duties *duties);

/** Bring the catalog in line with the members that gossip knows. */
void duties_reconcile(struct duties *duties);

/** Report health or state to an operator; this server leads. */
void duties_report(struct duties *duties, const struct operator_request *request,
                   operator_done_fn done, void *arg);

/** Put this server's settings for autopilot into the log when it has none. */
void duties_settle_autopilot(struct duties *duties);

#endif
