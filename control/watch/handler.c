#include "control/watch/handler.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/text/duration.h"
#include "control/text/json_text.h"
#include "lictor/bytes.h"

__attribute__((format(printf, 3, 4))) static int refuse(char *error, size_t error_size,
                                                        const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(error, error_size, format, arguments);
        va_end(arguments);
        return -EINVAL;
}

static char *copy_text(const char *text)
{
        size_t size = strlen(text) + 1;
        char *copy = malloc(size);

        if (copy != NULL)
                memcpy(copy, text, size);
        return copy;
}

static bool is_method(const char *text)
{
        for (const char *c = text; *c != '\0'; c++) {
                if (!isalnum((unsigned char)*c) && strchr("!#$%&'*+-.^_`|~", *c) == NULL)
                        return false;
        }
        return true;
}

static int add_header(json_t *lines, const char *name, const json_t *value, char *error,
                      size_t error_size)
{
        const char *text = json_string_value(value);

        if (text == NULL)
                return refuse(error, error_size,
                              "Failed to parse 'http_handler_config': header '%s' has to be a list "
                              "of strings",
                              name);
        if (*name == '\0' || !is_method(name) || strpbrk(text, "\r\n") != NULL)
                return refuse(error, error_size,
                              "Failed to parse 'http_handler_config': invalid header '%s'", name);
        // libcurl takes an empty value only when it is written so.
        return json_array_append_new(lines, *text != '\0' ? json_sprintf("%s: %s", name, text)
                                                          : json_sprintf("%s;", name)) == 0
                   ? 0
                   : -ENOMEM;
}

static int read_headers(const json_t *headers, json_t *lines, char *error, size_t error_size)
{
        const char *name;
        json_t *values, *value;
        int ret = 0;
        size_t i;

        if (headers != NULL && !json_is_object(headers))
                return refuse(error, error_size,
                              "Failed to parse 'http_handler_config': header has to be an object");
        json_object_foreach((json_t *)(uintptr_t)headers, name, values)
        {
                if (!json_is_array(values) && ret == 0)
                        ret = add_header(lines, name, values, error, error_size);
                json_array_foreach(values, i, value)
                {
                        if (ret == 0)
                                ret = add_header(lines, name, value, error, error_size);
                }
        }
        return ret;
}

static int read_timeout(const json_t *config, struct watch_handler *out, char *error,
                        size_t error_size)
{
        const char *text = json_text(config, "timeout");
        int64_t ns = (int64_t)WATCH_HTTP_TIMEOUT_MS * 1000000;

        if (*text != '\0' && duration_parse(text, &ns) < 0)
                return refuse(error, error_size,
                              "Failed to parse 'http_handler_config': Failed to parse timeout: "
                              "time: invalid duration \"%s\"",
                              text);
        // None at all would let a handler hang its watch for good.
        out->timeout_ms = ns > 1000000 ? (uint64_t)ns / 1000000 : 1;
        return 0;
}

static bool is_key(const char *key, const char *const keys[], size_t count)
{
        for (size_t i = 0; i < count; i++) {
                if (strcmp(key, keys[i]) == 0)
                        return true;
        }
        return false;
}

static int check_keys(const json_t *config, char *error, size_t error_size)
{
        static const char *const keys[] = {"path", "method", "timeout", "header",
                                           "tls_skip_verify"};
        const char *key;
        json_t *value;

        json_object_foreach((json_t *)(uintptr_t)config, key, value)
        {
                bool is_flag = strcmp(key, "tls_skip_verify") == 0;

                if (!is_key(key, keys, ARRAY_LEN(keys)))
                        return refuse(error, error_size,
                                      "Failed to parse 'http_handler_config': unknown key '%s'",
                                      key);
                if (is_flag ? !json_is_boolean(value)
                            : strcmp(key, "header") != 0 && !json_is_string(value))
                        return refuse(error, error_size,
                                      "Failed to parse 'http_handler_config': '%s' has to be a %s",
                                      key, is_flag ? "boolean" : "string");
        }
        return 0;
}

static int read_http(const json_t *config, struct watch_handler *out, char *error,
                     size_t error_size)
{
        const char *method = json_text(config, "method"), *path = json_text(config, "path");
        int ret;

        if (config == NULL)
                return refuse(error, error_size,
                              "Handler type 'http' requires 'http_handler_config' to be set");
        if (!json_is_object(config))
                return refuse(error, error_size,
                              "Failed to parse 'http_handler_config': it has to be an object");
        ret = check_keys(config, error, error_size);
        if (ret < 0)
                return ret;
        if (*path == '\0')
                return refuse(error, error_size,
                              "Failed to parse 'http_handler_config': Requires 'path' to be set");
        if (!is_method(method))
                return refuse(error, error_size,
                              "Failed to parse 'http_handler_config': invalid method \"%s\"",
                              method);
        out->kind = WATCH_HANDLER_HTTP;
        out->url = copy_text(path);
        out->method = copy_text(*method != '\0' ? method : "POST");
        out->headers = json_array();
        out->tls_skip_verify = json_is_true(json_object_get(config, "tls_skip_verify"));
        if (out->url == NULL || out->method == NULL || out->headers == NULL)
                return -ENOMEM;
        ret = read_timeout(config, out, error, error_size);
        return ret < 0 ? ret
                       : read_headers(json_object_get(config, "header"), out->headers, error,
                                      error_size);
}

static bool is_args(const json_t *args)
{
        for (size_t i = 0; i < json_array_size(args); i++) {
                if (!json_is_string(json_array_get(args, i)))
                        return false;
        }
        return json_is_array(args);
}

// The handlers but HTTP's, and that there is exactly one.
static int read_script(const json_t *setting, bool http, struct watch_handler *out, char *error,
                       size_t error_size)
{
        const json_t *handler = json_object_get(setting, "handler");
        const json_t *args = json_object_get(setting, "args");
        int count = (handler != NULL) + (args != NULL) + http;

        if (handler != NULL && !json_is_string(handler))
                return refuse(error, error_size, "Watch handler must be a string");
        if (args != NULL && !is_args(args))
                return refuse(error, error_size, "Watch args must be a list of strings");
        if (count > 1)
                return refuse(error, error_size, "Only one watch handler allowed");
        if (count == 0 || (args != NULL && json_array_size(args) == 0))
                return refuse(error, error_size, "Must define a watch handler");
        if (args != NULL) {
                out->kind = WATCH_HANDLER_ARGS;
                out->args = json_deep_copy(args);
                return out->args != NULL ? 0 : -ENOMEM;
        }
        if (handler != NULL) {
                out->kind = WATCH_HANDLER_SHELL;
                out->script = copy_text(json_string_value(handler));
                return out->script != NULL ? 0 : -ENOMEM;
        }
        return 0;
}

// What is left when the handler's settings are taken out.
static int read_plan(const json_t *setting, struct watch_plan **plan, char *error,
                     size_t error_size)
{
        static const char *const handlers[] = {"handler_type", "handler", "args",
                                               "http_handler_config"};
        json_t *params = json_copy((json_t *)(uintptr_t)setting);
        int ret = -ENOMEM;

        if (params == NULL)
                return ret;
        for (size_t i = 0; i < ARRAY_LEN(handlers); i++)
                json_object_del(params, handlers[i]);
        ret = watch_plan_create(params, plan, error, error_size);
        json_decref(params);
        return ret;
}

static int read_setting(const json_t *setting, struct watch_plan **plan,
                        struct watch_handler *handler, char *error, size_t error_size)
{
        const json_t *kind = json_object_get(setting, "handler_type");
        const char *kind_text = kind != NULL ? json_string_value(kind) : "script";
        const json_t *config = json_object_get(setting, "http_handler_config");
        const char *type = json_text(setting, "type");
        bool http = kind_text != NULL && strcmp(kind_text, "http") == 0;
        int ret = 0;

        if (!json_is_object(setting))
                return refuse(error, error_size, "Watch type must be specified");
        if (kind_text == NULL || (!http && strcmp(kind_text, "script") != 0))
                return refuse(error, error_size, "Handler type '%s' not recognized",
                              kind_text != NULL ? kind_text : "");
        if (strncmp(type, "connect_", strlen("connect_")) == 0)
                return refuse(error, error_size, "Watch type %s is not allowed in agent config",
                              type);
        // A block of HCL is a list of one.
        if (json_array_size(config) == 1)
                config = json_array_get(config, 0);
        if (http && *type != '\0')
                ret = read_http(config, handler, error, error_size);
        if (ret == 0)
                ret = read_plan(setting, plan, error, error_size);
        if (ret == 0)
                ret = read_script(setting, http, handler, error, error_size);
        return ret;
}

int watch_setting_read(const json_t *setting, struct watch_plan **plan,
                       struct watch_handler *handler, char *error, size_t error_size)
{
        int ret;

        *plan = NULL;
        *handler = (struct watch_handler){0};
        snprintf(error, error_size, "out of memory");
        ret = read_setting(setting, plan, handler, error, error_size);
        if (ret < 0) {
                watch_plan_destroy(*plan);
                *plan = NULL;
                watch_handler_fini(handler);
        }
        return ret;
}

void watch_handler_fini(struct watch_handler *handler)
{
        json_decref(handler->args);
        json_decref(handler->headers);
        free(handler->script);
        free(handler->url);
        free(handler->method);
        *handler = (struct watch_handler){0};
}
