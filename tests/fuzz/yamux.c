#include <stdlib.h>
#include <string.h>

#include "control/yamux/yamux.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STREAM_MAX 64u

struct owned {
        struct yamux_stream *stream;
        size_t unconsumed;
        bool finished, peer_finished;
};

struct end {
        struct yamux *session;
        struct owned streams[STREAM_MAX];
};

static void demand(bool condition)
{
        if (!condition)
                abort();
}

// What an owner does: it depends on the bytes, so that all of it is tried.
static void answer(struct owned *o, const struct yamux_event *event)
{
        static const uint8_t bytes[20u * 256];

        o->unconsumed += event->len;
        demand(o->unconsumed <= YAMUX_WINDOW);
        if (event->bytes[0] % 2 == 0) {
                yamux_consume(event->stream, o->unconsumed);
                o->unconsumed = 0;
        }
        if (!o->finished)
                yamux_send(event->stream, bytes, 20u * event->bytes[0]);
        if (event->bytes[0] % 16 == 3) {
                yamux_finish(event->stream);
                o->finished = true;
        }
        if (event->bytes[0] % 16 == 4) {
                yamux_reset(event->stream);
                *o = (struct owned){0};
        }
        if (o->finished && o->peer_finished)
                *o = (struct owned){0};
}

static void take_opened(struct end *end, struct yamux_stream *stream)
{
        for (unsigned i = 0; i < STREAM_MAX; i++)
                if (end->streams[i].stream == NULL) {
                        end->streams[i].stream = stream;
                        yamux_accept(stream, &end->streams[i]);
                        return;
                }
        yamux_reset(stream);
}

static void handle(struct end *end, const struct yamux_event *event)
{
        struct owned *o = event->tag;

        if (event->kind == YAMUX_OPENED)
                take_opened(end, event->stream);
        if (event->kind == YAMUX_DATA) {
                demand(o->stream == event->stream && event->len > 0 && !o->peer_finished);
                answer(o, event);
        }
        if (event->kind == YAMUX_FINISHED) {
                demand(o->stream != NULL && !o->peer_finished);
                o->peer_finished = true;
                if (o->finished)
                        *o = (struct owned){0};
        }
        if (event->kind == YAMUX_RESET) {
                demand(o->stream != NULL);
                *o = (struct owned){0};
        }
}

// returns  false when the session is over.
static bool take(struct end *end, const uint8_t *bytes, size_t len)
{
        uint8_t out[512];
        struct yamux_event event;
        size_t used;

        do {
                if (yamux_receive(end->session, bytes, len, &used, &event) < 0)
                        return false;
                demand(used <= len);
                bytes += used;
                len -= used;
                handle(end, &event);
                if (event.kind == YAMUX_BLOCKED)
                        while (yamux_take_output(end->session, out, sizeof(out)) > 0)
                                ;
        } while (len > 0 || event.kind != YAMUX_NOTHING);
        return true;
}

// The first byte says how the rest is cut; each piece is followed by some output.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct yamux_options options = {.seed = 1, .streams_max = 100, .keepalive_ms = 10};
        struct end end = {0};
        uint8_t out[512];
        uint64_t now_ms = 0;
        size_t step;

        if (size < 1)
                return 0;
        options.client = data[0] & 1;
        step = 1 + data[0] / 2;
        if (yamux_create(&options, 0, &end.session) < 0)
                return 0;
        for (size_t at = 1; at < size; at += step) {
                size_t len = size - at < step ? size - at : step;

                if (!take(&end, data + at, len))
                        break;
                yamux_tick(end.session, now_ms += 3);
                demand(yamux_take_output(end.session, out, 64 + data[at]) <= 64u + data[at]);
        }
        while (yamux_take_output(end.session, out, sizeof(out)) > 0)
                ;
        demand(!yamux_has_output(end.session));
        yamux_destroy(end.session);
        return 0;
}
