#include "control/agent/remote_request.h"

#include <stdlib.h>
#include <string.h>

#include "control/api/api.h"
#include "control/http/http.h"
#include "control/relay/relay_server.h"

// What is read of a body at once.
#define PIECE_LEN 32768u

// A request that is being answered.
struct serving {
        struct relay_incoming *incoming;
        struct http_request *request;
        uint32_t window; // bytes of a body in pieces that may be sent
};

static const char *method_name(uint64_t method)
{
        static const struct {
                enum http_method method;
                const char *name;
        } names[] = {
            {HTTP_GET, "GET"},       {HTTP_PUT, "PUT"},   {HTTP_POST, "POST"},
            {HTTP_DELETE, "DELETE"}, {HTTP_HEAD, "HEAD"}, {HTTP_OPTIONS, "OPTIONS"},
        };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                if (names[i].method == method)
                        return names[i].name;
        }
        return "";
}

static void answer_text(struct relay_incoming *incoming, unsigned status, const char *text)
{
        const struct relay_answer answer = {.status = status,
                                            .content_type = {HTTP_TEXT, strlen(HTTP_TEXT)},
                                            .body = {text, strlen(text)}};
        struct byte_buffer bytes = BYTE_BUFFER_INIT;

        relay_answer_encode(&answer, &bytes);
        relay_incoming_answer(incoming, &bytes);
}

static void put_answer(const struct http_injected_answer *answer, struct byte_buffer *out)
{
        struct relay_answer message = {
            .status = answer->status,
            .content_type = {answer->content_type, strlen(answer->content_type)},
            .body = {answer->body, answer->body_len}};

        for (size_t i = 0; i < answer->headers_len && message.header_count < RELAY_HEADER_MAX;) {
                const char *name = answer->headers + i;
                const char *value = name + strlen(name) + 1;

                message.headers[message.header_count++] =
                    (struct relay_header){{name, strlen(name)}, {value, strlen(value)}};
                i += strlen(name) + strlen(value) + 2;
        }
        relay_answer_encode(&message, out);
}

static void on_answered(void *arg, const struct http_injected_answer *answer)
{
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        struct serving *serving = arg;

        put_answer(answer, &bytes);
        relay_incoming_answer(serving->incoming, &bytes);
        free(serving);
}

static void on_cancelled(void *arg)
{
        struct serving *serving = arg;

        http_injected_cancel(serving->request);
        free(serving);
}

// --- Answers in pieces.

// The body has ended, or broken off; its request is ended, too.
static void end_pieces(struct serving *take_serving, bool is_whole)
{
        struct byte_buffer end = BYTE_BUFFER_INIT;

        if (!is_whole)
                byte_buffer_append(&end, "", 1);
        relay_incoming_on_cancel(take_serving->incoming, NULL, NULL);
        relay_incoming_answer(take_serving->incoming, &end);
        free(take_serving);
}

// Sends what there is, as far as the other side takes it.
static void send_pieces(struct serving *serving)
{
        char piece[PIECE_LEN];
        long len = 1;

        while (serving->window > 0 && len > 0) {
                size_t size = serving->window < sizeof(piece) ? serving->window : sizeof(piece);

                len = http_injected_read(serving->request, piece, size);
                if (len <= 0)
                        break;
                serving->window -= (uint32_t)len;
                if (relay_incoming_item(serving->incoming, piece, (size_t)len) < 0)
                        len = -1;
        }
        if (len > 0 || len == HTTP_STREAM_WAIT)
                return;
        http_injected_cancel(serving->request);
        end_pieces(serving, len == 0);
}

static void on_dealt_with(void *arg, uint32_t len)
{
        struct serving *serving = arg;

        // More than was sent would be a window without an end.
        serving->window =
            len < RELAY_WINDOW - serving->window ? serving->window + len : RELAY_WINDOW;
        send_pieces(serving);
}

static void on_stream(void *arg, const struct http_injected_answer *head)
{
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        struct serving *serving = arg;

        put_answer(head, &bytes);
        if (relay_incoming_item_buffer(serving->incoming, &bytes) < 0) {
                http_injected_cancel(serving->request);
                end_pieces(serving, false);
                return;
        }
        relay_incoming_on_more(serving->incoming, on_dealt_with, serving);
        serving->window = RELAY_WINDOW;
        send_pieces(serving);
}

static void on_more(void *arg, bool is_over)
{
        if (is_over)
                end_pieces(arg, false);
        else
                send_pieces(arg);
}

// --- Requests.

// The texts of a request, each ended by a NUL, one after the other.
struct texts {
        char *at;
};

static const char *keep(struct texts *texts, const struct relay_text *text)
{
        char *kept = texts->at;

        if (text->len > 0)
                memcpy(kept, text->text, text->len);
        kept[text->len] = '\0';
        texts->at += text->len + 1;
        return kept;
}

void remote_request_serve(struct api *api, struct relay_incoming *take_incoming,
                          const uint8_t *bytes, size_t len)
{
        struct http_header headers[RELAY_HEADER_MAX];
        struct http_injection injection = {.headers = headers, .done = on_answered};
        struct relay_request message;
        struct serving *serving;
        struct texts texts;
        char *memory;

        if (relay_request_decode(bytes, len, &message) < 0) {
                answer_text(take_incoming, 400, "a request that cannot be read");
                return;
        }
        serving = calloc(1, sizeof(*serving));
        // All texts are in those bytes, with at least one byte between them.
        memory = texts.at = malloc(len - message.body.len + 2);
        if (serving == NULL || memory == NULL) {
                free(serving);
                free(memory);
                answer_text(take_incoming, 500, "out of memory");
                return;
        }
        *serving = (struct serving){.incoming = take_incoming};
        injection.method = method_name(message.method);
        injection.target = keep(&texts, &message.target);
        injection.origin = keep(&texts, &message.origin);
        injection.hops = (unsigned)message.hops;
        injection.header_count = message.header_count;
        for (uint32_t i = 0; i < message.header_count; i++) {
                headers[i].name = keep(&texts, &message.headers[i].name);
                headers[i].value = keep(&texts, &message.headers[i].value);
        }
        injection.body = message.body.text;
        injection.body_len = message.body.len;
        injection.arg = serving;
        if (message.pieces != RELAY_WHOLE) {
                injection.stream = on_stream;
                injection.more = on_more;
                injection.splits = message.pieces == RELAY_LONG_ONES;
        }
        relay_incoming_on_cancel(take_incoming, on_cancelled, serving);
        if (api_inject(api, &injection, &serving->request) < 0) {
                relay_incoming_on_cancel(take_incoming, NULL, NULL);
                answer_text(take_incoming, 500, "out of memory");
                free(serving);
        }
        free(memory);
}
