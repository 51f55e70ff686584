#ifndef LICTOR_WATCH_INTERNAL_H
#define LICTOR_WATCH_INTERNAL_H

#include "control/watch/watch.h"

enum watch_kind {
        WATCH_KEY,
        WATCH_KEYPREFIX,
        WATCH_SERVICES,
        WATCH_NODES,
        WATCH_SERVICE,
        WATCH_CHECKS,
        WATCH_EVENT,
        WATCH_AGENT_SERVICE,
};

struct watch_plan {
        enum watch_kind kind;
        json_t *params; // owned
        uint64_t index; // of the last answer; 0: ask at once
        char hash[64];  // what an agent's service is known by instead; "": ask at once
        bool answered;
        char *last; // what the handler got, compact; owned
        unsigned failures;
};

/** A parameter's text, "" for none. */
const char *watch_param(const struct watch_plan *plan, const char *name);

/**
 * An answer as the handler sees it.
 * @seen   of the last answer to a watch of events: they and older ones are left out.
 * returns 0 with text freed by free(), -EPROTO or -ENOMEM.
 */
int watch_result_text(const struct watch_plan *plan, long status, const json_t *answer,
                      uint64_t seen, bool pretty, char **text, size_t *length);

#endif
