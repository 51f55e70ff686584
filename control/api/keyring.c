#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/api/api_internal.h"
#include "control/api/routes.h"
#include "control/member/members.h"
#include "control/relay/relay.h"
#include "control/text/json_schema.h"

// The gossip pools' keys: every member of a pool is asked, and the answers are added up. Of other
// datacenters' pools their servers do the same.

#define RELAY_FACTOR_MAX 5

static const struct json_field key_fields[] = {{"Key", JSON_KIND_STRING, NULL}};
static const struct json_schema key_schema = JSON_SCHEMA(key_fields);

// What another datacenter's servers are asked for: its own pool alone.
static const struct json_field remote_fields[] = {{"Action", JSON_KIND_INT, NULL},
                                                  {"Key", JSON_KIND_STRING, NULL},
                                                  {"RelayFactor", JSON_KIND_INT, NULL}};
static const struct json_schema remote_schema = JSON_SCHEMA(remote_fields);

struct asking {
        const struct api *api;
        struct http_request *request; // NULL when its client is gone
        bool is_list;
        bool is_remote; // on behalf of another datacenter
        unsigned waiting_for;
        struct key_answer answers[MEMBER_POOL_COUNT]; // the larger pool first, as Consul
        unsigned answer_count;
        json_t *elsewhere; // array: what other datacenters answered
};

// One call to another datacenter.
struct elsewhere {
        struct asking *asking;
        char datacenter[MEMBER_TEXT_MAX];
};

static bool check_relay_factor(struct http_request *request, unsigned *out)
{
        const char *text = http_request_param(request, "relay-factor");
        char *end;
        long factor;

        *out = 0;
        if (text == NULL || text[0] == '\0')
                return true;
        factor = strtol(text, &end, 10);
        if (*end != '\0') {
                http_reply_text(request, 400,
                                "Bad request: Error parsing relay factor: strconv.Atoi: parsing "
                                "\"%.60s\": invalid syntax",
                                text);
                return false;
        }
        if (factor >= 0 && factor <= RELAY_FACTOR_MAX) {
                *out = (unsigned)factor;
                return true;
        }
        http_reply_text(request, 400,
                        "Bad request: Invalid relay-factor: Relay factor must be in range: "
                        "[0, 5]");
        return false;
}

static bool check_local_only(struct http_request *request, bool is_list, bool *out)
{
        static const char *const yes[] = {"1", "t", "T", "TRUE", "true", "True"};
        static const char *const no[] = {"", "0", "f", "F", "FALSE", "false", "False"};
        const char *text = http_request_param(request, "local-only");

        *out = false;
        if (text == NULL)
                return true;
        for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
                *out |= strcmp(text, yes[i]) == 0;
        if (*out && !is_list) {
                http_reply_text(request, 400,
                                "Bad request: Invalid use of local-only: local-only can only be "
                                "set for list requests");
                return false;
        }
        for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
                if (*out || strcmp(text, no[i]) == 0)
                        return true;
        }
        http_reply_text(request, 400,
                        "Bad request: Error parsing local-only: strconv.ParseBool: parsing "
                        "\"%.60s\": invalid syntax",
                        text);
        return false;
}

static void write_holders(struct json_writer *w, const struct key_answer *answer, bool primary)
{
        json_writer_key(w, primary ? "PrimaryKeys" : "Keys");
        json_writer_begin_object(w);
        for (unsigned i = 0; i < answer->key_count; i++) {
                const struct key_holders *holders = &answer->keys[i];
                unsigned count = primary ? holders->primary_count : holders->count;

                if (count > 0)
                        json_writer_put_uint(w, holders->key, count);
        }
        json_writer_end_object(w);
}

static void write_answer(const struct asking *asking, struct json_writer *w,
                         const struct key_answer *answer)
{
        json_writer_begin_object(w);
        json_writer_put_bool(w, "WAN", answer->pool == MEMBER_WAN);
        json_writer_put_string(w, "Datacenter", asking->api->agent->config->datacenter);
        json_writer_put_string(w, "Segment", "");
        write_holders(w, answer, false);
        write_holders(w, answer, true);
        json_writer_put_uint(w, "NumNodes", answer->member_count);
        json_writer_end_object(w);
}

static bool has_failed(const struct key_answer *answer)
{
        return answer->refused_count > 0 || answer->answered_count < answer->member_count;
}

// One line a pool that did not do it everywhere, and one of the first member that would not.
static void add_failures(const struct asking *asking, json_t *lines)
{
        const char *datacenter = asking->api->agent->config->datacenter;
        char text[600];

        for (unsigned i = 0; i < asking->answer_count; i++) {
                const struct key_answer *answer = &asking->answers[i];
                bool refused = answer->refused_count > 0;

                if (!has_failed(answer))
                        continue;
                snprintf(text, sizeof(text), "%.100s%s error: %u/%u nodes %s",
                         answer->pool == MEMBER_WAN ? "WAN" : datacenter,
                         answer->pool == MEMBER_WAN ? "" : " (LAN)",
                         refused ? answer->refused_count
                                 : answer->member_count - answer->answered_count,
                         answer->member_count, refused ? "reported failure" : "did not answer");
                json_array_append_new(lines, json_string(text));
                if (!refused)
                        continue;
                snprintf(text, sizeof(text), "%.200s: %.200s", answer->node, answer->message);
                json_array_append_new(lines, json_string(text));
        }
}

static json_t *failures_of(const struct asking *asking)
{
        json_t *lines = json_array();
        const json_t *answer;
        size_t i;

        add_failures(asking, lines);
        json_array_foreach(asking->elsewhere, i, answer)
            json_array_extend(lines, json_object_get(answer, "Failures"));
        return lines;
}

static void reply_failed(const struct asking *asking, const json_t *lines)
{
        size_t count = json_array_size(lines), size = 64, used, i;
        const json_t *line;
        char *text;

        json_array_foreach(lines, i, line) size += json_string_length(line) + 8;
        text = malloc(size);
        if (text == NULL) {
                http_reply_text(asking->request, 500, "out of memory");
                return;
        }
        used = (size_t)snprintf(text, size, "%zu error%s occurred:", count, count == 1 ? "" : "s");
        json_array_foreach(lines, i, line) used +=
            (size_t)snprintf(text + used, size - used, "\n\t* %s", json_string_value(line));
        http_reply_text(asking->request, 500, "%s\n\n", text);
        free(text);
}

static void write_elsewhere(const struct asking *asking, struct json_writer *w)
{
        const json_t *answer;
        size_t i;

        json_array_foreach(asking->elsewhere, i, answer)
        {
                const json_t *pools = json_object_get(answer, "Pools"), *pool;
                size_t k;

                json_array_foreach(pools, k, pool)
                {
                        char *text = json_dumps(pool, JSON_COMPACT);

                        if (text != NULL)
                                json_writer_raw(w, text, strlen(text));
                        free(text);
                }
        }
}

static void write_pools(const struct asking *asking, struct json_writer *w)
{
        json_writer_begin_array(w);
        for (unsigned i = 0; i < asking->answer_count; i++)
                write_answer(asking, w, &asking->answers[i]);
        write_elsewhere(asking, w);
        json_writer_end_array(w);
}

// To the datacenter that asked for it.
static void reply_remote(const struct asking *asking, const json_t *lines)
{
        char *failures = json_dumps(lines, JSON_COMPACT);
        struct json_writer w;

        json_writer_init(&w, false);
        json_writer_begin_object(&w);
        json_writer_key(&w, "Pools");
        write_pools(asking, &w);
        json_writer_key(&w, "Failures");
        json_writer_raw(&w, failures != NULL ? failures : "[]",
                        failures != NULL ? strlen(failures) : 2);
        json_writer_end_object(&w);
        free(failures);
        http_reply_json(asking->request, 200, &w);
}

static void reply(const struct asking *asking)
{
        json_t *lines = failures_of(asking);
        struct json_writer w;

        if (asking->is_remote) {
                reply_remote(asking, lines);
        } else if (json_array_size(lines) > 0) {
                reply_failed(asking, lines);
        } else if (!asking->is_list) {
                http_reply_empty(asking->request, 200);
        } else {
                json_writer_init(&w, http_request_pretty(asking->request));
                write_pools(asking, &w);
                http_reply_json(asking->request, 200, &w);
        }
        json_decref(lines);
}

static int compare_answers(const void *a, const void *b)
{
        const struct key_answer *x = a, *y = b;

        return (int)y->pool - (int)x->pool;
}

static void finish_one(struct asking *asking)
{
        if (--asking->waiting_for > 0)
                return;
        if (asking->request != NULL) {
                http_request_on_cancel(asking->request, NULL, NULL);
                qsort(asking->answers, asking->answer_count, sizeof(asking->answers[0]),
                      compare_answers);
                reply(asking);
        }
        json_decref(asking->elsewhere);
        free(asking);
}

static void on_answer(void *arg, const struct key_answer *answer)
{
        struct asking *asking = arg;

        asking->answers[asking->answer_count++] = *answer;
        finish_one(asking);
}

static void on_elsewhere(void *arg, enum relay_error error, const uint8_t *bytes, size_t len)
{
        struct elsewhere *elsewhere = arg;
        struct asking *asking = elsewhere->asking;
        struct relay_answer message = {.status = 0};
        json_t *body = NULL;

        if (error == RELAY_OK && relay_answer_decode(bytes, len, &message) == 0 &&
            message.status == 200)
                body = json_loadb(message.body.text, message.body.len, 0, NULL);
        if (json_is_object(body)) {
                json_array_append(asking->elsewhere, body);
        } else {
                char text[400];

                snprintf(text, sizeof(text), "%.100s (LAN) error: %.*s", elsewhere->datacenter,
                         message.status != 0 && message.body.len < 256 ? (int)message.body.len
                                                                       : 256,
                         message.status != 0 ? message.body.text
                         : error != RELAY_OK ? relay_error_text(error, false)
                                             : "its answer cannot be read");
                json_array_append_new(asking->elsewhere, json_pack("{s:[s]}", "Failures", text));
        }
        json_decref(body);
        free(elsewhere);
        finish_one(asking);
}

static void forget_request(void *arg)
{
        ((struct asking *)arg)->request = NULL;
}

static void refuse(struct http_request *request, int error, bool is_list)
{
        if (error == -EOPNOTSUPP)
                http_reply_text(request, 500, "%s",
                                is_list ? "Keyring is empty (encryption not enabled)"
                                        : "No keyring to modify (encryption not enabled)");
        else if (error == -EBUSY)
                http_reply_text(request, 500, "too many questions about keys are under way");
        else
                http_reply_text(request, 500, "%s", strerror(-error));
}

// What is asked for.
struct key_wish {
        enum key_action action;
        const char *key;
        unsigned relay_factor;
        bool local_only;
        bool is_remote;
};

static void ask_elsewhere(struct asking *asking, const struct byte_buffer *message,
                          const char *datacenter)
{
        const struct relay_question question = {.kind = RELAY_REQUEST,
                                                .datacenter = datacenter,
                                                .repeatable = asking->is_list,
                                                .bytes = message->bytes,
                                                .len = message->len};
        struct elsewhere *elsewhere = malloc(sizeof(*elsewhere));

        if (elsewhere == NULL)
                return;
        elsewhere->asking = asking;
        snprintf(elsewhere->datacenter, sizeof(elsewhere->datacenter), "%s", datacenter);
        if (relay_start(asking->api->agent->relay, &question,
                        &(struct relay_events){.arg = elsewhere, .done = on_elsewhere}) != NULL)
                asking->waiting_for++;
        else
                free(elsewhere);
}

static void ask_others(struct asking *asking, const struct key_wish *wish)
{
        static const char target[] = API_KEYRING_REMOTE_PATH;
        const struct agent *agent = asking->api->agent;
        struct member_datacenter *known = calloc(MEMBER_DATACENTERS_MAX, sizeof(*known));
        json_t *wanted = json_pack("{s:i,s:s,s:i}", "Action", (int)wish->action, "Key", wish->key,
                                   "RelayFactor", (int)wish->relay_factor);
        char *body = json_dumps(wanted, JSON_COMPACT);
        const char *origin = agent->config->node_name;
        struct relay_request message = {.method = HTTP_PUT,
                                        .hops = 1,
                                        .target = {target, sizeof(target) - 1},
                                        .origin = {origin, strlen(origin)}};
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        size_t count = 0;

        if (known != NULL && body != NULL) {
                count = members_datacenters(agent->members, known, MEMBER_DATACENTERS_MAX);
                message.body = (struct relay_text){body, strlen(body)};
                relay_request_encode(&message, &bytes);
        }
        for (size_t i = 0; i < count && i < MEMBER_DATACENTERS_MAX; i++) {
                if (strcasecmp(known[i].name, agent->config->datacenter) != 0)
                        ask_elsewhere(asking, &bytes, known[i].name);
        }
        byte_buffer_fini(&bytes);
        free(body);
        json_decref(wanted);
        free(known);
}

static void ask(const struct api *api, struct http_request *request, const struct key_wish *wish)
{
        struct asking *asking = calloc(1, sizeof(*asking));
        struct members *members = api->agent->members;
        int ret;

        if (asking == NULL) {
                http_reply_text(request, 500, "out of memory");
                return;
        }
        *asking = (struct asking){.api = api,
                                  .request = request,
                                  .is_list = wish->action == KEY_LIST,
                                  .is_remote = wish->is_remote,
                                  .elsewhere = json_array()};
        ret = members_keys(members, MEMBER_LAN, wish->action, wish->key, wish->relay_factor,
                           on_answer, asking);
        if (ret < 0) {
                json_decref(asking->elsewhere);
                free(asking);
                refuse(request, ret, wish->action == KEY_LIST);
                return;
        }
        asking->waiting_for++;
        http_request_on_cancel(request, forget_request, asking);
        if (wish->local_only || wish->is_remote || members_serf(members, MEMBER_WAN) == NULL)
                return;
        if (members_keys(members, MEMBER_WAN, wish->action, wish->key, wish->relay_factor,
                         on_answer, asking) == 0)
                asking->waiting_for++;
        ask_others(asking, wish);
}

void api_operator_keyring(struct http_request *request, void *app)
{
        unsigned relay_factor;
        bool local_only;

        if (check_relay_factor(request, &relay_factor) &&
            check_local_only(request, true, &local_only))
                ask(app, request,
                    &(struct key_wish){.action = KEY_LIST,
                                       .key = "",
                                       .relay_factor = relay_factor,
                                       .local_only = local_only});
}

void api_operator_keyring_change(struct http_request *request, void *app)
{
        enum http_method method = http_request_method(request);
        enum key_action action = method == HTTP_POST  ? KEY_INSTALL
                                 : method == HTTP_PUT ? KEY_USE
                                                      : KEY_REMOVE;
        char error[JSON_SCHEMA_ERROR_MAX];
        json_t *parsed = NULL;
        unsigned relay_factor;
        const char *body;
        bool local_only;
        size_t len;

        body = http_request_body(request, &len);
        if (json_schema_parse(&key_schema, 0, body, len, false, &parsed, error) < 0) {
                http_reply_text(request, 400, "Bad request: Request decode failed: %s", error);
                return;
        }
        if (check_relay_factor(request, &relay_factor) &&
            check_local_only(request, false, &local_only))
                ask(app, request,
                    &(struct key_wish){.action = action,
                                       .key = json_schema_string(parsed, "Key"),
                                       .relay_factor = relay_factor});
        json_decref(parsed);
}

void api_keyring_remote(struct http_request *request, void *app)
{
        char error[JSON_SCHEMA_ERROR_MAX];
        json_t *parsed = NULL;
        json_int_t action, factor;
        const char *body;
        size_t len;

        // Clients of this agent have another path for it; here only agents ask.
        if (http_request_origin(request) == NULL) {
                http_reply_empty(request, 404);
                return;
        }
        body = http_request_body(request, &len);
        if (json_schema_parse(&remote_schema, 0, body, len, false, &parsed, error) < 0) {
                http_reply_text(request, 400, "Bad request: Request decode failed: %s", error);
                return;
        }
        action = json_schema_int(parsed, "Action");
        factor = json_schema_int(parsed, "RelayFactor");
        if (action < KEY_LIST || action > KEY_REMOVE || factor < 0 || factor > RELAY_FACTOR_MAX)
                http_reply_text(request, 400, "a question about keys that cannot be read");
        else
                ask(app, request,
                    &(struct key_wish){.action = (enum key_action)action,
                                       .key = json_schema_string(parsed, "Key"),
                                       .relay_factor = (unsigned)factor,
                                       .is_remote = true});
        json_decref(parsed);
}
