#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/api/decode.h"
#include "control/text/base64.h"

// Numbers with as many digits may be beyond what the JSON reader takes.
#define LONG_DIGITS 19
// Begins a text that was such a number; no client writes it by accident.
#define NUMBER_MARK '\x01'
#define MARK_ESCAPE "\\u0001"

struct rewriter {
        char *out; // NULL while measuring
        size_t len;
};

static void put(struct rewriter *r, const char *bytes, size_t len)
{
        if (r->out != NULL)
                memcpy(r->out + r->len, bytes, len);
        r->len += len;
}

static size_t string_len(const char *text, size_t len)
{
        size_t i = 1;

        while (i < len && text[i] != '"')
                i += text[i] == '\\' ? 2 : 1;
        return i < len ? i + 1 : len;
}

static size_t number_len(const char *text, size_t len, bool *is_whole)
{
        size_t i = 0;

        *is_whole = true;
        while (i < len && strchr("0123456789+-.eE", text[i]) != NULL && text[i] != '\0') {
                *is_whole = *is_whole && text[i] >= '0' && text[i] <= '9';
                i++;
        }
        return i;
}

// Copies JSON with long whole numbers turned into marked texts.
static void mark_numbers(struct rewriter *r, const char *body, size_t len)
{
        for (size_t i = 0; i < len;) {
                size_t step = 1;
                bool is_whole = false;

                if (body[i] == '"')
                        step = string_len(body + i, len - i);
                else if ((body[i] >= '0' && body[i] <= '9') || body[i] == '-')
                        step = number_len(body + i, len - i, &is_whole);
                if (is_whole && step >= LONG_DIGITS) {
                        put(r, "\"" MARK_ESCAPE, strlen("\"" MARK_ESCAPE));
                        put(r, body + i, step);
                        put(r, "\"", 1);
                } else {
                        put(r, body + i, step);
                }
                i += step;
        }
}

int api_parse_txn(const char *body, size_t len, json_t **out, char error[JSON_SCHEMA_ERROR_MAX])
{
        struct rewriter r = {NULL, 0};
        int ret;

        mark_numbers(&r, body, len);
        if (r.len == len)
                return json_schema_parse(&api_txn_schema, 0, body, len, true, out, error);
        r.out = malloc(r.len);
        if (r.out == NULL) {
                snprintf(error, JSON_SCHEMA_ERROR_MAX, "out of memory");
                return -ENOMEM;
        }
        r.len = 0;
        mark_numbers(&r, body, len);
        ret = json_schema_parse(&api_txn_schema, 0, r.out, r.len, true, out, error);
        free(r.out);
        return ret;
}

static int refuse(char error[JSON_SCHEMA_ERROR_MAX], const char *text, const char *field)
{
        snprintf(error, JSON_SCHEMA_ERROR_MAX, text, field);
        return -EINVAL;
}

static int decode_uint(const json_t *op, const char *field, uint64_t *out,
                       char error[JSON_SCHEMA_ERROR_MAX])
{
        static const char wrong[] = "json: cannot unmarshal into a field %s of type uint64";
        const json_t *value = json_object_get(op, field);
        const char *text = json_string_value(value);
        char *end;

        *out = 0;
        if (value == NULL)
                return 0;
        if (json_is_integer(value) && json_integer_value(value) >= 0) {
                *out = (uint64_t)json_integer_value(value);
                return 0;
        }
        if (text == NULL || text[0] != NUMBER_MARK)
                return refuse(error, wrong, field);
        errno = 0;
        *out = strtoull(text + 1, &end, 10);
        return errno == 0 && *end == '\0' ? 0 : refuse(error, wrong, field);
}

static int decode_value(const json_t *op, struct scratch *scratch, struct kv_entry *out,
                        char error[JSON_SCHEMA_ERROR_MAX])
{
        const json_t *value = json_object_get(op, "Value");
        size_t len = json_string_length(value), bad_at = 0;
        uint8_t *bytes;
        long used;

        if (len == 0)
                return 0;
        bytes = scratch_alloc(scratch, len / 4 * 3 + 3);
        if (bytes == NULL)
                return -ENOMEM;
        used = base64_decode(json_string_value(value), len, bytes, &bad_at);
        if (used < 0) {
                snprintf(error, JSON_SCHEMA_ERROR_MAX, "illegal base64 data at input byte %zu",
                         bad_at);
                return -EINVAL;
        }
        out->value = bytes;
        out->value_len = (uint32_t)used;
        return 0;
}

static int decode_kv(const json_t *op, struct scratch *scratch, struct txn_op *out,
                     char error[JSON_SCHEMA_ERROR_MAX])
{
        int ret;

        out->kv = (struct kv_entry)KV_ENTRY_INIT;
        out->kv.key = json_schema_string(op, "Key");
        out->kv.session = json_schema_string(op, "Session");
        ret = decode_uint(op, "Flags", &out->kv.flags, error);
        if (ret == 0)
                ret = decode_uint(op, "Index", &out->index, error);
        return ret == 0 ? decode_value(op, scratch, &out->kv, error) : ret;
}

static int decode_row(const json_t *op, const json_t *row, const char *datacenter,
                      struct scratch *scratch, struct txn_op *out)
{
        int ret = -ENOMEM;

        out->index = (uint64_t)json_schema_int(row, "ModifyIndex");
        switch (out->kind) {
        case TXN_NODE:
                ret = api_decode_node(row, scratch, &out->node);
                out->node.datacenter = datacenter;
                break;
        case TXN_SERVICE:
                ret = api_decode_service(row, scratch, &out->service);
                out->service.node = json_schema_string(op, "Node");
                break;
        case TXN_CHECK:
                ret = api_decode_check(row, scratch, &out->check);
                break;
        case TXN_SESSION:
                out->session_id = json_schema_string(row, "ID");
                ret = 0;
                break;
        case TXN_KV:
        case TXN_KIND_COUNT:
                break;
        }
        return ret;
}

// returns 1 when an operation has been decoded, 0 for an empty one.
static int decode_op(const json_t *body, const char *datacenter, struct scratch *scratch,
                     struct txn_op *out, char error[JSON_SCHEMA_ERROR_MAX])
{
        // In the order in which Consul looks for them.
        static const struct {
                enum txn_kind kind;
                const char *key;
        } kinds[] = {{TXN_KV, "KV"},
                     {TXN_NODE, "Node"},
                     {TXN_SERVICE, "Service"},
                     {TXN_CHECK, "Check"},
                     {TXN_SESSION, "Session"}};
        const json_t *op = NULL;
        int ret;

        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                op = json_object_get(body, kinds[i].key);
                if (op == NULL)
                        continue;
                out->kind = kinds[i].kind;
                out->verb_text = json_schema_string(op, "Verb");
                out->verb = txn_verb_of(out->verb_text);
                if (out->kind == TXN_KV)
                        ret = decode_kv(op, scratch, out, error);
                else
                        ret = decode_row(op, json_object_get(op, kinds[i].key), datacenter, scratch,
                                         out);
                return ret < 0 ? ret : 1;
        }
        return 0;
}

int api_decode_txn(const json_t *body, const char *datacenter, struct scratch *scratch,
                   struct command *out, char error[JSON_SCHEMA_ERROR_MAX])
{
        size_t count = json_array_size(body);

        *out = (struct command){.type = COMMAND_TXN};
        out->txn.ops = scratch_alloc(scratch, (count + 1) * sizeof(*out->txn.ops));
        if (out->txn.ops == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < count; i++) {
                int ret = decode_op(json_array_get(body, i), datacenter, scratch,
                                    &out->txn.ops[out->txn.op_count], error);

                if (ret < 0)
                        return ret;
                out->txn.op_count += (uint32_t)ret;
        }
        return 0;
}
