#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/text/filter_grammar.h"
#include "control/text/filter_internal.h"

// Operator precedence with two stacks (Dijkstra's shunting yard): tests go straight into the
// program, connectives wait on the stack until nothing that binds more tightly can follow.
struct parser {
        struct filter *filter;
        const char *const *selectors;
        char *error;
        struct filter_lexer lexer;
        struct filter_token token;
        enum filter_operator stack[2 * FILTER_DEPTH_MAX];
        size_t stack_len;
};

static int fail(struct parser *parser, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int fail(struct parser *parser, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(parser->error, FILTER_ERROR_MAX, format, arguments);
        va_end(arguments);
        return -EINVAL;
}

static void next(struct parser *parser)
{
        filter_lexer_next(&parser->lexer, &parser->token);
}

static bool is_keyword(const struct parser *parser, const char *keyword)
{
        return parser->token.kind == FILTER_TOKEN_WORD && strcmp(parser->token.text, keyword) == 0;
}

static bool accept(struct parser *parser, const char *keyword)
{
        if (!is_keyword(parser, keyword))
                return false;
        next(parser);
        return true;
}

static int emit(struct parser *parser, const struct filter_node *node)
{
        if (parser->filter->node_count == FILTER_NODE_MAX)
                return fail(parser, "expression is too long");
        parser->filter->nodes[parser->filter->node_count++] = *node;
        return 0;
}

static int binding(enum filter_operator op)
{
        return op == FILTER_NOT ? 3 : op == FILTER_AND ? 2 : op == FILTER_OR ? 1 : 0;
}

static int push(struct parser *parser, enum filter_operator op)
{
        if (parser->stack_len == sizeof(parser->stack) / sizeof(parser->stack[0]))
                return fail(parser, "expression is nested too deeply");
        parser->stack[parser->stack_len++] = op;
        return 0;
}

// Moves what binds at least as tightly from the stack into the program.
static int unwind(struct parser *parser, int strength)
{
        while (parser->stack_len > 0 && binding(parser->stack[parser->stack_len - 1]) >= strength) {
                const struct filter_node node = {.op = parser->stack[parser->stack_len - 1]};

                parser->stack_len--;
                if (emit(parser, &node) < 0)
                        return -EINVAL;
        }
        return 0;
}

// The operator after a field; its value, if it takes one, is the next token.
static int read_operator(struct parser *parser, enum filter_operator *op)
{
        bool negated;

        if (parser->token.kind == FILTER_TOKEN_EQUAL ||
            parser->token.kind == FILTER_TOKEN_NOT_EQUAL) {
                *op = parser->token.kind == FILTER_TOKEN_EQUAL ? FILTER_EQUAL : FILTER_NOT_EQUAL;
                next(parser);
                return 0;
        }
        if (accept(parser, "is")) {
                *op = accept(parser, "not") ? FILTER_NOT_EMPTY : FILTER_EMPTY;
                return accept(parser, "empty") ? 0 : fail(parser, "expected \"empty\"");
        }
        negated = accept(parser, "not");
        if (accept(parser, "in"))
                *op = negated ? FILTER_NOT_IN : FILTER_IN;
        else if (accept(parser, "contains"))
                *op = negated ? FILTER_NOT_IN : FILTER_IN;
        else if (accept(parser, "matches"))
                *op = negated ? FILTER_NOT_MATCHES : FILTER_MATCHES;
        else
                return fail(parser, "expected an operator");
        return 0;
}

static const char *const operator_names[] = {
    [FILTER_EQUAL] = "Equal",     [FILTER_NOT_EQUAL] = "Not Equal",
    [FILTER_IN] = "In",           [FILTER_NOT_IN] = "Not In",
    [FILTER_MATCHES] = "Matches", [FILTER_NOT_MATCHES] = "Not Matches",
    [FILTER_EMPTY] = "Is Empty",  [FILTER_NOT_EMPTY] = "Is Not Empty",
};

static bool is_allowed(enum filter_type type, enum filter_operator op)
{
        switch (op) {
        case FILTER_EQUAL:
        case FILTER_NOT_EQUAL:
                return type == FILTER_TEXT || type == FILTER_NUMBER || type == FILTER_BOOL;
        case FILTER_IN:
        case FILTER_NOT_IN:
                return type == FILTER_TEXT || type == FILTER_LIST || type == FILTER_MAP;
        case FILTER_MATCHES:
        case FILTER_NOT_MATCHES:
                return type == FILTER_TEXT;
        case FILTER_EMPTY:
        case FILTER_NOT_EMPTY:
                return type == FILTER_LIST || type == FILTER_MAP || type == FILTER_OBJECTS;
        default:
                return false;
        }
}

static bool parse_flag(const char *text, bool *out)
{
        static const char *const words[2][6] = {{"0", "f", "F", "false", "False", "FALSE"},
                                                {"1", "t", "T", "true", "True", "TRUE"}};

        for (int flag = 0; flag < 2; flag++) {
                for (size_t i = 0; i < 6; i++) {
                        if (strcmp(words[flag][i], text) == 0) {
                                *out = flag;
                                return true;
                        }
                }
        }
        return false;
}

static const char *join_path(const struct filter_node *node, size_t count, char out[80])
{
        size_t used = 0;

        out[0] = '\0';
        for (size_t i = 0; i < count && used < 79; i++) {
                int length =
                    snprintf(out + used, 80 - used, "%s%s", i > 0 ? "." : "", node->path[i]);

                used += length > 0 ? (size_t)length : 0;
        }
        return out;
}

static int refuse_value(struct parser *parser, const struct filter_node *node, const char *type,
                        const char *fault)
{
        char path[80];

        return fail(parser,
                    "Failed to coerce value \"%.30s\" for selector \"%.60s\": strconv.Parse%s: "
                    "parsing \"%.30s\": %s",
                    node->value, join_path(node, node->path_len, path), type, node->value, fault);
}

static int convert_value(struct parser *parser, struct filter_node *node)
{
        int code;
        size_t at;
        char *end;

        if (node->type == FILTER_NUMBER) {
                errno = 0;
                node->number = strtoll(node->value, &end, 0);
                if (end == node->value || *end != '\0')
                        return refuse_value(parser, node, "Int", "invalid syntax");
                if (errno == ERANGE)
                        return refuse_value(parser, node, "Int", "value out of range");
        }
        if (node->type == FILTER_BOOL && !parse_flag(node->value, &node->flag))
                return refuse_value(parser, node, "Bool", "invalid syntax");
        if (node->op == FILTER_MATCHES || node->op == FILTER_NOT_MATCHES) {
                node->regexp = pcre2_compile((PCRE2_SPTR)node->value, PCRE2_ZERO_TERMINATED,
                                             PCRE2_UTF, &code, &at, NULL);
                if (node->regexp == NULL)
                        return fail(parser, "Failed to compile regular expression \"%.60s\"",
                                    node->value);
        }
        return 0;
}

// Find the path's type, or tell how far it leads.
static int resolve_path(struct parser *parser, struct filter_node *node)
{
        char path[80];
        size_t known = 1;
        bool in_map;
        int type = filter_select(parser->selectors, node->path, node->path_len, &node->in_map);

        if (type >= 0) {
                node->type = (enum filter_type)type;
                return 0;
        }
        while (known < node->path_len &&
               filter_select(parser->selectors, node->path, known, &in_map) >= 0)
                known++;
        return fail(parser, "Selector \"%.60s\" is not valid", join_path(node, known, path));
}

static int finish_test(struct parser *parser, const struct filter_token *field,
                       const struct filter_token *value, enum filter_operator op)
{
        struct filter_node node = {.op = op, .path_len = field->path_len, .value = value->text};
        char path[80];

        if (field->kind != FILTER_TOKEN_WORD || field->path_len == 0)
                return fail(parser, "\"%.60s\" is not a selector", field->text);
        memcpy(node.path, field->path, sizeof(node.path));
        if (resolve_path(parser, &node) < 0)
                return -EINVAL;
        if (!is_allowed(node.type, op))
                return fail(parser, "Invalid match operator \"%s\" for selector \"%.60s\"",
                            operator_names[op], join_path(&node, node.path_len, path));
        if (op != FILTER_EMPTY && op != FILTER_NOT_EMPTY && convert_value(parser, &node) < 0)
                return -EINVAL;
        if (emit(parser, &node) < 0) {
                pcre2_code_free(node.regexp);
                return -EINVAL;
        }
        return 0;
}

static bool is_operand(const struct filter_token *token)
{
        return token->kind == FILTER_TOKEN_WORD || token->kind == FILTER_TOKEN_STRING;
}

// field op value, value in field, field is [not] empty
static int parse_test(struct parser *parser)
{
        const struct filter_token left = parser->token;
        struct filter_token right = {.text = ""};
        enum filter_operator op = FILTER_EQUAL;
        bool value_first;

        next(parser);
        value_first = is_keyword(parser, "in");
        if (!value_first && is_keyword(parser, "not")) {
                struct filter_lexer ahead = parser->lexer;
                struct filter_token after;

                filter_lexer_next(&ahead, &after);
                value_first = after.kind == FILTER_TOKEN_WORD && strcmp(after.text, "in") == 0;
        }
        if (read_operator(parser, &op) < 0)
                return -EINVAL;
        if (op != FILTER_EMPTY && op != FILTER_NOT_EMPTY) {
                right = parser->token;
                if (!is_operand(&right))
                        return fail(parser, "expected a value");
                next(parser);
        }
        return value_first ? finish_test(parser, &right, &left, op)
                           : finish_test(parser, &left, &right, op);
}

// Everything that may stand where a test is expected: "not"s, parentheses, then the test.
static int parse_operand(struct parser *parser)
{
        for (;;) {
                if (accept(parser, "not")) {
                        if (push(parser, FILTER_NOT) < 0)
                                return -EINVAL;
                } else if (parser->token.kind == FILTER_TOKEN_OPEN) {
                        next(parser);
                        if (push(parser, FILTER_PARENTHESIS) < 0)
                                return -EINVAL;
                } else {
                        break;
                }
        }
        if (!is_operand(&parser->token))
                return fail(parser, "expected a selector or a value");
        return parse_test(parser);
}

static int close_parentheses(struct parser *parser)
{
        while (parser->token.kind == FILTER_TOKEN_CLOSE) {
                next(parser);
                if (unwind(parser, 1) < 0)
                        return -EINVAL;
                if (parser->stack_len == 0)
                        return fail(parser, "unexpected \")\"");
                parser->stack_len--;
        }
        return 0;
}

static int parse(struct parser *parser)
{
        next(parser);
        for (;;) {
                enum filter_operator op;

                if (parse_operand(parser) < 0 || close_parentheses(parser) < 0)
                        return -EINVAL;
                if (parser->token.kind == FILTER_TOKEN_END)
                        break;
                if (accept(parser, "and"))
                        op = FILTER_AND;
                else if (accept(parser, "or"))
                        op = FILTER_OR;
                else
                        return fail(parser, "expected \"and\" or \"or\"");
                if (unwind(parser, binding(op)) < 0 || push(parser, op) < 0)
                        return -EINVAL;
        }
        if (unwind(parser, 1) < 0)
                return -EINVAL;
        return parser->stack_len == 0 ? 0 : fail(parser, "missing \")\"");
}

int filter_compile(const char *text, const char *const *selectors, struct filter **out,
                   char error[FILTER_ERROR_MAX])
{
        struct parser parser = {.selectors = selectors, .error = error};
        struct filter *filter = calloc(1, sizeof(*filter));

        int ret;

        ret = filter != NULL ? filter_check(text, error, FILTER_ERROR_MAX) : -ENOMEM;
        if (ret < 0) {
                if (ret == -ENOMEM)
                        snprintf(error, FILTER_ERROR_MAX, "out of memory");
                free(filter);
                return ret;
        }
        // Every word is stored whole and in parts, and a look ahead stores a word once more.
        filter->strings = malloc(4 * strlen(text) + 16);
        if (filter->strings == NULL) {
                snprintf(error, FILTER_ERROR_MAX, "out of memory");
                free(filter);
                return -ENOMEM;
        }
        parser.filter = filter;
        parser.lexer = (struct filter_lexer){text, filter->strings};
        if (parse(&parser) < 0) {
                filter_destroy(filter);
                return -EINVAL;
        }
        *out = filter;
        return 0;
}

void filter_destroy(struct filter *take_filter)
{
        if (take_filter == NULL)
                return;
        for (size_t i = 0; i < take_filter->node_count; i++)
                pcre2_code_free(take_filter->nodes[i].regexp);
        free(take_filter->strings);
        free(take_filter);
}
