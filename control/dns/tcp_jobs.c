#include <stdlib.h>
#include <string.h>

#include "control/dns/tcp_internal.h"

// A query the resolver has. It outlives its connection.
struct tcp_job {
        struct dns_job job;
        struct tcp_connection *connection; // NULL once that is closed
        struct tcp_job *next, **link;
        bool is_starting; // the answer came before anybody waited for it
        bool is_done;
        uint8_t bytes[TCP_PREFIX + TCP_MESSAGE_MAX];
};

static void unlink_job(struct tcp_job *job)
{
        *job->link = job->next;
        if (job->next != NULL)
                job->next->link = job->link;
        job->connection->job_count--;
        job->connection = NULL;
}

// Returns a negative error when the connection is to be closed.
static int deliver(struct tcp_job *job)
{
        struct tcp_connection *c = job->connection;
        int ret = UV_EPROTO;

        if (job->job.message.verdict == DNS_ANSWERED)
                ret = tcp_connection_send(c, &job->job.message);
        unlink_job(job);
        return ret;
}

static void on_resolved(struct dns_job *done)
{
        struct tcp_job *job = (struct tcp_job *)done;
        struct tcp_connection *c = job->connection;

        job->is_done = true;
        if (job->is_starting)
                return;
        if (c != NULL && deliver(job) < 0)
                tcp_connection_close(c);
        else if (c != NULL)
                tcp_connection_continue(c);
        free(job);
}

int tcp_connection_resolve(struct tcp_connection *c, const struct dns_message *message)
{
        struct tcp_job *job = malloc(sizeof(*job));
        int ret = 0;

        if (job == NULL)
                return UV_ENOMEM;
        job->job = (struct dns_job){.message = *message, .transport = DNS_TCP, .done = on_resolved};
        job->job.message.data = job->bytes + TCP_PREFIX;
        memcpy(job->job.message.data, message->data, message->length);
        job->is_done = false;
        job->is_starting = true;
        job->connection = c;
        job->next = c->jobs;
        job->link = &c->jobs;
        if (job->next != NULL)
                job->next->link = &job->next;
        c->jobs = job;
        c->job_count++;
        dns_resolver_take(c->tcp->resolver, &job->job);
        job->is_starting = false;
        if (job->is_done) {
                ret = deliver(job);
                free(job);
        }
        return ret;
}

void tcp_connection_forget_jobs(struct tcp_connection *c)
{
        while (c->jobs != NULL)
                unlink_job(c->jobs);
}
