#include <stdlib.h>
#include <string.h>

#include "control/grpc/session_internal.h"

struct grpc_message {
        unsigned ref_count;
        struct byte_buffer frames;
        size_t *kept;
};

struct grpc_message *grpc_message_create(struct byte_buffer *take_frames, size_t *kept)
{
        struct grpc_message *message = malloc(sizeof(*message));

        if (message == NULL)
                abort();
        *message = (struct grpc_message){1, *take_frames, kept};
        if (kept != NULL)
                *kept += message->frames.len;
        *take_frames = (struct byte_buffer)BYTE_BUFFER_INIT;
        return message;
}

struct grpc_message *grpc_message_share(struct grpc_message *message)
{
        message->ref_count++;
        return message;
}

void grpc_message_release(struct grpc_message *take_message)
{
        if (--take_message->ref_count > 0)
                return;
        if (take_message->kept != NULL)
                *take_message->kept -= take_message->frames.len;
        byte_buffer_fini(&take_message->frames);
        free(take_message);
}

const uint8_t *grpc_message_bytes(const struct grpc_message *message, size_t *len)
{
        *len = message->frames.len;
        return message->frames.bytes;
}

// --- What waits to be sent.

static void drop_first(struct grpc_call *call)
{
        struct queued_message *first = STAILQ_FIRST(&call->queue);

        STAILQ_REMOVE_HEAD(&call->queue, entry);
        call->backlog -= first->message->frames.len - call->sent;
        call->sent = 0;
        grpc_message_release(first->message);
        free(first);
}

size_t grpc_call_take(struct grpc_call *call, uint8_t *out, size_t size)
{
        size_t at = 0;

        while (at < size && !STAILQ_EMPTY(&call->queue)) {
                const struct byte_buffer *frames = &STAILQ_FIRST(&call->queue)->message->frames;
                size_t len = frames->len - call->sent;

                if (len > size - at)
                        len = size - at;
                memcpy(out + at, frames->bytes + call->sent, len);
                at += len;
                call->sent += len;
                call->backlog -= len;
                if (call->sent == frames->len)
                        drop_first(call);
        }
        return at;
}

size_t grpc_call_backlog(const struct grpc_call *call)
{
        return call->backlog;
}

void grpc_call_free(struct grpc_call *take_call)
{
        LIST_REMOVE(take_call, entry);
        (*take_call->session->options.calls_open)--;
        take_call->session->kept -= take_call->request.len;
        while (!STAILQ_EMPTY(&take_call->queue))
                drop_first(take_call);
        byte_buffer_fini(&take_call->request);
        free(take_call->path);
        free(take_call->text);
        free(take_call);
}

// --- What its owner does.

void grpc_call_send(struct grpc_call *call, struct grpc_message *message)
{
        struct queued_message *queued = malloc(sizeof(*queued));

        if (queued == NULL)
                abort();
        queued->message = grpc_message_share(message);
        STAILQ_INSERT_TAIL(&call->queue, queued, entry);
        call->backlog += message->frames.len;
        grpc_call_resume(call);
}

void grpc_call_finish(struct grpc_call *take_call, enum grpc_code code, const char *text)
{
        take_call->is_finished = true;
        take_call->cancel = NULL;
        take_call->code = (int)code;
        take_call->text = text[0] != '\0' ? strdup(text) : NULL;
        grpc_call_resume(take_call);
}

void grpc_call_abort(struct grpc_call *take_call, enum grpc_code code, const char *text)
{
        bool is_within = take_call->sent > 0;

        while (!STAILQ_EMPTY(&take_call->queue))
                drop_first(take_call);
        grpc_call_finish(take_call, code, text);
        // The other side waits for the rest of a message: no status can come before that.
        if (is_within)
                grpc_call_reset(take_call);
}

void grpc_call_on_cancel(struct grpc_call *call, void (*cancel)(void *arg), void *arg)
{
        call->cancel = cancel;
        call->cancel_arg = arg;
}
