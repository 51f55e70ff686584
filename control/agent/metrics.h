#ifndef LICTOR_METRICS_H
#define LICTOR_METRICS_H

/** What /v1/agent/metrics shows: figures of the data plane, the table and the process. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct agent;

enum metric_kind { METRIC_GAUGE, METRIC_COUNTER, METRIC_SAMPLE };

#define METRIC_LABEL_MAX 2u

struct metric_label {
        const char *name; /* static */
        char value[48];
};

/* One figure. The name is dotted, e.g. "lictor.dataplane.received". */
struct metric {
        const char *name; /* static */
        const char *help; /* static; one sentence for Prometheus' HELP line */
        enum metric_kind kind;
        unsigned label_count;
        struct metric_label labels[METRIC_LABEL_MAX];
        double value;   /* of samples their sum */
        uint64_t count; /* of samples */
        double max;     /* likewise */
};

/**
 * Gather every figure, sorted by name.
 * @out     array of @count, owned by the caller, freed with free().
 * returns  0 or -ENOMEM.
 */
int metrics_gather(const struct agent *agent, struct metric **out, size_t *count);

/** Write every figure as a line, as Consul does on SIGUSR1. */
void metrics_dump(const struct agent *agent, FILE *out);

#endif
