// Answers while the registry changes: one reader answers random A and SRV questions as fast as it
// can, and the writer replaces entries meanwhile, 10,000 a second. Each version of a service has
// its number in the address and in the port, so an answer tells which version it was made from. It
// must be one the writer had published by then, whole, and never older than one already seen.
//
// Writes one JSON object on standard output. Rounds alternate without changes, with changes, and
// with changes and every answer checked.

#include <arpa/inet.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "bench/micro/cycles.h"
#include "dataplane/dns/dns_burst.h"
#include "dataplane/plane/plane.h"
#include "lictor/bytes.h"
#include "lictor/dataplane.h"

enum {
        QUESTIONS = 1 << 16,
        QUESTION_BYTES = 64,
        BUFFER_BYTES = 1024,
        CHANGES_PER_MS = 10,
        ROUNDS = 7,
        ROUND_MS = 1500
};

struct question {
        uint8_t bytes[QUESTION_BYTES];
        uint32_t service;
        uint16_t length;
        bool is_srv;
};

struct version {
        _Atomic uint32_t begun;     // the writer may be publishing this one
        _Atomic uint32_t published; // every reader sees at least this one
        uint32_t seen;              // the reader's own
};

struct bench {
        struct lictor_dataplane *dp;
        struct version *versions;
        struct question *questions;
        uint32_t services;
        uint64_t random;

        _Alignas(LICTOR_CACHE_LINE) _Atomic uint64_t answered; // the reader writes these
        _Atomic uint64_t checked;
        _Atomic uint64_t wrong;
        _Alignas(LICTOR_CACHE_LINE) atomic_bool check; // the writer writes these
        atomic_bool stop;
};

static void die(const char *what)
{
        fprintf(stderr, "churn: %s failed\n", what);
        exit(1);
}

static void pin(int cpu)
{
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET((size_t)cpu, &set);
        // Where there is one processor only, the figures say little, but the answers are checked.
        (void)sched_setaffinity(0, sizeof(set), &set);
}

static void publish(struct bench *b, uint32_t service, uint32_t version)
{
        const uint32_t address = htonl(version);
        char name[16];
        struct lictor_instance instance = {
            .node = "node", .target_by_address = true, .port = (uint16_t)version, .weight = 1};
        const struct lictor_service entry = {.kind = LICTOR_SERVICE,
                                             .name = name,
                                             .tag = "",
                                             .instances = &instance,
                                             .instance_count = 1};

        snprintf(name, sizeof(name), "s%07" PRIu32, service);
        instance.ipv4.family = 4;
        memcpy(instance.ipv4.bytes, &address, sizeof(address));
        instance.any = instance.ipv4;
        if (lictor_service_set(b->dp, &entry) < 0)
                die("lictor_service_set");
}

static void make_questions(struct bench *b)
{
        for (uint32_t i = 0; i < QUESTIONS; i++) {
                struct question *q = &b->questions[i];
                char name[16];

                q->service = (uint32_t)(random_next(&b->random) >> 32) % b->services;
                q->is_srv = random_next(&b->random) >> 63;
                snprintf(name, sizeof(name), "\010s%07" PRIu32, q->service);
                store_be16(q->bytes, (uint16_t)i);
                q->bytes[2] = 1; // recursion desired
                q->bytes[5] = 1; // one question
                memcpy(q->bytes + DNS_HEADER_LENGTH, name, 9);
                memcpy(q->bytes + DNS_HEADER_LENGTH + 9, "\7service\6consul", 16);
                store_be16(q->bytes + DNS_HEADER_LENGTH + 25, q->is_srv ? 33 : 1);
                store_be16(q->bytes + DNS_HEADER_LENGTH + 27, 1);
                q->length = DNS_HEADER_LENGTH + 29;
        }
}

// The version an answer was made from; 0, which is never published, for what is no whole answer.
static uint32_t answered_version(const struct question *q, const struct dns_message *m)
{
        // Owner name as a pointer, type, class, TTL, length, priority and weight stand before it.
        const size_t port_at = q->length + 2u + 8u + 2u + 4u;
        uint32_t version;

        if (m->verdict != DNS_ANSWERED || m->rcode != 0 || memcmp(m->data, q->bytes, 2) != 0 ||
            load_be16(m->data + 6) != 1 || m->length < port_at)
                return 0;
        // The address ends the message, as the answer or as the SRV target's additional record.
        version = load_be32(m->data + m->length - 4);
        if (q->is_srv && load_be16(m->data + port_at) != (uint16_t)version)
                return 0;
        return version;
}

static void check_answer(struct bench *b, const struct question *q, const struct dns_message *m,
                         uint32_t least)
{
        struct version *v = &b->versions[q->service];
        const uint32_t version = answered_version(q, m);

        if (version < least || version < v->seen ||
            version > atomic_load_explicit(&v->begun, memory_order_acquire)) {
                if (atomic_fetch_add(&b->wrong, 1) < 10)
                        fprintf(stderr,
                                "churn: service %" PRIu32 ": version %" PRIu32
                                " in the answer, at least %" PRIu32 " was due\n",
                                q->service, version, least > v->seen ? least : v->seen);
        } else {
                v->seen = version;
        }
}

static void answer_burst(struct bench *b, const struct dns_env *env, size_t first, bool check,
                         uint8_t (*buffers)[BUFFER_BYTES])
{
        struct dns_message messages[SVC_BURST_MAX];
        uint32_t least[SVC_BURST_MAX];

        for (size_t i = 0; i < SVC_BURST_MAX; i++) {
                const struct question *q = &b->questions[first + i];

                memcpy(buffers[i], q->bytes, QUESTION_BYTES);
                messages[i] = (struct dns_message){
                    .data = buffers[i], .length = q->length, .capacity = BUFFER_BYTES};
                if (check)
                        least[i] = atomic_load_explicit(&b->versions[q->service].published,
                                                        memory_order_acquire);
        }
        dns_respond_burst(env, messages, SVC_BURST_MAX);
        if (!check)
                return;
        for (size_t i = 0; i < SVC_BURST_MAX; i++)
                check_answer(b, &b->questions[first + i], &messages[i], least[i]);
        atomic_fetch_add_explicit(&b->checked, SVC_BURST_MAX, memory_order_relaxed);
}

static void *read_forever(void *argument)
{
        static uint8_t buffers[SVC_BURST_MAX][BUFFER_BYTES];
        struct bench *b = argument;
        struct dns_random random = {.state = 1};
        size_t first = 0;

        pin((int)sysconf(_SC_NPROCESSORS_ONLN) - 1);
        lictor_reader_register();
        while (!atomic_load_explicit(&b->stop, memory_order_relaxed)) {
                const struct dns_env env = {.zone = plane_zone(b->dp),
                                            .table = plane_table(b->dp),
                                            .random = &random,
                                            .now_s = 1700000000,
                                            .transport = DNS_UDP};
                const bool check = atomic_load_explicit(&b->check, memory_order_relaxed);

                answer_burst(b, &env, first, check, buffers);
                lictor_reader_quiescent();
                atomic_fetch_add_explicit(&b->answered, SVC_BURST_MAX, memory_order_relaxed);
                first = (first + SVC_BURST_MAX) % QUESTIONS;
        }
        lictor_reader_unregister();
        return NULL;
}

static void change_some(struct bench *b, unsigned count)
{
        for (unsigned i = 0; i < count; i++) {
                const uint32_t service = (uint32_t)(random_next(&b->random) >> 32) % b->services;
                struct version *v = &b->versions[service];
                const uint32_t next = atomic_load(&v->published) + 1;

                atomic_store(&v->begun, next);
                publish(b, service, next);
                atomic_store(&v->published, next);
        }
        lictor_commit(b->dp);
}

// One round: answers a second, and how many changes were made in it.
static double run_round(struct bench *b, bool change, bool check, uint64_t *changes)
{
        const struct timespec pause = {.tv_nsec = 200000};
        const uint64_t start_ns = clock_now_ns();
        uint64_t answered, elapsed_ms, done_ms = 0;

        atomic_store(&b->check, check);
        answered = atomic_load(&b->answered);
        while ((elapsed_ms = (clock_now_ns() - start_ns) / 1000000) < ROUND_MS) {
                for (; change && done_ms < elapsed_ms; done_ms++) {
                        change_some(b, CHANGES_PER_MS);
                        *changes += CHANGES_PER_MS;
                }
                nanosleep(&pause, NULL);
        }
        answered = atomic_load(&b->answered) - answered;
        return (double)answered * 1e9 / (double)(clock_now_ns() - start_ns);
}

static int compare_rates(const void *a, const void *b)
{
        const double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

static double median_rate(double rates[ROUNDS])
{
        qsort(rates, ROUNDS, sizeof(rates[0]), compare_rates);
        return rates[ROUNDS / 2];
}

static int measure(struct bench *b)
{
        double quiet[ROUNDS], changing[ROUNDS];
        uint64_t changes = 0, wrong;

        for (int i = 0; i < ROUNDS; i++) {
                quiet[i] = run_round(b, false, false, &changes);
                changing[i] = run_round(b, true, false, &changes);
                (void)run_round(b, true, true, &changes);
                fprintf(stderr, "round %d/%d: %.2f M/s quiet, %.2f M/s with changes\n", i + 1,
                        ROUNDS, quiet[i] / 1e6, changing[i] / 1e6);
        }
        wrong = atomic_load(&b->wrong);
        printf("{\"bench\":\"churn\",\"services\":%" PRIu32 ",\"changes\":%" PRIu64
               ",\"changes_per_second\":%.0f,\"quiet_rate\":%.0f,\"churn_rate\":%.0f,\"cost\":%.4f"
               ",\"checked\":%" PRIu64 ",\"wrong\":%" PRIu64 "}\n",
               b->services, changes, (double)changes * 1000 / (2.0 * ROUNDS * ROUND_MS),
               median_rate(quiet), median_rate(changing),
               1 - median_rate(changing) / median_rate(quiet), atomic_load(&b->checked), wrong);
        return wrong == 0 && atomic_load(&b->checked) > 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
        static const struct lictor_zone zone = {.domain = "consul",
                                                .datacenter = "dc1",
                                                .soa = {3600, 600, 86400, 0},
                                                .udp_answer_limit = 3};
        static struct bench bench = {.random = 88172645463325252u};
        pthread_t reader;
        int ret;

        bench.services = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 100000;
        bench.versions = calloc(bench.services, sizeof(*bench.versions));
        bench.questions = calloc(QUESTIONS, sizeof(*bench.questions));
        if (bench.versions == NULL || bench.questions == NULL ||
            lictor_dataplane_create(&zone, &bench.dp) < 0)
                die("creating the data plane");
        pin(0);
        for (uint32_t i = 0; i < bench.services; i++) {
                atomic_store(&bench.versions[i].begun, 1);
                publish(&bench, i, 1);
                atomic_store(&bench.versions[i].published, 1);
        }
        lictor_commit(bench.dp);
        make_questions(&bench);
        if (pthread_create(&reader, NULL, read_forever, &bench) != 0)
                die("pthread_create");
        ret = measure(&bench);
        atomic_store(&bench.stop, true);
        pthread_join(reader, NULL);
        lictor_dataplane_destroy(bench.dp);
        free(bench.questions);
        free(bench.versions);
        return ret;
}
