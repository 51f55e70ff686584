#include "control/publisher/publisher.h"
#include "control/publisher/publisher_internal.h"
#include "control/store/memory.h"
#include "control/store/text.h"
#include "lictor/bytes.h"
#include <stdlib.h>

static bool answers(const struct query_record *query)
{
        return query && *query->query.template_type == 0;
}

// Unless they still lead to a query that is answered from the table.
void publisher_remove_names(struct publisher *p, const struct query_record *former)
{
        const struct catalog_query *old = &former->query;

        if (!answers(store_query_find(p->store, old->name)))
                publisher_remove_query(p, old->name);
        if (!answers(store_query_get(p->store, old->id)))
                publisher_remove_query(p, old->id);
}

static void publish_services(struct publisher *p)
{
        const struct dirty_tag *tags = p->dirty.tags.items;
        size_t count = p->dirty.tags.count;
        size_t end;

        for (size_t i = 0; i < count; i = end) {
                for (end = i + 1; end < count; end++)
                        if (!text_equal_fold(tags[i].service, tags[end].service))
                                break;
                publisher_publish_service(p, &tags[i], end - i);
        }
}

void publisher_publish_dirty(struct publisher *p)
{
        const struct lictor_address *addresses;
        const char *const *nodes;
        const char *const *queries;

        dirty_finish(&p->dirty);
        nodes = p->dirty.nodes.items;
        for (size_t i = 0; i < p->dirty.nodes.count; i++)
                publisher_publish_node(p, nodes[i]);
        publish_services(p);
        addresses = p->dirty.addresses.items;
        for (size_t i = 0; i < p->dirty.addresses.count; i++)
                publisher_publish_address(p, &addresses[i]);
        queries = p->dirty.queries.items;
        for (size_t i = 0; i < p->dirty.queries.count; i++) {
                const struct query_record *query = store_query_get(p->store, queries[i]);

                if (query)
                        publisher_publish_query(p, query);
        }
        p->dirty.nodes.count = 0;
        p->dirty.tags.count = 0;
        p->dirty.addresses.count = 0;
        p->dirty.queries.count = 0;
        lictor_commit(p->dp);
        p->stats.commits++;
}

// Whether a query may have an answer that is not in the table.
static size_t is_open(const struct query_record *query)
{
        return query && (*query->query.template_type || publisher_query_fails_over(query)) ? 1 : 0;
}

// The zone with what follows from the store: the data plane punts unknown queries only where a
// template may know them, or another datacenter.
static int set_zone(struct publisher *p)
{
        p->config.zone.query_templates = p->open_count > 0;
        return lictor_zone_set(p->dp, &p->config.zone);
}

static void count_open(struct publisher *p, const struct store_change *c)
{
        size_t before = p->open_count;

        if (c->table != STORE_QUERIES)
                return;
        p->open_count += is_open(c->after.query) - is_open(c->before.query);
        // Without memory the zone stays: these are then not found in DNS until the next.
        if ((before > 0) != (p->open_count > 0) && set_zone(p) < 0)
                p->stats.entries_failed++;
}

static void on_changes(void *arg, uint64_t index, const struct store_change changes[], size_t count)
{
        struct publisher *p = arg;
        bool any = false;

        (void)index;
        // A new state is taken over in pieces, see publisher_replace.c.
        if (p->held || store_is_settling(p->store))
                return;
        for (size_t i = 0; i < count; i++) {
                if (changes[i].table == STORE_QUERIES && changes[i].before.query)
                        publisher_remove_names(p, changes[i].before.query);
                count_open(p, &changes[i]);
                dirty_note(&p->dirty, p->store, &changes[i]);
                any = any || changes[i].table == STORE_QUERIES;
        }
        // Keys, sessions and coordinates touch no name.
        if (any || p->dirty.nodes.count + p->dirty.tags.count + p->dirty.addresses.count > 0)
                publisher_publish_dirty(p);
}

static void publish_all(struct publisher *p)
{
        struct store_change change = {.table = STORE_SERVICES};
        struct store_iter it;

        store_services(p->store, &it);
        while ((change.after.service = store_next_service(&it)))
                dirty_note(&p->dirty, p->store, &change);
        change.table = STORE_NODES;
        store_nodes(p->store, &it);
        while ((change.after.node = store_next_node(&it)))
                dirty_note_node(&p->dirty, change.after.node);
        change.table = STORE_QUERIES;
        store_queries(p->store, &it);
        while ((change.after.query = store_next_query(&it)))
                dirty_note(&p->dirty, p->store, &change);
        publisher_publish_nameservers(p);
        publisher_publish_dirty(p);
}

static void count_all_open(struct publisher *p)
{
        const struct query_record *query;
        struct store_iter it;

        p->open_count = 0;
        store_queries(p->store, &it);
        while ((query = store_next_query(&it)))
                p->open_count += is_open(query);
}

void publisher_recount_open(struct publisher *p)
{
        size_t before = p->open_count;

        count_all_open(p);
        // Without memory as when a template comes later.
        if ((before > 0) != (p->open_count > 0) && set_zone(p) < 0)
                p->stats.entries_failed++;
}

int publisher_create_idle(struct store *store, struct lictor_dataplane *dp,
                          const struct publisher_config *config, struct publisher **out)
{
        struct publisher *p = memory_get_zeroed(1, sizeof(*p));
        int ret;

        p->store = store;
        p->dp = dp;
        p->idle = true;
        publisher_config_copy(config, &p->config);
        ret = set_zone(p);
        if (ret < 0) {
                publisher_config_fini(&p->config);
                free(p);
                return ret;
        }
        *out = p;
        return 0;
}

int publisher_create(struct store *store, struct lictor_dataplane *dp,
                     const struct publisher_config *config, struct publisher **out)
{
        struct publisher *p = memory_get_zeroed(1, sizeof(*p));
        int ret;

        p->store = store;
        p->dp = dp;
        publisher_config_copy(config, &p->config);
        ret = store_listen(store, on_changes, p);
        if (ret < 0)
                goto free_publisher;
        publisher_inherit(p);
        count_all_open(p);
        ret = set_zone(p);
        if (ret < 0)
                goto unlisten;
        publish_all(p);
        *out = p;
        return 0;
unlisten:
        store_set_heir(store, NULL);
        store_unlisten(store, on_changes, p);
free_publisher:
        publisher_config_fini(&p->config);
        free(p);
        return ret;
}

void publisher_destroy(struct publisher *p)
{
        struct dirty_list *lists[] = {&p->dirty.nodes,   &p->dirty.tags, &p->dirty.addresses,
                                      &p->dirty.queries, &p->instances,  &p->records,
                                      &p->members,       &p->subset,     &p->servers};

        if (!p->idle) {
                store_set_heir(p->store, NULL);
                store_unlisten(p->store, on_changes, p);
        }
        for (size_t i = 0; i < ARRAY_LEN(lists); i++)
                dirty_list_fini(lists[i]);
        publisher_config_fini(&p->config);
        free(p);
}

void publisher_hold(struct publisher *p)
{
        p->held = true;
}

void publisher_release(struct publisher *p)
{
        if (!p->held)
                return;
        p->held = false;
        publisher_recount_open(p);
        publish_all(p);
}

void publisher_set_ready(struct publisher *p)
{
        if (!p->config.zone.unready)
                return;
        p->config.zone.unready = false;
        if (set_zone(p) == 0)
                return;
        // Without memory it is tried again with the next call.
        p->config.zone.unready = true;
        p->stats.entries_failed++;
}

int publisher_configure(struct publisher *p, const struct publisher_config *config)
{
        struct publisher_config copy;
        int ret;

        publisher_config_copy(config, &copy);
        copy.zone.query_templates = p->open_count > 0;
        copy.zone.unready = p->config.zone.unready;
        copy.zone.stale = p->config.zone.stale;
        ret = lictor_zone_set(p->dp, &copy.zone);
        if (ret < 0) {
                publisher_config_fini(&copy);
                return ret;
        }
        publisher_config_fini(&p->config);
        p->config = copy;
        if (!p->held)
                publish_all(p);
        return 0;
}

void publisher_set_stale(struct publisher *p, bool stale)
{
        if (p->config.zone.stale == stale)
                return;
        p->config.zone.stale = stale;
        // Without memory it is tried again when asked for again.
        if (set_zone(p) < 0)
                p->config.zone.stale = !stale;
}

void publisher_stats(const struct publisher *p, struct publisher_stats *out)
{
        *out = p->stats;
}
