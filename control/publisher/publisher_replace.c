#include "control/publisher/publisher_internal.h"
#include <string.h>

// Rows noted before they are published, but for a service of more instances: it is published once.
#define ROWS_STEP 128

static int order_keys(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
        int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

        return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static void next_nodes(struct takeover *t, int order)
{
        if (order <= 0)
                t->old.node = store_next_node(&t->old_it);
        if (order >= 0)
                t->new.node = store_next_node(&t->new_it);
}

static void begin_nodes(struct publisher *p)
{
        struct takeover *t = &p->takeover;

        t->phase = TAKEOVER_NODES;
        store_nodes(t->former, &t->old_it);
        store_nodes(p->store, &t->new_it);
        next_nodes(t, 0);
}

static void begin_services(struct publisher *p)
{
        struct takeover *t = &p->takeover;

        t->phase = TAKEOVER_SERVICES;
        store_services(t->former, &t->old_it);
        store_services(p->store, &t->new_it);
        t->old.service = store_next_service(&t->old_it);
        t->new.service = store_next_service(&t->new_it);
}

static void note_nodes(struct publisher *p)
{
        struct takeover *t = &p->takeover;

        for (size_t rows = 0; rows < ROWS_STEP && (t->old.node || t->new.node); rows++) {
                int order = t->old.node == NULL ? 1
                            : t->new.node == NULL
                                ? -1
                                : order_keys(t->old.node->name_key, t->old.node->name_key_len,
                                             t->new.node->name_key, t->new.node->name_key_len);

                // The addresses of both: one that nobody has any more is withdrawn.
                if (order <= 0)
                        dirty_note_node(&p->dirty, t->old.node);
                if (order >= 0)
                        dirty_note_node(&p->dirty, t->new.node);
                next_nodes(t, order);
        }
        if (t->old.node == NULL && t->new.node == NULL)
                begin_services(p);
}

static size_t name_len(const struct service_record *service)
{
        return service->name_key_len - service->instance_key_len - 1;
}

static int order_names(const struct service_record *a, const struct service_record *b)
{
        if (a == NULL || b == NULL)
                return a == NULL ? 1 : -1;
        return order_keys(a->name_key, name_len(a), b->name_key, name_len(b));
}

// Note all instances of that name. returns  how many.
static size_t note_instances(struct dirty *d, const struct service_record **next,
                             struct store_iter *it, const struct service_record *name)
{
        size_t count = 0;

        for (; *next && order_names(*next, name) == 0; count++) {
                dirty_note_service(d, *next);
                *next = store_next_service(it);
        }
        return count;
}

static void note_services(struct publisher *p)
{
        struct takeover *t = &p->takeover;
        size_t rows = 0;

        while (rows < ROWS_STEP && (t->old.service || t->new.service)) {
                const struct service_record *name = order_names(t->old.service, t->new.service) <= 0
                                                        ? t->old.service
                                                        : t->new.service;

                rows += note_instances(&p->dirty, &t->old.service, &t->old_it, name);
                rows += note_instances(&p->dirty, &t->new.service, &t->new_it, name);
        }
        if (t->old.service == NULL && t->new.service == NULL)
                t->phase = TAKEOVER_QUERIES;
}

static void note_queries(struct publisher *p)
{
        struct store_change change = {.table = STORE_QUERIES};
        const struct query_record *former;
        struct store_iter it;

        store_queries(p->takeover.former, &it);
        while ((former = store_next_query(&it)))
                publisher_remove_names(p, former);
        store_queries(p->store, &it);
        while ((change.after.query = store_next_query(&it)))
                dirty_note(&p->dirty, p->store, &change);
        publisher_publish_nameservers(p);
        p->takeover.phase = TAKEOVER_DONE;
}

static void begin(void *arg, const struct store *former)
{
        struct publisher *p = arg;

        p->takeover.former = former;
        if (p->held) {
                p->takeover.phase = TAKEOVER_DONE;
                return;
        }
        publisher_recount_open(p);
        begin_nodes(p);
}

static bool step(void *arg)
{
        struct publisher *p = arg;

        switch (p->takeover.phase) {
        case TAKEOVER_NODES:
                note_nodes(p);
                break;
        case TAKEOVER_SERVICES:
                note_services(p);
                break;
        case TAKEOVER_QUERIES:
                note_queries(p);
                break;
        case TAKEOVER_DONE:
                return false;
        }
        publisher_publish_dirty(p);
        return p->takeover.phase != TAKEOVER_DONE;
}

void publisher_inherit(struct publisher *p)
{
        const struct store_heir heir = {begin, step, p};

        store_set_heir(p->store, &heir);
}
