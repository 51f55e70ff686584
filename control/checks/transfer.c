#include "control/checks/transfer.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define IDLE_MAX 64
/* libcurl reads all the system's authorities anew for each connection over TLS, megabytes that the
 * heap keeps; a large process would be held up by giving back what is little to it. */
#define TRIM_INTERVAL_MS  1000u
#define TRIM_RESIDENT_MAX (64u << 20)

struct transfer {
        struct transfers *transfers;
        struct transfer *next_idle;
        CURL *easy;
        transfer_done_fn done;
        void *arg;
        bool is_under_way;
        char error[CURL_ERROR_SIZE];
};

struct transfers {
        uv_loop_t *loop;
        CURLM *multi;
        uv_timer_t timer;
        struct transfer *idle;
        unsigned idle_count;
        char *no_proxy;
        uint64_t trim_after_ms;
};

// One watched socket of libcurl.
struct watch {
        uv_poll_t poll;
        struct transfers *transfers;
        curl_socket_t socket;
};

static void tell_done(struct transfers *transfers)
{
        CURLMsg *message;
        int left;

        while ((message = curl_multi_info_read(transfers->multi, &left)) != NULL) {
                CURLcode result = message->data.result;
                char *private = NULL;
                struct transfer *transfer;

                if (message->msg != CURLMSG_DONE)
                        continue;
                curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
                transfer = (struct transfer *)(void *)private;
                curl_multi_remove_handle(transfers->multi, transfer->easy);
                transfer->is_under_way = false;
                transfer->done(transfer->arg, result);
        }
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
        struct watch *watch = poll->data;
        struct transfers *transfers = watch->transfers;
        // An error is libcurl's to find: it asks the socket why.
        int flags = status < 0 ? CURL_CSELECT_IN | CURL_CSELECT_OUT : 0, running;

        if (events & UV_READABLE)
                flags |= CURL_CSELECT_IN;
        if (events & UV_WRITABLE)
                flags |= CURL_CSELECT_OUT;
        curl_multi_socket_action(transfers->multi, watch->socket, flags, &running);
        tell_done(transfers);
}

static void on_timer(uv_timer_t *timer)
{
        struct transfers *transfers = timer->data;
        int running;

        curl_multi_socket_action(transfers->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        tell_done(transfers);
}

static int set_timer(CURLM *multi, long timeout_ms, void *arg)
{
        struct transfers *transfers = arg;

        (void)multi;
        if (timeout_ms < 0)
                uv_timer_stop(&transfers->timer);
        else
                uv_timer_start(&transfers->timer, on_timer, (uint64_t)timeout_ms, 0);
        return 0;
}

static void free_handle(uv_handle_t *handle)
{
        free(handle->data);
}

static int watch_socket(CURL *easy, curl_socket_t socket, int what, void *arg, void *assigned)
{
        struct transfers *transfers = arg;
        struct watch *watch = assigned;
        int events = 0;

        (void)easy;
        if (what == CURL_POLL_REMOVE) {
                if (watch != NULL)
                        uv_close((uv_handle_t *)&watch->poll, free_handle);
                curl_multi_assign(transfers->multi, socket, NULL);
                return 0;
        }
        if (watch == NULL) {
                watch = calloc(1, sizeof(*watch));
                if (watch == NULL)
                        return -1;
                if (uv_poll_init_socket(transfers->loop, &watch->poll, socket) < 0) {
                        free(watch);
                        return -1;
                }
                watch->poll.data = watch;
                watch->transfers = transfers;
                watch->socket = socket;
                curl_multi_assign(transfers->multi, socket, watch);
        }
        if (what & CURL_POLL_IN)
                events |= UV_READABLE;
        if (what & CURL_POLL_OUT)
                events |= UV_WRITABLE;
        return uv_poll_start(&watch->poll, events, on_socket) < 0 ? -1 : 0;
}

// What runs on this host is never asked for through a proxy.
static char *make_no_proxy(void)
{
        const char *given = getenv("no_proxy");
        char *text;

        if (given == NULL)
                given = getenv("NO_PROXY");
        if (asprintf(&text, "localhost,127.0.0.1,::1%s%s", given != NULL ? "," : "",
                     given != NULL ? given : "") < 0)
                return NULL;
        return text;
}

int transfers_create(uv_loop_t *loop, struct transfers **out)
{
        struct transfers *transfers = calloc(1, sizeof(*transfers));
        int ret = -ENOMEM;

        if (transfers == NULL)
                return ret;
        transfers->loop = loop;
        transfers->no_proxy = make_no_proxy();
        if (transfers->no_proxy == NULL)
                goto free_transfers;
        ret = uv_timer_init(loop, &transfers->timer);
        if (ret < 0)
                goto free_no_proxy;
        transfers->timer.data = transfers;
        *out = transfers;
        return 0;
free_no_proxy:
        free(transfers->no_proxy);
free_transfers:
        free(transfers);
        return ret;
}

// libcurl takes its memory when something is to be transferred.
static bool start_library(struct transfers *transfers)
{
        if (transfers->multi != NULL)
                return true;
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return false;
        transfers->multi = curl_multi_init();
        if (transfers->multi == NULL) {
                curl_global_cleanup();
                return false;
        }
        curl_multi_setopt(transfers->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
        curl_multi_setopt(transfers->multi, CURLMOPT_SOCKETDATA, transfers);
        curl_multi_setopt(transfers->multi, CURLMOPT_TIMERFUNCTION, set_timer);
        curl_multi_setopt(transfers->multi, CURLMOPT_TIMERDATA, transfers);
        return true;
}

static void free_transfer(struct transfer *transfer)
{
        curl_easy_cleanup(transfer->easy);
        free(transfer);
}

void transfers_destroy(struct transfers *take_transfers)
{
        struct transfers *transfers = take_transfers;

        while (transfers->idle != NULL) {
                struct transfer *transfer = transfers->idle;

                transfers->idle = transfer->next_idle;
                free_transfer(transfer);
        }
        if (transfers->multi != NULL) {
                curl_multi_cleanup(transfers->multi);
                curl_global_cleanup();
        }
        free(transfers->no_proxy);
        uv_close((uv_handle_t *)&transfers->timer, free_handle);
}

static struct transfer *take_idle(struct transfers *transfers)
{
        struct transfer *transfer = transfers->idle;

        if (transfer != NULL) {
                transfers->idle = transfer->next_idle;
                transfers->idle_count--;
                return transfer;
        }
        transfer = calloc(1, sizeof(*transfer));
        if (transfer == NULL)
                return NULL;
        transfer->easy = curl_easy_init();
        if (transfer->easy == NULL) {
                free(transfer);
                return NULL;
        }
        transfer->transfers = transfers;
        return transfer;
}

struct transfer *transfer_create(struct transfers *transfers, transfer_done_fn done, void *arg)
{
        struct transfer *transfer = start_library(transfers) ? take_idle(transfers) : NULL;

        if (transfer == NULL)
                return NULL;
        transfer->done = done;
        transfer->arg = arg;
        transfer->error[0] = '\0';
        curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
        curl_easy_setopt(transfer->easy, CURLOPT_ERRORBUFFER, transfer->error);
        curl_easy_setopt(transfer->easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(transfer->easy, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(transfer->easy, CURLOPT_FORBID_REUSE, 1L);
        curl_easy_setopt(transfer->easy, CURLOPT_NOPROXY, transfers->no_proxy);
        return transfer;
}

CURL *transfer_handle(struct transfer *transfer)
{
        return transfer->easy;
}

void transfer_set_trust(struct transfer *transfer, bool verifies)
{
        curl_easy_setopt(transfer->easy, CURLOPT_SSL_VERIFYPEER, verifies ? 1L : 0L);
        curl_easy_setopt(transfer->easy, CURLOPT_SSL_VERIFYHOST, verifies ? 2L : 0L);
        // It would read them all the same.
        if (!verifies) {
                curl_easy_setopt(transfer->easy, CURLOPT_CAINFO, NULL);
                curl_easy_setopt(transfer->easy, CURLOPT_CAPATH, NULL);
        }
}

int transfer_begin(struct transfer *transfer)
{
        if (curl_multi_add_handle(transfer->transfers->multi, transfer->easy) != CURLM_OK)
                return -ENOMEM;
        transfer->is_under_way = true;
        return 0;
}

static void trim_heap(struct transfers *transfers)
{
        uint64_t now_ms = uv_now(transfers->loop);
        size_t resident;

        if (now_ms < transfers->trim_after_ms)
                return;
        transfers->trim_after_ms = now_ms + TRIM_INTERVAL_MS;
        if (uv_resident_set_memory(&resident) == 0 && resident < TRIM_RESIDENT_MAX)
                malloc_trim(0);
}

void transfer_end(struct transfer *take_transfer)
{
        struct transfers *transfers = take_transfer->transfers;
        char *scheme = NULL;

        if (take_transfer->is_under_way)
                curl_multi_remove_handle(transfers->multi, take_transfer->easy);
        take_transfer->is_under_way = false;
        curl_easy_getinfo(take_transfer->easy, CURLINFO_SCHEME, &scheme);
        if (scheme != NULL && strcasecmp(scheme, "https") == 0)
                trim_heap(transfers);
        if (transfers->idle_count == IDLE_MAX) {
                free_transfer(take_transfer);
                return;
        }
        curl_easy_reset(take_transfer->easy);
        take_transfer->next_idle = transfers->idle;
        transfers->idle = take_transfer;
        transfers->idle_count++;
}

const char *transfer_error(const struct transfer *transfer)
{
        return transfer->error;
}
