#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "control/yamux/yamux.h"

/*
 * Two sessions whose bytes reach each other in random pieces, with many streams, slow readers and
 * resets. The model of one direction of a stream is two numbers: how many bytes were sent and how
 * many came; every byte is known from its stream and its place.
 */

#define STREAM_MAX 600u
#define STEPS      4000u
#define WIRE_SIZE  (1u << 20)

/* A failure names the seed that repeats it. */
#define CHECK(w, condition) cr_assert(condition, "seed %llu", (unsigned long long)(w)->seed)

struct half {
        uint64_t sent, received, consumed;
        bool finished, finish_seen;
        bool reset; /* by whoever sends this half, or its reader */
};

struct stream {
        uint32_t id;
        struct half halves[2]; /* by the side that sends */
        struct yamux_stream *at[2];
};

struct wire {
        uint8_t bytes[WIRE_SIZE];
        size_t len;
};

struct world {
        uint64_t seed, random;
        struct yamux *sides[2]; /* the client first */
        struct wire wires[2];   /* from that side */
        struct stream streams[STREAM_MAX];
        unsigned stream_count;
};

static uint64_t draw(struct world *w, uint64_t below)
{
        w->random ^= w->random << 13;
        w->random ^= w->random >> 7;
        w->random ^= w->random << 17;
        return w->random % below;
}

static uint8_t byte_at(const struct stream *s, unsigned side, uint64_t at)
{
        return (uint8_t)(s->id * 31 + side * 7 + at * 13 + (at >> 8));
}

static struct stream *find(struct world *w, uint32_t id)
{
        for (unsigned i = w->stream_count; i-- > 0;)
                if (w->streams[i].id == id)
                        return &w->streams[i];
        return NULL;
}

// The side's owner has nothing more to do with a stream that ended both ways.
static void release_if_over(struct stream *s, unsigned side)
{
        if (s->halves[side].finished && s->halves[!side].finish_seen)
                s->at[side] = NULL;
}

static void check_data(const struct world *w, struct stream *s, unsigned side,
                       const struct yamux_event *event)
{
        struct half *half = &s->halves[!side];

        for (size_t i = 0; i < event->len; i++)
                CHECK(w, event->bytes[i] == byte_at(s, !side, half->received + i));
        half->received += event->len;
        CHECK(w, half->received <= half->sent);
        CHECK(w, half->received - half->consumed <= YAMUX_WINDOW);
        CHECK(w, !half->finish_seen);
}

static void handle(struct world *w, unsigned side, const struct yamux_event *event)
{
        struct stream *s = event->tag;

        switch (event->kind) {
        case YAMUX_OPENED:
                s = find(w, yamux_stream_id(event->stream));
                CHECK(w, s != NULL);
                s->at[side] = event->stream;
                yamux_accept(event->stream, s);
                return;
        case YAMUX_DATA:
                CHECK(w, s->at[side] != NULL);
                check_data(w, s, side, event);
                return;
        case YAMUX_FINISHED:
                CHECK(w, s->halves[!side].received == s->halves[!side].sent);
                CHECK(w, s->halves[!side].finished);
                s->halves[!side].finish_seen = true;
                release_if_over(s, side);
                return;
        case YAMUX_RESET:
                CHECK(w, s->at[side] != NULL);
                CHECK(w, s->halves[0].reset || s->halves[1].reset);
                s->at[side] = NULL;
                return;
        case YAMUX_NOTHING:
        case YAMUX_BLOCKED:
        case YAMUX_ACCEPTED:
                return;
        case YAMUX_GO_AWAY:
                CHECK(w, !"nobody goes away");
        }
}

static void pump_out(struct world *w, unsigned side)
{
        struct wire *wire = &w->wires[side];
        size_t room = WIRE_SIZE - wire->len, want = YAMUX_OUTPUT_MIN + draw(w, 70000);

        if (room >= YAMUX_OUTPUT_MIN)
                wire->len += yamux_take_output(w->sides[side], wire->bytes + wire->len,
                                               want < room ? want : room);
}

// A random piece of what the other side sent arrives.
static void pump_in(struct world *w, unsigned side)
{
        struct wire *wire = &w->wires[!side];
        size_t len = draw(w, 4) == 0 ? draw(w, 30) : draw(w, 100000), at = 0, used;
        struct yamux_event event;

        if (len > wire->len)
                len = wire->len;
        do {
                cr_assert_eq(
                    yamux_receive(w->sides[side], wire->bytes + at, len - at, &used, &event), 0,
                    "%s", yamux_complaint(w->sides[side]));
                at += used;
                handle(w, side, &event);
        } while (event.kind != YAMUX_NOTHING && event.kind != YAMUX_BLOCKED);
        memmove(wire->bytes, wire->bytes + at, wire->len - at);
        wire->len -= at;
}

static void open_stream(struct world *w, unsigned side)
{
        struct stream *s = &w->streams[w->stream_count];

        if (w->stream_count == STREAM_MAX || yamux_open(w->sides[side], s, &s->at[side]) < 0)
                return;
        s->id = yamux_stream_id(s->at[side]);
        CHECK(w, s->id % 2 == (side == 0));
        w->stream_count++;
}

static void send_some(struct world *w, struct stream *s, unsigned side)
{
        static uint8_t bytes[60000];
        struct half *half = &s->halves[side];
        size_t len = draw(w, draw(w, 3) == 0 ? sizeof(bytes) : 300);

        if (half->finished)
                return;
        for (size_t i = 0; i < len; i++)
                bytes[i] = byte_at(s, side, half->sent + i);
        CHECK(w, yamux_send(s->at[side], bytes, len) == 0);
        half->sent += len;
}

static void finish(struct stream *s, unsigned side)
{
        if (s->halves[side].finished)
                return;
        s->halves[side].finished = true;
        yamux_finish(s->at[side]);
        release_if_over(s, side);
}

static void consume(struct world *w, struct stream *s, unsigned side, bool all)
{
        struct half *half = &s->halves[!side];
        uint64_t unread = half->received - half->consumed;
        uint64_t len = all ? unread : draw(w, unread + 1);

        yamux_consume(s->at[side], len);
        half->consumed += len;
}

static void act(struct world *w)
{
        unsigned side = (unsigned)draw(w, 2);
        struct stream *s = w->stream_count > 0 ? &w->streams[draw(w, w->stream_count)] : NULL;
        uint64_t what = draw(w, 100);

        if (what < 10)
                open_stream(w, side);
        else if (what < 35)
                pump_out(w, side);
        else if (what < 60)
                pump_in(w, side);
        else if (s == NULL || s->at[side] == NULL)
                return;
        else if (what < 80)
                send_some(w, s, side);
        else if (what < 93)
                consume(w, s, side, false);
        else if (what < 98)
                finish(s, side);
        else {
                s->halves[side].reset = true;
                yamux_reset(s->at[side]);
                s->at[side] = NULL;
        }
}

static bool is_settled(const struct world *w)
{
        for (unsigned side = 0; side < 2; side++)
                if (yamux_stream_count(w->sides[side]) > 0 || yamux_backlog(w->sides[side]) > 0 ||
                    w->wires[side].len > 0)
                        return false;
        return true;
}

// Everybody reads and finishes: all that was sent and not reset must come.
static void settle(struct world *w)
{
        for (unsigned round = 0; round < 3000; round++) {
                for (unsigned i = 0; i < w->stream_count; i++)
                        for (unsigned side = 0; side < 2; side++)
                                if (w->streams[i].at[side] != NULL) {
                                        consume(w, &w->streams[i], side, true);
                                        finish(&w->streams[i], side);
                                }
                for (unsigned side = 0; side < 2; side++) {
                        pump_out(w, side);
                        pump_in(w, side);
                }
                if (is_settled(w))
                        break;
        }
        for (unsigned i = 0; i < w->stream_count; i++) {
                const struct stream *s = &w->streams[i];

                CHECK(w, s->at[0] == NULL && s->at[1] == NULL);
                for (unsigned side = 0; side < 2; side++)
                        if (!s->halves[0].reset && !s->halves[1].reset)
                                CHECK(w, s->halves[side].received == s->halves[side].sent);
        }
        CHECK(w, is_settled(w));
}

static void run(uint64_t seed)
{
        struct world *w = calloc(1, sizeof(*w));
        uint64_t now_ms = 0;

        cr_assert_not_null(w);
        w->seed = seed;
        w->random = seed * 0x9e3779b97f4a7c15u + 1;
        for (unsigned side = 0; side < 2; side++) {
                const struct yamux_options options = {
                    .client = side == 0, .seed = draw(w, UINT64_MAX), .keepalive_ms = 500};

                cr_assert_eq(yamux_create(&options, 0, &w->sides[side]), 0);
        }
        for (unsigned i = 0; i < STEPS; i++) {
                act(w);
                now_ms += draw(w, 3);
                yamux_tick(w->sides[i % 2], now_ms);
        }
        settle(w);
        yamux_destroy(w->sides[0]);
        yamux_destroy(w->sides[1]);
        free(w);
}

Test(yamux_simulation, every_byte_comes_once_in_order_and_no_stream_stays)
{
        for (uint64_t seed = 1; seed <= 60; seed++)
                run(seed);
}
