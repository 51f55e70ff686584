#include "control/cli/client_flags.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "control/text/uri.h"
#include "lictor/bytes.h"

int client_flag_set(void *context, const struct flag *flag, const char *value, const char **why)
{
        static const struct {
                const char *name;
                size_t offset;
        } fields[] = {{"http-addr", offsetof(struct client_options, http_addr)},
                      {"token", offsetof(struct client_options, token)},
                      {"token-file", offsetof(struct client_options, token_file)},
                      {"ca-file", offsetof(struct client_options, ca_file)},
                      {"ca-path", offsetof(struct client_options, ca_path)},
                      {"client-cert", offsetof(struct client_options, cert_file)},
                      {"client-key", offsetof(struct client_options, key_file)},
                      {"tls-server-name", offsetof(struct client_options, tls_server_name)},
                      {"namespace", offsetof(struct client_options, namespace)},
                      {"datacenter", offsetof(struct client_options, datacenter)}};
        struct client_options *options = context;

        *why = "unknown";
        if (strcmp(flag->target, "stale") == 0) {
                options->stale = strcmp(value, "true") == 0;
                return 0;
        }
        for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
                if (strcmp(flag->target, fields[i].name) == 0) {
                        *(const char **)(void *)((char *)options + fields[i].offset) = value;
                        return 0;
                }
        }
        return -EINVAL;
}

int client_judge(int result, const char *error, const char *what, bool absent,
                 struct client_reply *reply)
{
        if (result < 0) {
                fprintf(stderr, "%s: %s\n",
                        result == -EINVAL ? "Error connecting to Consul agent" : what, error);
                return 1;
        }
        if (reply->status == 200 || (absent && reply->status == 404))
                return 0;
        fprintf(stderr, "%s: Unexpected response code: %ld (%s)\n", what, reply->status,
                reply->body);
        free(reply->body);
        reply->body = NULL;
        return 1;
}

int client_ask(const struct client_options *options, const struct client_call *call,
               const char *what, bool absent, struct client_reply *reply)
{
        char error[1024];
        int ret = client_send(options, call, reply, error, sizeof(error));

        return client_judge(ret, error, what, absent, reply);
}

char *client_escape(const char *text)
{
        return uri_escape(text);
}

int client_too_many(int expected, int got)
{
        fprintf(stderr, "Too many arguments (expected %d, got %d)\n", expected, got);
        return 1;
}

#define COLUMNS_MAX 16

static const char *cell_end(const char *cell)
{
        return cell + strcspn(cell, "\x1f");
}

static void print_rows(char *const rows[], size_t count, FILE *out)
{
        size_t widths[COLUMNS_MAX] = {0};

        for (size_t i = 0; i < count; i++) {
                const char *cell = rows[i];

                for (size_t k = 0; k < COLUMNS_MAX; k++) {
                        size_t length = (size_t)(cell_end(cell) - cell);

                        if (length > widths[k])
                                widths[k] = length;
                        if (*cell_end(cell) == '\0')
                                break;
                        cell = cell_end(cell) + 1;
                }
        }
        for (size_t i = 0; i < count; i++) {
                const char *cell = rows[i];

                for (size_t k = 0; k < COLUMNS_MAX && *cell_end(cell) != '\0'; k++) {
                        fprintf(out, "%-*.*s  ", (int)widths[k], (int)(cell_end(cell) - cell),
                                cell);
                        cell = cell_end(cell) + 1;
                }
                fprintf(out, "%s\n", cell);
        }
}

int columns_print(char **take_rows, size_t count)
{
        bool complete = take_rows != NULL;

        for (size_t i = 0; complete && i < count; i++)
                complete = take_rows[i] != NULL;
        if (complete)
                print_rows(take_rows, count, stdout);
        else
                fputs("Error: out of memory\n", stderr);
        for (size_t i = 0; take_rows != NULL && i < count; i++)
                free(take_rows[i]);
        free(take_rows);
        return complete ? 0 : 1;
}
