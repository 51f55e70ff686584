#include "control/gossip/swim_internal.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "control/store/memory.h"

#define BUCKETS_MIN 64u

/* Names come from the network: with a known seed they could be made to share a bucket. */
static uint64_t hash_of(const struct swim *s, struct pack_slice name)
{
        return XXH3_64bits_withSeed(name.length > 0 ? (const void *)name.bytes : "", name.length,
                                    s->hash_seed);
}

static struct member **bucket_of(const struct swim *s, uint64_t hash)
{
        return &s->buckets[hash & (s->bucket_count - 1)];
}

struct member *swim_member_find(const struct swim *s, struct pack_slice name)
{
        if (s->bucket_count == 0)
                return NULL;
        for (struct member *m = *bucket_of(s, hash_of(s, name)); m; m = m->next_in_bucket)
                if (pack_slice_equal(m->node.name, name))
                        return m;
        return NULL;
}

static void link_member(struct swim *s, struct member *m)
{
        struct member **bucket = bucket_of(s, m->hash);

        m->next_in_bucket = *bucket;
        *bucket = m;
}

static void grow(struct swim *s)
{
        if (s->member_count == s->member_capacity) {
                s->member_capacity = s->member_capacity ? 2 * s->member_capacity : BUCKETS_MIN;
                s->members = memory_resize(s->members, s->member_capacity * sizeof(*s->members));
        }
        if (s->member_count < s->bucket_count)
                return;
        free(s->buckets);
        s->bucket_count = s->bucket_count ? 2 * s->bucket_count : BUCKETS_MIN;
        s->buckets = memory_get_zeroed(s->bucket_count, sizeof(*s->buckets));
        for (size_t i = 0; i < s->member_count; i++)
                link_member(s, s->members[i]);
}

struct member *swim_member_edit(struct swim *s, struct member *m)
{
        (void)s;
        return m;
}

struct member *swim_member_add(struct swim *s, struct pack_slice name)
{
        struct member *m = memory_get(sizeof(*m) + name.length);
        size_t at;

        *m = (struct member){.hash = hash_of(s, name)};
        if (name.length > 0)
                memcpy(m->name, name.bytes, name.length);
        m->node.name = (struct pack_slice){m->name, name.length};
        m->node.state = GOSSIP_STATE_DEAD;
        grow(s);
        link_member(s, m);
        // At a place by chance, so that not everybody probes the newcomer at once.
        at = (size_t)swim_random_below(s, s->member_count + 1);
        s->members[s->member_count++] = s->members[at];
        s->members[at] = m;
        return m;
}

static void free_member(struct member *m)
{
        free(m->suspicion);
        free(m->meta);
        free(m);
}

void swim_member_forget(struct swim *s, size_t at)
{
        struct member *m = s->members[at];
        struct member **link = bucket_of(s, m->hash);

        while (*link != m)
                link = &(*link)->next_in_bucket;
        *link = m->next_in_bucket;
        s->members[at] = s->members[--s->member_count];
        free_member(m);
}

void swim_members_fini(struct swim *s)
{
        for (size_t i = 0; i < s->member_count; i++)
                free_member(s->members[i]);
        free(s->members);
        free(s->buckets);
        free(s->suspects);
}
