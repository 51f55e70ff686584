// A stream of operations on the service table, each answered by an array as well. Four bytes an
// operation: what to do, which key (two bytes), how large an entry.

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/table/svc_reader.h"
#include "dataplane/table/svc_table.h"

enum { KEYS = 4096, COLLIDING = 3072, GROUPS = 8, OPERATION_BYTES = 4 };

struct state {
        struct svc_table *table;
        uint32_t size[KEYS]; /* payload of the entry under each key, plus one; 0 for none */
        uint64_t count;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition, const char *what)
{
        if (condition)
                return;
        fprintf(stderr, "table and model disagree: %s\n", what);
        abort();
}

// Most keys have honest hashes; the last thousand share eight, more of each than can be told apart.
static struct svc_key make_key(uint8_t bytes[SVC_KEY_MAX], unsigned number)
{
        const uint16_t length = (uint16_t)(2 + number % (SVC_KEY_MAX - 1));
        uint64_t hash;

        memset(bytes, 0, length);
        bytes[0] = (uint8_t)number;
        bytes[1] = (uint8_t)(number >> 8);
        hash = svc_key_hash(bytes, length);
        if (number >= COLLIDING)
                hash = number % GROUPS * 0x2000000120000001u;
        return (struct svc_key){bytes, length, hash};
}

static void put(struct state *s, unsigned number, size_t payload_length)
{
        uint8_t bytes[SVC_KEY_MAX];
        const struct svc_key key = make_key(bytes, number);
        struct svc_entry *entry;

        require(svc_table_new_entry(s->table, &key, payload_length, &entry) == 0, "new entry");
        memset((uint8_t *)entry + entry->payload_offset, (uint8_t)number, payload_length);
        if (svc_table_put(s->table, entry) < 0) {
                require(number >= COLLIDING && s->size[number] == 0, "put refused");
                return;
        }
        s->count += s->size[number] == 0;
        s->size[number] = (uint32_t)payload_length + 1;
}

static void drop(struct state *s, unsigned number)
{
        uint8_t bytes[SVC_KEY_MAX];
        const struct svc_key key = make_key(bytes, number);
        const bool removed = svc_table_remove(s->table, &key) == 0;

        require(removed == (s->size[number] != 0), "remove");
        s->count -= removed;
        s->size[number] = 0;
}

static void check(const struct state *s, unsigned first, unsigned n)
{
        uint8_t bytes[SVC_BURST_MAX][SVC_KEY_MAX];
        struct svc_key keys[SVC_BURST_MAX] = {0};
        const struct svc_entry *out[SVC_BURST_MAX];

        for (unsigned i = 0; i < n; i++)
                keys[i] = make_key(bytes[i], (first + i * 37) % KEYS);
        svc_table_lookup_burst(s->table, keys, out, n);
        for (unsigned i = 0; i < n; i++) {
                const unsigned number = (first + i * 37) % KEYS;

                require((out[i] != NULL) == (s->size[number] != 0), "lookup");
                if (out[i] == NULL)
                        continue;
                require(out[i]->size == out[i]->payload_offset + s->size[number] - 1, "size");
                for (const uint8_t *p = svc_entry_payload(out[i]);
                     p < (const uint8_t *)out[i] + out[i]->size; p++)
                        require(*p == (uint8_t)number, "payload");
        }
}

static void perform(struct state *s, const uint8_t operation[OPERATION_BYTES])
{
        const unsigned number = (operation[1] | (unsigned)operation[2] << 8) % KEYS;

        switch (operation[0] % 8) {
        case 0:
        case 1:
        case 2:
                put(s, number, operation[3] * (size_t)(operation[0] / 8 + 1));
                break;
        case 3:
                drop(s, number);
                break;
        case 4:
                // A run of neighbours, so that short inputs fill the table too.
                for (unsigned i = 0; i < operation[3]; i++)
                        put(s, (number + i) % KEYS, i);
                break;
        case 5:
                for (unsigned i = 0; i < operation[3]; i++)
                        drop(s, (number + i) % KEYS);
                break;
        case 6:
                svc_table_commit(s->table);
                svc_reader_quiescent();
                break;
        default:
                check(s, number, operation[3] % (SVC_BURST_MAX + 1));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct state state;
        struct svc_table_stats stats;

        memset(&state, 0, sizeof(state));
        svc_reader_register();
        require(svc_table_create(0, &state.table) == 0, "create");
        for (; size >= OPERATION_BYTES; data += OPERATION_BYTES, size -= OPERATION_BYTES)
                perform(&state, data);
        for (unsigned first = 0; first < KEYS; first++)
                check(&state, first, 1);
        svc_table_stats(state.table, &stats);
        require(stats.entry_count == state.count, "count");
        svc_table_destroy(state.table);
        svc_reader_unregister();
        return 0;
}
