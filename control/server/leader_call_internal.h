#ifndef CONTROL_SERVER_LEADER_CALL_INTERNAL_H
#define CONTROL_SERVER_LEADER_CALL_INTERNAL_H

#include "control/server/leader_call.h"

struct leader_call {
        struct leader_call *next;
        struct leader_calls *calls;
        enum forward_kind kind;
        uint64_t deadline_ms;
        union {
                propose_done_fn proposed;
                leader_read_fn read;
                operator_done_fn operated;
        } done;
        void *arg;
        uint64_t index; /* a read waits for it to be applied */
        uint32_t len;
        uint8_t payload[]; /* of the request */
};

struct call_list {
        struct leader_call *first;
        struct leader_call **last;
        unsigned count;
};

struct leader_calls {
        struct log_proposer proposer;
        struct leader_calls_options options;
        struct call_list held;    /* for a leader */
        struct call_list unread;  /* reads that wait for the log to be applied */
        uv_timer_t timer;         /* runs while anything waits */
        uv_prepare_t prepare;     /* runs while unread does */
        unsigned reference_count; /* the two handles, and calls on their way */
        bool closing;
        void (*closed)(void *arg);
        void *closed_arg;
};

void leader_calls_release(struct leader_calls *calls);

#endif
