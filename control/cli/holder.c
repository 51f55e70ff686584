#include "control/cli/holder.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define TTL_MS            15000
#define RENEW_PERIOD_MS   (TTL_MS / 3)
#define RETRY_MS          1000
#define REQUEST_TIMEOUT_S 30

uint64_t holder_now_ms(void)
{
        struct timespec now;

        // Goes on while the machine sleeps, as the servers' clocks do.
        clock_gettime(CLOCK_BOOTTIME, &now);
        return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

int holder_open(struct holder *h, const struct client_options *client, unsigned retries_max)
{
        sigset_t signals;

        *h = (struct holder){.client = client, .signal_fd = -1, .retries_max = retries_max};
        sigemptyset(&signals);
        sigaddset(&signals, SIGINT);
        sigaddset(&signals, SIGTERM);
        h->calls = calls_create();
        if (h->calls == NULL || sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
                return -ENOMEM;
        h->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
        return h->signal_fd < 0 ? -errno : 0;
}

bool holder_is_valid(const struct holder *h)
{
        return h->session[0] != '\0' && !h->session_gone && holder_now_ms() < h->valid_until_ms;
}

static void begin_renewal(struct holder *h)
{
        struct client_call call = {.method = "PUT", .timeout_s = TTL_MS / 1000};
        char path[128];

        snprintf(path, sizeof(path), "/v1/session/renew/%s", h->session);
        call.path = path;
        h->renew_sent_ms = holder_now_ms();
        h->renew_at_ms = UINT64_MAX;
        calls_begin(h->calls, h->client, &call, &h->renew);
}

static void end_renewal(struct holder *h)
{
        if (h->renew.result == 0 && h->renew.reply.status == 200) {
                // A server counts from when it heard of it, which was later.
                h->valid_until_ms = h->renew_sent_ms + TTL_MS;
                h->renew_at_ms = h->renew_sent_ms + RENEW_PERIOD_MS;
        } else {
                h->session_gone = h->renew.result == 0 && h->renew.reply.status == 404;
                h->renew_at_ms = holder_now_ms() + RETRY_MS;
        }
        calls_forget(h->calls, &h->renew);
}

bool holder_turn(struct holder *h, int fd, uint64_t until_ms)
{
        const int fds[] = {h->signal_fd, fd};
        bool readable[2];
        uint64_t now = holder_now_ms();
        bool alive = h->session[0] != '\0' && !h->session_gone;
        struct signalfd_siginfo info;

        if (alive && h->renew.exchange == NULL && now >= h->renew_at_ms)
                begin_renewal(h);
        if (alive && h->renew_at_ms < until_ms)
                until_ms = h->renew_at_ms;
        if (alive && h->valid_until_ms > now && h->valid_until_ms < until_ms)
                until_ms = h->valid_until_ms;
        if (until_ms > now + 60000)
                until_ms = now + 60000;
        calls_poll(h->calls, fds, readable, 2, until_ms > now ? (int)(until_ms - now) : 0);
        while (readable[0] && read(h->signal_fd, &info, sizeof(info)) == sizeof(info))
                h->interrupted = true;
        if (h->renew.done)
                end_renewal(h);
        return readable[1];
}

int holder_judge(struct holder *h, const struct pending *pending)
{
        const struct client_reply *reply = &pending->reply;

        if (pending->result < 0) {
                snprintf(h->error, sizeof(h->error), "%s", pending->error);
                return pending->result == -EINVAL ? -EINVAL : -EAGAIN;
        }
        if (reply->status == 200 || reply->status == 404)
                return 0;
        snprintf(h->error, sizeof(h->error), "Unexpected response code: %ld (%.400s)",
                 reply->status, reply->body);
        return reply->status >= 500 || reply->status == 429 ? -EAGAIN : -EPROTO;
}

int holder_ask(struct holder *h, const struct client_call *call, struct pending *pending)
{
        struct client_call timed = *call;

        if (timed.timeout_s == 0)
                timed.timeout_s = REQUEST_TIMEOUT_S;
        calls_begin(h->calls, h->client, &timed, pending);
        while (!pending->done && !h->interrupted)
                holder_turn(h, -1, UINT64_MAX);
        return pending->done ? holder_judge(h, pending) : -EINTR;
}

int holder_pause(struct holder *h, unsigned pause_ms)
{
        uint64_t until_ms = holder_now_ms() + pause_ms;

        while (holder_now_ms() < until_ms && !h->interrupted)
                holder_turn(h, -1, until_ms);
        return h->interrupted ? -EINTR : 0;
}

int holder_ask_again(struct holder *h, const struct client_call *call, struct pending *pending)
{
        int ret = holder_ask(h, call, pending);

        for (unsigned i = 0; ret == -EAGAIN && i < h->retries_max; i++) {
                calls_forget(h->calls, pending);
                ret = holder_pause(h, RETRY_MS);
                if (ret == 0)
                        ret = holder_ask(h, call, pending);
        }
        return ret;
}

int holder_create_session(struct holder *h, const char *name, const char *behavior)
{
        json_t *wanted =
                   json_pack("{s:s, s:s, s:s}", "Name", name, "TTL", "15s", "Behavior", behavior),
               *answer;
        char *body = json_dumps(wanted, JSON_COMPACT);
        struct client_call call = {.method = "PUT", .path = "/v1/session/create", .body = body};
        struct pending pending = {0};
        uint64_t sent_ms = holder_now_ms();
        const char *id;
        int ret = -ENOMEM;

        snprintf(h->error, sizeof(h->error), "out of memory");
        if (body != NULL) {
                call.body_length = strlen(body);
                ret = holder_ask(h, &call, &pending);
        }
        if (ret == 0) {
                answer = json_loadb(pending.reply.body, pending.reply.length, 0, NULL);
                id = json_string_value(json_object_get(answer, "ID"));
                if (id == NULL || strlen(id) >= sizeof(h->session)) {
                        snprintf(h->error, sizeof(h->error), "the answer names no session");
                        ret = -EPROTO;
                } else {
                        snprintf(h->session, sizeof(h->session), "%s", id);
                        h->valid_until_ms = sent_ms + TTL_MS;
                        h->renew_at_ms = sent_ms + RENEW_PERIOD_MS;
                }
                json_decref(answer);
        }
        calls_forget(h->calls, &pending);
        free(body);
        json_decref(wanted);
        return ret;
}

void holder_close(struct holder *h)
{
        struct client_call call = {.method = "PUT", .timeout_s = 5};
        char path[128], error[512];
        struct client_reply reply;

        if (h->calls != NULL)
                calls_forget(h->calls, &h->renew);
        if (h->session[0] != '\0' && !h->session_gone) {
                // It would end by itself, so that a failure needs no telling.
                snprintf(path, sizeof(path), "/v1/session/destroy/%s", h->session);
                call.path = path;
                if (client_send(h->client, &call, &reply, error, sizeof(error)) == 0)
                        free(reply.body);
        }
        calls_destroy(h->calls);
        if (h->signal_fd >= 0)
                close(h->signal_fd);
}
