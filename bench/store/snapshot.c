// What a large store costs: filling it, memory, gathering, encoding beside writes, restoring.
//
//     snapshot INSTANCES
//
// Four instances of services a node, one check each, spread over services of a hundred instances.

#include "control/store/memory.h"
#include "control/store/msgpack.h"
#include "control/store/store_write.h"
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now_ms(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

// Of the calling thread: what else runs on the machine does not count.
static double cpu_ms(void)
{
        struct timespec t;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static size_t heap_bytes(void)
{
        struct mallinfo2 info = mallinfo2();

        return info.uordblks + info.hblkhd;
}

static void put_instance(struct store *s, unsigned i, unsigned instances, uint64_t index, int port)
{
        char node[32], name[32], id[48], address[24], uuid[40];
        struct catalog_node n = CATALOG_NODE_INIT;
        struct catalog_service service = CATALOG_SERVICE_INIT;
        struct catalog_check check = CATALOG_CHECK_INIT;
        struct store_error error;
        const char *const tags[] = {"primary", "v1"};

        snprintf(node, sizeof(node), "node-%06u.rack%02u", i / 4, i / 4 % 40);
        snprintf(name, sizeof(name), "service-%05u", i % (instances / 100 + 1));
        snprintf(id, sizeof(id), "%s-%u", name, i % 4);
        snprintf(address, sizeof(address), "10.%u.%u.%u", i / 4 >> 16, i / 4 >> 8 & 255,
                 i / 4 & 255);
        snprintf(uuid, sizeof(uuid), "%08x-0000-4000-8000-%012x", i / 4 * 2654435761u, i / 4);
        n.name = service.node = check.node = node;
        n.address = address;
        n.id = uuid;
        n.datacenter = "dc1";
        service.id = check.service_id = id;
        service.name = name;
        service.port = port;
        service.tags = (struct text_list){tags, 2};
        service.weight_passing = service.weight_warning = 1;
        check.id = name;
        check.name = "alive";
        check.status = "passing";
        store_begin(s, index);
        if ((i % 4 == 0 && store_set_node(s, &n, &error) < 0) ||
            store_set_service(s, &service, &error) < 0 || store_set_check(s, &check, &error) < 0) {
                fprintf(stderr, "%s\n", error.text);
                exit(1);
        }
        store_commit(s);
}

static int append(void *arg, const uint8_t *bytes, size_t len)
{
        byte_buffer_append(arg, bytes, len);
        return 0;
}

struct encoder {
        const struct store_snapshot *snapshot;
        struct byte_buffer bytes;
        atomic_bool done;
};

static void *encode(void *arg)
{
        struct encoder *e = arg;

        store_snapshot_encode(e->snapshot, append, &e->bytes);
        atomic_store(&e->done, true);
        return NULL;
}

// Commands applied while another thread encodes; the longest of them is what the loop would feel.
static void encode_beside_writes(struct store *s, struct encoder *e, unsigned instances,
                                 uint64_t index)
{
        double start = now_ms(), longest = 0, last;
        unsigned writes = 0;
        pthread_t thread;

        if (pthread_create(&thread, NULL, encode, e) != 0)
                exit(1);
        last = cpu_ms();
        while (!atomic_load(&e->done)) {
                double at;

                put_instance(s, writes * 7919u % instances, instances, ++index, (int)writes + 1);
                writes++;
                at = cpu_ms();
                longest = at - last > longest ? at - last : longest;
                last = at;
        }
        pthread_join(thread, NULL);
        printf("encode   %7.0f ms, %zu MB, %u commands beside it, the longest %.2f ms of CPU\n",
               now_ms() - start, e->bytes.len >> 20, writes, longest);
}

int main(int argc, char **argv)
{
        unsigned instances = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 400000;
        struct store *s = store_create(), *copy = store_create();
        struct encoder e = {.bytes = BYTE_BUFFER_INIT};
        struct store_snapshot *snapshot;
        size_t before = heap_bytes();
        double start = now_ms(), cpu;
        size_t records = 0;

        if (instances == 0)
                return 2;
        for (unsigned i = 0; i < instances; i++)
                put_instance(s, i, instances, i + 1, 80);
        for (int i = 0; i < STORE_TABLE_COUNT; i++)
                records += store_count(s, (enum store_table)i);
        printf("fill     %7.0f ms, %u instances, %zu records, %zu bytes an instance\n",
               now_ms() - start, instances, records, (heap_bytes() - before) / instances);
        start = now_ms();
        snapshot = store_snapshot_gather(s);
        printf("gather   %7.3f ms\n", now_ms() - start);
        e.snapshot = snapshot;
        encode_beside_writes(s, &e, instances, instances);
        start = now_ms();
        store_snapshot_release(snapshot);
        printf("release  %7.3f ms\n", now_ms() - start);
        before = heap_bytes();
        start = now_ms();
        cpu = cpu_ms();
        if (store_snapshot_read(copy, e.bytes.bytes, e.bytes.len) < 0)
                return 1;
        printf("restore  %7.0f ms, %.0f ms of CPU, %zu bytes an instance\n", now_ms() - start,
               cpu_ms() - cpu, (heap_bytes() - before) / instances);
        byte_buffer_fini(&e.bytes);
        store_destroy(copy);
        store_destroy(s);
        return 0;
}
