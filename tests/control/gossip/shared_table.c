#include "tests/control/gossip/shared_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/gossip/swim_internal.h"
#include "control/store/memory.h"

#define NAME_BYTES   12
#define OWN_BUCKETS  256u
#define FORGOTTEN    (UINT64_C(1) << 63) /* in the hash: the node knows this member no more */
#define NUMBER_NONE  UINT64_MAX
#define MEMBERS_STEP 64u

/* As members lie in swim_table.c, but one behind the other. */
struct shared_member {
        struct member member;
        uint8_t name[NAME_BYTES];
};

struct shared_table {
        size_t count;
        struct shared_member members[];
};

static const struct shared_table *table_of(const struct swim *s)
{
        return *(const struct shared_table *const *)s->hooks.arg;
}

static uint64_t number_of(const struct shared_table *t, struct pack_slice name)
{
        uint64_t number = 0;

        if (name.length < 2 || name.length > 9 || name.bytes[0] != 'n')
                return NUMBER_NONE;
        for (uint32_t i = 1; i < name.length; i++)
                number = 10 * number + (uint64_t)(name.bytes[i] - '0');
        return number < t->count ? number : NUMBER_NONE;
}

struct shared_table *shared_table_create(size_t count)
{
        struct shared_table *t = memory_get_zeroed(1, sizeof(*t) + count * sizeof(t->members[0]));

        t->count = count;
        for (size_t i = 0; i < count; i++) {
                struct shared_member *m = &t->members[i];
                int length = snprintf((char *)m->name, NAME_BYTES, "n%zu", i);

                m->member.hash = i;
                m->member.node = (struct swim_node){
                    .name = {m->name, (uint32_t)length},
                    .address = {.length = 4,
                                .bytes = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i},
                                .port = 7946},
                    .versions = {1, 5, 2, 2, 5, 4},
                    .state = GOSSIP_STATE_ALIVE,
                    .incarnation = 1,
                };
        }
        return t;
}

void shared_table_destroy(struct shared_table *t)
{
        free(t);
}

/* A node's own idea of a member, also of one it has forgotten; NULL when it shares. */
static struct member *own(const struct swim *s, uint64_t number)
{
        if (s->bucket_count == 0)
                return NULL;
        for (struct member *m = s->buckets[number % OWN_BUCKETS]; m; m = m->next_in_bucket)
                if ((m->hash & ~FORGOTTEN) == number)
                        return m;
        return NULL;
}

static struct member *add_own(struct swim *s, uint64_t number, const struct swim_node *node)
{
        struct member *m = memory_get(sizeof(*m) + node->name.length);

        if (s->bucket_count == 0) {
                s->bucket_count = OWN_BUCKETS;
                s->buckets = memory_get_zeroed(OWN_BUCKETS, sizeof(*s->buckets));
        }
        *m = (struct member){.hash = number, .node = *node};
        memcpy(m->name, node->name.bytes, node->name.length);
        m->node.name.bytes = m->name;
        m->node.meta = (struct pack_slice){0};
        m->next_in_bucket = s->buckets[number % OWN_BUCKETS];
        s->buckets[number % OWN_BUCKETS] = m;
        return m;
}

struct member *swim_member_find(const struct swim *s, struct pack_slice name)
{
        const struct shared_table *t = table_of(s);
        uint64_t number = number_of(t, name);
        struct member *m;

        // Before it is acquainted a node knows only itself.
        if (number == NUMBER_NONE || s->member_count == 0)
                return NULL;
        m = own(s, number);
        if (m)
                return m->hash & FORGOTTEN ? NULL : m;
        return (struct member *)&t->members[number].member;
}

static void append(struct swim *s, struct member *m)
{
        if (s->member_count == s->member_capacity) {
                s->member_capacity += MEMBERS_STEP;
                s->members = memory_resize(s->members, s->member_capacity * sizeof(*s->members));
        }
        s->members[s->member_count++] = m;
}

struct member *swim_member_add(struct swim *s, struct pack_slice name)
{
        uint64_t number = number_of(table_of(s), name);
        struct member *m = own(s, number);

        if (m == NULL)
                m = add_own(s, number, &(struct swim_node){.name = name});
        m->hash = number;
        m->node.state = GOSSIP_STATE_DEAD;
        append(s, m);
        return m;
}

struct member *swim_member_edit(struct swim *s, struct member *m)
{
        struct member *copy;

        if (m->hash & FORGOTTEN || own(s, m->hash) == m)
                return m;
        copy = add_own(s, m->hash, &m->node);
        for (size_t i = 0; i < s->member_count; i++)
                if (s->members[i] == m)
                        s->members[i] = copy;
        if (s->probe.target == m)
                s->probe.target = copy;
        return copy;
}

void swim_member_forget(struct swim *s, size_t at)
{
        // Only the dead are forgotten, and a dead member is never a shared one.
        s->members[at]->hash |= FORGOTTEN;
        s->members[at] = s->members[--s->member_count];
}

void swim_members_fini(struct swim *s)
{
        for (size_t i = 0; i < s->bucket_count; i++) {
                for (struct member *m = s->buckets[i], *next; m; m = next) {
                        next = m->next_in_bucket;
                        free(m->suspicion);
                        free(m->meta);
                        free(m);
                }
        }
        free(s->members);
        free(s->buckets);
        free(s->suspects);
}

void shared_table_acquaint(struct swim *s)
{
        const struct shared_table *t = table_of(s);

        s->member_capacity = t->count;
        s->members = memory_resize(s->members, t->count * sizeof(struct member *));
        s->member_count = 0;
        for (size_t i = 0; i < t->count; i++) {
                struct member *m = own(s, i);

                append(s, m ? m : (struct member *)&t->members[i].member);
        }
        s->alive_count = t->count;
        s->next_push_pull_us = swim_random_below(s, swim_push_pull_interval_us(s));
        broadcast_queue_fini(&s->broadcasts);
        swim_members_reset(s, 0);
}
