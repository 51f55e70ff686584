#ifndef LICTOR_WATCH_H
#define LICTOR_WATCH_H

/**
 * Watches: what to ask an agent for again and again, and when an answer is news. Pure: the watch
 * command and the agent's `watches` do the asking and call the handlers.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct watch_plan;

/**
 * Read what a watch is of.
 * @params  an object: type, and for it key, prefix, service, tag (a text or a list), passingonly,
 *          state, name, service_id; also datacenter, token, stale. Others are refused.
 * @error   on failure what is wrong, as Consul words it.
 * returns  0, -EINVAL, or -ENOMEM.
 */
int watch_plan_create(const json_t *params, struct watch_plan **out, char *error,
                      size_t error_size);
/** Free it; NULL is fine. */
void watch_plan_destroy(struct watch_plan *take_plan);

/** "key", "services", ... */
const char *watch_plan_type(const struct watch_plan *plan);
/** The token to ask with; "" for none. Borrowed from the plan. */
const char *watch_plan_token(const struct watch_plan *plan);
/**
 * What to ask for next, "/v1/kv/a?index=7".
 * returns  freed with free(); NULL without memory.
 */
char *watch_plan_path(const struct watch_plan *plan);

/* What an answer means. */
struct watch_news {
        char *text; /* JSON for the handler, freed with free() */
        size_t length;
        uint64_t index;
};

/**
 * Take an answer with status 200 or 404.
 * @index   its X-Consul-Index; 0 for none.
 * @pretty  indent the text by four blanks.
 * returns  1 for news, 0 for none, -EPROTO for what is no such answer, -ENOMEM.
 */
int watch_plan_take(struct watch_plan *plan, long status, const char *body, size_t length,
                    uint64_t index, bool pretty, struct watch_news *out);

/** It could not be asked. returns  seconds to wait before the next time. */
unsigned watch_plan_fail(struct watch_plan *plan);

#endif
