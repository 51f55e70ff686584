#define PCRE2_CODE_UNIT_WIDTH 8

#include <errno.h>
#include <pcre2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/query/query.h"

#define GROUP_MAX 32u
// A name is short; an expression that needs more steps for it runs away.
#define MATCH_LIMIT 100000u
// What all interpolations of one text may grow to.
#define TEXT_MAX_LENGTH (1u << 20)

struct text {
        char *data; // NUL-terminated once there is any
        size_t len;
        size_t capacity;
};

// What the variables stand for.
struct rendering {
        const char *full;
        size_t prefix_len;
        const char *segment;
        const char *groups[GROUP_MAX]; // of the regular expression, in full
        size_t group_lens[GROUP_MAX];
        uint32_t group_count;
        char *error; // QUERY_ERROR_MAX
};

static int append(struct text *text, const char *bytes, size_t len)
{
        if (len > TEXT_MAX_LENGTH - text->len)
                return -ENOMEM;
        if (text->capacity - text->len <= len) {
                size_t capacity = 2 * (text->len + len) + 32;
                char *data = realloc(text->data, capacity);

                if (data == NULL)
                        return -ENOMEM;
                text->data = data;
                text->capacity = capacity;
        }
        if (len > 0)
                memcpy(text->data + text->len, bytes, len);
        text->len += len;
        text->data[text->len] = '\0';
        return 0;
}

static int fail(const struct rendering *r, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(r->error, QUERY_ERROR_MAX, format, arguments);
        va_end(arguments);
        return -EINVAL;
}

static bool is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool begins_with(const char *at, size_t len, const char *word)
{
        return len >= strlen(word) && memcmp(at, word, strlen(word)) == 0;
}

// "match(2)": the regular expression's second group, or nothing.
static int put_match(const struct rendering *r, const char *at, size_t len, struct text *out)
{
        const char *end = at + len;
        unsigned long group = 0;
        const char *digits;

        at += strlen("match(");
        while (at < end && is_space(*at))
                at++;
        for (digits = at; at < end && *at >= '0' && *at <= '9' && group < GROUP_MAX; at++)
                group = 10 * group + (unsigned long)(*at - '0');
        while (at < end && *at >= '0' && *at <= '9')
                at++;
        if (at == digits)
                return fail(r, "match: expected a number of a group");
        while (at < end && is_space(*at))
                at++;
        if (at + 1 != end || *at != ')')
                return fail(r, "match: expected one argument and a closing parenthesis");
        if (group >= r->group_count)
                return 0;
        return append(out, r->groups[group], r->group_lens[group]);
}

// What stands between "${" and "}".
static int put_expression(const struct rendering *r, const char *at, size_t len, struct text *out)
{
        const struct {
                const char *name, *value;
                size_t len;
        } variables[] = {
            {"name.full", r->full, strlen(r->full)},
            {"name.prefix", r->full, r->prefix_len},
            {"name.suffix", r->full + r->prefix_len, strlen(r->full) - r->prefix_len},
            {"agent.segment", r->segment, strlen(r->segment)},
        };

        while (len > 0 && is_space(*at)) {
                at++;
                len--;
        }
        while (len > 0 && is_space(at[len - 1]))
                len--;
        for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
                if (strlen(variables[i].name) == len && memcmp(variables[i].name, at, len) == 0)
                        return append(out, variables[i].value, variables[i].len);
        }
        if (begins_with(at, len, "match("))
                return put_match(r, at, len, out);
        if (len >= 2 && at[0] == '"' && memchr(at + 1, '"', len - 1) == at + len - 1)
                return append(out, at + 1, len - 2);
        if (len == 0)
                return fail(r, "expected expression but found \"}\"");
        return fail(r, "unknown variable accessed: %.*s", (int)(len < 100 ? len : 100), at);
}

static int put_text(const struct rendering *r, const char *from, struct text *out)
{
        int ret = append(out, "", 0);

        while (ret == 0 && *from != '\0') {
                size_t plain = strcspn(from, "$");
                const char *end;

                ret = append(out, from, plain);
                from += plain;
                if (ret < 0 || *from == '\0')
                        break;
                if (begins_with(from, strlen(from), "$${")) {
                        ret = append(out, "${", 2);
                        from += 3;
                        continue;
                }
                if (from[1] != '{') {
                        ret = append(out, from++, 1);
                        continue;
                }
                end = strchr(from + 2, '}');
                if (end == NULL)
                        return fail(r, "expected \"}\" but found end of text");
                ret = put_expression(r, from + 2, (size_t)(end - from) - 2, out);
                from = end + 1;
        }
        return ret;
}

// A text's new value, or NULL with *ret set.
static json_t *render_text(const struct rendering *r, const char *text, const char *path, int *ret)
{
        struct text out = {0};
        json_t *value = NULL;
        char reason[200];

        *ret = put_text(r, text, &out);
        if (*ret == -EINVAL) {
                snprintf(reason, sizeof(reason), "%.*s", (int)sizeof(reason) - 1, r->error);
                fail(r, "Bad format '%.100s' in Service%.100s: %s", text, path, reason);
        }
        if (*ret == 0) {
                value = json_stringn(out.data, out.len);
                if (value == NULL)
                        *ret =
                            fail(r, "Bad format '%.100s' in Service%.100s: not UTF-8", text, path);
        }
        free(out.data);
        return value;
}

static int render_list(const struct rendering *r, json_t *list, const char *name)
{
        size_t i;
        json_t *item;
        int ret = 0;

        json_array_foreach(list, i, item)
        {
                char path[160];
                json_t *value;

                snprintf(path, sizeof(path), ".%.80s[%zu]", name, i);
                value = render_text(r, json_string_value(item), path, &ret);
                if (value == NULL || json_array_set_new(list, i, value) < 0)
                        return ret < 0 ? ret : -ENOMEM;
        }
        return 0;
}

static int render_map(const struct rendering *r, json_t *map, const char *name)
{
        const char *key;
        json_t *item;
        int ret = 0;

        json_object_foreach(map, key, item)
        {
                char path[160];
                json_t *value;

                if (!json_is_string(item))
                        continue;
                snprintf(path, sizeof(path), "%s%.40s%s%.80s%s", *name ? "." : "", name,
                         *name ? "[" : ".", key, *name ? "]" : "");
                value = render_text(r, json_string_value(item), path, &ret);
                // Setting a key that is there keeps the walk valid.
                if (value == NULL || json_object_set_new(map, key, value) < 0)
                        return ret < 0 ? ret : -ENOMEM;
        }
        return 0;
}

static int render_service(const struct rendering *r, json_t *service)
{
        json_t *failover = json_object_get(service, "Failover");
        int ret = render_map(r, service, "");

        if (ret == 0)
                ret = render_list(r, json_object_get(service, "Tags"), "Tags");
        if (ret == 0)
                ret = render_list(r, json_object_get(service, "IgnoreCheckIDs"), "IgnoreCheckIDs");
        if (ret == 0)
                ret = render_list(r, json_object_get(failover, "Datacenters"),
                                  "Failover.Datacenters");
        if (ret == 0)
                ret = render_map(r, json_object_get(service, "NodeMeta"), "NodeMeta");
        if (ret == 0)
                ret = render_map(r, json_object_get(service, "ServiceMeta"), "ServiceMeta");
        return ret;
}

static void remove_empty(json_t *tags)
{
        for (size_t i = json_array_size(tags); i > 0; i--) {
                if (*json_string_value(json_array_get(tags, i - 1)) == '\0')
                        json_array_remove(tags, i - 1);
        }
}

static int match_groups(struct rendering *r, const char *regexp)
{
        pcre2_match_context *context;
        pcre2_match_data *match;
        const PCRE2_SIZE *offsets;
        PCRE2_UCHAR reason[160];
        PCRE2_SIZE at;
        pcre2_code *code;
        int error, count = -1;

        code =
            pcre2_compile((PCRE2_SPTR)regexp, PCRE2_ZERO_TERMINATED, PCRE2_UTF, &error, &at, NULL);
        if (code == NULL) {
                pcre2_get_error_message(error, reason, sizeof(reason));
                return fail(r, "Bad Regexp: error parsing regexp: %s: `%.200s`",
                            (const char *)reason, regexp);
        }
        match = pcre2_match_data_create_from_pattern(code, NULL);
        context = pcre2_match_context_create(NULL);
        if (match != NULL && context != NULL) {
                pcre2_set_match_limit(context, MATCH_LIMIT);
                count =
                    pcre2_match(code, (PCRE2_SPTR)r->full, strlen(r->full), 0, 0, match, context);
                offsets = pcre2_get_ovector_pointer(match);
                for (int i = 0; i < count && i < (int)GROUP_MAX; i++) {
                        bool unset = offsets[2 * i] == PCRE2_UNSET;

                        r->groups[i] = unset ? "" : r->full + offsets[2 * i];
                        r->group_lens[i] = unset ? 0 : offsets[2 * i + 1] - offsets[2 * i];
                        r->group_count = (uint32_t)i + 1;
                }
        }
        pcre2_match_context_free(context);
        pcre2_match_data_free(match);
        pcre2_code_free(code);
        return match != NULL && context != NULL ? 0 : -ENOMEM;
}

int query_template_render(const json_t *definition, const char *name, const char *segment,
                          json_t **out, char error[QUERY_ERROR_MAX])
{
        const json_t *shape = json_object_get(definition, "Template");
        const char *prefix = json_string_value(json_object_get(definition, "Name"));
        const char *regexp = json_string_value(json_object_get(shape, "Regexp"));
        struct rendering r = {.full = name, .segment = segment, .error = error};
        json_t *rendered, *service;
        int ret = 0;

        r.prefix_len = strlen(prefix != NULL ? prefix : "");
        if (r.prefix_len > strlen(name))
                r.prefix_len = strlen(name);
        if (regexp != NULL && *regexp != '\0')
                ret = match_groups(&r, regexp);
        if (ret < 0)
                return ret;
        rendered = json_deep_copy(definition);
        service = json_object_get(rendered, "Service");
        ret = rendered != NULL ? render_service(&r, service) : -ENOMEM;
        if (ret < 0) {
                json_decref(rendered);
                return ret;
        }
        if (json_is_true(json_object_get(shape, "RemoveEmptyTags")))
                remove_empty(json_object_get(service, "Tags"));
        *out = rendered;
        return 0;
}

int query_template_check(const json_t *definition, char error[QUERY_ERROR_MAX])
{
        const json_t *shape = json_object_get(definition, "Template");
        const char *type = json_string_value(json_object_get(shape, "Type"));
        const char *name = json_string_value(json_object_get(definition, "Name"));
        json_t *rendered;
        int ret;

        if (type == NULL || *type == '\0')
                return 0;
        if (strcmp(type, "name_prefix_match") != 0) {
                snprintf(error, QUERY_ERROR_MAX, "Bad Template.Type '%.100s'", type);
                return -EINVAL;
        }
        ret = query_template_render(definition, name != NULL ? name : "", "", &rendered, error);
        if (ret == 0)
                json_decref(rendered);
        return ret;
}
