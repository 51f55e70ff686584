// rcu_dereference and friends are inlined; what they need of liburcu is licensed for that.
#define _LGPL_SOURCE

#include "dataplane/plane/plane.h"

#include <errno.h>
#include <stdlib.h>

#include <urcu-qsbr.h>

#include "dataplane/dns/dns_compile.h"

// Room for this many names before the table grows for the first time.
#define EXPECTED_ENTRIES 1024u

// The zone in force and how it goes: a reader may hold it until its next quiescent state.
struct published_zone {
        struct dns_zone *zone;
        struct rcu_head head;
};

struct lictor_dataplane {
        struct svc_table *table;
        struct published_zone *published; // the writer replaces it, readers dereference it
};

static int published_zone_create(const struct lictor_zone *config, struct published_zone **out)
{
        struct published_zone *published = malloc(sizeof(*published));
        int ret;

        if (published == NULL)
                return -ENOMEM;
        ret = dns_zone_create(config, &published->zone);
        if (ret < 0) {
                free(published);
                return ret;
        }
        *out = published;
        return 0;
}

static void published_zone_destroy(struct published_zone *take_published)
{
        dns_zone_destroy(take_published->zone);
        free(take_published);
}

static void destroy_after_grace_period(struct rcu_head *head)
{
        published_zone_destroy(caa_container_of(head, struct published_zone, head));
}

int lictor_dataplane_create(const struct lictor_zone *zone, struct lictor_dataplane **out)
{
        struct lictor_dataplane *dp = calloc(1, sizeof(*dp));
        int ret;

        if (dp == NULL)
                return -ENOMEM;
        ret = published_zone_create(zone, &dp->published);
        if (ret < 0)
                goto free_plane;
        ret = svc_table_create(EXPECTED_ENTRIES, &dp->table);
        if (ret < 0)
                goto destroy_zone;
        *out = dp;
        return 0;
destroy_zone:
        published_zone_destroy(dp->published);
free_plane:
        free(dp);
        return ret;
}

void lictor_dataplane_destroy(struct lictor_dataplane *dp)
{
        // Zones replaced before this one may still be on their way.
        rcu_barrier();
        svc_table_destroy(dp->table);
        published_zone_destroy(dp->published);
        free(dp);
}

const struct svc_table *plane_table(const struct lictor_dataplane *dp)
{
        return dp->table;
}

const struct dns_zone *plane_zone(const struct lictor_dataplane *dp)
{
        return rcu_dereference(dp->published)->zone;
}

int lictor_zone_set(struct lictor_dataplane *dp, const struct lictor_zone *zone)
{
        struct published_zone *published, *old = dp->published;
        int ret;

        ret = published_zone_create(zone, &published);
        if (ret < 0)
                return ret;
        rcu_assign_pointer(dp->published, published);
        call_rcu(&old->head, destroy_after_grace_period);
        return 0;
}

int lictor_service_set(struct lictor_dataplane *dp, const struct lictor_service *service)
{
        return dns_compile_service(dp->table, dp->published->zone, service);
}

int lictor_node_set(struct lictor_dataplane *dp, const struct lictor_node *node)
{
        return dns_compile_node(dp->table, dp->published->zone, node);
}

int lictor_reverse_set(struct lictor_dataplane *dp, const struct lictor_address *address,
                       const char *target)
{
        return dns_compile_reverse(dp->table, dp->published->zone, address, target);
}

int lictor_nameservers_set(struct lictor_dataplane *dp, const struct lictor_node *servers,
                           size_t server_count)
{
        return dns_compile_nameservers(dp->table, dp->published->zone, servers, server_count);
}

int lictor_service_remove(struct lictor_dataplane *dp, enum lictor_service_kind kind,
                          const char *name, const char *tag)
{
        return dns_remove_service(dp->table, kind, name, tag);
}

int lictor_node_remove(struct lictor_dataplane *dp, const char *name)
{
        return dns_remove_node(dp->table, name);
}

int lictor_reverse_remove(struct lictor_dataplane *dp, const struct lictor_address *address)
{
        return dns_remove_reverse(dp->table, address);
}

void lictor_commit(struct lictor_dataplane *dp)
{
        svc_table_commit(dp->table);
}

void lictor_table_stats(const struct lictor_dataplane *dp, struct lictor_table_stats *out)
{
        struct svc_table_stats stats;

        svc_table_stats(dp->table, &stats);
        *out = (struct lictor_table_stats){
            .entry_count = stats.entry_count,
            .slot_count = stats.slot_count,
            .entry_bytes = stats.entry_bytes,
            .memory_bytes = stats.memory_bytes,
            .on_huge_pages = stats.on_huge_pages,
        };
}

void lictor_reader_register(void)
{
        rcu_register_thread();
}

void lictor_reader_unregister(void)
{
        rcu_unregister_thread();
}

void lictor_reader_quiescent(void)
{
        rcu_quiescent_state();
}

void lictor_reader_offline(void)
{
        rcu_thread_offline();
}

void lictor_reader_online(void)
{
        rcu_thread_online();
}
