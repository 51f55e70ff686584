#include "dataplane/worker/worker_counters.h"

#include <assert.h>

#include "dataplane/worker/worker.h"

static_assert(sizeof(struct runtime_counters) % sizeof(uint64_t) == 0, "nothing but counters");

void worker_counters_add(struct runtime_counters *sum, const struct runtime_counters *from)
{
        // All fields are of one type, so the struct is walked as the array it is laid out like.
        uint64_t *to = (uint64_t *)(void *)sum;
        const uint64_t *counters = (const uint64_t *)(const void *)from;

        for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
                to[i] += counter_read(&counters[i]);
}

void worker_counters_read(const struct worker *w, struct runtime_counters *out)
{
        struct slow_path_dropped dropped = slow_path_dropped(w->slow);

        *out = (struct runtime_counters){0};
        worker_counters_add(out, &w->counters);
        worker_counters_add(out, &w->replied);
        for (unsigned i = 0; i < w->unit_count; i++)
                if (w->units[i].queue->receive_dropped != NULL)
                        out->receive_dropped += counter_read(w->units[i].queue->receive_dropped);
        out->punt_dropped_full += dropped.full;
        out->punt_dropped_late += dropped.late;
        out->total_cycles = worker_cycles() - w->started_cycles;
}
