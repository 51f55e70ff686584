#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/api/api_internal.h"
#include "control/member/members.h"
#include "control/text/json_schema.h"

// The gossip pools' keys: every member of a pool is asked, and the answers are added up.

static const struct json_field key_fields[] = {{"Key", JSON_KIND_STRING, NULL}};
static const struct json_schema key_schema = JSON_SCHEMA(key_fields);

struct asking {
        const struct api *api;
        struct http_request *request; // NULL when its client is gone
        bool is_list;
        unsigned waiting_for;
        struct key_answer answers[MEMBER_POOL_COUNT]; // the larger pool first, as Consul
        unsigned answer_count;
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
        if (factor >= 0 && factor <= 5) {
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
static void reply_failed(const struct asking *asking)
{
        char text[1200] = "";
        unsigned count = 0;
        size_t used = 0;

        for (unsigned i = 0; i < asking->answer_count; i++) {
                const struct key_answer *answer = &asking->answers[i];
                bool refused = answer->refused_count > 0;
                const char *datacenter = asking->api->agent->config->datacenter;

                if (!has_failed(answer))
                        continue;
                count += 1 + refused;
                used += (size_t)snprintf(
                    text + used, sizeof(text) - used, "\n\t* %.100s%s error: %u/%u nodes %s",
                    answer->pool == MEMBER_WAN ? "WAN" : datacenter,
                    answer->pool == MEMBER_WAN ? "" : " (LAN)",
                    refused ? answer->refused_count : answer->member_count - answer->answered_count,
                    answer->member_count, refused ? "reported failure" : "did not answer");
                if (refused)
                        used +=
                            (size_t)snprintf(text + used, sizeof(text) - used,
                                             "\n\t* %.200s: %.200s", answer->node, answer->message);
        }
        http_reply_text(asking->request, 500, "%u error%s occurred:%s\n\n", count,
                        count == 1 ? "" : "s", text);
}

static void reply(const struct asking *asking)
{
        struct json_writer w;
        bool failed = false;

        for (unsigned i = 0; i < asking->answer_count; i++)
                failed |= has_failed(&asking->answers[i]);
        if (failed) {
                reply_failed(asking);
                return;
        }
        if (!asking->is_list) {
                http_reply_empty(asking->request, 200);
                return;
        }
        json_writer_init(&w, http_request_pretty(asking->request));
        json_writer_begin_array(&w);
        for (unsigned i = 0; i < asking->answer_count; i++)
                write_answer(asking, &w, &asking->answers[i]);
        json_writer_end_array(&w);
        http_reply_json(asking->request, 200, &w);
}

static int compare_answers(const void *a, const void *b)
{
        const struct key_answer *x = a, *y = b;

        return (int)y->pool - (int)x->pool;
}

static void on_answer(void *arg, const struct key_answer *answer)
{
        struct asking *asking = arg;

        asking->answers[asking->answer_count++] = *answer;
        if (--asking->waiting_for > 0)
                return;
        if (asking->request != NULL) {
                http_request_on_cancel(asking->request, NULL, NULL);
                qsort(asking->answers, asking->answer_count, sizeof(*answer), compare_answers);
                reply(asking);
        }
        free(asking);
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

static void ask(const struct api *api, struct http_request *request, enum key_action action,
                const char *key, unsigned relay_factor, bool local_only)
{
        struct asking *asking = calloc(1, sizeof(*asking));
        struct members *members = api->agent->members;
        int ret;

        if (asking == NULL) {
                http_reply_text(request, 500, "out of memory");
                return;
        }
        *asking = (struct asking){.api = api, .request = request, .is_list = action == KEY_LIST};
        ret = members_keys(members, MEMBER_LAN, action, key, relay_factor, on_answer, asking);
        if (ret < 0) {
                free(asking);
                refuse(request, ret, action == KEY_LIST);
                return;
        }
        asking->waiting_for++;
        http_request_on_cancel(request, forget_request, asking);
        if (!local_only && members_serf(members, MEMBER_WAN) != NULL &&
            members_keys(members, MEMBER_WAN, action, key, relay_factor, on_answer, asking) == 0)
                asking->waiting_for++;
}

void api_operator_keyring(struct http_request *request, void *app)
{
        unsigned relay_factor;
        bool local_only;

        if (check_relay_factor(request, &relay_factor) &&
            check_local_only(request, true, &local_only))
                ask(app, request, KEY_LIST, "", relay_factor, local_only);
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
                ask(app, request, action, json_schema_string(parsed, "Key"), relay_factor, false);
        json_decref(parsed);
}
