#include "control/gossip/swim_internal.h"

#include <string.h>

#include "control/store/memory.h"

void swim_member_set_meta(struct member *m, struct pack_slice meta)
{
        if (pack_slice_equal(m->node.meta, meta))
                return;
        m->meta = memory_resize(m->meta, meta.length);
        if (meta.length > 0)
                memcpy(m->meta, meta.bytes, meta.length);
        m->node.meta = (struct pack_slice){m->meta, meta.length};
}

static bool counts_as_alive(enum gossip_state state)
{
        return state == GOSSIP_STATE_ALIVE || state == GOSSIP_STATE_SUSPECT;
}

void swim_member_set_state(struct swim *s, struct member *m, enum gossip_state state,
                           uint64_t now_us)
{
        s->alive_count += counts_as_alive(state);
        s->alive_count -= counts_as_alive(m->node.state);
        m->node.state = state;
        m->node.state_since_us = now_us;
}

void swim_members_reset(struct swim *s, uint64_t now_us)
{
        uint64_t told_us = s->options.gossip_to_dead_ms * USEC_PER_MSEC;

        for (size_t i = 0; i < s->member_count;) {
                const struct member *m = s->members[i];

                if (m != s->self && !counts_as_alive(m->node.state) &&
                    now_us - m->node.state_since_us > told_us)
                        swim_member_forget(s, i);
                else
                        i++;
        }
        for (size_t i = s->member_count; i > 1; i--) {
                size_t at = (size_t)swim_random_below(s, i);
                struct member *m = s->members[at];

                s->members[at] = s->members[i - 1];
                s->members[i - 1] = m;
        }
}

unsigned swim_members_pick(struct swim *s, member_fits_fn fits, uint64_t now_us,
                           struct member *picked[], unsigned count)
{
        unsigned found = 0;
        size_t tries = 3 * s->member_count;

        for (size_t i = 0; i < tries && found < count; i++) {
                struct member *m = s->members[swim_random_below(s, s->member_count)];
                bool taken = !fits(s, m, now_us);

                for (unsigned j = 0; j < found && !taken; j++)
                        taken = picked[j] == m;
                if (!taken)
                        picked[found++] = m;
        }
        return found;
}
