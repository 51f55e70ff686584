#include <criterion/criterion.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/yamux/yamux.h"
#include "lictor/bytes.h"

enum { DATA, WINDOW, PING, GO_AWAY };
enum { SYN = 1, ACK = 2, FIN = 4, RST = 8 };

struct frame {
        unsigned type, flags;
        uint32_t stream, length;
        const char *data; /* of DATA; NULL: as many zeros as length says */
};

#define TRACE_SIZE 4096u

struct end {
        struct yamux *session;
        char trace[TRACE_SIZE]; /* what happened, in words */
        struct yamux_stream *streams[64];
        bool accepts;
};

static struct end *end_create(const struct yamux_options *options)
{
        struct end *end = calloc(1, sizeof(*end));

        cr_assert_not_null(end);
        cr_assert_eq(yamux_create(options, 1000, &end->session), 0);
        end->accepts = true;
        return end;
}

static struct end *server_create(void)
{
        return end_create(&(struct yamux_options){.seed = 12345});
}

static void end_free(struct end *end)
{
        yamux_destroy(end->session);
        free(end);
}

__attribute__((format(printf, 2, 3))) static void note(struct end *end, const char *format, ...)
{
        size_t at = strlen(end->trace);
        va_list list;

        va_start(list, format);
        vsnprintf(end->trace + at, TRACE_SIZE - at, format, list);
        va_end(list);
}

static void note_event(struct end *end, const struct yamux_event *event)
{
        unsigned id = event->stream != NULL ? yamux_stream_id(event->stream)
                                            : (unsigned)(uintptr_t)event->tag;

        switch (event->kind) {
        case YAMUX_OPENED:
                note(end, "opened %u, ", id);
                end->streams[id % 64] = event->stream;
                if (end->accepts)
                        yamux_accept(event->stream, (void *)(uintptr_t)id);
                return;
        case YAMUX_ACCEPTED:
                note(end, "accepted %u, ", id);
                return;
        case YAMUX_DATA:
                note(end, "data %u %.*s, ", id, (int)event->len, (const char *)event->bytes);
                return;
        case YAMUX_FINISHED:
                note(end, "finished %u, ", id);
                return;
        case YAMUX_RESET:
                note(end, "reset %u, ", id);
                return;
        case YAMUX_GO_AWAY:
                note(end, "away %u, ", event->code);
                return;
        case YAMUX_BLOCKED:
                note(end, "blocked, ");
                return;
        case YAMUX_NOTHING:
                return;
        }
}

static int end_take(struct end *end, const uint8_t *bytes, size_t len)
{
        struct yamux_event event;
        size_t used;

        do {
                int ret = yamux_receive(end->session, bytes, len, &used, &event);

                if (ret < 0)
                        return ret;
                note_event(end, &event);
                bytes += used;
                len -= used;
        } while (event.kind != YAMUX_NOTHING && event.kind != YAMUX_BLOCKED);
        return 0;
}

static size_t encode(const struct frame *frame, uint8_t *out)
{
        const uint8_t head[12] = {0,
                                  (uint8_t)frame->type,
                                  (uint8_t)(frame->flags >> 8),
                                  (uint8_t)frame->flags,
                                  (uint8_t)(frame->stream >> 24),
                                  (uint8_t)(frame->stream >> 16),
                                  (uint8_t)(frame->stream >> 8),
                                  (uint8_t)frame->stream,
                                  (uint8_t)(frame->length >> 24),
                                  (uint8_t)(frame->length >> 16),
                                  (uint8_t)(frame->length >> 8),
                                  (uint8_t)frame->length};

        memcpy(out, head, sizeof(head));
        if (frame->type != DATA || frame->data == NULL)
                return sizeof(head);
        memcpy(out + sizeof(head), frame->data, frame->length);
        return sizeof(head) + frame->length;
}

static int end_take_frame(struct end *end, const struct frame *frame)
{
        uint8_t bytes[12 + 1024];

        return end_take(end, bytes, encode(frame, bytes));
}

// What the session sends, in words; its data are shown by their length only.
static void end_sent(struct end *end, char out[TRACE_SIZE])
{
        static const char *const types[] = {"data", "window", "ping", "away"};
        uint8_t bytes[64 + 4096];
        size_t len, at, used = 0;

        out[0] = '\0';
        while ((len = yamux_take_output(end->session, bytes, sizeof(bytes))) > 0)
                for (at = 0; at < len; at += bytes[at + 1] == DATA ? 12 + used : 12) {
                        const uint8_t *b = bytes + at;
                        size_t length = strlen(out);

                        used = (size_t)b[8] << 24 | (size_t)b[9] << 16 | (size_t)b[10] << 8 | b[11];
                        snprintf(out + length, TRACE_SIZE - length, "%s%s%s%s%s %u %zu, ",
                                 types[b[1] & 3], b[3] & SYN ? " syn" : "",
                                 b[3] & ACK ? " ack" : "", b[3] & FIN ? " fin" : "",
                                 b[3] & RST ? " rst" : "", (unsigned)b[7] | (unsigned)b[6] << 8,
                                 used);
                }
}

static void expect_sent(struct end *end, const char *want, const char *name)
{
        char sent[TRACE_SIZE];

        end_sent(end, sent);
        cr_expect_str_eq(sent, want, "%s: sent \"%s\"", name, sent);
}

struct conversation {
        const char *name;
        struct frame frames[6];
        int want; /* of the last */
        const char *trace;
        const char *sent;
};

static const struct conversation conversations[] = {
    {"a stream opened alone", {{WINDOW, SYN, 1, 0, NULL}}, 0, "opened 1, ", "window ack 1 0, "},
    {"a stream opened with data",
     {{DATA, SYN, 1, 3, "abc"}},
     0,
     "opened 1, data 1 abc, ",
     "window ack 1 0, "},
    {"all of a stream in one frame",
     {{DATA, SYN | FIN, 7, 2, "hi"}},
     0,
     "opened 7, data 7 hi, finished 7, ",
     "window ack 7 0, "},
    {"data, then an end",
     {{WINDOW, SYN, 1, 0, NULL}, {DATA, 0, 1, 1, "x"}, {WINDOW, FIN, 1, 0, NULL}},
     0,
     "opened 1, data 1 x, finished 1, ",
     "window ack 1 0, "},
    {"a reset",
     {{DATA, SYN, 3, 1, "x"}, {WINDOW, RST, 3, 0, NULL}},
     0,
     "opened 3, data 3 x, reset 3, ",
     "window ack 3 0, "},
    {"a reset with data, which nobody gets",
     {{WINDOW, SYN, 3, 0, NULL}, {DATA, RST, 3, 2, "no"}, {DATA, SYN, 5, 1, "y"}},
     0,
     "opened 3, reset 3, opened 5, data 5 y, ",
     "window ack 3 0, window ack 5 0, "},
    {"a stream reset as it is opened", {{DATA, SYN | RST, 3, 1, "x"}}, 0, "", ""},
    {"a number used again",
     {{WINDOW, SYN, 3, 0, NULL}, {WINDOW, RST, 3, 0, NULL}, {WINDOW, SYN, 3, 0, NULL}},
     0,
     "opened 3, reset 3, opened 3, ",
     "window ack 3 0, window ack 3 0, "},
    {"a window of nothing",
     {{WINDOW, SYN, 1, 0, NULL}, {WINDOW, 0, 1, 0, NULL}},
     0,
     "opened 1, ",
     "window ack 1 0, "},
    {"the largest window",
     {{WINDOW, SYN, 1, UINT32_MAX - YAMUX_WINDOW, NULL}},
     0,
     "opened 1, ",
     "window ack 1 0, "},
    {"a larger one",
     {{WINDOW, SYN, 1, UINT32_MAX - YAMUX_WINDOW + 1, NULL}},
     -EPROTO,
     "",
     "away 0 1, "},
    {"data of nothing", {{DATA, SYN, 1, 0, ""}}, 0, "opened 1, ", "window ack 1 0, "},
    {"a ping", {{PING, SYN, 0, 77, NULL}}, 0, "", "ping ack 0 77, "},
    {"an answer to no ping", {{PING, ACK, 0, 77, NULL}}, 0, "", ""},
    {"a ping without flags", {{PING, 0, 0, 77, NULL}}, 0, "", ""},
    {"flags nobody knows", {{WINDOW, SYN | 0x80, 1, 0, NULL}}, 0, "opened 1, ", "window ack 1 0, "},
    {"a normal end, before which streams go on",
     {{WINDOW, SYN, 1, 0, NULL}, {GO_AWAY, 0, 0, 0, NULL}, {DATA, 0, 1, 1, "z"}},
     0,
     "opened 1, away 0, data 1 z, ",
     "window ack 1 0, "},
    {"an end for a protocol error", {{GO_AWAY, 0, 0, 1, NULL}}, -ECONNRESET, "away 1, ", ""},
    {"an end for an unknown reason", {{GO_AWAY, 0, 0, 99, NULL}}, -ECONNRESET, "away 99, ", ""},
    {"a stream nobody opened",
     {{DATA, 0, 9, 3, "abc"}, {DATA, SYN, 1, 1, "x"}},
     0,
     "opened 1, data 1 x, ",
     "window ack 1 0, "},
    {"a window for a stream nobody opened", {{WINDOW, 0, 9, 5, NULL}}, 0, "", ""},
    {"an end of a stream nobody opened", {{WINDOW, FIN, 9, 0, NULL}}, 0, "", ""},
    {"a reset of a stream nobody opened", {{WINDOW, RST, 9, 0, NULL}}, 0, "", ""},
    {"an answer to what was not opened", {{WINDOW, ACK, 2, 0, NULL}}, 0, "", ""},
    {"an answer to its own",
     {{WINDOW, SYN | ACK, 1, 0, NULL}},
     0,
     "opened 1, ",
     "window ack 1 0, "},
    {"data after the end, which nobody gets",
     {{DATA, SYN | FIN, 1, 1, "x"}, {DATA, 0, 1, 2, "no"}, {DATA, SYN, 3, 1, "y"}},
     0,
     "opened 1, data 1 x, finished 1, opened 3, data 3 y, ",
     "window ack 1 0, window ack 3 0, "},
    {"a stream opened twice",
     {{WINDOW, SYN, 1, 0, NULL}, {WINDOW, SYN, 1, 0, NULL}},
     -EPROTO,
     "opened 1, ",
     "window ack 1 0, away 0 1, "},
    {"a number of the server's", {{WINDOW, SYN, 2, 0, NULL}}, -EPROTO, "", "away 0 1, "},
    {"a stream with the session's number", {{DATA, SYN, 0, 1, "x"}}, -EPROTO, "", "away 0 1, "},
    {"finished twice",
     {{WINDOW, SYN | FIN, 1, 0, NULL}, {WINDOW, FIN, 1, 0, NULL}},
     -EPROTO,
     "opened 1, finished 1, ",
     "window ack 1 0, away 0 1, "},
    {"as much as a window",
     {{DATA, SYN, 1, YAMUX_WINDOW, NULL}},
     0,
     "opened 1, ",
     "window ack 1 0, "},
    {"more than a window", {{DATA, SYN, 1, YAMUX_WINDOW + 1, NULL}}, -EPROTO, "", "away 0 1, "},
    {"a ping of a stream", {{PING, SYN, 1, 0, NULL}}, -EPROTO, "", "away 0 1, "},
    {"a go-away of a stream", {{GO_AWAY, 0, 1, 0, NULL}}, -EPROTO, "", "away 0 1, "},
    {"an unknown type", {{4, 0, 0, 0, NULL}}, -EPROTO, "", "away 0 1, "},
};

Test(yamux, frames_have_the_effects_the_specification_says)
{
        for (size_t i = 0; i < ARRAY_LEN(conversations); i++) {
                const struct conversation *c = &conversations[i];
                struct end *end = server_create();
                int ret = 0;

                for (size_t j = 0; j < ARRAY_LEN(c->frames); j++) {
                        const struct frame *f = &c->frames[j];

                        if (f->type == 0 && f->flags == 0 && f->stream == 0 && f->length == 0)
                                break;
                        cr_expect_eq(ret, 0, "%s", c->name);
                        ret = end_take_frame(end, f);
                }
                cr_expect_eq(ret, c->want, "%s: %d", c->name, ret);
                cr_expect_str_eq(end->trace, c->trace, "%s: \"%s\"", c->name, end->trace);
                cr_expect_eq(c->want < 0, yamux_complaint(end->session)[0] != '\0', "%s", c->name);
                expect_sent(end, c->sent, c->name);
                end_free(end);
        }
}

Test(yamux, frames_cut_anywhere_mean_the_same)
{
        static const struct frame frames[] = {
            {DATA, SYN, 1, 3, "abc"}, {PING, SYN, 0, 5, NULL}, {DATA, FIN, 1, 2, "de"}};
        uint8_t bytes[256];
        size_t len = 0;

        for (size_t i = 0; i < ARRAY_LEN(frames); i++)
                len += encode(&frames[i], bytes + len);
        for (size_t cut = 0; cut <= len; cut++) {
                struct end *end = server_create();
                char joined[16] = "";

                cr_assert_eq(end_take(end, bytes, cut), 0);
                cr_assert_eq(end_take(end, bytes + cut, len - cut), 0);
                for (const char *at = end->trace; (at = strstr(at, "data 1 ")) != NULL; at += 7)
                        snprintf(joined + strlen(joined), sizeof(joined) - strlen(joined), "%.*s",
                                 (int)strcspn(at + 7, ","), at + 7);
                cr_expect_str_eq(joined, "abcde", "cut at %zu: %s", cut, joined);
                cr_expect_not_null(strstr(end->trace, "finished 1, "), "cut at %zu", cut);
                expect_sent(end, "window ack 1 0, ping ack 0 5, ", "answers");
                end_free(end);
        }
}

Test(yamux, another_version_ends_the_session)
{
        static const uint8_t bytes[12] = {1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0};
        struct end *end = server_create();

        cr_expect_eq(end_take(end, bytes, 11), 0);
        cr_expect_eq(end_take(end, bytes + 11, 1), -EPROTO);
        cr_expect_eq(end_take(end, bytes, 12), -EPROTO, "and it stays ended");
        expect_sent(end, "away 0 1, ", "version");
        cr_expect_not(yamux_has_output(end->session));
        end_free(end);
}

Test(yamux, no_more_than_a_window_is_sent_before_more_is_granted)
{
        static uint8_t bytes[YAMUX_WINDOW + 10];
        struct end *end = server_create();
        uint8_t out[4096];
        size_t sent = 0, len;

        end_take_frame(end, &(struct frame){WINDOW, SYN, 1, 0, NULL});
        cr_assert_eq(yamux_send(end->streams[1], bytes, sizeof(bytes)), 0);
        yamux_finish(end->streams[1]);
        cr_assert_eq(yamux_take_output(end->session, out, 64), 64);
        sent += 64 - 24; // with the answer to SYN
        while ((len = yamux_take_output(end->session, out, sizeof(out))) > 0)
                sent += len - 12;
        cr_expect_eq(sent, YAMUX_WINDOW, "%zu", sent);
        cr_expect_eq(yamux_backlog(end->session), 10);
        cr_expect_not(yamux_has_output(end->session));
        end_take_frame(end, &(struct frame){WINDOW, 0, 1, 4, NULL});
        expect_sent(end, "data 1 4, ", "granted 4");
        end_take_frame(end, &(struct frame){WINDOW, 0, 1, 100, NULL});
        expect_sent(end, "data 1 6, window fin 1 0, ", "granted enough");
        cr_expect_eq(yamux_stream_count(end->session), 1, "the other half is open");
        end_take_frame(end, &(struct frame){WINDOW, FIN, 1, 0, NULL});
        cr_expect_eq(yamux_stream_count(end->session), 0);
        end_free(end);
}

Test(yamux, a_window_is_granted_anew_when_half_of_it_was_consumed)
{
        struct end *end = server_create();
        static uint8_t bytes[YAMUX_WINDOW];

        end_take_frame(end, &(struct frame){DATA, SYN, 1, YAMUX_WINDOW, NULL});
        cr_assert_eq(end_take(end, bytes, sizeof(bytes)), 0);
        expect_sent(end, "window ack 1 0, ", "nothing consumed");
        yamux_consume(end->streams[1], YAMUX_WINDOW / 2 - 1);
        expect_sent(end, "", "less than half");
        yamux_consume(end->streams[1], 1);
        expect_sent(end, "window 1 131072, ", "half");
        cr_expect_eq(end_take_frame(end, &(struct frame){DATA, 0, 1, YAMUX_WINDOW / 2 + 1, NULL}),
                     -EPROTO, "more than was granted");
        end_free(end);
}

Test(yamux, streams_take_turns)
{
        static uint8_t bytes[100000];
        struct end *end = server_create();
        uint8_t out[12 + 1000];
        unsigned turns[8] = {0};

        for (uint32_t id = 1; id <= 5; id += 2) {
                end_take_frame(end, &(struct frame){WINDOW, SYN, id, 0, NULL});
                cr_assert_eq(yamux_send(end->streams[id], bytes, sizeof(bytes)), 0);
        }
        yamux_take_output(end->session, out, 64);
        for (unsigned i = 0; i < 30; i++) {
                cr_assert_eq(yamux_take_output(end->session, out, sizeof(out)), sizeof(out));
                turns[out[7]]++;
        }
        cr_expect(turns[1] == 10 && turns[3] == 10 && turns[5] == 10);
        end_free(end);
}

Test(yamux, streams_over_a_limit_are_refused_one_by_one)
{
        static const struct {
                const char *name;
                uint32_t streams_max, backlog_max;
                bool accepts;
        } cases[] = {{"not accepted", 100, 2, false}, {"in all", 2, 100, true}};

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const struct yamux_options options = {.streams_max = cases[i].streams_max,
                                                      .backlog_max = cases[i].backlog_max};
                struct end *end = end_create(&options);

                end->accepts = cases[i].accepts;
                for (uint32_t id = 1; id <= 5; id += 2)
                        end_take_frame(end, &(struct frame){DATA, SYN, id, 1, "x"});
                cr_expect_str_eq(end->trace,
                                 cases[i].accepts ? "opened 1, data 1 x, opened 3, data 3 x, "
                                                  : "opened 1, data 1 x, opened 3, data 3 x, ",
                                 "%s: %s", cases[i].name, end->trace);
                expect_sent(end,
                            cases[i].accepts ? "window ack 1 0, window ack 3 0, window rst 5 0, "
                                             : "window rst 5 0, ",
                            cases[i].name);
                yamux_reset(end->streams[1]);
                end_take_frame(end, &(struct frame){WINDOW, SYN, 7, 0, NULL});
                cr_expect_not_null(strstr(end->trace, "opened 7"), "%s", cases[i].name);
                end_free(end);
        }
}

Test(yamux, nothing_is_read_while_too_many_answers_are_not_taken)
{
        struct end *end = server_create();
        unsigned pings = 0;
        char sent[TRACE_SIZE];

        while (strstr(end->trace, "blocked") == NULL && pings < 10000) {
                cr_assert_eq(end_take_frame(end, &(struct frame){PING, SYN, 0, 1, NULL}), 0);
                pings++;
        }
        cr_expect_lt(pings, 6000, "%u", pings);
        cr_expect_leq(yamux_backlog(end->session), 66000);
        end_sent(end, sent);
        cr_expect_eq(yamux_backlog(end->session), 0);
        end->trace[0] = '\0';
        end_take_frame(end, &(struct frame){DATA, SYN, 1, 1, "x"});
        cr_expect_str_eq(end->trace, "opened 1, data 1 x, ");
        end_free(end);
}

Test(yamux, no_more_is_queued_than_a_session_may)
{
        struct end *end = end_create(&(struct yamux_options){.send_max = 10});

        end_take_frame(end, &(struct frame){WINDOW, SYN, 1, 0, NULL});
        end_take_frame(end, &(struct frame){WINDOW, SYN, 3, 0, NULL});
        cr_expect_eq(yamux_send(end->streams[1], "123456", 6), 0);
        cr_expect_eq(yamux_send(end->streams[3], "12345", 5), -ENOBUFS);
        cr_expect_eq(yamux_send(end->streams[3], "1234", 4), 0);
        yamux_reset(end->streams[1]);
        cr_expect_eq(yamux_send(end->streams[3], "123456", 6), 0, "room again");
        yamux_finish(end->streams[3]);
        cr_expect_eq(yamux_send(end->streams[3], "", 0), -ESHUTDOWN);
        end_free(end);
}

Test(yamux, a_client_opens_streams_and_knows_when_it_must_not)
{
        struct end *end = end_create(&(struct yamux_options){.client = true, .backlog_max = 2});
        struct yamux_stream *a, *b, *c;

        cr_expect_eq(yamux_open(end->session, NULL, &a), 0);
        cr_expect_eq(yamux_open(end->session, NULL, &b), 0);
        cr_expect_eq(yamux_open(end->session, NULL, &c), -EAGAIN);
        cr_expect_eq(yamux_send(a, "hello", 5), 0);
        expect_sent(end, "window syn 1 0, window syn 3 0, data 1 5, ", "opened");
        end_take_frame(end, &(struct frame){WINDOW, ACK, 1, 0, NULL});
        end_take_frame(end, &(struct frame){WINDOW, ACK, 1, 0, NULL});
        end_take_frame(end, &(struct frame){DATA, ACK | FIN, 3, 2, "ok"});
        cr_expect_str_eq(end->trace, "accepted 1, accepted 3, data 3 ok, finished 3, ", "%s",
                         end->trace);
        cr_expect_eq(yamux_open(end->session, NULL, &c), 0);
        cr_expect_eq(yamux_stream_id(c), 5);
        end_take_frame(end, &(struct frame){GO_AWAY, 0, 0, 0, NULL});
        cr_expect_eq(yamux_open(end->session, NULL, &c), -ESHUTDOWN);
        end_free(end);
}

Test(yamux, who_goes_away_refuses_new_streams_and_keeps_the_others)
{
        struct end *end = server_create();

        end_take_frame(end, &(struct frame){WINDOW, SYN, 1, 0, NULL});
        yamux_go_away(end->session, YAMUX_NORMAL);
        end_take_frame(end, &(struct frame){DATA, SYN, 3, 1, "x"});
        end_take_frame(end, &(struct frame){DATA, 0, 1, 1, "y"});
        cr_expect_str_eq(end->trace, "opened 1, data 1 y, ");
        expect_sent(end, "window ack 1 0, away 0 0, window rst 3 0, ", "away");
        end_free(end);
}

Test(yamux, a_session_pings_and_ends_when_nothing_is_heard)
{
        const struct yamux_options options = {.keepalive_ms = 30000, .patience_ms = 10000};
        struct end *end = end_create(&options);

        cr_expect_eq(yamux_tick(end->session, 30999), 0);
        expect_sent(end, "", "too early");
        cr_expect_eq(yamux_tick(end->session, 31000), 0);
        expect_sent(end, "ping syn 0 1, ", "due");
        end_take_frame(end, &(struct frame){PING, ACK, 0, 1, NULL});
        cr_expect_eq(yamux_tick(end->session, 50000), 0, "answered");
        cr_expect_eq(yamux_tick(end->session, 61000), 0);
        expect_sent(end, "ping syn 0 2, ", "due again");
        end_take_frame(end, &(struct frame){WINDOW, SYN, 1, 0, NULL});
        cr_expect_eq(yamux_tick(end->session, 71000), 0, "heard of, though not answered");
        cr_expect_eq(yamux_tick(end->session, 91000), 0);
        cr_expect_eq(yamux_tick(end->session, 100999), 0);
        cr_expect_eq(yamux_tick(end->session, 101000), -ETIMEDOUT);
        cr_expect_eq(end_take_frame(end, &(struct frame){PING, ACK, 0, 3, NULL}), -ETIMEDOUT);
        end_free(end);
}

Test(yamux, an_open_ping_is_not_followed_by_another)
{
        const struct yamux_options options = {.keepalive_ms = 10, .patience_ms = 1000};
        struct end *end = end_create(&options);

        for (uint64_t now_ms = 1010; now_ms < 2010; now_ms += 10)
                cr_expect_eq(yamux_tick(end->session, now_ms), 0);
        expect_sent(end, "ping syn 0 1, ", "one ping");
        cr_expect_eq(yamux_tick(end->session, 2010), -ETIMEDOUT);
        end_free(end);
}
