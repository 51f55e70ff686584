#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/checks/docker_stream.h"
#include "control/checks/grpc_message.h"
#include "control/checks/h2_ping.h"
#include "control/grpc/grpc_wire.h"

#define BYTES(text) ((const uint8_t *)(text)), sizeof(text) - 1

// What is appended is compared from its beginning on. returns  its length, or the error.
static int write_request(const char *service, const char *beginning, size_t beginning_len)
{
        struct byte_buffer out = BYTE_BUFFER_INIT;
        int ret = grpc_request_write(service, &out);

        if (ret == 0) {
                ret = (int)out.len;
                cr_expect_geq(out.len, beginning_len);
                cr_expect_arr_eq(out.bytes, beginning, beginning_len);
        }
        byte_buffer_fini(&out);
        return ret;
}

Test(grpc_message, a_request_names_its_service)
{
        char name[GRPC_SERVICE_NAME_MAX + 2];

        cr_expect_eq(write_request("", "\0\0\0\0\0", 5), 5);
        cr_expect_eq(write_request("a.B", "\0\0\0\0\5\x0a\3a.B", 10), 10);
        memset(name, 'n', sizeof(name));
        name[200] = '\0';
        cr_expect_eq(write_request(name, "\0\0\0\0\xcb\x0a\xc8\x01n", 9), 5 + 3 + 200);
        name[200] = 'n';
        name[GRPC_SERVICE_NAME_MAX] = '\0';
        cr_expect_gt(write_request(name, "\0", 1), GRPC_SERVICE_NAME_MAX);
        name[GRPC_SERVICE_NAME_MAX] = 'n';
        name[GRPC_SERVICE_NAME_MAX + 1] = '\0';
        cr_expect_eq(write_request(name, "", 0), -E2BIG);
}

Test(grpc_message, responses_are_read_and_damaged_ones_refused)
{
        static const struct {
                const char *name;
                const uint8_t *bytes;
                size_t len;
                int ret, status;
        } cases[] = {
            {"serving", BYTES("\0\0\0\0\2\x08\1"), 0, GRPC_SERVING},
            {"not serving", BYTES("\0\0\0\0\2\x08\2"), 0, GRPC_NOT_SERVING},
            {"empty is unknown", BYTES("\0\0\0\0\0"), 0, GRPC_UNKNOWN},
            {"other fields are skipped", BYTES("\0\0\0\0\7\x12\3abc\x08\1"), 0, GRPC_SERVING},
            {"fixed fields are skipped",
             BYTES("\0\0\0\0\7\x1d"
                   "1234\x08\1"),
             0, GRPC_SERVING},
            {"too short", BYTES("\0\0\0\0"), -EBADMSG, 0},
            {"compressed", BYTES("\1\0\0\0\2\x08\1"), -ENOTSUP, 0},
            {"a wrong length", BYTES("\0\0\0\0\3\x08\1"), -EBADMSG, 0},
            {"a cut varint", BYTES("\0\0\0\0\2\x08\x80"), -EBADMSG, 0},
            {"an endless varint",
             BYTES("\0\0\0\0\x0d\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"), -EBADMSG, 0},
            {"a field beyond the end", BYTES("\0\0\0\0\3\x12\7a"), -EBADMSG, 0},
            {"a group", BYTES("\0\0\0\0\1\x0b"), -EBADMSG, 0},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                int status = -1, ret = grpc_response_read(cases[i].bytes, cases[i].len, &status);

                cr_expect_eq(ret, cases[i].ret, "%s", cases[i].name);
                if (ret == 0)
                        cr_expect_eq(status, cases[i].status, "%s", cases[i].name);
        }
}

Test(grpc_message, messages_are_percent_decoded)
{
        static const char *const cases[][2] = {
            {"unknown service", "unknown service"},
            {"a%20b%3a", "a b:"},
            {"100%", "100%"},
            {"%4", "%4"},
            {"%zz%00%41", "%zz%00A"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                char text[32];

                snprintf(text, sizeof(text), "%s", cases[i][0]);
                grpc_status_text_decode(text);
                cr_expect_str_eq(text, cases[i][1]);
        }
        cr_expect_str_eq(grpc_code_name(14), "Unavailable");
        cr_expect_str_eq(grpc_code_name(99), "Unknown");
}

#define SETTINGS "\0\0\0\4\0\0\0\0\0"
#define SIX      "\0\0\6\4\0\0\0\0\0\0\3\0\0\0\x64"
#define PONG     "\0\0\x08\6\1\0\0\0\0ABCDEFGH"

// Events by letter, bytes one piece at a time.
static void play(const uint8_t *bytes, size_t len, size_t piece, char *events)
{
        struct h2_ping ping;
        uint8_t hello[H2_HELLO_LEN];

        h2_ping_init(&ping, (const uint8_t *)"ABCDEFGH", hello);
        cr_expect_eq(memcmp(hello, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" SETTINGS, 33), 0);
        cr_expect_eq(memcmp(hello + 33, "\0\0\x08\6\0\0\0\0\0ABCDEFGH", 17), 0);
        for (size_t at = 0; at < len;) {
                size_t used;
                enum h2_ping_event event =
                    h2_ping_take(&ping, bytes + at, piece < len - at ? piece : len - at, &used);

                cr_assert_gt(used, 0);
                at += used;
                if (event != H2_PING_WAIT)
                        *events++ = "-SARB"[event];
                if (event > H2_PING_SETTINGS)
                        break;
        }
        *events = '\0';
}

Test(h2_ping, frames_lead_to_their_events)
{
        static const struct {
                const char *name;
                const uint8_t *bytes;
                size_t len;
                const char *events;
        } cases[] = {
            {"settings and the answer", BYTES(SETTINGS PONG), "SA"},
            {"settings with a body", BYTES(SIX PONG), "SA"},
            {"our settings acknowledged", BYTES(SETTINGS "\0\0\0\4\1\0\0\0\0" PONG), "SA"},
            {"another ping's answer", BYTES(SETTINGS "\0\0\x08\6\1\0\0\0\0HGFEDCBA" PONG), "SA"},
            {"a ping of the peer",
             BYTES(SETTINGS "\0\0\x08\6\0\0\0\0\0"
                            "ABCDEFGH"),
             "S"},
            {"window update", BYTES(SETTINGS "\0\0\4\x08\0\0\0\0\0\0\0\1\0" PONG), "SA"},
            {"goaway", BYTES(SETTINGS "\0\0\x08\7\0\0\0\0\0\0\0\0\0\0\0\0\1"), "SR"},
            {"an HTTP/1.1 server", BYTES("HTTP/1.1 400 Bad Request\r\n\r\n"), "B"},
            {"an answer before settings", BYTES(PONG), "B"},
            {"a ping of a wrong size", BYTES(SETTINGS "\0\0\7\6\1\0\0\0\0ABCDEFG"), "SB"},
            {"a frame too large", BYTES(SETTINGS "\1\0\0\0\0\0\0\0\0"), "SB"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                for (size_t piece = 1; piece <= cases[i].len; piece++) {
                        char events[16];

                        play(cases[i].bytes, cases[i].len, piece, events);
                        cr_expect_str_eq(events, cases[i].events, "%s, %zu at a time: %s",
                                         cases[i].name, piece, events);
                }
        }
}

Test(docker_stream, output_is_found_in_its_frames)
{
        static const char bytes[] = "\1\0\0\0\0\0\0\3abc"
                                    "\2\0\0\0\0\0\0\0"
                                    "\2\0\0\0\0\0\0\2de";

        for (size_t piece = 1; piece < sizeof(bytes); piece++) {
                struct docker_stream stream = {0};
                char out[16] = "";
                size_t at = 0, out_len = 0;

                while (at < sizeof(bytes) - 1) {
                        size_t left = sizeof(bytes) - 1 - at, used, len;
                        const uint8_t *found;

                        len = docker_stream_take(&stream, (const uint8_t *)bytes + at,
                                                 piece < left ? piece : left, &used, &found);
                        if (len > 0)
                                memcpy(out + out_len, found, len);
                        out_len += len;
                        at += used;
                }
                cr_expect_str_eq(out, "abcde", "%zu at a time", piece);
        }
}
