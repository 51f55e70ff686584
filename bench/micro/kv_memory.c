// What the key/value store's entries cost in memory: keys and values of 100 bytes together, written
// through the state machine in order and at random.

#include "control/fsm/fsm.h"
#include "control/store/msgpack.h"
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ENTRY_LEN 100
#define GOAL_KEYS 10000000.0

static size_t rss_bytes(void)
{
        FILE *file = fopen("/proc/self/statm", "re");
        long pages = 0;

        if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1)
                pages = 0;
        if (file != NULL)
                fclose(file);
        return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

static double now_s(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int put(struct fsm *fsm, uint64_t index, uint64_t number, struct byte_buffer *bytes)
{
        static const uint8_t value[ENTRY_LEN];
        struct command command = {.type = COMMAND_KV};
        struct fsm_result result;
        char key[32];
        int len = snprintf(key, sizeof(key), "apps/%016llx", (unsigned long long)number);

        command.kv = (struct txn_op){.kind = TXN_KV, .verb = TXN_SET, .kv = KV_ENTRY_INIT};
        command.kv.kv.key = key;
        command.kv.kv.value = value;
        command.kv.kv.value_len = (uint32_t)(ENTRY_LEN - len);
        bytes->len = 0;
        if (command_encode(&command, bytes) < 0)
                return -EINVAL;
        fsm_apply(fsm, index, bytes->bytes, bytes->len, &result);
        fsm_result_fini(&result);
        return 0;
}

static void measure(const char *name, uint64_t count, uint64_t factor)
{
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        struct store *store = store_create();
        struct fsm *fsm = fsm_create(store);
        size_t before = rss_bytes();
        double began = now_s();
        double each;

        for (uint64_t i = 0; i < count; i++)
                if (put(fsm, i + 1, i * factor, &bytes) < 0)
                        break;
        each = (double)(rss_bytes() - before) / (double)count;
        printf("%-8s %llu keys: %.0f bytes each, %.2f GiB for 10 M; %.2f us a write\n", name,
               (unsigned long long)count, each, each * GOAL_KEYS / (1 << 30),
               (now_s() - began) / (double)count * 1e6);
        byte_buffer_fini(&bytes);
        fsm_destroy(fsm);
        store_destroy(store);
        malloc_trim(0);
}

int main(int argc, char **argv)
{
        uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;

        if (count == 0) {
                fprintf(stderr, "usage: kv_memory [KEYS]\n");
                return 2;
        }
        measure("ordered", count, 1);
        measure("random", count, UINT64_C(0x9e3779b97f4a7c15));
        return 0;
}
