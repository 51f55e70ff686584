#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config/sockaddr/sockaddr_internal.h"
#include "lictor/bytes.h"

#define ARGUMENTS_MAX 3
#define ARGUMENT_MAX  128

// One step of a pipeline: a name and its arguments as written, quotes removed.
struct call {
        char words[ARGUMENTS_MAX][ARGUMENT_MAX];
        size_t count;
};

struct host {
        const struct sockaddr_entry *entries;
        size_t count;
};

int sockaddr_fail(const struct sockaddr_error *error, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(error->text, error->size, format, arguments);
        va_end(arguments);
        return -EINVAL;
}

static const char *skip_blanks(const char *at)
{
        while (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n')
                at++;
        return at;
}

// A word, or a string in quotes of either kind. returns what is behind it, or NULL.
static const char *read_word(const char *at, char out[ARGUMENT_MAX],
                             const struct sockaddr_error *error)
{
        char quote = *at == '"' || *at == '`' ? *at++ : '\0';
        size_t used = 0;

        while (*at != '\0' &&
               (quote != '\0' ? *at != quote : strchr(" \t\r\n|{}()", *at) == NULL)) {
                if (quote == '"' && *at == '\\' && at[1] != '\0')
                        at++;
                if (used + 1 == ARGUMENT_MAX) {
                        sockaddr_fail(error, "a word of the template is too long");
                        return NULL;
                }
                out[used++] = *at++;
        }
        out[used] = '\0';
        if (quote != '\0' && *at++ != quote) {
                sockaddr_fail(error, "unterminated quoted string");
                return NULL;
        }
        if (quote == '\0' && used == 0) {
                sockaddr_fail(error, "unexpected %.20s in command", *at != '\0' ? at : "end");
                return NULL;
        }
        return at;
}

// Up to the '|' or '}' behind the step. returns that place, or NULL.
static const char *read_call(const char *at, struct call *out, const struct sockaddr_error *error)
{
        out->count = 0;
        at = skip_blanks(at);
        while (*at != '|' && *at != '}' && !(at[0] == '-' && at[1] == '}')) {
                if (*at == '\0') {
                        sockaddr_fail(error, "unclosed action");
                        return NULL;
                }
                if (out->count == ARGUMENTS_MAX) {
                        sockaddr_fail(error, "too many arguments for %s", out->words[0]);
                        return NULL;
                }
                at = read_word(at, out->words[out->count++], error);
                if (at == NULL)
                        return NULL;
                at = skip_blanks(at);
        }
        if (out->count == 0) {
                sockaddr_fail(error, "missing value for command");
                return NULL;
        }
        return at;
}

static void value_fini(struct sockaddr_value *value)
{
        free(value->entries);
        free(value->text);
        *value = (struct sockaddr_value){0};
}

static int set_text(struct sockaddr_value *value, const char *text)
{
        size_t size = strlen(text) + 1;
        char *copy = malloc(size);

        if (copy == NULL)
                return -ENOMEM;
        memcpy(copy, text, size);
        value_fini(value);
        value->text = copy;
        return 0;
}

static int take_all(struct sockaddr_value *value, const struct host *host)
{
        value->entries = malloc((host->count + 1) * sizeof(*value->entries));
        if (value->entries == NULL)
                return -ENOMEM;
        if (host->count > 0)
                memcpy(value->entries, host->entries, host->count * sizeof(*value->entries));
        value->count = host->count;
        return 0;
}

static int take_default(struct sockaddr_value *value)
{
        size_t kept = 0;

        for (size_t i = 0; i < value->count; i++) {
                if (value->entries[i].is_default)
                        value->entries[kept++] = value->entries[i];
        }
        value->count = kept;
        return 0;
}

// Addresses one may be reached by, the default route's first, inside or outside private networks.
static int take_reachable(struct sockaddr_value *value, bool private,
                          const struct sockaddr_error *error)
{
        int ret = sockaddr_filter(value, "flags", "forwardable|up", true, error);

        if (ret == 0)
                ret = sockaddr_sort(value, "default,type,size", error);
        return ret < 0 ? ret : sockaddr_filter(value, "rfc", "6890", private, error);
}

static int take_named(struct sockaddr_value *value, const char *name,
                      const struct sockaddr_error *error)
{
        int ret = sockaddr_filter(value, "name", name, true, error);

        if (ret == 0)
                ret = sockaddr_sort(value, "type,size", error);
        return ret < 0 ? ret : sockaddr_filter(value, "flags", "forwardable", true, error);
}

static int join(struct sockaddr_value *value, const char *attribute, const char *separator,
                const struct sockaddr_error *error)
{
        size_t size = value->count * (SOCKADDR_TEXT_MAX + strlen(separator)) + 1, used = 0;
        char *text = malloc(size), one[SOCKADDR_TEXT_MAX];
        int ret = text != NULL ? 0 : -ENOMEM;

        for (size_t i = 0; ret == 0 && i < value->count; i++) {
                ret = sockaddr_attribute(&value->entries[i], attribute, one, error);
                if (ret == 0)
                        used += (size_t)snprintf(text + used, size - used, "%s%s",
                                                 i > 0 ? separator : "", one);
        }
        if (ret == 0) {
                text[used] = '\0';
                ret = set_text(value, text);
        }
        free(text);
        return ret;
}

static int first(struct sockaddr_value *value, const char *attribute,
                 const struct sockaddr_error *error)
{
        if (value->count > 1)
                value->count = 1;
        return join(value, attribute, "", error);
}

// returns  0, -ENOENT when the step is no source, or another negative errno with the error set.
static int run_source(struct sockaddr_value *value, const struct call *call,
                      const struct host *host, const struct sockaddr_error *error)
{
        static const struct {
                const char *name;
                size_t argument_count;
        } sources[] = {{"GetAllInterfaces", 0},     {"GetDefaultInterfaces", 0},
                       {"GetPrivateInterfaces", 0}, {"GetPublicInterfaces", 0},
                       {"GetPrivateIP", 0},         {"GetPrivateIPs", 0},
                       {"GetPublicIP", 0},          {"GetPublicIPs", 0},
                       {"GetInterfaceIP", 1},       {"GetInterfaceIPs", 1}};
        size_t source = 0;
        int ret;

        while (source < ARRAY_LEN(sources) && strcmp(call->words[0], sources[source].name) != 0)
                source++;
        if (source == ARRAY_LEN(sources))
                return -ENOENT;
        if (call->count - 1 != sources[source].argument_count)
                return sockaddr_fail(error, "wrong number of args for %s: want %zu got %zu",
                                     call->words[0], sources[source].argument_count,
                                     call->count - 1);
        ret = take_all(value, host);
        if (ret < 0 || source == 0)
                return ret;
        if (source == 1)
                return take_default(value);
        ret = source < 8 ? take_reachable(value, strstr(call->words[0], "Private") != NULL, error)
                         : take_named(value, call->words[1], error);
        if (ret < 0 || source < 4)
                return ret;
        return source % 2 == 0 ? first(value, "address", error)
                               : join(value, "address", " ", error);
}

static int cut(struct sockaddr_value *value, const struct call *call,
               const struct sockaddr_error *error)
{
        bool limit = strcmp(call->words[0], "limit") == 0;
        char *end;
        unsigned long count = strtoul(call->words[1], &end, 10);

        if (!isdigit((unsigned char)call->words[1][0]) || *end != '\0')
                return sockaddr_fail(error, "%s needs a number: \"%s\"", call->words[0],
                                     call->words[1]);
        if (count > value->count)
                count = value->count;
        if (limit) {
                value->count = count;
        } else {
                value->count -= count;
                memmove(value->entries, value->entries + count,
                        value->count * sizeof(*value->entries));
        }
        return 0;
}

static int run_step(struct sockaddr_value *value, const struct call *call,
                    const struct sockaddr_error *error)
{
        static const struct {
                const char *name;
                size_t argument_count;
        } steps[] = {{"include", 2}, {"exclude", 2}, {"sort", 1}, {"unique", 1}, {"limit", 1},
                     {"offset", 1},  {"attr", 1},    {"join", 2}, {"math", 2}};
        const char *name = call->words[0], *a = call->words[1], *b = call->words[2];
        size_t step = 0;

        while (step < ARRAY_LEN(steps) && strcmp(name, steps[step].name) != 0)
                step++;
        if (step == ARRAY_LEN(steps))
                return sockaddr_fail(error, "function \"%s\" not defined", name);
        if (call->count - 1 != steps[step].argument_count)
                return sockaddr_fail(error, "wrong number of args for %s: want %zu got %zu", name,
                                     steps[step].argument_count + 1, call->count);
        if (value->entries == NULL)
                return sockaddr_fail(error, "%s needs a list of addresses before it", name);
        switch (step) {
        case 0:
        case 1:
                return sockaddr_filter(value, a, b, step == 0, error);
        case 2:
                return sockaddr_sort(value, a, error);
        case 3:
                return sockaddr_unique(value, a, error);
        case 4:
        case 5:
                return cut(value, call, error);
        case 6:
                return first(value, a, error);
        case 7:
                return join(value, a, b, error);
        default:
                return sockaddr_math(value, a, b, error);
        }
}

// The inside of {{ }}. returns what is behind it, or NULL; the value is the caller's either way.
static const char *run_action(const char *at, const struct host *host, struct sockaddr_value *value,
                              const struct sockaddr_error *error)
{
        bool is_first = true;

        if (at[0] == '-' && at[1] == ' ')
                at++;
        for (;; is_first = false) {
                struct call call;
                int ret;

                at = read_call(at, &call, error);
                if (at == NULL)
                        return NULL;
                ret = is_first ? run_source(value, &call, host, error)
                               : run_step(value, &call, error);
                if (ret == -ENOENT)
                        sockaddr_fail(error, "function \"%s\" not defined", call.words[0]);
                else if (ret == -ENOMEM)
                        sockaddr_fail(error, "out of memory");
                if (ret < 0)
                        return NULL;
                if (*at != '|')
                        break;
                at++;
        }
        if (*at == '-')
                at++;
        if (at[0] != '}' || at[1] != '}') {
                sockaddr_fail(error, "unexpected \"%.8s\" in command", at);
                return NULL;
        }
        return at + 2;
}

static int append(char **text, size_t *used, const char *more, size_t length)
{
        char *grown = realloc(*text, *used + length + 1);

        if (grown == NULL)
                return -ENOMEM;
        memcpy(grown + *used, more, length);
        *used += length;
        grown[*used] = '\0';
        *text = grown;
        return 0;
}

char *sockaddr_template_expand(const char *text, const struct sockaddr_entry *entries, size_t count,
                               char *error, size_t error_size)
{
        const struct sockaddr_error problem = {error, error_size};
        const struct host host = {entries, count};
        char *out = NULL;
        size_t used = 0;
        int ret = append(&out, &used, "", 0);

        while (ret == 0 && text != NULL && *text != '\0') {
                struct sockaddr_value value = {0};
                const char *open = strstr(text, "{{");
                size_t plain = open != NULL ? (size_t)(open - text) : strlen(text);

                ret = append(&out, &used, text, plain);
                text += plain;
                if (ret < 0 || open == NULL)
                        continue;
                text = run_action(open + 2, &host, &value, &problem);
                if (text != NULL && value.text == NULL)
                        ret = sockaddr_fail(&problem, "the template ends with a list of "
                                                      "addresses: add attr or join");
                else if (text != NULL)
                        ret = append(&out, &used, value.text, strlen(value.text));
                value_fini(&value);
        }
        if (ret == -ENOMEM)
                sockaddr_fail(&problem, "out of memory");
        if (ret == 0 && text != NULL)
                return out;
        free(out);
        return NULL;
}
