#include "control/rpc/dial.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct dial {
        uv_connect_t request;
        uv_tcp_t *tcp;
        dial_done_fn done; /* NULL: given up */
        void *arg;
};

static void free_tcp(uv_handle_t *handle)
{
        free(handle);
}

static void on_connected(uv_connect_t *request, int status)
{
        struct dial *dial = request->data;

        // Whoever gave up has closed the connection already.
        if (dial->done != NULL) {
                if (status < 0)
                        uv_close((uv_handle_t *)dial->tcp, free_tcp);
                dial->done(dial->arg, status < 0 ? NULL : dial->tcp, status);
        }
        free(dial);
}

int dial_address_parse(const char *text, struct sockaddr_storage *out)
{
        const char *colon = strrchr(text, ':');
        bool bracketed = text[0] == '[';
        char host[INET6_ADDRSTRLEN], *end;
        size_t len = colon != NULL ? (size_t)(colon - text) : 0;
        long port;

        if (len < 2 + 2 * (size_t)bracketed || (bracketed && colon[-1] != ']'))
                return -EINVAL;
        len -= 2 * (size_t)bracketed;
        port = strtol(colon + 1, &end, 10);
        if (len >= sizeof(host) || end == colon + 1 || *end != '\0' || port < 1 ||
            port > UINT16_MAX)
                return -EINVAL;
        memcpy(host, text + bracketed, len);
        host[len] = '\0';
        return bracketed ? uv_ip6_addr(host, (int)port, (struct sockaddr_in6 *)out)
                         : uv_ip4_addr(host, (int)port, (struct sockaddr_in *)out);
}

struct dial *dial_start(uv_loop_t *loop, const char *address, dial_done_fn done, void *arg)
{
        struct sockaddr_storage to;
        struct dial *dial;

        if (dial_address_parse(address, &to) < 0)
                return NULL;
        dial = calloc(1, sizeof(*dial));
        if (dial == NULL)
                return NULL;
        *dial = (struct dial){.tcp = malloc(sizeof(*dial->tcp)), .done = done, .arg = arg};
        dial->request.data = dial;
        if (dial->tcp == NULL || uv_tcp_init(loop, dial->tcp) < 0) {
                free(dial->tcp);
                free(dial);
                return NULL;
        }
        if (uv_tcp_connect(&dial->request, dial->tcp, (struct sockaddr *)&to, on_connected) < 0) {
                uv_close((uv_handle_t *)dial->tcp, free_tcp);
                free(dial);
                return NULL;
        }
        return dial;
}

void dial_cancel(struct dial *take_dial)
{
        if (take_dial == NULL)
                return;
        take_dial->done = NULL;
        // The attempt ends with this, and frees what is left.
        uv_close((uv_handle_t *)take_dial->tcp, free_tcp);
}
