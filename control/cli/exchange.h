#ifndef LICTOR_CLI_EXCHANGE_H
#define LICTOR_CLI_EXCHANGE_H

/* One request to an agent as libcurl makes it; for client.c and calls.c. */

#include <curl/curl.h>

#include "control/cli/client.h"

struct exchange {
        CURL *curl;
        struct curl_slist *headers, *connect_to;
        struct client_call call; /* the path borrowed by exchange_open(), the body until the end */
        struct client_reply *reply;
        char *url;
        char target[256];             /* for messages: "tcp 127.0.0.1:8500" */
        char reason[CURL_ERROR_SIZE]; /* libcurl's */
};

/**
 * Make a handle ready to run. exchange_close() follows whatever is returned.
 * @x       stays where it is until then.
 * @reply   gets the answer.
 * returns  as client_send().
 */
int exchange_open(struct exchange *x, const struct client_options *options,
                  const struct client_call *call, struct client_reply *reply, char *error,
                  size_t error_size);

/** Tell how it ended. returns  as client_send(). */
int exchange_result(struct exchange *x, CURLcode code, char *error, size_t error_size);

/** Free all but the reply. */
void exchange_close(struct exchange *x);

#endif
