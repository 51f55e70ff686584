#include <assert.h>
#include <string.h>

#include "control/text/filter_internal.h"

// What a regular expression may cost before it counts as not matching.
#define REGEXP_MATCH_LIMIT 100000

static bool regexp_matches(const pcre2_code *regexp, const char *text)
{
        pcre2_match_data *match = pcre2_match_data_create(1, NULL);
        pcre2_match_context *context = pcre2_match_context_create(NULL);
        bool matches = false;

        if (match != NULL && context != NULL) {
                pcre2_set_match_limit(context, REGEXP_MATCH_LIMIT);
                matches =
                    pcre2_match(regexp, (PCRE2_SPTR)text, strlen(text), 0, 0, match, context) >= 0;
        }
        pcre2_match_context_free(context);
        pcre2_match_data_free(match);
        return matches;
}

// A field that is not shown is empty.
static const char *text_of(const json_t *value)
{
        return json_is_string(value) ? json_string_value(value) : "";
}

static bool list_has(const json_t *list, const char *value)
{
        const json_t *item;
        size_t i;

        json_array_foreach(list, i, item)
        {
                const char *text = json_string_value(item);

                if (text != NULL && strcmp(text, value) == 0)
                        return true;
        }
        return false;
}

static bool is_equal(const struct filter_node *node, const json_t *value)
{
        if (node->type == FILTER_NUMBER)
                return json_integer_value(value) == node->number;
        if (node->type == FILTER_BOOL)
                return json_is_true(value) == node->flag;
        return strcmp(text_of(value), node->value) == 0;
}

static bool is_in(const struct filter_node *node, const json_t *value)
{
        if (node->type == FILTER_LIST)
                return list_has(value, node->value);
        if (node->type == FILTER_MAP)
                return json_object_get(value, node->value) != NULL;
        return strstr(text_of(value), node->value) != NULL;
}

static bool is_empty(const json_t *value)
{
        return json_is_object(value) ? json_object_size(value) == 0 : json_array_size(value) == 0;
}

static bool test_value(const struct filter_node *node, const json_t *value)
{
        // What a map lacks is neither equal nor in nor empty; Consul lets every other test pass.
        if (value == NULL && node->in_map)
                return node->op != FILTER_EQUAL && node->op != FILTER_IN &&
                       node->op != FILTER_EMPTY;
        switch (node->op) {
        case FILTER_EQUAL:
                return is_equal(node, value);
        case FILTER_NOT_EQUAL:
                return !is_equal(node, value);
        case FILTER_IN:
                return is_in(node, value);
        case FILTER_NOT_IN:
                return !is_in(node, value);
        case FILTER_MATCHES:
                return regexp_matches(node->regexp, text_of(value));
        case FILTER_NOT_MATCHES:
                return !regexp_matches(node->regexp, text_of(value));
        case FILTER_EMPTY:
                return is_empty(value);
        case FILTER_NOT_EMPTY:
                return !is_empty(value);
        default:
                // A connective is not a test.
                assert(false);
                return false;
        }
}

static const json_t *descend(const json_t *value, const struct filter_node *node, size_t *depth)
{
        while (*depth < node->path_len && !json_is_array(value))
                value = json_object_get(value, node->path[(*depth)++]);
        return value;
}

// A field of the members of a list passes when one of them does. Selectors have one list at most.
static bool run_test(const struct filter_node *node, const json_t *object)
{
        size_t depth = 0, i;
        const json_t *value = descend(object, node, &depth);
        const json_t *item;

        if (depth == node->path_len)
                return test_value(node, value);
        json_array_foreach(value, i, item)
        {
                size_t below = depth;

                if (test_value(node, descend(item, node, &below)))
                        return true;
        }
        return false;
}

bool filter_matches(const struct filter *filter, const json_t *object)
{
        bool stack[FILTER_NODE_MAX] = {false};
        size_t len = 0;

        for (size_t i = 0; i < filter->node_count; i++) {
                const struct filter_node *node = &filter->nodes[i];

                if (node->op == FILTER_NOT) {
                        stack[len - 1] = !stack[len - 1];
                } else if (node->op == FILTER_AND || node->op == FILTER_OR) {
                        len--;
                        stack[len - 1] = node->op == FILTER_AND ? stack[len - 1] && stack[len]
                                                                : stack[len - 1] || stack[len];
                } else {
                        stack[len++] = run_test(node, object);
                }
        }
        assert(len == 1);
        return stack[0];
}
