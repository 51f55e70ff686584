#include "control/cli/client.h"

#include <stdlib.h>

#include "control/cli/exchange.h"

int client_send(const struct client_options *options, const struct client_call *call,
                struct client_reply *reply, char *error, size_t error_size)
{
        struct exchange x;
        int ret = exchange_open(&x, options, call, reply, error, error_size);

        if (ret == 0)
                ret = exchange_result(&x, curl_easy_perform(x.curl), error, error_size);
        if (ret < 0) {
                free(reply->body);
                reply->body = NULL;
        }
        exchange_close(&x);
        return ret;
}

int client_request(const struct client_options *options, const char *method, const char *path,
                   struct client_reply *reply, char *error, size_t error_size)
{
        const struct client_call call = {.method = method, .path = path};

        return client_send(options, &call, reply, error, error_size);
}
