#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/api/api_internal.h"
#include "control/api/kv_stream.h"
#include "control/leader/leader.h"
#include "control/text/uri.h"

// Go's strconv.ParseUint in base 10.
static bool parse_uint(struct http_request *request, const char *text, uint64_t *out)
{
        const char *why = NULL;
        char *end;

        errno = 0;
        *out = strtoull(text, &end, 10);
        if (text[0] < '0' || text[0] > '9' || *end != '\0')
                why = "invalid syntax";
        else if (errno != 0)
                why = "value out of range";
        if (why != NULL)
                http_reply_text(request, 500, "strconv.ParseUint: parsing \"%.60s\": %s", text,
                                why);
        return why == NULL;
}

// --- Reading.

static uint64_t key_index(const struct store *store, const char *key)
{
        const struct kv_record *row = store_kv_get(store, key);

        return row != NULL ? row->head.modify_index : store_table_index(store, STORE_KV);
}

void api_reply_raw_kv(struct http_request *request, const struct kv_record *row)
{
        char *copy = malloc(row->value_len + 1u);

        if (copy == NULL) {
                http_reply_text(request, 500, "out of memory");
                return;
        }
        memcpy(copy, kv_record_value(row), row->value_len);
        http_reply_header(request, "X-Content-Type-Options", "nosniff");
        http_reply_header(request, "Content-Security-Policy", "sandbox");
        http_reply_bytes(request, 200, "text/plain", copy, row->value_len);
}

static void reply_key(const struct api_read *read)
{
        const struct kv_record *row = store_kv_get(read->api->agent->store, read->name);
        struct http_request *request = read->request;
        struct json_writer w;

        api_reply_index(read);
        if (row == NULL) {
                http_reply_empty(request, 404);
        } else if (http_request_param(request, "raw") != NULL) {
                api_reply_raw_kv(request, row);
        } else {
                json_writer_init(&w, http_request_pretty(request));
                json_writer_begin_array(&w);
                api_write_kv(&w, row, true);
                json_writer_end_array(&w);
                http_reply_json(request, 200, &w);
        }
        api_cache_keep(read, row != NULL ? row->value_len * 4u / 3 : 0);
}

static void reply_tree(const struct api_read *read)
{
        struct store_iter it;

        store_kv(read->api->agent->store, read->name, &it);
        api_reply_index(read);
        if (store_next_kv(&it) == NULL)
                http_reply_empty(read->request, 404);
        else
                kv_stream_reply(read->request, read->api->agent->store, read->name);
}

// A key, or as far as the separator behind the prefix, which it then shares with the next ones.
static size_t shown_len(const struct kv_record *row, size_t prefix_len, const char *separator)
{
        const char *key = kv_record_key(row);
        const char *at = *separator != '\0' ? strstr(key + prefix_len, separator) : NULL;

        return at != NULL ? (size_t)(at - key) + strlen(separator) : row->key_len;
}

static void reply_keys(const struct api_read *read)
{
        const char *separator = http_request_param(read->request, "separator");
        size_t prefix_len = strlen(read->name), last_len = SIZE_MAX;
        const struct kv_record *row;
        const char *last = NULL;
        struct json_writer w;
        struct store_iter it;
        size_t size;

        if (separator == NULL)
                separator = http_request_param(read->request, "seperator");
        json_writer_init(&w, http_request_pretty(read->request));
        json_writer_begin_array(&w);
        store_kv(read->api->agent->store, read->name, &it);
        while ((row = store_next_kv(&it)) != NULL) {
                size_t len = shown_len(row, prefix_len, separator != NULL ? separator : "");

                if (last != NULL && len == last_len && memcmp(last, kv_record_key(row), len) == 0)
                        continue;
                last = kv_record_key(row);
                last_len = len;
                json_writer_string_len(&w, last, len);
        }
        json_writer_end_array(&w);
        api_reply_index(read);
        size = w.len;
        if (last != NULL || prefix_len == 0) {
                http_reply_json(read->request, 200, &w);
        } else {
                json_writer_fini(&w);
                http_reply_empty(read->request, 404);
        }
        api_cache_keep(read, size);
}

static void watch_key(struct api_read *read)
{
        watch_add(read->hub, api_next_watch(read), STORE_WATCH_KEY, WATCH_EXACT, read->name,
                  strlen(read->name));
}

static void watch_prefix(struct api_read *read)
{
        watch_add(read->hub, api_next_watch(read), STORE_WATCH_KEY, WATCH_PREFIX, read->name,
                  strlen(read->name));
}

static const struct api_query one_key = {
    .index = key_index, .reply = reply_key, .watch = watch_key};
static const struct api_query whole_tree = {
    .index = store_kv_prefix_index, .reply = reply_tree, .watch = watch_prefix};
static const struct api_query keys_only = {
    .index = store_kv_prefix_index, .reply = reply_keys, .watch = watch_prefix};

void api_kv_get(struct http_request *request, void *app)
{
        const char *key = http_request_rest(request);

        if (http_request_param(request, "keys") != NULL)
                api_read(app, request, &keys_only, key);
        else if (http_request_param(request, "recurse") != NULL)
                api_read(app, request, &whole_tree, key);
        else if (*key == '\0')
                http_reply_text(request, 400, "Missing key name");
        else
                api_read(app, request, &one_key, key);
}

// --- Writing.

struct pair {
        const char *key;
        const char *value;
        size_t position;
};

static int order_pairs(const void *a, const void *b)
{
        const struct pair *x = a, *y = b;
        int order = strcmp(x->key, y->key);

        return order != 0 ? order : (x->position > y->position) - (x->position < y->position);
}

static size_t escape(char *out, const char *text)
{
        static const char hex[] = "0123456789ABCDEF";
        char *to = out;

        for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
                bool plain = (*c >= '0' && *c <= '9') || ((*c | 32) >= 'a' && (*c | 32) <= 'z') ||
                             strchr("-_.~", *c) != NULL;

                if (plain || *c == ' ') {
                        *to++ = plain ? (char)*c : '+';
                        continue;
                }
                *to++ = '%';
                *to++ = hex[*c >> 4];
                *to++ = hex[*c & 15];
        }
        return (size_t)(to - out);
}

// The query as Go would write it: sorted by key, and escaped.
static void refuse_conflict(struct http_request *request)
{
        struct pair pairs[URI_PARAM_MAX];
        size_t count = 0, size = 64, len;
        char *text;

        while (count < URI_PARAM_MAX &&
               http_request_param_next(request, count, &pairs[count].key, &pairs[count].value)) {
                size += 3 * (strlen(pairs[count].key) + strlen(pairs[count].value)) + 2;
                pairs[count].position = count;
                count++;
        }
        qsort(pairs, count, sizeof(pairs[0]), order_pairs);
        text = malloc(size);
        if (text == NULL) {
                http_reply_text(request, 400, "Conflicting flags");
                return;
        }
        len = (size_t)snprintf(text, size, "Conflicting flags: ");
        for (size_t i = 0; i < count; i++) {
                if (i > 0)
                        text[len++] = '&';
                len += escape(text + len, pairs[i].key);
                text[len++] = '=';
                len += escape(text + len, pairs[i].value);
        }
        http_reply_bytes(request, 400, HTTP_TEXT, text, len);
}

static bool check_conflicts(struct http_request *request, const char *const flags[], size_t count)
{
        unsigned found = 0;

        for (size_t i = 0; i < count; i++)
                found += http_request_param(request, flags[i]) != NULL;
        if (found > 1)
                refuse_conflict(request);
        return found <= 1;
}

static void answer_applied(const struct api *api, struct http_request *request,
                           const struct fsm_result *result)
{
        struct json_writer w;

        (void)api;
        json_writer_init(&w, http_request_pretty(request));
        json_writer_bool(&w, !result->refused);
        http_reply_json(request, 200, &w);
}

static void answer_false(struct http_request *request)
{
        static const struct fsm_result refused = {.refused = true};

        answer_applied(NULL, request, &refused);
}

static bool check_request(struct api *api, struct http_request *request)
{
        return api_check_read(api, request);
}

static void start_op(struct command *command, const char *key)
{
        *command = (struct command){.type = COMMAND_KV};
        command->kv = (struct txn_op){.kind = TXN_KV, .kv = KV_ENTRY_INIT};
        command->kv.kv.key = key;
}

// The verb and what goes with it; false when the request has been refused.
static bool parse_put(struct http_request *request, struct txn_op *op)
{
        const char *flags = http_request_param(request, "flags");
        const char *cas = http_request_param(request, "cas");
        const char *acquire = http_request_param(request, "acquire");
        const char *release = http_request_param(request, "release");

        op->verb = TXN_SET;
        if (flags != NULL && !parse_uint(request, flags, &op->kv.flags))
                return false;
        if (cas != NULL) {
                op->verb = TXN_CAS;
                return parse_uint(request, cas, &op->index);
        }
        if (acquire != NULL) {
                op->verb = TXN_LOCK;
                op->kv.session = acquire;
        } else if (release != NULL) {
                op->verb = TXN_UNLOCK;
                op->kv.session = release;
        }
        return true;
}

void api_kv_put(struct http_request *request, void *app)
{
        static const char *const flags[] = {"cas", "acquire", "release"};
        struct api *api = app;
        struct command command;
        size_t len;

        start_op(&command, http_request_rest(request));
        if (!check_request(api, request))
                return;
        if (*command.kv.kv.key == '\0') {
                http_reply_text(request, 400, "Missing key name");
                return;
        }
        if (!check_conflicts(request, flags, sizeof(flags) / sizeof(flags[0])) ||
            !parse_put(request, &command.kv))
                return;
        if (command.kv.verb == TXN_LOCK &&
            leader_delays_lock(api->agent->leader, command.kv.kv.key)) {
                answer_false(request);
                return;
        }
        command.kv.kv.value = (const uint8_t *)http_request_body(request, &len);
        command.kv.kv.value_len = (uint32_t)len;
        api_propose(api, request, &command, answer_applied);
}

void api_kv_delete(struct http_request *request, void *app)
{
        static const char *const flags[] = {"recurse", "cas"};
        const char *cas = http_request_param(request, "cas");
        struct api *api = app;
        struct command command;

        start_op(&command, http_request_rest(request));
        if (!check_request(api, request) ||
            !check_conflicts(request, flags, sizeof(flags) / sizeof(flags[0])))
                return;
        command.kv.verb = TXN_DELETE;
        if (http_request_param(request, "recurse") != NULL) {
                command.kv.verb = TXN_DELETE_TREE;
        } else if (*command.kv.kv.key == '\0') {
                http_reply_text(request, 400, "Missing key name");
                return;
        }
        if (cas != NULL) {
                command.kv.verb = TXN_DELETE_CAS;
                if (!parse_uint(request, cas, &command.kv.index))
                        return;
        }
        api_propose(api, request, &command, answer_applied);
}
