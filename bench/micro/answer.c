// Answering DNS questions with no I/O: random A and SRV questions, half and half, among more and
// more one-instance services. Writes one JSON object a line on standard output, and what a person
// wants to see on standard error.
//
// Every question is answered in the buffer it came in. Before each slice fresh ones are written
// into the buffers, as a port's DMA would do; only the answering is timed. They are made up on the
// spot, for a pool of ready questions large enough would push the table out of the cache.

#include "bench/micro/questions.h"
#include "dataplane/dns/dns_query.h"
#include "dataplane/dns/dns_zone.h"
#include "dataplane/table/svc_table.h"

// As many buffers as a port keeps in flight; before each question are 42 bytes of other headers.
enum { QUESTIONS = 5 << 20, BUFFERS = 256, MESSAGE_AT = BUFFER_HEADROOM + 42 };

// What is asked: names from first on, of one type or (0) half A and half SRV.
struct asked {
        uint64_t first;
        uint64_t count;
        uint16_t type;
};

struct bench {
        struct svc_table *table;
        struct dns_zone *zone;
        struct dns_random random;
        double per_ns;
        uint64_t names;
        struct asked asked;
        uint64_t draw;
        struct dns_message messages[BUFFERS];
        _Alignas(64) uint8_t buffers[BUFFERS * BUFFER_STRIDE];
};

static struct slices slices;

static void receive(struct bench *b)
{
        for (size_t i = 0; i < BUFFERS; i++) {
                uint8_t *data = b->buffers + i * BUFFER_STRIDE + MESSAGE_AT;
                const uint64_t drawn = random_next(&b->draw);
                const uint16_t either = drawn >> 63 != 0 ? TYPE_SRV : TYPE_A;

                b->messages[i] = (struct dns_message){
                    .data = data,
                    .length =
                        put_question(data, b->asked.first + (drawn >> 8) % b->asked.count,
                                     b->asked.type != 0 ? b->asked.type : either, (uint16_t)drawn),
                    .capacity = 1500,
                };
        }
}

static void respond(struct bench *b)
{
        const struct dns_env env = {.zone = b->zone,
                                    .table = b->table,
                                    .random = &b->random,
                                    .now_s = 1700000000,
                                    .transport = DNS_UDP};

        for (size_t i = 0; i < BUFFERS; i += SVC_BURST_MAX) {
                dns_respond_burst(&env, &b->messages[i], SVC_BURST_MAX);
                svc_reader_quiescent();
        }
}

static void parse(struct bench *b)
{
        static struct dns_query queries[SVC_BURST_MAX];

        for (size_t i = 0; i < BUFFERS; i++)
                dns_parse(b->zone, &b->messages[i], &queries[i % SVC_BURST_MAX]);
}

// Hashing included, as a burst of its own: within an answer, part of this hides behind the rest.
static void look_up(struct bench *b)
{
        static struct dns_query queries[BUFFERS];
        const struct svc_entry *entries[SVC_BURST_MAX];
        struct svc_key keys[SVC_BURST_MAX];
        uint64_t start;

        for (size_t i = 0; i < BUFFERS; i++)
                dns_parse(b->zone, &b->messages[i], &queries[i]);
        start = cycles_now();
        for (size_t i = 0; i < BUFFERS; i += SVC_BURST_MAX) {
                for (size_t k = 0; k < SVC_BURST_MAX; k++) {
                        const struct dns_query *q = &queries[i + k];
                        const uint8_t *key = dns_query_key(q);

                        keys[k] =
                            (struct svc_key){key, q->key_length, svc_key_hash(key, q->key_length)};
                }
                svc_table_lookup_burst(b->table, keys, entries, SVC_BURST_MAX);
                svc_reader_quiescent();
        }
        slices_add(&slices, cycles_now() - start);
}

// Cycles a question, the questions' arrival left out.
static struct cycles measure(struct bench *b, void (*job)(struct bench *b))
{
        for (size_t i = 0; i < QUESTIONS; i += BUFFERS) {
                uint64_t start;

                receive(b);
                start = cycles_now();
                job(b);
                // Looking up needs parsed questions, so it times itself.
                if (job != look_up)
                        slices_add(&slices, cycles_now() - start);
        }
        return slices_result(&slices, BUFFERS);
}

// Were answers wrong, the figures would say nothing.
static void check_answers(struct bench *b, bool hit)
{
        uint16_t ids[BUFFERS], types[BUFFERS];

        for (size_t i = 0; i < QUESTIONS / 8; i += BUFFERS) {
                receive(b);
                for (size_t k = 0; k < BUFFERS; k++) {
                        const struct dns_message *m = &b->messages[k];

                        ids[k] = load_be16(m->data);
                        types[k] = load_be16(m->data + m->length - 4);
                }
                respond(b);
                for (size_t k = 0; k < BUFFERS; k++) {
                        const struct dns_message *m = &b->messages[k];

                        if (m->verdict != DNS_ANSWERED || load_be16(m->data) != ids[k] ||
                            m->rcode != (hit ? 0 : 3) || load_be16(m->data + 6) != hit ||
                            load_be16(m->data + 8) == hit ||
                            load_be16(m->data + 10) != (hit && types[k] == TYPE_SRV))
                                die("answering every question");
                }
        }
}

static void print_case(const struct bench *b, const char *name, const char *stage,
                       struct cycles cycles)
{
        const double ns = cycles.median / b->per_ns, p05 = cycles.p05 / b->per_ns;

        printf(
            "{\"bench\":\"%s\",\"names\":%" PRIu64
            ",\"case\":\"%s\",\"ns\":%.2f,\"ns_p05\":%.2f,\"cycles\":%.1f,\"per_second\":%.0f}\n",
            stage, b->names, name, ns, p05, cycles.median, 1e9 / ns);
        fprintf(stderr,
                "%10" PRIu64
                " names  %-5s %-13s %7.2f ns (p05 %.2f) %7.1f cycles %7.2f M/s (p05 %.2f)\n",
                b->names, name, stage, ns, p05, cycles.median, 1e3 / ns, 1e3 / p05);
}

static void measure_case(struct bench *b, const char *name, struct asked asked)
{
        const bool hit = asked.first < b->names;
        struct cycles total, parsing, looking_up, writing;

        b->asked = asked;
        b->draw = 88172645463325252u;

        check_answers(b, hit);
        total = measure(b, respond);
        parsing = measure(b, parse);
        looking_up = measure(b, look_up);
        writing.median = total.median - parsing.median - looking_up.median;
        writing.p05 = total.p05 - parsing.p05 - looking_up.p05;
        print_case(b, name, "answer", total);
        print_case(b, name, "answer_parse", parsing);
        print_case(b, name, "answer_lookup", looking_up);
        print_case(b, name, "answer_write", writing);
        fflush(stdout);
}

static void print_memory(const struct bench *b)
{
        struct svc_table_stats stats;

        svc_table_stats(b->table, &stats);
        printf("{\"bench\":\"answer_memory\",\"names\":%" PRIu64
               ",\"bytes_per_name\":%.1f,\"entry_bytes_per_name\":%.1f,\"huge_pages\":%s}\n",
               b->names, (double)stats.memory_bytes / (double)b->names,
               (double)stats.entry_bytes / (double)b->names,
               stats.on_huge_pages ? "true" : "false");
        fprintf(stderr, "%10" PRIu64 " names  %.0f bytes each, all told; huge pages: %s\n",
                b->names, (double)stats.memory_bytes / (double)b->names,
                stats.on_huge_pages ? "yes" : "no");
}

static void measure_size(struct bench *b, uint64_t names)
{
        add_services(b->table, b->zone, b->names, names);
        b->names = names;
        print_memory(b);
        measure_case(b, "hit", (struct asked){0, names, 0});
        measure_case(b, "a", (struct asked){0, names, TYPE_A});
        measure_case(b, "srv", (struct asked){0, names, TYPE_SRV});
        measure_case(b, "miss", (struct asked){names, names, 0});
}

int main(int argc, char **argv)
{
        static const uint64_t sizes[] = {1000, 100000, 1000000, 10000000};
        static const struct lictor_zone zone = {.domain = "consul",
                                                .datacenter = "dc1",
                                                .soa = {3600, 600, 86400, 0},
                                                .udp_answer_limit = 3};
        static struct bench bench;
        const uint64_t largest = argc > 1 ? strtoull(argv[1], NULL, 10) : UINT64_MAX;

        svc_reader_register();
        bench.per_ns = cycles_per_ns();
        if (dns_zone_create(&zone, &bench.zone) < 0 || svc_table_create(0, &bench.table) < 0)
                die("creating the table");
        for (size_t i = 0; i < ARRAY_LEN(sizes) && sizes[i] <= largest; i++)
                measure_size(&bench, sizes[i]);
        svc_table_destroy(bench.table);
        dns_zone_destroy(bench.zone);
        svc_reader_unregister();
        return 0;
}
