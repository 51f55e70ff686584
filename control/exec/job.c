#include "control/exec/job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/text/base64.h"
#include "control/text/json_text.h"
#include "control/text/uri.h"

static int copy_field(const json_t *object, const char *name, char *out, size_t size)
{
        const char *text = json_text(object, name);

        if (*text == '\0' || strlen(text) >= size)
                return -EINVAL;
        memcpy(out, text, strlen(text) + 1);
        return 0;
}

int exec_order_read(const char *text, size_t length, struct exec_order *out)
{
        json_t *order = json_loadb(text, length, 0, NULL);
        int ret = copy_field(order, "Prefix", out->prefix, sizeof(out->prefix));

        if (ret == 0)
                ret = copy_field(order, "Session", out->session, sizeof(out->session));
        // A session's ID names a folder: it cannot lead out of its own.
        if (ret == 0 && strspn(out->session, "0123456789abcdefABCDEF-") != strlen(out->session))
                ret = -EINVAL;
        json_decref(order);
        return ret;
}

static int read_args(const json_t *args, struct exec_job *out)
{
        for (size_t i = 0; i < json_array_size(args); i++) {
                if (!json_is_string(json_array_get(args, i)))
                        return -EINVAL;
        }
        out->kind = EXEC_ARGS;
        out->args = json_deep_copy(args);
        return out->args != NULL ? 0 : -ENOMEM;
}

static int read_script(const char *encoded, struct exec_job *out)
{
        size_t length = strlen(encoded), bad_at;
        long size;

        out->kind = EXEC_SCRIPT;
        out->text = malloc(length + 1);
        if (out->text == NULL)
                return -ENOMEM;
        size = base64_decode(encoded, length, (uint8_t *)out->text, &bad_at);
        if (size < 0)
                return -EINVAL;
        out->length = (size_t)size;
        out->text[size] = '\0';
        return 0;
}

static int read_command(const char *text, struct exec_job *out)
{
        out->kind = EXEC_COMMAND;
        out->length = strlen(text);
        out->text = malloc(out->length + 1);
        if (out->text == NULL)
                return -ENOMEM;
        memcpy(out->text, text, out->length + 1);
        return 0;
}

static uint64_t heartbeat_of(json_int_t wait_ns)
{
        uint64_t ms = wait_ns > 0 ? (uint64_t)wait_ns / 1000000 : 0;

        if (ms < EXEC_WAIT_MIN_MS)
                return EXEC_WAIT_MIN_MS;
        return ms < EXEC_WAIT_MAX_MS ? ms : EXEC_WAIT_MAX_MS;
}

int exec_job_read(const char *text, size_t length, struct exec_job *out)
{
        json_t *job = json_loadb(text, length, 0, NULL);
        const json_t *args = json_object_get(job, "Args");
        int ret = -EINVAL;

        *out = (struct exec_job){
            .heartbeat_ms = heartbeat_of(json_integer_value(json_object_get(job, "Wait")))};
        // In this order Consul's agents look at them.
        if (json_array_size(args) > 0)
                ret = read_args(args, out);
        else if (*json_text(job, "Script") != '\0')
                ret = read_script(json_text(job, "Script"), out);
        else if (*json_text(job, "Command") != '\0')
                ret = read_command(json_text(job, "Command"), out);
        json_decref(job);
        if (ret < 0)
                exec_job_fini(out);
        return ret;
}

void exec_job_fini(struct exec_job *job)
{
        free(job->text);
        json_decref(job->args);
        *job = (struct exec_job){0};
}

char *exec_path(const struct exec_order *order, const char *node, const char *name,
                const char *query)
{
        static const char format[] = "/v1/kv/%s?%s";
        size_t size = strlen(order->prefix) + strlen(order->session) + strlen(name) +
                      (node != NULL ? strlen(node) : 0) + 4;
        char *key = malloc(size), *escaped = NULL, *path = NULL;

        if (key != NULL) {
                snprintf(key, size, "%s/%s/%s%s%s", order->prefix, order->session,
                         node != NULL ? node : "", node != NULL ? "/" : "", name);
                escaped = uri_escape(key);
        }
        if (escaped != NULL) {
                size = sizeof(format) + strlen(escaped) + strlen(query);
                path = malloc(size);
        }
        if (path != NULL)
                snprintf(path, size, format, escaped, query);
        free(escaped);
        free(key);
        return path;
}
