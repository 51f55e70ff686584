#include "control/cli/calls.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/cli/exchange.h"

struct calls {
        CURLM *multi;
};

// A request under way, and who waits for it; libcurl's private pointer is to the exchange.
struct flight {
        struct exchange exchange;
        struct pending *pending;
};

struct calls *calls_create(void)
{
        struct calls *calls = calloc(1, sizeof(*calls));

        if (calls != NULL)
                calls->multi = curl_multi_init();
        if (calls != NULL && calls->multi == NULL) {
                free(calls);
                calls = NULL;
        }
        return calls;
}

void calls_destroy(struct calls *take_calls)
{
        if (take_calls == NULL)
                return;
        curl_multi_cleanup(take_calls->multi);
        free(take_calls);
}

static void finish(struct pending *pending, int result)
{
        struct flight *flight = (struct flight *)(void *)pending->exchange;

        pending->done = true;
        pending->result = result;
        pending->exchange = NULL;
        if (flight != NULL)
                exchange_close(&flight->exchange);
        free(flight);
        if (result < 0) {
                free(pending->reply.body);
                pending->reply.body = NULL;
        }
}

void calls_begin(struct calls *calls, const struct client_options *options,
                 const struct client_call *call, struct pending *pending)
{
        struct flight *flight = calloc(1, sizeof(*flight));
        int ret = -ENOMEM;

        *pending = (struct pending){.error = "out of memory"};
        if (flight != NULL) {
                pending->exchange = &flight->exchange;
                flight->pending = pending;
                ret = exchange_open(&flight->exchange, options, call, &pending->reply,
                                    pending->error, sizeof(pending->error));
        }
        if (ret == 0 && curl_multi_add_handle(calls->multi, flight->exchange.curl) != CURLM_OK)
                ret = -ENOMEM;
        if (ret < 0)
                finish(pending, ret);
}

void calls_forget(struct calls *calls, struct pending *pending)
{
        if (pending->exchange != NULL) {
                curl_multi_remove_handle(calls->multi, pending->exchange->curl);
                finish(pending, -ECANCELED);
        }
        free(pending->reply.body);
        *pending = (struct pending){0};
}

static bool take_finished(struct calls *calls)
{
        CURLMsg *message;
        int left;
        bool any = false;

        while ((message = curl_multi_info_read(calls->multi, &left)) != NULL) {
                CURLcode code = message->data.result;
                CURL *curl = message->easy_handle;
                struct flight *flight;
                struct pending *pending;
                int ret;

                if (message->msg != CURLMSG_DONE)
                        continue;
                curl_easy_getinfo(curl, CURLINFO_PRIVATE, (char **)&flight);
                pending = flight->pending;
                ret = exchange_result(&flight->exchange, code, pending->error,
                                      sizeof(pending->error));
                curl_multi_remove_handle(calls->multi, curl);
                finish(pending, ret);
                any = true;
        }
        return any;
}

void calls_poll(struct calls *calls, const int fds[], bool readable[], unsigned count,
                int timeout_ms)
{
        struct curl_waitfd watched[CALLS_FDS_MAX];
        unsigned used = 0;
        int running;

        assert(count <= CALLS_FDS_MAX);
        for (unsigned i = 0; i < count; i++) {
                readable[i] = false;
                if (fds[i] >= 0)
                        watched[used++] =
                            (struct curl_waitfd){.fd = fds[i], .events = CURL_WAIT_POLLIN};
        }
        curl_multi_perform(calls->multi, &running);
        if (take_finished(calls))
                timeout_ms = 0;
        curl_multi_poll(calls->multi, watched, used, timeout_ms, NULL);
        for (unsigned i = 0, k = 0; i < count; i++) {
                if (fds[i] >= 0)
                        readable[i] = watched[k++].revents != 0;
        }
        curl_multi_perform(calls->multi, &running);
        take_finished(calls);
}
