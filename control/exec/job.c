#include "control/exec/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/text/base64.h"
#include "control/text/json_text.h"
#include "lictor/bytes.h"

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

// Appends a text, percent-encoded but for '/'; there is room.
static char *put_escaped(char *at, const char *text)
{
        static const char plain[] =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~/";
        static const char digits[] = "0123456789ABCDEF";

        for (; *text != '\0'; text++) {
                unsigned char c = (unsigned char)*text;

                if (strchr(plain, *text) != NULL) {
                        *at++ = *text;
                        continue;
                }
                *at++ = '%';
                *at++ = digits[c >> 4];
                *at++ = digits[c & 15];
        }
        return at;
}

char *exec_path(const struct exec_order *order, const char *node, const char *name,
                const char *query)
{
        static const char root[] = "/v1/kv";
        const char *const parts[] = {order->prefix, order->session, node, name};
        size_t size = sizeof(root) + ARRAY_LEN(parts) + 1 + strlen(query);
        char *path, *at;

        for (size_t i = 0; i < ARRAY_LEN(parts); i++)
                size += parts[i] != NULL ? 3 * strlen(parts[i]) : 0;
        path = malloc(size);
        if (path == NULL)
                return NULL;
        memcpy(path, root, sizeof(root));
        at = path + sizeof(root) - 1;
        for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
                if (parts[i] == NULL)
                        continue;
                *at++ = '/';
                at = put_escaped(at, parts[i]);
        }
        *at++ = '?';
        memcpy(at, query, strlen(query) + 1);
        return path;
}
