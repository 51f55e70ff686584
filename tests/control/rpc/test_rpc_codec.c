#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/rpc/rpc_codec.h"
#include "control/rpc/rpc_methods.h"
#include "lictor/bytes.h"

#define ARGS_MAX 100u

#define HEAD(method_length, method, seq) "\x82\xadServiceMethod" method_length method "\xa3Seq" seq

struct stream {
        const char *name;
        const char *bytes;
        size_t len;
        int want;          /* after all calls */
        const char *calls; /* "method seq length-of-args," each */
};

#define BYTES(text) text, sizeof(text) - 1

static const struct stream streams[] = {
    {"one call", BYTES(HEAD("\xab", "Status.Ping", "\x01") "\x80"), 0, "Status.Ping 1 1,"},
    {"two calls",
     BYTES(HEAD("\xa3", "A.B", "\x01") "\x80" HEAD("\xa3", "C.D", "\xcd\x01\x00") "\xc0"), 0,
     "A.B 1 1,C.D 256 1,"},
    {"names nobody knows",
     BYTES("\x83\xa3Xyz\x92\x01\x81\x01\x02\xadServiceMethod\xa3"
           "A.B\xa3Seq\x05\x2a"),
     0, "A.B 5 1,"},
    {"the new texts",
     BYTES("\x82\xd9\x0dServiceMethod\xd9\x03"
           "A.B\xd9\x03Seq\xcf\0\0\0\0\0\0\0\x09\x81\xa1k\xc4\x02"
           "ab"),
     0, "A.B 9 7,"},
    {"arguments of all kinds",
     BYTES(HEAD("\xa3", "A.B", "\x01") "\x9e\xc0\xc2\xc3\xca"
                                       "1234\xcb"
                                       "12345678\xd0\xff\xd1\xff\xff\xd2\xff\xff\xff\xff\xd4\x01"
                                       "a\xd8\x01"
                                       "0123456789abcdef\xc7\x02\x01"
                                       "ab\xda\x00\x03xyz\xdc\x00\x01\x07\xde\x00\x01\x07\x08"),
     0, "A.B 1 69,"},
    {"no head at all", BYTES("\x80\x80"), 0, " 0 1,"},
    {"a half", BYTES("\x82\xadServiceMe"), 0, ""},
    {"a head alone", BYTES(HEAD("\xa3", "A.B", "\x01")), 0, ""},
    {"arguments cut short", BYTES(HEAD("\xa3", "A.B", "\x01") "\x93\x01\x02"), 0, ""},
    {"arguments cut within a text", BYTES(HEAD("\xa3", "A.B", "\x01") "\xa5xy"), 0, ""},
    {"no map", BYTES("\x93\x01\x02\x03\x80"), -EBADMSG, ""},
    {"a request of HTTP", BYTES("GET / HTTP/1.1\r\n\r\n"), -EBADMSG, ""},
    {"a byte nothing begins with", BYTES("\xc1"), -EBADMSG, ""},
    {"such a byte in arguments", BYTES(HEAD("\xa3", "A.B", "\x01") "\x91\xc1"), -EBADMSG, ""},
    {"a number for a name", BYTES("\x81\xadServiceMethod\x01\x80"), -EBADMSG, ""},
    {"a negative number", BYTES(HEAD("\xa3", "A.B", "\xff") "\x80"), -EBADMSG, ""},
    {"a call, then none", BYTES(HEAD("\xa3", "A.B", "\x01") "\x80\xc1"), -EBADMSG, "A.B 1 1,"},
    {"a text as long as may be", BYTES(HEAD("\xa3", "A.B", "\x01") "\xdb\x00\x00\x00\x5f"), 0, ""},
    {"a text too long", BYTES(HEAD("\xa3", "A.B", "\x01") "\xdb\x00\x00\x00\x60"), -EMSGSIZE, ""},
    {"a text as long as any", BYTES(HEAD("\xa3", "A.B", "\x01") "\xdb\xff\xff\xff\xff"), -EMSGSIZE,
     ""},
    {"an array too long", BYTES(HEAD("\xa3", "A.B", "\x01") "\xdd\xff\xff\xff\xff"), -EMSGSIZE, ""},
    {"a map too long", BYTES(HEAD("\xa3", "A.B", "\x01") "\xdf\x80\x00\x00\x00"), -EMSGSIZE, ""},
    {"a head too long", BYTES("\x81\xda\x04\x01"), -EMSGSIZE, ""},
};

static int read_in_pieces(const struct stream *s, size_t piece, char *calls, size_t size)
{
        struct rpc_reader reader = {.args_max = ARGS_MAX};
        struct rpc_request request;
        int ret = 0;

        calls[0] = '\0';
        for (size_t at = 0; at < s->len && ret == 0; at += piece) {
                rpc_reader_append(&reader, (const uint8_t *)s->bytes + at,
                                  s->len - at < piece ? s->len - at : piece);
                while ((ret = rpc_reader_next(&reader, &request)) == 1)
                        snprintf(calls + strlen(calls), size - strlen(calls), "%.*s %u %u,",
                                 (int)request.method.length, (const char *)request.method.bytes,
                                 (unsigned)request.seq, request.args.length);
        }
        rpc_reader_fini(&reader);
        return ret;
}

Test(rpc_codec, calls_are_read_however_they_are_cut)
{
        for (size_t i = 0; i < ARRAY_LEN(streams); i++)
                for (size_t piece = 1; piece <= streams[i].len; piece++) {
                        char calls[256];
                        int ret = read_in_pieces(&streams[i], piece, calls, sizeof(calls));

                        cr_expect_eq(ret, streams[i].want, "%s by %zu: %d", streams[i].name, piece,
                                     ret);
                        cr_expect_str_eq(calls, streams[i].calls, "%s by %zu: \"%s\"",
                                         streams[i].name, piece, calls);
                }
}

Test(rpc_codec, nothing_is_kept_between_calls)
{
        static const char call[] = HEAD("\xa3", "A.B", "\x01") "\x80";
        struct rpc_reader reader = {.args_max = ARGS_MAX};
        struct rpc_request request;

        for (unsigned i = 0; i < 3; i++) {
                rpc_reader_append(&reader, (const uint8_t *)call, sizeof(call) - 1);
                cr_expect_eq(rpc_reader_next(&reader, &request), 1);
                cr_expect_eq(rpc_reader_next(&reader, &request), 0);
                cr_expect_eq(rpc_reader_len(&reader), 0);
                cr_expect_null(reader.buffer.bytes);
        }
        rpc_reader_fini(&reader);
}

Test(rpc_codec, answers_are_a_map_of_three)
{
        static const char want[] = "\x83\xadServiceMethod\xa3"
                                   "A.B\xa3Seq\x07\xa5"
                                   "Error\xa2no\x80";
        struct byte_buffer b = BYTE_BUFFER_INIT;

        rpc_put_answer_head(&b, pack_slice_of("A.B"), 7, "no");
        rpc_put_no_result(&b);
        cr_assert_eq(b.len, sizeof(want) - 1);
        cr_expect_arr_eq(b.bytes, want, b.len);
        byte_buffer_fini(&b);
}

static void serve_a(void *owner, struct rpc_call *call)
{
        (void)owner;
        (void)call;
}

static void serve_b(void *owner, struct rpc_call *call)
{
        (void)owner;
        (void)call;
}

Test(rpc_methods, names_are_found_and_others_are_told_as_go_tells_them)
{
        static const struct rpc_method given[] = {
            {"Status.Ping", serve_a}, {"Catalog.Register", serve_a}, {"Status.Leader", serve_a},
            {"KVS.Get", serve_a},     {"Status.Ping", serve_b},
        };
        static const struct {
                const char *name;
                rpc_serve_fn *want;
                const char *error;
        } cases[] = {
            {"Status.Ping", serve_b, ""},
            {"Status.Leader", serve_a, ""},
            {"KVS.Get", serve_a, ""},
            {"Status.Pin", NULL, "rpc: can't find method Status.Pin"},
            {"Status.Pings", NULL, "rpc: can't find method Status.Pings"},
            {"Status.", NULL, "rpc: can't find method Status."},
            {"Statu.Ping", NULL, "rpc: can't find service Statu.Ping"},
            {"Zebra.Run", NULL, "rpc: can't find service Zebra.Run"},
            {"A.Status.Ping", NULL, "rpc: can't find service A.Status.Ping"},
            {".Ping", NULL, "rpc: can't find service .Ping"},
            {"Ping", NULL, "rpc: service/method request ill-formed: Ping"},
            {"", NULL, "rpc: service/method request ill-formed: "},
        };
        struct rpc_methods methods = {0};
        int owners[ARRAY_LEN(given)];

        for (size_t i = 0; i < ARRAY_LEN(given); i++)
                cr_assert_eq(rpc_methods_add(&methods, &given[i], &owners[i]), 0);
        cr_expect_eq(methods.count, 4);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                char error[RPC_ERROR_MAX] = "";
                void *owner = NULL;

                cr_expect_eq(
                    rpc_methods_find(&methods, pack_slice_of(cases[i].name), &owner, error),
                    cases[i].want, "%s", cases[i].name);
                cr_expect_str_eq(error, cases[i].error, "%s: %s", cases[i].name, error);
                cr_expect_eq(owner != NULL, cases[i].want != NULL);
        }
        rpc_methods_fini(&methods);
}

Test(rpc_codec, answers_are_read_however_they_are_cut)
{
        struct byte_buffer b = BYTE_BUFFER_INIT;

        rpc_put_answer_head(&b, pack_slice_of("A.B"), 7, "");
        pack_put_text(&b, "result");
        rpc_put_answer_head(&b, pack_slice_of("A.B"), 8, "went wrong");
        rpc_put_no_result(&b);
        for (size_t piece = 1; piece <= b.len; piece++) {
                struct rpc_reader reader = {.args_max = ARGS_MAX};
                struct rpc_answer answer;
                unsigned count = 0;

                for (size_t at = 0; at < b.len; at += piece) {
                        rpc_reader_append(&reader, b.bytes + at,
                                          b.len - at < piece ? b.len - at : piece);
                        while (rpc_reader_next_answer(&reader, &answer) == 1) {
                                cr_expect_eq(answer.seq, 7 + count);
                                cr_expect_eq(answer.error.length, count == 0 ? 0 : 10);
                                cr_expect_eq(answer.result.length, count == 0 ? 7 : 1);
                                count++;
                        }
                }
                cr_expect_eq(count, 2, "by %zu", piece);
                rpc_reader_fini(&reader);
        }
        byte_buffer_fini(&b);
}

Test(rpc_codec, what_is_no_answer_is_refused)
{
        static const struct {
                const char *name, *bytes;
                size_t len;
        } rows[] = {
            {"a head that is no map", "\x93\xa0\x01\xa0\xc0", 5},
            {"an error that is a number",
             "\x81\xa5"
             "Error\x01\xc0",
             9},
            {"a byte that begins no value", "\x80\xc1", 2},
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct rpc_reader reader = {.args_max = ARGS_MAX};
                struct rpc_answer answer;

                rpc_reader_append(&reader, (const uint8_t *)rows[i].bytes, rows[i].len);
                cr_expect_eq(rpc_reader_next_answer(&reader, &answer), -EBADMSG, "%s",
                             rows[i].name);
                rpc_reader_fini(&reader);
        }
}

Test(rpc_codec, a_call_that_was_put_is_read)
{
        struct rpc_reader reader = {.args_max = ARGS_MAX};
        struct byte_buffer b = BYTE_BUFFER_INIT;
        struct rpc_request request;

        rpc_put_call_head(&b, pack_slice_of("A.B"), 70000);
        pack_put_map(&b, 0);
        rpc_reader_append(&reader, b.bytes, b.len);
        cr_assert_eq(rpc_reader_next(&reader, &request), 1);
        cr_expect_eq(request.seq, 70000);
        cr_expect(pack_slice_equal(request.method, pack_slice_of("A.B")));
        cr_expect_eq(request.args.length, 1);
        rpc_reader_fini(&reader);
        byte_buffer_fini(&b);
}
