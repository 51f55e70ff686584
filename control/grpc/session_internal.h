#ifndef CONTROL_GRPC_SESSION_INTERNAL_H
#define CONTROL_GRPC_SESSION_INTERNAL_H

#include <nghttp2/nghttp2.h>
#include <sys/queue.h>

#include "control/grpc/grpc_session.h"

struct queued_message {
        STAILQ_ENTRY(queued_message) entry;
        struct grpc_message *message; /* a reference of its own */
};

struct grpc_call {
        struct grpc_session *session;
        LIST_ENTRY(grpc_call) entry;
        int32_t stream;
        const struct grpc_method *method;
        char *path; /* of no method; NULL: there is one, or no memory for it */
        struct byte_buffer request;
        STAILQ_HEAD(message_queue, queued_message) queue;
        size_t sent; /* of the first one queued */
        size_t backlog;
        void (*cancel)(void *arg);
        void *cancel_arg;
        int code;
        char *text;
        bool is_post;
        bool is_grpc;
        bool is_compressed;
        bool is_served;
        bool is_answered; /* the answer's head was submitted */
        bool is_paused;   /* until there is something to send */
        bool is_finished; /* by its owner */
        bool is_broken;   /* its stream is being reset */
};

struct grpc_session {
        struct grpc_session_options options;
        nghttp2_session *http;
        LIST_HEAD(grpc_call_list, grpc_call) calls;
        size_t kept;            /* bytes of requests that are not whole */
        const uint8_t *pending; /* output that is to be taken before more is */
        size_t pending_len;
        bool has_begun;
        bool is_broken;
};

/** Move bytes of what is queued. returns  how many. */
size_t grpc_call_take(struct grpc_call *call, uint8_t *out, size_t size);
/** Have HTTP/2 ask for what is to be sent. */
void grpc_call_resume(struct grpc_call *call);
/** End its stream without a status. */
void grpc_call_reset(struct grpc_call *call);
/** Take it from its session and free it. */
void grpc_call_free(struct grpc_call *take_call);

#endif
