#ifndef LICTOR_METRICS_INTERNAL_H
#define LICTOR_METRICS_INTERNAL_H

#include "control/agent/metrics.h"

struct agent;

struct metric_list {
        struct metric *items;
        size_t count;
        size_t capacity;
        int status; /* -ENOMEM once memory ran out */
};

/** Add a figure without labels. returns what may still be changed; never NULL. */
struct metric *metric_add(struct metric_list *list, enum metric_kind kind, const char *name,
                          const char *help, uint64_t value);
/** Give a figure one more label. @value copied. */
void metric_label(struct metric *metric, const char *name, const char *value);

/** What this agent has to do with others: gossip, the server port, calls and followers. */
void metrics_add_cluster(struct metric_list *list, const struct agent *agent);

#endif
