#include "control/publisher/publisher_internal.h"
#include "control/query/query.h"
#include "control/store/text.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

// One instance as part of one tag's subset.
struct member {
        size_t tag;      // position among the dirty tags
        size_t instance; // position in p->instances
};

bool publisher_serves(enum store_health health, bool only_passing)
{
        return only_passing ? health == STORE_PASSING : health != STORE_CRITICAL;
}

static void add_instance(struct publisher *p, const struct service_record *service,
                         const struct node_record *node, enum store_health health)
{
        publisher_instance_fill(service, node, health, p->config.is_wan,
                                dirty_list_add(&p->instances, sizeof(struct lictor_instance)));
        *(const struct service_record **)dirty_list_add(&p->records, sizeof(service)) = service;
}

static void gather(struct publisher *p, const char *name)
{
        const struct service_record *service;
        struct store_iter it;

        p->instances.count = 0;
        p->records.count = 0;
        store_instances(p->store, name, &it);
        while ((service = store_next_service(&it))) {
                enum store_health health = store_instance_health(p->store, service, NULL);

                if (publisher_serves(health, p->config.only_passing))
                        add_instance(p, service, store_node_get(p->store, service->service.node),
                                     health);
        }
}

static void publish_set(struct publisher *p, const struct lictor_service *set)
{
        int ret;

        if (set->instance_count > 0) {
                ret = lictor_service_set(p->dp, set);
                publisher_count_set(p, ret);
                if (ret != -E2BIG)
                        return;
                // Too large to write down: better no answer than instances that may be gone.
        }
        publisher_count_remove(p, lictor_service_remove(p->dp, set->kind, set->name, set->tag));
}

static int order_tag(const void *key, const void *item)
{
        return text_compare_fold(key, ((const struct dirty_tag *)item)->tag);
}

static int order_members(const void *a, const void *b)
{
        const struct member *x = a;
        const struct member *y = b;

        if (x->tag != y->tag)
                return x->tag < y->tag ? -1 : 1;
        return (x->instance > y->instance) - (x->instance < y->instance);
}

// Which gathered instance carries which of the tags, ordered by tag.
static void sort_members(struct publisher *p, const struct dirty_tag tags[], size_t tag_count)
{
        const struct service_record *const *records = p->records.items;

        p->members.count = 0;
        for (size_t i = 0; i < p->records.count; i++) {
                const struct text_list *own = &records[i]->service.tags;

                for (uint32_t t = 0; t < own->count; t++) {
                        const struct dirty_tag *found =
                            bsearch(own->items[t], tags, tag_count, sizeof(*tags), order_tag);

                        if (found)
                                *(struct member *)dirty_list_add(&p->members,
                                                                 sizeof(struct member)) =
                                    (struct member){(size_t)(found - tags), i};
                }
        }
        if (p->members.count > 1)
                qsort(p->members.items, p->members.count, sizeof(struct member), order_members);
}

// The members of one tag, from `at` on. returns  where the next tag's begin.
static size_t fill_subset(struct publisher *p, size_t tag, size_t at)
{
        const struct lictor_instance *instances = p->instances.items;
        const struct member *members = p->members.items;
        size_t last = SIZE_MAX;

        p->subset.count = 0;
        for (; at < p->members.count && members[at].tag == tag; at++) {
                // An instance may carry a tag twice, spelled differently.
                if (members[at].instance == last)
                        continue;
                last = members[at].instance;
                *(struct lictor_instance *)dirty_list_add(&p->subset, sizeof(*instances)) =
                    instances[last];
        }
        return at;
}

void publisher_publish_tags(struct publisher *p, const struct dirty_tag tags[], size_t tag_count)
{
        struct lictor_service set = {.kind = LICTOR_SERVICE, .name = tags[0].service};
        size_t at = 0;

        gather(p, set.name);
        sort_members(p, tags, tag_count);
        set.ttl_s = publisher_service_ttl_s(&p->config, set.name, true);
        for (size_t i = 0; i < tag_count; i++) {
                set.tag = tags[i].tag;
                if (*set.tag) {
                        at = fill_subset(p, i, at);
                        set.instances = p->subset.items;
                        set.instance_count = p->subset.count;
                } else {
                        set.instances = p->instances.items;
                        set.instance_count = p->instances.count;
                }
                publish_set(p, &set);
        }
}

void publisher_publish_service(struct publisher *p, const struct dirty_tag tags[], size_t tag_count)
{
        const struct query_record *query;
        struct store_iter it;

        publisher_publish_tags(p, tags, tag_count);
        if (text_equal_fold(tags[0].service, "consul"))
                publisher_publish_nameservers(p);
        store_queries_of_service(p->store, tags[0].service, &it);
        while ((query = store_next_query(&it)))
                publisher_publish_query(p, query);
}

static void gather_query(struct publisher *p, const struct catalog_query *query)
{
        const struct service_record *service;
        struct store_iter it;

        p->instances.count = 0;
        p->records.count = 0;
        store_instances(p->store, query->service, &it);
        while ((service = store_next_service(&it))) {
                enum store_health health;

                if (query_selects(p->store, query, service, false, &health))
                        add_instance(p, service, store_node_get(p->store, service->service.node),
                                     health);
        }
}

void publisher_remove_query(struct publisher *p, const char *name)
{
        if (*name)
                publisher_count_remove(p, lictor_service_remove(p->dp, LICTOR_QUERY, name, ""));
}

static void fill_query_set(struct publisher *p, const struct catalog_query *query,
                           struct lictor_service *set)
{
        gather_query(p, query);
        *set = (struct lictor_service){
            .kind = LICTOR_QUERY,
            .tag = "",
            .ttl_s = query->dns_ttl_s >= 0
                         ? (uint32_t)query->dns_ttl_s
                         : publisher_service_ttl_s(&p->config, query->service, false),
            .instances = p->instances.items,
            .instance_count = p->instances.count,
        };
}

void publisher_publish_query(struct publisher *p, const struct query_record *record)
{
        const struct catalog_query *query = &record->query;
        const char *const names[] = {query->name, query->id};
        struct lictor_service set;

        // What a template answers depends on the question: that is for the slow path.
        if (*query->template_type)
                return;
        fill_query_set(p, query, &set);
        for (size_t i = 0; i < 2; i++) {
                set.name = names[i];
                if (*set.name)
                        publish_set(p, &set);
        }
}

bool publisher_publish_named_query(struct publisher *p, const struct query_record *query,
                                   const char *name)
{
        char error[QUERY_ERROR_MAX];
        struct lictor_service set;
        struct query_plan plan;
        bool published = false;

        if (query_plan_init(query, name, "", &plan, error) < 0)
                return false;
        fill_query_set(p, &plan.query, &set);
        set.name = name;
        if (set.instance_count > 0)
                published = lictor_service_set(p->dp, &set) == 0;
        query_plan_fini(&plan);
        return published;
}

bool publisher_publish_template(struct publisher *p, const char *name)
{
        const struct query_record *record = query_find(p->store, name);

        return record != NULL && query_is_template(record) &&
               publisher_publish_named_query(p, record, name);
}

void publisher_withdraw_template(struct publisher *p, const char *name)
{
        lictor_service_remove(p->dp, LICTOR_QUERY, name, "");
        lictor_commit(p->dp);
}
