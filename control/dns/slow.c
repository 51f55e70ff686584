#include "control/dns/slow.h"

#include <errno.h>
#include <stdlib.h>

// Bursts answered before other events get their turn.
#define BURSTS_PER_TURN 16u

struct dns_slow {
        uv_poll_t poll;
        struct runtime *runtime;
        struct dns_responder responder;
        struct dns_resolver *resolver;
};

// A query on its way through the resolver.
struct slow_job {
        struct dns_job job;
        struct runtime_slow_query *query;
        struct dns_slow *slow;
};

static void on_resolved(struct dns_job *done)
{
        struct slow_job *job = (struct slow_job *)done;

        job->query->message = done->message;
        runtime_slow_reply(job->slow->runtime, job->query);
        free(job);
}

static void resolve(struct dns_slow *slow, struct runtime_slow_query *query)
{
        struct slow_job *job = malloc(sizeof(*job));

        if (job == NULL) {
                query->message.verdict = DNS_DROP_NO_ROOM;
                runtime_slow_reply(slow->runtime, query);
                return;
        }
        *job = (struct slow_job){
            .job = {.message = query->message, .transport = DNS_UDP, .done = on_resolved},
            .query = query,
            .slow = slow,
        };
        dns_resolver_take(slow->resolver, &job->job);
}

static unsigned answer_burst(struct dns_slow *slow)
{
        struct runtime_slow_query *queries[SVC_BURST_MAX];
        struct dns_message messages[SVC_BURST_MAX];
        unsigned count = runtime_slow_take(slow->runtime, queries, SVC_BURST_MAX);

        for (unsigned i = 0; i < count; i++)
                messages[i] = queries[i]->message;
        if (count > 0)
                dns_responder_answer(&slow->responder, DNS_UDP, messages, count);
        for (unsigned i = 0; i < count; i++) {
                queries[i]->message = messages[i];
                if (dns_resolver_wants(slow->resolver, &messages[i]))
                        resolve(slow, queries[i]);
                else
                        runtime_slow_reply(slow->runtime, queries[i]);
        }
        return count;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
        struct dns_slow *slow = poll->data;

        (void)events;
        if (status < 0)
                return;
        for (unsigned i = 0; i < BURSTS_PER_TURN; i++) {
                if (answer_burst(slow) == 0)
                        return;
        }
}

int dns_slow_start(uv_loop_t *loop, struct runtime *runtime,
                   const struct lictor_dataplane *dataplane, struct dns_resolver *resolver,
                   struct dns_slow **out)
{
        struct dns_slow *slow = calloc(1, sizeof(*slow));
        int ret;

        if (slow == NULL)
                return -ENOMEM;
        slow->runtime = runtime;
        slow->poll.data = slow;
        slow->resolver = resolver;
        ret = dns_responder_init(&slow->responder, dataplane);
        if (ret < 0)
                goto free_slow;
        ret = uv_poll_init(loop, &slow->poll, runtime_slow_fd(runtime));
        if (ret < 0)
                goto free_slow;
        ret = uv_poll_start(&slow->poll, UV_READABLE, on_readable);
        if (ret < 0) {
                dns_slow_stop(slow);
                return ret;
        }
        *out = slow;
        return 0;
free_slow:
        free(slow);
        return ret;
}

static void on_closed(uv_handle_t *handle)
{
        free(handle->data);
}

void dns_slow_stop(struct dns_slow *slow)
{
        if (slow == NULL)
                return;
        uv_poll_stop(&slow->poll);
        uv_close((uv_handle_t *)&slow->poll, on_closed);
}
