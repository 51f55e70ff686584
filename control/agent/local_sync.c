#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/agent/local_internal.h"
#include "lictor/random.h"

// Anti-entropy: now and then the catalog's picture of this node is read and compared with the local
// state. What differs is pushed, what is in the catalog alone is removed: the agent has the last
// word on its node, except for tags of services that say otherwise.

// Clusters up to this size compare at the base interval; each doubling adds it once more.
#define SCALE_FREE 128

// Servers stand for the cluster; their leader keeps what says so.
static bool is_cluster_own(const char *service_id, const char *check_id)
{
        return strcmp(service_id, "consul") == 0 || strcmp(check_id, "serfHealth") == 0;
}

unsigned local_sync_scale(size_t node_count)
{
        unsigned scale = 1;

        for (size_t size = SCALE_FREE; size < node_count && scale < 64; size *= 2)
                scale++;
        return scale;
}

static uint64_t random_below(struct local_state *local, uint64_t bound)
{
        // Nobody gains by guessing it: agents are only to be out of step with each other.
        return random_next(&local->random) % bound;
}

uint64_t local_retry_delay_ms(struct local_state *local)
{
        uint64_t delay_ms = local->retry_ms;

        local->retry_ms = 2 * delay_ms < LOCAL_RETRY_MAX_MS ? 2 * delay_ms : LOCAL_RETRY_MAX_MS;
        return delay_ms + random_below(local, delay_ms);
}

uint64_t local_output_delay_ms(struct local_state *local)
{
        uint64_t interval_ms = local->output_interval_ms;

        return interval_ms / 2 + random_below(local, interval_ms);
}

static void on_sync_timer(uv_timer_t *timer)
{
        local_sync(timer->data);
}

void local_sync_soon(struct local_state *local)
{
        if (!local->closing)
                uv_timer_start(&local->sync_timer, on_sync_timer, local_retry_delay_ms(local), 0);
}

static void schedule(struct local_state *local)
{
        uint64_t spread_ms = (uint64_t)local_sync_scale(local->cluster_size) * LOCAL_SYNC_MS;

        uv_timer_start(&local->sync_timer, on_sync_timer,
                       LOCAL_SYNC_MS + random_below(local, spread_ms), 0);
}

static void compare_service(struct local_state *local, struct local_service_entry *entry,
                            const struct catalog_service *known)
{
        struct catalog_service own;

        if (entry->record->service.enable_tag_override)
                local_take_tags(local, entry, &known->tags);
        own = entry->record->service;
        own.node = known->node;
        entry->pushed = catalog_service_equal(&own, known) ? entry->generation : 0;
}

static void compare_check(struct local_check_entry *entry, const struct catalog_check *known)
{
        struct catalog_check own = entry->record->check;

        own.node = known->node;
        // These the catalog takes from the service.
        own.service_name = known->service_name;
        own.service_tags = known->service_tags;
        // What is to follow later may differ until then.
        if (entry->push.slot != 0)
                own.output = known->output;
        entry->pushed = catalog_check_equal(&own, known) ? entry->generation : 0;
}

static void take_for_unknown(struct local_state *local)
{
        for (size_t i = 0; i < local->service_count; i++)
                local->services[i]->pushed = 0;
        for (size_t i = 0; i < local->check_count; i++)
                local->checks[i]->pushed = 0;
}

static void compare_services(struct local_state *local, const struct local_catalog_view *view)
{
        for (size_t i = 0; i < view->service_count; i++) {
                const struct catalog_service *known = view->services[i];
                struct local_service_entry *entry = local_find_service(local, known->id);

                if (entry != NULL)
                        compare_service(local, entry, known);
                else if (!is_cluster_own(known->id, ""))
                        local_push_removal(local, known->id, "", NULL, NULL);
        }
}

static void compare_checks(struct local_state *local, const struct local_catalog_view *view)
{
        for (size_t i = 0; i < view->check_count; i++) {
                const struct catalog_check *known = view->checks[i];
                struct local_check_entry *entry = local_find_check(local, known->id);

                if (entry != NULL)
                        compare_check(entry, known);
                // Those of a service that is removed go with it.
                else if (!is_cluster_own("", known->id) &&
                         (known->service_id[0] == '\0' ||
                          local_find_service(local, known->service_id) != NULL))
                        local_push_removal(local, "", known->id, NULL, NULL);
        }
}

static void on_catalog_read(void *arg, int error, const struct local_catalog_view *view)
{
        struct local_state *local = arg;

        if (local->closing)
                goto release;
        if (error < 0) {
                log_warn(local->options.log, "agent", "Reading the catalog failed: error=\"%s\"",
                         error == -EAGAIN ? "no server answers for it yet" : strerror(-error));
                local_sync_soon(local);
                goto release;
        }
        if (view->node == NULL || !catalog_node_equal(&local->node->node, view->node))
                local->node_pushed = false;
        // What is in a row of another ID is not this agent's to judge before it has the row.
        local->row_is_anothers =
            view->node != NULL && strcmp(view->node->id, local->node->node.id) != 0;
        take_for_unknown(local);
        if (!local->row_is_anothers) {
                compare_services(local, view);
                compare_checks(local, view);
        }
        schedule(local);
        local_push_all(local);
release:
        local_release(local);
}

void local_sync(struct local_state *local)
{
        struct local_catalog *catalog = local->options.catalog;

        if (local->closing)
                return;
        if (catalog == NULL) {
                local_push_all(local);
                return;
        }
        local->reference_count++;
        catalog->read_node(catalog, local->node->node.name, on_catalog_read, local);
}

void local_set_cluster_size(struct local_state *local, size_t node_count)
{
        local->cluster_size = node_count;
}
