// Lookups in the service table, in bursts of 32: hits and misses among more and more names. Writes
// one JSON object a line on standard output, and what a person wants to see on standard error.

#include <inttypes.h>
#include <string.h>

#include "bench/micro/cycles.h"
#include "dataplane/table/svc_reader.h"
#include "dataplane/table/svc_table.h"
#include "lictor/bytes.h"

// Enough questions that the names asked for do not stay in the cache between rounds.
enum { QUESTIONS = 1 << 20, REPEATS = 7, SLICE = 1024, PAYLOAD_BYTES = 96, KEY_BYTES = 16 };

static struct slices slices;

struct questions {
        struct svc_key keys[QUESTIONS];
        uint8_t bytes[QUESTIONS][KEY_BYTES];
};

struct result {
        struct cycles cycles; /* one lookup */
        uint64_t hits;
};

static struct svc_key make_key(uint8_t bytes[KEY_BYTES], uint64_t number)
{
        const int length = snprintf((char *)bytes, KEY_BYTES, "Asvc-%06" PRIu64, number);

        return (struct svc_key){bytes, (uint16_t)length, svc_key_hash(bytes, (size_t)length)};
}

static void die(const char *what)
{
        fprintf(stderr, "%s failed\n", what);
        exit(1);
}

static void fill(struct svc_table *t, uint64_t from, uint64_t to, double per_ns)
{
        const uint64_t start = cycles_now();
        uint64_t worst = 0;

        for (uint64_t i = from; i < to; i++) {
                const uint64_t before = cycles_now();
                uint8_t bytes[KEY_BYTES];
                const struct svc_key key = make_key(bytes, i);
                struct svc_entry *entry;
                uint64_t spent;

                if (svc_table_new_entry(t, &key, PAYLOAD_BYTES, &entry) < 0)
                        die("svc_table_new_entry");
                memset((uint8_t *)entry + entry->payload_offset, 0, PAYLOAD_BYTES);
                if (svc_table_put(t, entry) < 0)
                        die("svc_table_put");
                if (i % 64 == 0) {
                        svc_table_commit(t);
                        svc_reader_quiescent();
                }
                spent = cycles_now() - before;
                worst = spent > worst ? spent : worst;
        }
        printf("{\"bench\":\"table_put\",\"names\":%" PRIu64
               ",\"case\":\"insert\",\"ns\":%.1f,\"worst_ns\":%.0f}\n",
               to, (double)(cycles_now() - start) / per_ns / (double)(to - from),
               (double)worst / per_ns);
}

static void prepare(struct questions *q, uint64_t first, uint64_t count)
{
        uint64_t random = 88172645463325252u;

        for (size_t i = 0; i < QUESTIONS; i++)
                q->keys[i] = make_key(q->bytes[i], first + random_next(&random) % count);
}

static struct result measure_lookups(const struct svc_table *t, const struct questions *q)
{
        const struct svc_entry *out[SVC_BURST_MAX];
        struct result result = {0};

        for (size_t i = 0; i < REPEATS * (size_t)QUESTIONS; i += SLICE) {
                const struct svc_key *keys = &q->keys[i % QUESTIONS];
                const uint64_t start = cycles_now();

                for (size_t k = 0; k < SLICE; k += SVC_BURST_MAX) {
                        result.hits += svc_table_lookup_burst(t, &keys[k], out, SVC_BURST_MAX);
                        svc_reader_quiescent();
                }
                slices_add(&slices, cycles_now() - start);
        }
        result.cycles = slices_result(&slices, SLICE);
        result.hits /= REPEATS;
        return result;
}

static struct result measure_hashing(const struct questions *q)
{
        struct result result = {0};

        for (size_t i = 0; i < QUESTIONS; i += SLICE) {
                const uint64_t start = cycles_now();

                for (size_t k = i; k < i + SLICE; k++)
                        result.hits +=
                            svc_key_hash(q->bytes[k], q->keys[k].length) == q->keys[k].hash;
                slices_add(&slices, cycles_now() - start);
        }
        result.cycles = slices_result(&slices, SLICE);
        return result;
}

static void print_case(const char *name, uint64_t names, struct result result, double per_ns)
{
        const double ns = result.cycles.median / per_ns, p05 = result.cycles.p05 / per_ns;

        printf(
            "{\"bench\":\"table_lookup\",\"names\":%" PRIu64
            ",\"case\":\"%s\",\"ns\":%.2f,\"ns_p05\":%.2f,\"cycles\":%.1f,\"per_second\":%.0f}\n",
            names, name, ns, p05, result.cycles.median, 1e9 / ns);
        fprintf(stderr,
                "%10" PRIu64 " names  %-5s %7.2f ns (p05 %.2f) %7.1f cycles %7.1f M/s (p05 %.1f)\n",
                names, name, ns, p05, result.cycles.median, 1e3 / ns, 1e3 / p05);
}

static void print_memory(const struct svc_table *t)
{
        struct svc_table_stats stats;
        const uint64_t start = clock_now_ns();
        double per_name;

        svc_table_stats(t, &stats);
        per_name = (double)stats.memory_bytes / (double)stats.entry_count;
        printf("{\"bench\":\"table_memory\",\"names\":%" PRIu64
               ",\"bytes_per_name\":%.1f,\"entry_bytes_per_name\":%.1f,\"load\":%.3f,"
               "\"huge_pages\":%s}\n",
               stats.entry_count, per_name, (double)stats.entry_bytes / (double)stats.entry_count,
               (double)stats.entry_count / (double)stats.slot_count,
               stats.on_huge_pages ? "true" : "false");
        fprintf(stderr,
                "%10" PRIu64 " names  %.0f bytes each, buckets %.0f %% full, huge pages: %s "
                "(told in %.1f ms)\n",
                stats.entry_count, per_name,
                100.0 * (double)stats.entry_count / (double)stats.slot_count,
                stats.on_huge_pages ? "yes" : "no", (double)(clock_now_ns() - start) / 1e6);
}

static void measure_size(const struct svc_table *t, struct questions *q, uint64_t names,
                         double per_ns)
{
        struct result hit, miss;

        prepare(q, 0, names);
        hit = measure_lookups(t, q);
        if (hit.hits != QUESTIONS)
                die("finding every name");
        print_case("hash", names, measure_hashing(q), per_ns);
        print_case("hit", names, hit, per_ns);
        prepare(q, names, names);
        miss = measure_lookups(t, q);
        if (miss.hits != 0)
                die("missing every other name");
        print_case("miss", names, miss, per_ns);
        print_memory(t);
        fflush(stdout);
}

int main(int argc, char **argv)
{
        static const uint64_t sizes[] = {1000, 100000, 1000000, 10000000};
        static struct questions questions;
        const uint64_t largest = argc > 1 ? strtoull(argv[1], NULL, 10) : UINT64_MAX;
        const double per_ns = cycles_per_ns();
        struct svc_table *t;
        uint64_t names = 0;

        svc_reader_register();
        if (svc_table_create(0, &t) < 0)
                die("svc_table_create");
        for (size_t i = 0; i < ARRAY_LEN(sizes) && sizes[i] <= largest; i++) {
                fprintf(stderr, "filling up to %" PRIu64 " names\n", sizes[i]);
                fill(t, names, sizes[i], per_ns);
                names = sizes[i];
                measure_size(t, &questions, names, per_ns);
        }
        svc_table_destroy(t);
        svc_reader_unregister();
        return 0;
}
