#include <stdlib.h>
#include <string.h>

#include "control/rpc/rpc_codec.h"
#include "control/store/store_write.h"
#include "control/upstream/change.h"
#include "control/upstream/dump.h"
#include "control/upstream/queries.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ANSWER_MAX 300u

// What was read, one answer after the other, and how it ended.
static int read_answers(const uint8_t *data, size_t size, size_t step, struct byte_buffer *out)
{
        struct rpc_reader reader = {.args_max = ANSWER_MAX};
        struct rpc_answer answer;
        int ret = 0;

        for (size_t at = 0; at < size && ret >= 0; at += step) {
                rpc_reader_append(&reader, data + at, size - at < step ? size - at : step);
                while ((ret = rpc_reader_next_answer(&reader, &answer)) == 1) {
                        byte_buffer_append(out, &answer.seq, sizeof(answer.seq));
                        if (answer.error.length > 0)
                                byte_buffer_append(out, answer.error.bytes, answer.error.length);
                        byte_buffer_append(out, answer.result.bytes, answer.result.length);
                }
        }
        rpc_reader_fini(&reader);
        return ret;
}

// However they are cut, the same answers are read.
static void try_answers(const uint8_t *data, size_t size)
{
        struct byte_buffer whole = BYTE_BUFFER_INIT, cut = BYTE_BUFFER_INIT;
        int ret = read_answers(data + 1, size - 1, size, &whole);

        if (ret != read_answers(data + 1, size - 1, 1 + data[0] % 40u, &cut) ||
            whole.len != cut.len || (cut.len > 0 && memcmp(whole.bytes, cut.bytes, cut.len) != 0))
                abort();
        byte_buffer_fini(&whole);
        byte_buffer_fini(&cut);
}

// Applied twice, a dump changes nothing the second time, and a store never has more than it tells.
static void try_dump(const uint8_t *data, size_t size)
{
        struct store *store = store_create();
        struct arena arena = ARENA_INIT;
        struct upstream_dump dump;
        uint64_t index;

        if (upstream_dump_get((struct pack_slice){data, (uint32_t)size}, "dc1", &arena, &dump) ==
            0) {
                upstream_dump_apply(store, &dump);
                if (store_count(store, STORE_NODES) > dump.node_count)
                        abort();
                index = store_table_index(store, STORE_NODES);
                if (upstream_dump_apply(store, &dump) == 0 &&
                    store_table_index(store, STORE_NODES) != index && dump.node_count == 1)
                        abort();
        }
        arena_fini(&arena);
        store_destroy(store);
}

static void try_change(enum upstream_answer answer, const uint8_t *data, size_t size)
{
        struct fsm_result result;

        fsm_result_init(&result);
        (void)upstream_change_get(answer, (struct pack_slice){data, (uint32_t)size}, &result);
        fsm_result_fini(&result);
}

// Applied twice, queries change nothing the second time.
static void try_queries(const uint8_t *data, size_t size)
{
        const struct pack_slice body = {data, (uint32_t)size};
        struct store *store = store_create();
        uint64_t index;

        if (upstream_queries_apply(store, body, &index) == 0) {
                size_t count = store_count(store, STORE_QUERIES);

                if (upstream_queries_apply(store, body, &index) < 0 ||
                    store_count(store, STORE_QUERIES) != count)
                        abort();
        }
        store_destroy(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size < 2)
                return 0;
        switch (data[0] % 6) {
        case 0:
                try_dump(data + 1, size - 1);
                break;
        case 1:
                try_answers(data + 1, size - 1);
                break;
        case 2:
                try_queries(data + 1, size - 1);
                break;
        default:
                try_change((enum upstream_answer)(data[0] % 6 - 3 + UPSTREAM_APPLIED), data + 1,
                           size - 1);
                break;
        }
        return 0;
}
