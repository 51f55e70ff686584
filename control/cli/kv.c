#include "control/cli/kv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int kv_key(int argc, char *const argv[], bool optional, const char **key)
{
        if (argc > 1)
                return client_too_many(1, argc);
        if ((argc == 0 || argv[0][0] == '\0') && !optional) {
                fputs("Error! Missing KEY argument\n", stderr);
                return 1;
        }
        // Keys never begin with one, but paths people type do.
        *key = argc > 0 ? argv[0] : "";
        if (**key == '/')
                ++*key;
        return 0;
}

char *kv_path(const char *key, const char *query_format, ...)
{
        char *escaped = client_escape(key), *query = NULL, *path = NULL;
        va_list arguments;

        va_start(arguments, query_format);
        if (vasprintf(&query, query_format, arguments) < 0)
                query = NULL;
        va_end(arguments);
        if (escaped == NULL || query == NULL ||
            asprintf(&path, "/v1/kv/%s%s%s", escaped, *query != '\0' ? "?" : "", query) < 0)
                path = NULL;
        if (path == NULL)
                fputs("Error! out of memory\n", stderr);
        free(escaped);
        free(query);
        return path;
}

int kv_ask(const struct client_options *options, const struct client_call *call, const char *what,
           struct client_reply *reply)
{
        int status = call->path == NULL ? 1 : client_ask(options, call, what, true, reply);

        free((char *)(uintptr_t)call->path);
        return status;
}

int kv_set_number(const char *value, uint64_t *out, const char **why)
{
        char *end;

        errno = 0;
        *out = strtoull(value, &end, 0);
        *why = errno == ERANGE ? "value out of range" : "parse error";
        return *value < '0' || *value > '9' || *end != '\0' || errno != 0 ? -EINVAL : 0;
}
