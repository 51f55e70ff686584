#include "control/dns/resolver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/dns/message.h"
#include "control/dns/question.h"
#include "control/publisher/publisher.h"
#include "dataplane/dns/dns_query.h"
#include "dataplane/plane/plane.h"
#include "lictor/bytes.h"

struct dns_resolver {
        const struct lictor_dataplane *dataplane;
        struct publisher *publisher;
        struct recursor *recursor;
        struct dns_elsewhere elsewhere;
        struct dns_failover failover;
        struct dns_renewal renewal;
        bool recurses;
        struct dns_random random;
        struct dns_job *jobs;
};

// The host names an answer leads to, looked up one after the other.
struct dns_chase {
        struct dns_message_host hosts[DNS_MESSAGE_HOSTS_MAX];
        unsigned host_count;
        unsigned next;
        struct dns_message_taking taking;
        struct dns_message_added added;
};

static struct dns_env make_env(struct dns_job *job, bool answer_all)
{
        struct dns_resolver *resolver = job->resolver;

        return (struct dns_env){
            .zone = plane_zone(resolver->dataplane),
            .table = plane_table(resolver->dataplane),
            .random = &resolver->random,
            .now_s = (uint32_t)time(NULL),
            .transport = job->transport,
            .follow_aliases = true,
            .answer_all = answer_all,
            .when_stale = job->when_stale,
            .unreached = job->unreached,
        };
}

// Answer from the table once more; with answer_all there is an answer to everything.
static void respond(struct dns_job *job, bool answer_all)
{
        struct dns_env env;

        lictor_reader_online();
        env = make_env(job, answer_all);
        dns_respond_burst(&env, &job->message, 1);
        lictor_reader_offline();
}

static void finish(struct dns_job *job)
{
        if (job->link != NULL) {
                *job->link = job->next;
                if (job->next != NULL)
                        job->next->link = job->link;
                job->link = NULL;
        }
        free(job->chase);
        job->chase = NULL;
        job->call = NULL;
        job->done(job);
}

// What the client takes, and how many records a plain answer may have.
static struct dns_message_limits limits_of(struct dns_job *job)
{
        const struct dns_zone *zone = plane_zone(job->resolver->dataplane);
        struct dns_message_limits limits = {.size = job->message.capacity,
                                            .answer_max = UINT16_MAX,
                                            .compress = !zone->disable_compression};
        unsigned udp_size;

        if (job->transport != DNS_UDP)
                return limits;
        udp_size = dns_message_udp_size(job->message.data, job->message.length);
        if (udp_size <= DNS_UDP_PLAIN_MAX) {
                limits.answer_max = zone->udp_answer_limit;
                limits.size = limits.size < DNS_UDP_PLAIN_MAX ? limits.size : DNS_UDP_PLAIN_MAX;
        } else if (udp_size < limits.size) {
                limits.size = udp_size;
        }
        return limits;
}

static void ask_next_host(struct dns_job *job);

static void add_found(struct dns_job *job)
{
        struct dns_message_limits limits;
        uint8_t *bytes = malloc(job->message.capacity);
        size_t len = 0;

        lictor_reader_online();
        limits = limits_of(job);
        if (bytes != NULL)
                len = dns_message_add(job->message.data, job->message.length, &job->chase->added,
                                      &limits, bytes);
        lictor_reader_offline();
        // What could not be added to is an answer all the same.
        if (len > 0) {
                memcpy(job->message.data, bytes, len);
                job->message.length = (uint16_t)len;
        }
        free(bytes);
        finish(job);
}

static void on_host_answer(void *arg, const uint8_t *answer, size_t len)
{
        struct dns_job *job = arg;
        const struct dns_message_host *host = &job->chase->hosts[job->chase->next - 1];

        job->call = NULL;
        if (answer != NULL) {
                job->chase->taking.beside = host->is_target;
                dns_message_gather(answer, len, &job->chase->taking, &job->chase->added);
        }
        ask_next_host(job);
}

static void ask_next_host(struct dns_job *job)
{
        struct dns_chase *chase = job->chase;

        while (chase->next < chase->host_count) {
                uint8_t query[300];
                size_t len = dns_message_ask(&chase->hosts[chase->next++], query);

                job->call = recursor_ask(job->resolver->recursor, query, len,
                                         job->transport == DNS_TCP, true, on_host_answer, job);
                if (job->call != NULL)
                        return;
        }
        add_found(job);
}

// Follow what the answer leads to, or be done.
static void chase_hosts(struct dns_job *job)
{
        struct dns_resolver *resolver = job->resolver;
        struct dns_chase *chase;

        if (!resolver->recurses || job->message.verdict != DNS_ANSWERED) {
                finish(job);
                return;
        }
        chase = calloc(1, sizeof(*chase));
        if (chase != NULL) {
                lictor_reader_online();
                chase->host_count =
                    dns_message_open_hosts(plane_zone(resolver->dataplane), job->message.data,
                                           job->message.length, chase->hosts);
                dns_message_taking_init(plane_zone(resolver->dataplane), job->message.data,
                                        job->message.length, &chase->taking);
                lictor_reader_offline();
        }
        job->chase = chase;
        if (chase == NULL || chase->host_count == 0)
                finish(job);
        else
                ask_next_host(job);
}

// The answer of another name server as the client may have it.
static void pass_on(struct dns_job *job, const uint8_t *answer, size_t len)
{
        struct dns_message_limits limits;

        lictor_reader_online();
        limits = limits_of(job);
        lictor_reader_offline();
        if (len > limits.size) {
                // Only the question: the client asks again over TCP.
                uint16_t flags = load_be16(answer + 2) | DNS_FLAG_TC;

                store_be16(job->message.data + 2, flags);
                memset(job->message.data + 6, 0, DNS_HEADER_LENGTH - 6);
                len = DNS_HEADER_LENGTH;
                while (job->message.data[len] != 0)
                        len += job->message.data[len] + 1u;
                job->message.length = (uint16_t)(len + 5);
        } else {
                memcpy(job->message.data, answer, len);
                job->message.length = (uint16_t)len;
        }
        job->message.rcode = answer[3] & 15;
        job->message.verdict = DNS_ANSWERED;
}

static void on_answer(void *arg, const uint8_t *answer, size_t len)
{
        struct dns_job *job = arg;

        job->call = NULL;
        if (answer != NULL)
                pass_on(job, answer, len);
        else
                respond(job, true);
        finish(job);
}

// For as long as it takes to answer, the table has the query's entry; it is a true answer, so
// that other readers may see it, too.
static void answer_query(struct dns_job *job, const char *name, bool published)
{
        respond(job, true);
        if (published)
                publisher_withdraw_template(job->resolver->publisher, name);
        chase_hosts(job);
}

static void on_failover(void *arg, const struct json_t *answer)
{
        struct dns_job *job = arg;
        char name[DNS_NAME_MAX];
        bool published = false;

        job->failover = NULL;
        if (!dns_question_query(job->resolver->dataplane, &job->message, name)) {
                // The zone has changed meanwhile.
                respond(job, true);
                finish(job);
                return;
        }
        if (answer != NULL)
                published = publisher_publish_answer(job->resolver->publisher, name, answer);
        answer_query(job, name, published);
}

static void resolve_query(struct dns_job *job, const char *name)
{
        const struct dns_failover *failover = &job->resolver->failover;
        struct publisher *publisher = job->resolver->publisher;
        bool published = publisher != NULL && publisher_publish_template(publisher, name);

        if (!published && publisher != NULL && failover->ask != NULL)
                job->failover = failover->ask(failover->arg, name, on_failover, job);
        if (job->failover == NULL)
                answer_query(job, name, published);
}

static void on_elsewhere(void *arg, const uint8_t *answer, size_t len)
{
        struct dns_job *job = arg;

        job->elsewhere = NULL;
        job->unreached = answer == NULL || len < DNS_HEADER_LENGTH;
        if (!job->unreached)
                pass_on(job, answer, len);
        else
                respond(job, true);
        finish(job);
}

// returns  false when the name is of no other datacenter.
static bool ask_elsewhere(struct dns_job *job)
{
        const struct dns_elsewhere *elsewhere = &job->resolver->elsewhere;
        char datacenter[64];

        if (!dns_question_datacenter(job->resolver->dataplane, &job->message, datacenter))
                return false;
        if (elsewhere->ask != NULL)
                job->elsewhere = elsewhere->ask(elsewhere->arg, datacenter, job->transport,
                                                &job->message, on_elsewhere, job);
        if (job->elsewhere == NULL) {
                respond(job, true);
                finish(job);
        }
        return true;
}

static void resolve(struct dns_job *job)
{
        char name[DNS_NAME_MAX];

        if (dns_question_query(job->resolver->dataplane, &job->message, name)) {
                resolve_query(job, name);
                return;
        }
        if (ask_elsewhere(job))
                return;
        job->call = recursor_ask(job->resolver->recursor, job->message.data, job->message.length,
                                 job->transport == DNS_TCP, false, on_answer, job);
        if (job->call == NULL) {
                respond(job, true);
                finish(job);
        }
}

// It outlives a job that ends first.
struct dns_job_wait {
        struct dns_job *job; // NULL when nobody waits any more
};

static void on_renewed(void *arg, const char *error)
{
        struct dns_job_wait *wait = arg;
        struct dns_job *job = wait->job;

        free(wait);
        if (job == NULL)
                return;
        job->wait = NULL;
        job->when_stale = error == NULL ? DNS_STALE_ANSWER : DNS_STALE_FAIL;
        respond(job, error != NULL);
        if (job->message.verdict == DNS_PUNT)
                resolve(job);
        else
                chase_hosts(job);
}

static void renew(struct dns_job *job)
{
        const struct dns_renewal *renewal = &job->resolver->renewal;

        job->wait = malloc(sizeof(*job->wait));
        if (job->wait == NULL || renewal->wait == NULL) {
                free(job->wait);
                job->wait = NULL;
                job->when_stale = DNS_STALE_FAIL;
                respond(job, true);
                finish(job);
                return;
        }
        job->wait->job = job;
        renewal->wait(renewal->arg, on_renewed, job->wait);
}

bool dns_resolver_wants(const struct dns_resolver *resolver, const struct dns_message *message)
{
        struct dns_message_host hosts[DNS_MESSAGE_HOSTS_MAX];
        bool open;

        if (message->verdict == DNS_PUNT)
                return true;
        if (message->verdict != DNS_ANSWERED || !resolver->recurses)
                return false;
        lictor_reader_online();
        open = dns_message_open_hosts(plane_zone(resolver->dataplane), message->data,
                                      message->length, hosts) > 0;
        lictor_reader_offline();
        return open;
}

void dns_resolver_take(struct dns_resolver *resolver, struct dns_job *job)
{
        job->resolver = resolver;
        job->call = NULL;
        job->elsewhere = NULL;
        job->unreached = false;
        job->failover = NULL;
        job->wait = NULL;
        job->when_stale = DNS_STALE_PUNT;
        job->chase = NULL;
        job->next = resolver->jobs;
        job->link = &resolver->jobs;
        if (job->next != NULL)
                job->next->link = &job->next;
        resolver->jobs = job;
        if (job->message.verdict != DNS_PUNT)
                chase_hosts(job);
        else if (dns_question_is_stale(resolver->dataplane, &job->message))
                renew(job);
        else
                resolve(job);
}

int dns_resolver_start(uv_loop_t *loop, const struct dns_resolver_config *config,
                       struct dns_resolver **out)
{
        struct dns_resolver *resolver = calloc(1, sizeof(*resolver));
        struct dns_responder seeded;
        int ret;

        if (resolver == NULL)
                return -ENOMEM;
        ret = dns_responder_init(&seeded, config->dataplane);
        if (ret == 0)
                ret = recursor_create(loop, &config->recursors, &resolver->recursor);
        if (ret < 0) {
                free(resolver);
                return ret;
        }
        resolver->random = seeded.random;
        resolver->dataplane = config->dataplane;
        resolver->publisher = config->publisher;
        resolver->elsewhere = config->elsewhere;
        resolver->failover = config->failover;
        resolver->renewal = config->renewal;
        resolver->recurses = config->recursors.server_count > 0;
        *out = resolver;
        return 0;
}

int dns_resolver_configure(struct dns_resolver *resolver, const struct recursor_config *recursors)
{
        int ret = recursor_configure(resolver->recursor, recursors);

        if (ret == 0)
                resolver->recurses = recursors->server_count > 0;
        return ret;
}

void dns_resolver_stats(const struct dns_resolver *resolver, struct recursor_stats *out)
{
        recursor_stats(resolver->recursor, out);
}

void dns_resolver_stop(struct dns_resolver *resolver)
{
        if (resolver == NULL)
                return;
        while (resolver->jobs != NULL) {
                struct dns_job *job = resolver->jobs;

                recursor_cancel(job->call);
                if (job->elsewhere != NULL)
                        resolver->elsewhere.cancel(job->elsewhere);
                if (job->wait != NULL)
                        job->wait->job = NULL;
                if (job->failover != NULL)
                        resolver->failover.cancel(job->failover);
                job->message.verdict = DNS_DROP_NO_ROOM;
                finish(job);
        }
        recursor_destroy(resolver->recursor);
        free(resolver);
}
