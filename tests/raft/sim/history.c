#include "tests/raft/sim/history.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void history_fini(struct history *h)
{
        free(h->operations);
}

uint64_t history_invoke(struct history *h, uint64_t now_us, unsigned key, bool is_write,
                        uint64_t value)
{
        if (h->count == h->capacity) {
                h->capacity = h->capacity ? h->capacity * 2 : 256;
                h->operations = realloc(h->operations, h->capacity * sizeof(*h->operations));
                assert(h->operations != NULL);
        }
        h->operations[h->count] = (struct history_operation){.invoked_us = now_us,
                                                             .returned_us = HISTORY_PENDING,
                                                             .key = key,
                                                             .is_write = is_write,
                                                             .value = value};
        return h->count++;
}

void history_return(struct history *h, uint64_t operation, uint64_t now_us, uint64_t value)
{
        h->operations[operation].returned_us = now_us;
        h->operations[operation].value = value;
}

void history_drop(struct history *h, uint64_t operation)
{
        h->operations[operation].dropped = true;
}

// One write and the reads that saw its value. From the first return among them to the last
// invocation the register must have held that value (when the return comes first), or it did so at
// some moment between the two (when the invocation does).
struct group {
        uint64_t value;
        uint64_t first_return_us;  /* earliest return among its operations */
        uint64_t last_invoke_us;   /* latest invocation among its operations */
        uint64_t write_invoked_us; /* its write's invocation */
        bool has_write;
        bool is_seen; /* its write returned or somebody read it */
};

static int by_value(const void *a, const void *b)
{
        const struct history_operation *x = *(const struct history_operation *const *)a;
        const struct history_operation *y = *(const struct history_operation *const *)b;

        if (x->value != y->value)
                return x->value < y->value ? -1 : 1;
        return (int)y->is_write - (int)x->is_write;
}

// Collects one register's operations by value; returns how many groups, or -1 when something was
// read that nobody wrote, or before it was written.
static long make_groups(const struct history *h, unsigned key, struct group *groups,
                        const struct history_operation **sorted)
{
        size_t n = 0;
        long count = 1;

        // The value every register begins with: written before anything else.
        groups[0] = (struct group){.has_write = true, .is_seen = true};
        for (size_t i = 0; i < h->count; i++) {
                const struct history_operation *op = &h->operations[i];

                // A read that was never answered says nothing.
                if (op->key == key && !op->dropped &&
                    (op->is_write || op->returned_us != HISTORY_PENDING))
                        sorted[n++] = op;
        }
        qsort(sorted, n, sizeof(sorted[0]), by_value);
        for (size_t i = 0; i < n; i++) {
                const struct history_operation *op = sorted[i];
                struct group *g = &groups[count - 1];

                if (op->value != g->value) {
                        g = &groups[count++];
                        *g = (struct group){.value = op->value, .first_return_us = HISTORY_PENDING};
                }
                if (op->is_write) {
                        g->has_write = true;
                        g->write_invoked_us = op->invoked_us;
                }
                if (!g->has_write || (!op->is_write && op->returned_us < g->write_invoked_us))
                        return -1;
                g->is_seen |= op->returned_us != HISTORY_PENDING;
                if (op->returned_us < g->first_return_us)
                        g->first_return_us = op->returned_us;
                if (op->invoked_us > g->last_invoke_us)
                        g->last_invoke_us = op->invoked_us;
        }
        return count;
}

// Group a must come before group b when something of a returned before something of b was invoked.
static bool precedes(const struct group *a, const struct group *b)
{
        return a->first_return_us < b->last_invoke_us;
}

static int by_first_return(const void *a, const void *b)
{
        const struct group *x = a, *y = b;

        return x->first_return_us < y->first_return_us   ? -1
               : x->first_return_us > y->first_return_us ? 1
                                                         : 0;
}

// The theorem: an order exists unless two groups must each come before the other.
static bool groups_orderable(struct group *groups, long count)
{
        qsort(groups, (size_t)count, sizeof(groups[0]), by_first_return);
        for (long i = 0; i < count; i++)
                for (long j = i + 1; j < count; j++) {
                        if (!groups[j].is_seen || !groups[i].is_seen)
                                continue;
                        if (precedes(&groups[i], &groups[j]) && precedes(&groups[j], &groups[i]))
                                return false;
                }
        return true;
}

bool history_is_linearizable(const struct history *h, unsigned key_count, unsigned *key)
{
        struct group *groups = malloc((h->count + 1) * sizeof(*groups));
        const struct history_operation **sorted = malloc((h->count + 1) * sizeof(*sorted));
        bool good = true;

        assert(groups != NULL && sorted != NULL);
        for (*key = 0; good && *key < key_count; (*key)++) {
                long count = make_groups(h, *key, groups, sorted);

                good = count >= 0 && groups_orderable(groups, count);
                if (!good)
                        break;
        }
        free(groups);
        free(sorted);
        return good;
}
