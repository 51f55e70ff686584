#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/consul/relayed.h"
#include "control/upstream/session.h"

#define IDLE_MAX 32u /* streams kept for calls to come */

// --- Streams.

static struct lanes *list_of(const struct lane *lane)
{
        bool is_idle = !lane->is_busy && !lane->is_finished;

        return is_idle ? &lane->session->idle : &lane->session->others;
}

static void free_lane(struct lane *take_lane)
{
        struct session *session = take_lane->session;
        struct lanes *list = list_of(take_lane);

        TAILQ_REMOVE(list, take_lane, entry);
        session->idle_count -= list == &session->idle;
        if (take_lane->is_busy)
                id_table_remove(&session->calls, &take_lane->node);
        rpc_reader_fini(&take_lane->reader);
        free(take_lane);
}

static void take_lane(struct lane *lane, uint64_t id)
{
        struct session *session = lane->session;

        TAILQ_REMOVE(&session->idle, lane, entry);
        session->idle_count--;
        lane->is_busy = true;
        lane->node.id = id;
        id_table_add(&session->calls, &lane->node);
        TAILQ_INSERT_HEAD(&session->others, lane, entry);
}

static void release_lane(struct lane *lane, bool may_be_kept)
{
        struct session *session = lane->session;

        TAILQ_REMOVE(&session->others, lane, entry);
        id_table_remove(&session->calls, &lane->node);
        lane->is_busy = false;
        lane->is_finished = !may_be_kept || session->idle_count >= IDLE_MAX;
        if (lane->is_finished)
                yamux_finish(lane->yamux);
        else
                session->idle_count++;
        TAILQ_INSERT_HEAD(list_of(lane), lane, entry);
}

// An idle stream. returns  0; -EAGAIN when none can be had yet; another negative errno.
static int find_lane(struct session *session, struct lane **out)
{
        struct lane *lane = TAILQ_FIRST(&session->idle);
        int ret;

        *out = lane;
        if (lane != NULL)
                return 0;
        lane = calloc(1, sizeof(*lane));
        if (lane == NULL)
                return -ENOMEM;
        ret = yamux_open(session->yamux, lane, &lane->yamux);
        if (ret < 0) {
                free(lane);
                return ret;
        }
        lane->session = session;
        lane->reader.args_max = session->events.message_max < UINT32_MAX
                                    ? (uint32_t)session->events.message_max
                                    : UINT32_MAX;
        TAILQ_INSERT_HEAD(&session->idle, lane, entry);
        session->idle_count++;
        *out = lane;
        return 0;
}

static int put_call(struct session *session, uint64_t id, const uint8_t *bytes, size_t len)
{
        struct consul_relayed_call call;
        struct lane *lane;
        int ret;

        if (consul_relayed_call_get((struct pack_slice){bytes, (uint32_t)len}, &call) < 0)
                return -EINVAL;
        ret = find_lane(session, &lane);
        if (ret < 0)
                return ret;
        session->scratch.len = 0;
        rpc_put_call_head(&session->scratch, call.method, id);
        byte_buffer_append(&session->scratch, call.args.bytes, call.args.length);
        ret = yamux_send(lane->yamux, session->scratch.bytes, session->scratch.len);
        if (ret < 0)
                return ret;
        take_lane(lane, id);
        session_touch(session);
        return 0;
}

static void send_pending(struct session *session)
{
        struct pending *pending;

        while (!session_is_over(session) && (pending = TAILQ_FIRST(&session->pending)) != NULL) {
                int ret = put_call(session, pending->id, pending->bytes, pending->len);

                if (ret == -EAGAIN)
                        return;
                if (ret < 0)
                        session_break(session, strerror(-ret));
                TAILQ_REMOVE(&session->pending, pending, entry);
                free(pending);
        }
}

int lanes_put(struct session *session, uint64_t id, const uint8_t *bytes, size_t len)
{
        struct pending *pending;
        int ret = TAILQ_EMPTY(&session->pending) ? put_call(session, id, bytes, len) : -EAGAIN;

        if (ret < 0 && ret != -EAGAIN)
                session_break(session, strerror(-ret));
        if (ret != -EAGAIN)
                return ret;
        pending = malloc(sizeof(*pending) + len);
        if (pending == NULL)
                return -ENOMEM;
        pending->id = id;
        pending->len = len;
        memcpy(pending->bytes, bytes, len);
        TAILQ_INSERT_TAIL(&session->pending, pending, entry);
        return 0;
}

void lanes_cancel(struct session *session, uint64_t id)
{
        struct lane *lane = (struct lane *)id_table_find(&session->calls, id);
        struct pending *pending;

        if (lane != NULL && !session_is_over(session)) {
                yamux_reset(lane->yamux);
                free_lane(lane);
                // It may have been one of those that the server has yet to accept.
                send_pending(session);
                session_touch(session);
                return;
        }
        TAILQ_FOREACH(pending, &session->pending, entry)
        {
                if (pending->id != id)
                        continue;
                TAILQ_REMOVE(&session->pending, pending, entry);
                free(pending);
                return;
        }
}

void lanes_fini(struct session *session)
{
        struct lanes *const lists[] = {&session->idle, &session->others};
        struct pending *pending;

        for (size_t i = 0; i < 2; i++) {
                while (!TAILQ_EMPTY(lists[i]))
                        // NOLINTNEXTLINE(clang-analyzer-unix.Malloc)
                        free_lane(TAILQ_FIRST(lists[i]));
        }
        while ((pending = TAILQ_FIRST(&session->pending)) != NULL) {
                TAILQ_REMOVE(&session->pending, pending, entry);
                free(pending);
        }
}

// --- Answers.

static void tell_answer(struct session *session, uint64_t id, const struct rpc_answer *answer)
{
        const struct consul_outcome outcome = {
            .error = answer->error,
            .body = answer->error.length > 0 ? (struct pack_slice){NULL, 0} : answer->result};
        struct byte_buffer message = BYTE_BUFFER_INIT;

        consul_outcome_put(&message, &outcome);
        session->events.message(session->events.arg, RELAY_ANSWER, id, message.bytes, message.len);
        byte_buffer_fini(&message);
}

static void take_data(struct lane *lane, const uint8_t *bytes, size_t len)
{
        struct session *session = lane->session;
        struct rpc_answer answer;
        uint64_t id = lane->node.id;
        int ret;

        yamux_consume(lane->yamux, len);
        if (!lane->is_busy) {
                session_break(session, "it answered what was not asked");
                return;
        }
        rpc_reader_append(&lane->reader, bytes, len);
        ret = rpc_reader_next_answer(&lane->reader, &answer);
        if (ret == 0)
                return;
        if (ret < 0 || answer.seq != id || rpc_reader_len(&lane->reader) > 0) {
                session_break(session, ret == -EMSGSIZE ? "its answer is too long"
                                                        : "it sent what is no answer");
                return;
        }
        // The answer is in the reader's bytes; a next call may be put on the stream meanwhile.
        struct rpc_reader reader = lane->reader;

        lane->reader = (struct rpc_reader){.args_max = reader.args_max};
        // Servers end a stream after some refusals.
        release_lane(lane, answer.error.length == 0);
        tell_answer(session, id, &answer);
        rpc_reader_fini(&reader);
        if (!session_is_over(session))
                send_pending(session);
}

void lanes_handle(struct session *session, const struct yamux_event *event)
{
        struct lane *lane = event->tag;

        switch (event->kind) {
        case YAMUX_OPENED: // servers have nothing to ask
                yamux_reset(event->stream);
                return;
        case YAMUX_ACCEPTED:
                send_pending(session);
                return;
        case YAMUX_DATA:
                take_data(lane, event->bytes, event->len);
                return;
        case YAMUX_FINISHED:
                if (lane->is_busy)
                        session_break(session, "it left a call without an answer");
                if (!lane->is_finished)
                        yamux_finish(lane->yamux);
                free_lane(lane);
                return;
        case YAMUX_RESET:
                if (lane->is_busy)
                        session_break(session, "it left a call without an answer");
                free_lane(lane);
                return;
        case YAMUX_GO_AWAY:
                session_break(session, "it goes away");
                return;
        case YAMUX_NOTHING:
        case YAMUX_BLOCKED:
                return;
        }
}
