#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/agent/consul_servers.h"
#include "control/api/api_internal.h"
#include "control/api/routes.h"
#include "control/relay/relay.h"

// Requests that servers answer: all a client agent is asked for beside itself, and on a server what
// is for another datacenter.

// Headers that decide what is answered.
static const char *const passed_on[] = {"Accept", "Authorization", "Cache-Control",
                                        "X-Consul-Token"};

// What an agent answers by itself, whoever it is.
static bool is_own(const struct api *api, const struct http_route *route)
{
        static const char *const areas[] = {"/v1/agent/", "/v1/event/", "/v1/acl/"};
        const char *pattern = route->pattern;

        if (strcmp(pattern, "/") == 0 || strcmp(pattern, API_UI_PATH) == 0 ||
            (*api->agent->config->ui_path != '\0' &&
             strcmp(pattern, api->agent->config->ui_path) == 0))
                return true;
        for (size_t i = 0; i < sizeof(areas) / sizeof(areas[0]); i++) {
                if (strncmp(pattern, areas[i], strlen(areas[i])) == 0)
                        return true;
        }
        return false;
}

// The answers tell of all datacenters, or the body tells which one is meant.
static bool ignores_datacenter(const struct http_route *route)
{
        static const char *const patterns[] = {
            "/v1/catalog/datacenters",
            "/v1/coordinate/datacenters",
            "/v1/catalog/register",
            "/v1/catalog/deregister",
        };

        for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
                if (strcmp(route->pattern, patterns[i]) == 0)
                        return true;
        }
        return false;
}

static struct relay_text text_of(const char *text)
{
        return (struct relay_text){text, strlen(text)};
}

// What is to be changed on its way is wanted whole.
static enum relay_pieces pieces_for(const struct http_request *request, bool translate)
{
        if (translate || !http_request_takes_stream(request))
                return RELAY_WHOLE;
        return http_request_takes_split(request) ? RELAY_LONG_ONES : RELAY_STREAMS;
}

static void encode_request(const struct api *api, const struct http_request *request,
                           enum relay_pieces pieces, struct byte_buffer *out)
{
        const char *origin = http_request_origin(request);
        struct relay_request message = {
            .method = http_request_method(request),
            .hops = http_request_hops(request) + 1,
            .pieces = pieces,
            .target = text_of(http_request_target(request)),
            .origin = text_of(origin != NULL ? origin : api->agent->config->node_name),
        };

        message.body.text = http_request_body(request, &message.body.len);
        for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++) {
                const char *value = http_request_header(request, passed_on[i]);

                if (value != NULL)
                        message.headers[message.header_count++] =
                            (struct relay_header){text_of(passed_on[i]), text_of(value)};
        }
        relay_request_encode(&message, out);
}

struct relaying {
        const struct api *api;
        struct http_request *request;
        struct relay_call *call; // NULL once it has ended
        bool own_datacenter;
        bool translate;
        // Of an answer in pieces:
        bool in_pieces;
        bool is_broken;         // it ended before its end
        struct byte_buffer got; // and not sent on yet
        size_t got_at;
        uint32_t dealt_with; // bytes the server was not told of
};

static void on_cancel(void *arg)
{
        struct relaying *relaying = arg;

        relay_cancel(relaying->call);
        free(relaying);
}

static char *copy_text(const struct relay_text *text)
{
        return strndup(text->len > 0 ? text->text : "", text->len);
}

// returns  false when it is to be passed on as it stands.
static bool reply_translated(const struct relaying *relaying, const struct relay_answer *answer)
{
        json_t *value;

        if (!relaying->translate || answer->status != 200)
                return false;
        value = json_loadb(answer->body.text, answer->body.len, 0, NULL);
        if (value == NULL)
                return false;
        api_translate(relaying->api, value);
        api_reply_value(relaying->request, value);
        return true;
}

static void reply_headers(struct http_request *request, const struct relay_answer *answer)
{
        for (uint32_t i = 0; i < answer->header_count; i++) {
                char *name = copy_text(&answer->headers[i].name);
                char *value = copy_text(&answer->headers[i].value);

                if (name != NULL && value != NULL)
                        http_reply_header(request, name, value);
                free(name);
                free(value);
        }
}

static void reply(const struct relaying *relaying, const struct relay_answer *answer)
{
        struct http_request *request = relaying->request;
        char *type = copy_text(&answer->content_type);
        char *body = malloc(answer->body.len + 1);

        reply_headers(request, answer);
        if (type == NULL || body == NULL) {
                free(body);
                http_reply_text(request, 500, "out of memory");
        } else if (reply_translated(relaying, answer)) {
                free(body);
        } else if (*type == '\0') {
                free(body);
                http_reply_empty(request, (unsigned)answer->status);
        } else {
                if (answer->body.len > 0)
                        memcpy(body, answer->body.text, answer->body.len);
                http_reply_bytes(request, (unsigned)answer->status, type, body, answer->body.len);
        }
        free(type);
}

// --- Answers in pieces: what comes is sent on, and the server told when that is done.

static long read_pieces(void *arg, char *out, size_t size)
{
        struct relaying *relaying = arg;
        size_t len = relaying->got.len - relaying->got_at;

        if (len == 0 && relaying->call != NULL)
                return HTTP_STREAM_WAIT;
        if (len == 0)
                return relaying->is_broken ? -1 : 0;
        if (len > size)
                len = size;
        memcpy(out, relaying->got.bytes + relaying->got_at, len);
        relaying->got_at += len;
        relaying->dealt_with += (uint32_t)len;
        if (relaying->got_at == relaying->got.len) {
                byte_buffer_fini(&relaying->got);
                relaying->got_at = 0;
        }
        if (relaying->dealt_with >= RELAY_WINDOW / 2 && relaying->call != NULL) {
                relay_more(relaying->call, relaying->dealt_with);
                relaying->dealt_with = 0;
        }
        return (long)len;
}

static void end_pieces(void *arg)
{
        struct relaying *relaying = arg;

        if (relaying->call != NULL)
                relay_cancel(relaying->call);
        byte_buffer_fini(&relaying->got);
        free(relaying);
}

static void begin_pieces(struct relaying *relaying, const uint8_t *bytes, size_t len)
{
        struct http_request *request = relaying->request;
        struct relay_answer head;
        char *type = NULL;

        if (relay_answer_decode(bytes, len, &head) == 0)
                type = copy_text(&head.content_type);
        http_request_on_cancel(request, NULL, NULL);
        if (type == NULL) {
                end_pieces(relaying);
                http_reply_text(request, 500, "the server's answer cannot be read");
                return;
        }
        reply_headers(request, &head);
        relaying->in_pieces = true;
        http_reply_stream(request, (unsigned)head.status, type, read_pieces, end_pieces, relaying);
        free(type);
}

// What was sent on makes room for what comes.
static void put_piece(struct byte_buffer *got, size_t *got_at, const uint8_t *bytes, size_t len)
{
        if (*got_at > 0 && len > got->capacity - got->len) {
                memmove(got->bytes, got->bytes + *got_at, got->len - *got_at);
                got->len -= *got_at;
                *got_at = 0;
        }
        byte_buffer_append(got, bytes, len);
}

static void on_piece(void *arg, const uint8_t *bytes, size_t len)
{
        struct relaying *relaying = arg;

        if (!relaying->in_pieces) {
                begin_pieces(relaying, bytes, len);
                return;
        }
        if (relaying->got.len - relaying->got_at + len > RELAY_WINDOW) {
                relay_cancel(relaying->call);
                relaying->call = NULL;
                relaying->is_broken = true;
        } else {
                put_piece(&relaying->got, &relaying->got_at, bytes, len);
        }
        http_reply_stream_continue(relaying->request);
}

static void on_done(void *arg, enum relay_error error, const uint8_t *bytes, size_t len)
{
        struct relaying *relaying = arg;
        struct http_request *request = relaying->request;
        struct relay_answer answer;

        relaying->call = NULL;
        if (relaying->in_pieces) {
                relaying->is_broken = error != RELAY_OK || len > 0;
                http_reply_stream_continue(request);
                return;
        }
        http_request_on_cancel(request, NULL, NULL);
        if (error != RELAY_OK)
                http_reply_text(request, error == RELAY_LIMITED ? 429 : 500, "%s",
                                relay_error_text(error, relaying->own_datacenter));
        else if (relay_answer_decode(bytes, len, &answer) < 0)
                http_reply_text(request, 500, "the server's answer cannot be read");
        else
                reply(relaying, &answer);
        free(relaying);
}

static void relay_request(const struct api *api, struct http_request *request,
                          const char *datacenter, bool translate)
{
        struct relaying *relaying = malloc(sizeof(*relaying));
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        struct relay_question question = {.kind = RELAY_REQUEST,
                                          .datacenter = datacenter,
                                          .repeatable = http_request_method(request) == HTTP_GET};

        if (http_request_hops(request) >= RELAY_HOP_MAX) {
                http_reply_text(request, 500, RELAY_NO_PATH_TEXT);
                free(relaying);
                return;
        }
        encode_request(api, request, pieces_for(request, translate), &bytes);
        question.bytes = bytes.bytes;
        question.len = bytes.len;
        if (relaying != NULL && bytes.len <= RELAY_REQUEST_MAX) {
                *relaying = (struct relaying){.api = api,
                                              .request = request,
                                              .own_datacenter = *datacenter == '\0',
                                              .translate = translate};
                relaying->call = relay_start(
                    api->agent->relay, &question,
                    &(struct relay_events){.arg = relaying, .done = on_done, .item = on_piece});
        }
        byte_buffer_fini(&bytes);
        if (question.len <= RELAY_REQUEST_MAX && relaying != NULL && relaying->call != NULL) {
                http_request_on_cancel(request, on_cancel, relaying);
                return;
        }
        free(relaying);
        if (question.len > RELAY_REQUEST_MAX)
                http_reply_text(request, 413, "Request body(%zu bytes) too large to be passed on",
                                question.len);
        else
                http_reply_text(request, 500, "out of memory");
}

static bool knows_datacenter(const struct api *api, const char *datacenter)
{
        return api->agent->relay != NULL && agent_knows_datacenter(api->agent, datacenter);
}

bool api_relay_to(const struct api *api, struct http_request *request, const char *datacenter)
{
        if (!knows_datacenter(api, datacenter))
                return false;
        relay_request(api, request, datacenter, false);
        return true;
}

bool api_relay(struct api *api, struct http_request *request, const struct http_route *route)
{
        const char *datacenter = http_request_param(request, "dc");
        bool is_foreign = datacenter != NULL && *datacenter != '\0' &&
                          strcasecmp(datacenter, api->agent->config->datacenter) != 0;

        // An event for another datacenter is fired by an agent there.
        if (is_own(api, route) &&
            !(is_foreign && strncmp(route->pattern, "/v1/event/fire/", 15) == 0))
                return false;
        if (consul_servers_in_use(api->agent->consul_servers))
                return api_upstream(api, request, route);
        if (api->agent->server == NULL) {
                relay_request(api, request, "", api_may_translate(api, request, route));
                return true;
        }
        // A datacenter nobody knows is refused where the rest of the request is looked at.
        if (!is_foreign || ignores_datacenter(route) || !knows_datacenter(api, datacenter))
                return false;
        relay_request(api, request, datacenter, api_may_translate(api, request, route));
        return true;
}

const char *api_asking_node(const struct api *api, const struct http_request *request)
{
        const char *origin = http_request_origin(request);

        return origin != NULL ? origin : api->agent->config->node_name;
}
