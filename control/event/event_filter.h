#ifndef CONTROL_EVENT_EVENT_FILTER_H
#define CONTROL_EVENT_EVENT_FILTER_H

/** A regular expression that names, services or tags are to contain. Pure. */

#include <stdbool.h>
#include <stddef.h>

struct event_filter {
        void *code; /* NULL: everything matches */
};

/**
 * @text    "" matches everything.
 * @error   says what is wrong with it.
 * returns  0 or -EINVAL.
 */
int event_filter_compile(const char *text, struct event_filter *out, char *error,
                         size_t error_size);
void event_filter_fini(struct event_filter *filter);

static inline bool event_filter_is_open(const struct event_filter *filter)
{
        return filter->code == NULL;
}

/** Whether the text contains a match; false also for one that takes too long to find. */
bool event_filter_matches(const struct event_filter *filter, const char *text);

#endif
