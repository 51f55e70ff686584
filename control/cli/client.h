#ifndef LICTOR_CLI_CLIENT_H
#define LICTOR_CLI_CLIENT_H

/** Requests of the commands to a running agent. */

#include <stddef.h>

struct client_options {
        const char *http_addr; /* NULL: LICTOR_HTTP_ADDR, CONSUL_HTTP_ADDR, 127.0.0.1:8500 */
        const char *token;     /* NULL: CONSUL_HTTP_TOKEN */
};

struct client_reply {
        long status; /* HTTP status */
        char *body;  /* NUL-terminated; freed with free() */
        size_t length;
};

/**
 * Make one request.
 * @method  "GET", "PUT", ...
 * @path    with its query, e.g. "/v1/agent/reload".
 * @error   on failure why the agent could not be asked.
 * returns  0 whatever the reply's status, or a negative errno.
 */
int client_request(const struct client_options *options, const char *method, const char *path,
                   struct client_reply *reply, char *error, size_t error_size);

#endif
