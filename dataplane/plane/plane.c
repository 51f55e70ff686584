#include "dataplane/plane/plane.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <urcu-qsbr.h>

#include "dataplane/dns/dns_compile.h"
#include "dataplane/table/svc_reader.h"

// Room for this many names before the table grows for the first time.
#define EXPECTED_ENTRIES 1024u

// The zone in force and how it goes: a reader may hold it until its next quiescent state.
struct published_zone {
        struct dns_zone *zone;
        struct rcu_head head;
};

// As a zone: immutable, replaced whole.
struct plane_peers {
        struct rcu_head head;
        unsigned count;
        struct lictor_dataplane *planes[PLANE_PEERS_MAX];
};

struct lictor_dataplane {
        struct svc_table *table;
        struct plane_peers *_Atomic peers;        // as published; NULL: none
        atomic_bool used;                         // readers set it, seldom: the writer clears it
        struct published_zone *_Atomic published; // the writer replaces it, readers load it
};

// Only the writer changes it, so the writer need not wait for what it reads.
static struct published_zone *writers_zone(const struct lictor_dataplane *dp)
{
        return atomic_load_explicit(&dp->published, memory_order_relaxed);
}

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
        TSAN_ACQUIRE(SVC_READER_SYNC);
        TSAN_ACQUIRE(head);
        published_zone_destroy(caa_container_of(head, struct published_zone, head));
}

int lictor_dataplane_create(const struct lictor_zone *zone, struct lictor_dataplane **out)
{
        struct lictor_dataplane *dp = calloc(1, sizeof(*dp));
        struct published_zone *published;
        int ret;

        if (dp == NULL)
                return -ENOMEM;
        ret = published_zone_create(zone, &published);
        if (ret < 0)
                goto free_plane;
        atomic_init(&dp->published, published);
        ret = svc_table_create(EXPECTED_ENTRIES, &dp->table);
        if (ret < 0)
                goto destroy_zone;
        *out = dp;
        return 0;
destroy_zone:
        published_zone_destroy(published);
free_plane:
        free(dp);
        return ret;
}

void lictor_dataplane_destroy(struct lictor_dataplane *dp)
{
        // Zones replaced before this one may still be on their way.
        rcu_barrier();
        TSAN_ACQUIRE(SVC_READER_SYNC);
        svc_table_destroy(dp->table);
        published_zone_destroy(writers_zone(dp));
        free(atomic_load_explicit(&dp->peers, memory_order_relaxed));
        free(dp);
}

const struct svc_table *plane_table(const struct lictor_dataplane *dp)
{
        return dp->table;
}

const struct dns_zone *plane_zone(const struct lictor_dataplane *dp)
{
        return atomic_load_explicit(&dp->published, memory_order_acquire)->zone;
}

static void free_after_grace_period(struct rcu_head *head)
{
        TSAN_ACQUIRE(SVC_READER_SYNC);
        TSAN_ACQUIRE(head);
        free(caa_container_of(head, struct plane_peers, head));
}

int plane_set_peers(struct lictor_dataplane *dp, struct lictor_dataplane *const planes[],
                    unsigned count)
{
        struct plane_peers *peers = NULL;
        struct plane_peers *old = atomic_load_explicit(&dp->peers, memory_order_relaxed);

        assert(count <= PLANE_PEERS_MAX);
        if (count > 0) {
                peers = calloc(1, sizeof(*peers));
                if (peers == NULL)
                        return -ENOMEM;
                peers->count = count;
                for (unsigned i = 0; i < count; i++)
                        peers->planes[i] = planes[i];
        }
        atomic_store_explicit(&dp->peers, peers, memory_order_release);
        if (old != NULL) {
                TSAN_RELEASE(&old->head);
                call_rcu(&old->head, free_after_grace_period);
        }
        return 0;
}

static bool peer_of(const struct plane_peers *peers, const uint8_t *label,
                    const struct dns_zone **zone, const struct svc_table **table)
{
        for (unsigned i = 0; i < peers->count; i++) {
                struct lictor_dataplane *plane = peers->planes[i];

                *zone = plane_zone(plane);
                if (!dns_zone_is_of(*zone, label))
                        continue;
                *table = plane->table;
                // Written only when it would change: the line stays in every reader's cache.
                if (!atomic_load_explicit(&plane->used, memory_order_relaxed))
                        atomic_store_explicit(&plane->used, true, memory_order_relaxed);
                return true;
        }
        return false;
}

void plane_env_peers(const struct lictor_dataplane *dp, struct dns_env *env)
{
        env->peers = atomic_load_explicit(&dp->peers, memory_order_acquire);
        env->peer_of = peer_of;
}

bool plane_take_used(struct lictor_dataplane *dp)
{
        return atomic_exchange_explicit(&dp->used, false, memory_order_relaxed);
}

int lictor_zone_set(struct lictor_dataplane *dp, const struct lictor_zone *zone)
{
        struct published_zone *published, *old = writers_zone(dp);
        int ret;

        ret = published_zone_create(zone, &published);
        if (ret < 0)
                return ret;
        atomic_store_explicit(&dp->published, published, memory_order_release);
        TSAN_RELEASE(&old->head);
        call_rcu(&old->head, destroy_after_grace_period);
        return 0;
}

int lictor_service_set(struct lictor_dataplane *dp, const struct lictor_service *service)
{
        return dns_compile_service(dp->table, writers_zone(dp)->zone, service);
}

int lictor_node_set(struct lictor_dataplane *dp, const struct lictor_node *node)
{
        return dns_compile_node(dp->table, writers_zone(dp)->zone, node);
}

int lictor_reverse_set(struct lictor_dataplane *dp, const struct lictor_address *address,
                       const char *target)
{
        return dns_compile_reverse(dp->table, writers_zone(dp)->zone, address, target);
}

int lictor_nameservers_set(struct lictor_dataplane *dp, const struct lictor_node *servers,
                           size_t server_count)
{
        return dns_compile_nameservers(dp->table, writers_zone(dp)->zone, servers, server_count);
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
        svc_reader_register();
}

void lictor_reader_unregister(void)
{
        svc_reader_unregister();
}

void lictor_reader_quiescent(void)
{
        svc_reader_quiescent();
}

void lictor_reader_offline(void)
{
        svc_reader_offline();
}

void lictor_reader_online(void)
{
        svc_reader_online();
}
