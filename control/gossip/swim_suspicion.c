#include "control/gossip/swim_internal.h"

#include <math.h>
#include <stdlib.h>
#include <xxhash.h>

#include "control/store/memory.h"

/* How long a node stays suspect at least: long enough for its denial to reach everybody. */
static uint64_t minimum_us(const struct swim *s)
{
        double nodes = s->alive_count > 1 ? (double)s->alive_count : 1.0;
        double scale = log10(nodes) > 1.0 ? log10(nodes) : 1.0;

        return (uint64_t)(scale * s->options.suspicion_mult * s->options.probe_interval_ms) *
               USEC_PER_MSEC;
}

/* From max down to min with the logarithm of the confirmations (Lifeguard, section IV.B). */
static void set_deadline(struct suspicion *x)
{
        double share, timeout_us;

        if (x->confirmations_wanted == 0) {
                x->deadline_us = x->since_us + x->min_us;
                return;
        }
        share = log((double)x->confirmation_count + 1) / log((double)x->confirmations_wanted + 1);
        timeout_us = (double)x->max_us - share * (double)(x->max_us - x->min_us);
        x->deadline_us =
            x->since_us + (timeout_us > (double)x->min_us ? (uint64_t)timeout_us : x->min_us);
}

static uint64_t accuser_of(struct pack_slice from)
{
        return XXH3_64bits(from.length > 0 ? (const void *)from.bytes : "", from.length);
}

void swim_suspicion_start(struct swim *s, struct member *m, struct pack_slice from, uint64_t now_us)
{
        struct suspicion *x = memory_get_zeroed(1, sizeof(*x));
        unsigned wanted = s->options.suspicion_mult > 2 ? s->options.suspicion_mult - 2 : 0;

        // With too few others to confirm it there is no point in waiting for them.
        if (s->alive_count < wanted + 2)
                wanted = 0;
        x->since_us = now_us;
        x->min_us = minimum_us(s);
        x->max_us = x->min_us * s->options.suspicion_max_mult;
        x->confirmations_wanted = wanted < CONFIRMATION_MAX ? wanted : CONFIRMATION_MAX;
        x->accusers[x->accuser_count++] = accuser_of(from);
        set_deadline(x);
        m->suspicion = x;
        if (s->suspect_count == s->suspect_capacity) {
                s->suspect_capacity = s->suspect_capacity ? 2 * s->suspect_capacity : 16;
                s->suspects =
                    memory_resize(s->suspects, s->suspect_capacity * sizeof(*s->suspects));
        }
        s->suspects[s->suspect_count++] = m;
}

bool swim_suspicion_confirm(struct swim *s, struct member *m, struct pack_slice from)
{
        struct suspicion *x = m->suspicion;
        uint64_t accuser = accuser_of(from);

        (void)s;
        if (x->confirmation_count >= x->confirmations_wanted)
                return false;
        for (unsigned i = 0; i < x->accuser_count; i++)
                if (x->accusers[i] == accuser)
                        return false;
        x->accusers[x->accuser_count++] = accuser;
        x->confirmation_count++;
        set_deadline(x);
        return true;
}

void swim_suspicion_end(struct swim *s, struct member *m)
{
        if (m->suspicion == NULL)
                return;
        free(m->suspicion);
        m->suspicion = NULL;
        for (size_t i = 0; i < s->suspect_count; i++) {
                if (s->suspects[i] != m)
                        continue;
                s->suspects[i] = s->suspects[--s->suspect_count];
                return;
        }
}

void swim_suspicion_tick(struct swim *s, uint64_t now_us)
{
        for (size_t i = 0; i < s->suspect_count;) {
                const struct member *m = s->suspects[i];

                if (m->suspicion->deadline_us > now_us) {
                        i++;
                        continue;
                }
                // Its death takes it off this list.
                swim_dead(s,
                          &(struct gossip_accusation){.incarnation = m->node.incarnation,
                                                      .node = m->node.name,
                                                      .from = s->self->node.name},
                          now_us);
        }
}

uint64_t swim_suspicion_deadline_us(const struct swim *s)
{
        uint64_t deadline_us = UINT64_MAX;

        for (size_t i = 0; i < s->suspect_count; i++)
                if (s->suspects[i]->suspicion->deadline_us < deadline_us)
                        deadline_us = s->suspects[i]->suspicion->deadline_us;
        return deadline_us;
}
