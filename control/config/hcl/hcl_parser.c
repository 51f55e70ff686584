#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/config/hcl/hcl_internal.h"

// An object or list being read. Its value is attached to the level above once it is complete,
// because what a repeated key does depends on the whole value.
struct level {
        json_t *value;    // owned; NULL once attached
        char *keys;       // the way from the level above, NUL after each; NULL inside a list
        size_t key_count; // 0 inside a list
        bool need_comma;  // of a list: an element has been read
};

struct parser {
        struct hcl_lexer lexer;
        struct hcl_token token;
        struct level levels[HCL_DEPTH_MAX];
        size_t depth;
        struct hcl_error *error;
};

static int fail(struct parser *parser, const struct hcl_token *token, const char *reason,
                enum hcl_kind got)
{
        return hcl_fail(parser->error, token->line, token->column, "%s%s", reason,
                        hcl_kind_name(got));
}

static int out_of_memory(struct parser *parser)
{
        hcl_fail(parser->error, parser->token.line, parser->token.column, "out of memory");
        return -ENOMEM;
}

static bool is_literal(enum hcl_kind kind)
{
        return kind == HCL_NUMBER || kind == HCL_FLOAT || kind == HCL_BOOL || kind == HCL_STRING ||
               kind == HCL_HEREDOC;
}

static bool is_plain(const json_t *value)
{
        return !json_is_object(value) && !json_is_array(value);
}

// Give an object's key a value it may already have. Takes the value.
static int put(struct parser *parser, json_t *object, const char *key, json_t *take_value)
{
        json_t *old = json_object_get(object, key), *list;
        int ret;

        if (old == NULL || (is_plain(old) && is_plain(take_value)))
                return json_object_set_new(object, key, take_value) < 0 ? out_of_memory(parser) : 0;
        if (is_plain(old) || is_plain(take_value)) {
                json_decref(take_value);
                return hcl_fail(parser->error, parser->token.line, parser->token.column,
                                "key '%.100s' is given as a plain value and as a list or object",
                                key);
        }
        if (json_is_object(old)) {
                list = json_array();
                if (list == NULL || json_array_append(list, old) < 0 ||
                    json_object_set_new(object, key, list) < 0) {
                        json_decref(take_value);
                        return out_of_memory(parser);
                }
                old = list;
        }
        if (json_is_object(take_value))
                return json_array_append_new(old, take_value) < 0 ? out_of_memory(parser) : 0;
        ret = json_array_extend(old, take_value);
        json_decref(take_value);
        return ret < 0 ? out_of_memory(parser) : 0;
}

// Put a value behind a way of keys: each key behind the first is one object around it.
static int put_path(struct parser *parser, json_t *object, const char *keys, size_t count,
                    json_t *take_value)
{
        const char *names[HCL_KEYS_MAX];

        for (size_t i = 0; i < count; i++) {
                names[i] = keys;
                keys += strlen(keys) + 1;
        }
        for (size_t i = count; i > 1; i--) {
                json_t *around = json_object();

                if (json_object_set_new(around, names[i - 1], take_value) < 0) {
                        json_decref(around);
                        return out_of_memory(parser);
                }
                take_value = around;
        }
        return put(parser, object, names[0], take_value);
}

// Give a complete value to the innermost level. Takes the value, not the keys.
static int attach(struct parser *parser, const char *keys, size_t key_count, json_t *take_value)
{
        struct level *level = &parser->levels[parser->depth - 1];

        if (key_count > 0)
                return put_path(parser, level->value, keys, key_count, take_value);
        level->need_comma = true;
        return json_array_append_new(level->value, take_value) < 0 ? out_of_memory(parser) : 0;
}

// Begin an object or list. Takes the keys.
static int open_level(struct parser *parser, json_t *take_value, char *take_keys, size_t key_count)
{
        if (take_value == NULL || parser->depth == HCL_DEPTH_MAX) {
                free(take_keys);
                if (take_value == NULL)
                        return out_of_memory(parser);
                json_decref(take_value);
                return hcl_fail(parser->error, parser->token.line, parser->token.column,
                                "nested deeper than %d levels", HCL_DEPTH_MAX);
        }
        parser->levels[parser->depth++] =
            (struct level){.value = take_value, .keys = take_keys, .key_count = key_count};
        return 0;
}

static int close_level(struct parser *parser)
{
        struct level level = parser->levels[--parser->depth];
        int ret = attach(parser, level.keys, level.key_count, level.value);

        free(level.keys);
        return ret;
}

static int next(struct parser *parser)
{
        return hcl_lexer_next(&parser->lexer, &parser->token);
}

// Keys before a value, each ending with a NUL.
struct key_list {
        char *text; // owned
        size_t size;
        size_t count;
};

static int add_key(struct parser *parser, struct key_list *keys)
{
        const struct hcl_token *token = &parser->token;
        const char *key = token->text;
        size_t length = token->length;
        json_t *value = NULL;
        char *text;
        int ret = 0;

        if (keys->count == HCL_KEYS_MAX)
                return hcl_fail(parser->error, token->line, token->column,
                                "more than %d keys before a value", HCL_KEYS_MAX);
        if (token->kind == HCL_STRING) {
                value = hcl_literal_value(token, parser->error);
                if (value == NULL)
                        return -EINVAL;
                key = json_string_value(value);
                length = json_string_length(value);
        }
        text = realloc(keys->text, keys->size + length + 1);
        if (text != NULL) {
                memcpy(text + keys->size, key, length);
                text[keys->size + length] = '\0';
                keys->text = text;
                keys->size += length + 1;
                keys->count++;
        } else {
                ret = out_of_memory(parser);
        }
        json_decref(value);
        return ret;
}

static int fail_keys(struct parser *parser, const struct hcl_token *first,
                     const struct key_list *keys)
{
        char joined[100];
        size_t length = keys->size - 1 < sizeof(joined) - 1 ? keys->size - 1 : sizeof(joined) - 1;

        for (size_t i = 0; i < length; i++)
                joined[i] = keys->text[i] == '\0' ? ' ' : keys->text[i];
        joined[length] = '\0';
        return hcl_fail(parser->error, first->line, first->column,
                        "key '%s' expected start of object ('{') or assignment ('=')", joined);
}

// What follows the keys so far: 0 when another key is there, 1 when the value begins.
static int step_keys(struct parser *parser, const struct hcl_token *first,
                     const struct key_list *keys)
{
        const struct hcl_token *token = &parser->token;

        switch (token->kind) {
        case HCL_IDENT:
        case HCL_STRING:
                return 0;
        case HCL_LBRACE:
                return keys->count > 0
                           ? 1
                           : fail(parser, token, "expected: IDENT | STRING got: ", HCL_LBRACE);
        case HCL_ASSIGN:
                if (keys->count == 1)
                        return 1;
                if (keys->count > 1)
                        return fail(parser, token,
                                    "nested object expected: LBRACE got: ", HCL_ASSIGN);
                return hcl_fail(parser->error, token->line, token->column,
                                "expected to find at least one object key");
        case HCL_EOF:
                if (keys->count > 0)
                        return fail_keys(parser, first, keys);
                // fall through
        default:
                return fail(parser, token,
                            "expected: IDENT | STRING | ASSIGN | LBRACE got: ", token->kind);
        }
}

// Keys up to the '=' or '{' behind them, at which the parser then stands. At least one; the
// text is the caller's also after a failure.
static int read_keys(struct parser *parser, struct key_list *keys)
{
        struct hcl_token first = parser->token;
        int ret;

        while ((ret = step_keys(parser, &first, keys)) == 0) {
                ret = add_key(parser, keys);
                if (ret == 0)
                        ret = next(parser);
                if (ret < 0)
                        break;
        }
        return ret < 0 ? ret : 0;
}

// The parser stands at a value's first token. Takes the keys.
static int read_value(struct parser *parser, char *take_keys, size_t key_count)
{
        json_t *value;
        int ret;

        switch (parser->token.kind) {
        case HCL_LBRACE:
                return open_level(parser, json_object(), take_keys, key_count);
        case HCL_LBRACK:
                return open_level(parser, json_array(), take_keys, key_count);
        default:
                break;
        }
        if (!is_literal(parser->token.kind)) {
                free(take_keys);
                return hcl_fail(parser->error, parser->token.line, parser->token.column,
                                "Unknown token: %s %.*s", hcl_kind_name(parser->token.kind),
                                (int)(parser->token.length < 60 ? parser->token.length : 60),
                                parser->token.text);
        }
        value = hcl_literal_value(&parser->token, parser->error);
        ret = value == NULL ? -EINVAL : attach(parser, take_keys, key_count, value);
        free(take_keys);
        return ret;
}

// One item of the innermost object, or its end. Items may be separated by a comma.
static int step_object(struct parser *parser)
{
        struct key_list keys = {0};
        int ret;

        if (parser->token.kind == HCL_RBRACE && parser->depth > 1)
                return close_level(parser);
        if (parser->token.kind == HCL_EOF)
                return fail(parser, &parser->token,
                            "object expected closing RBRACE got: ", HCL_EOF);
        ret = read_keys(parser, &keys);
        if (ret == 0 && parser->token.kind == HCL_ASSIGN)
                ret = next(parser);
        if (ret < 0) {
                free(keys.text);
                return ret;
        }
        return read_value(parser, keys.text, keys.count);
}

static int step_list(struct parser *parser)
{
        struct level *level = &parser->levels[parser->depth - 1];
        enum hcl_kind kind = parser->token.kind;

        if (kind == HCL_RBRACK)
                return close_level(parser);
        if (kind == HCL_COMMA && level->need_comma) {
                level->need_comma = false;
                return 0;
        }
        if (kind == HCL_COMMA || (!is_literal(kind) && kind != HCL_LBRACE && kind != HCL_LBRACK))
                return fail(parser, &parser->token, "unexpected token while parsing list: ", kind);
        if (level->need_comma)
                return fail(parser, &parser->token,
                            "error parsing list, expected comma or list end, got: ", kind);
        return read_value(parser, NULL, 0);
}

static int read_all(struct parser *parser)
{
        bool after_item = false;
        int ret = next(parser);

        while (ret == 0 && !(parser->token.kind == HCL_EOF && parser->depth == 1)) {
                size_t depth = parser->depth;
                bool in_object = json_is_object(parser->levels[depth - 1].value);

                if (in_object && after_item && parser->token.kind == HCL_COMMA) {
                        after_item = false;
                } else {
                        ret = in_object ? step_object(parser) : step_list(parser);
                        // An item is complete unless it has just opened a level.
                        after_item = parser->depth <= depth;
                }
                if (ret == 0)
                        ret = next(parser);
        }
        return ret;
}

json_t *hcl_read(const char *text, size_t length, struct hcl_error *error)
{
        struct parser parser = {.error = error};
        json_t *root = NULL;

        *error = (struct hcl_error){.line = 1, .column = 1};
        hcl_lexer_init(&parser.lexer, text, length, error);
        if (open_level(&parser, json_object(), NULL, 0) < 0)
                return NULL;
        if (read_all(&parser) == 0) {
                root = parser.levels[0].value;
                parser.levels[0].value = NULL;
        }
        for (size_t i = 0; i < parser.depth; i++) {
                json_decref(parser.levels[i].value);
                free(parser.levels[i].keys);
        }
        return root;
}
