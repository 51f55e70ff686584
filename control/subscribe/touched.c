#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/query/query.h"
#include "control/subscribe/subscriptions_internal.h"

static struct touched *next_touched(struct subscriptions *subscriptions)
{
        size_t capacity = subscriptions->touched_capacity;

        if (subscriptions->touched_count == capacity) {
                struct touched *grown;

                capacity = capacity > 0 ? 2 * capacity : 64;
                grown = realloc(subscriptions->touched, capacity * sizeof(*grown));
                // As elsewhere in the store, memory that cannot be had ends the process.
                if (grown == NULL)
                        abort();
                subscriptions->touched = grown;
                subscriptions->touched_capacity = capacity;
        }
        return &subscriptions->touched[subscriptions->touched_count++];
}

static void touch(struct subscribed *subscribed, const struct service_record *record,
                  enum subscribe_op op)
{
        if (subscribed != NULL)
                *next_touched(subscribed->owner) = (struct touched){subscribed, {record, op}};
}

// Calls for each service subscribed to that an instance counts for.
static void touch_all(struct subscriptions *subscriptions, const struct service_record *record,
                      const struct service_record *unless, enum subscribe_op op)
{
        struct subscribed *subscribed = subscribed_find(subscriptions, false, record->service.name);
        size_t first = subscriptions->count - subscriptions->connect_count;

        if (unless == NULL || strcasecmp(unless->service.name, record->service.name) != 0)
                touch(subscribed, record, op);
        for (size_t i = first; i < subscriptions->count; i++) {
                subscribed = subscriptions->sorted[i];
                if (query_is_mesh_of(record, subscribed->key) &&
                    (unless == NULL || !query_is_mesh_of(unless, subscribed->key)))
                        touch(subscribed, record, op);
        }
}

static void touch_instance(struct subscriptions *subscriptions, const char *node, const char *id)
{
        const struct service_record *record = store_service_get(subscriptions->store, node, id);

        if (record != NULL)
                touch_all(subscriptions, record, NULL, SUBSCRIBE_REGISTER);
}

static void touch_node(struct subscriptions *subscriptions, const char *node)
{
        const struct service_record *record;
        struct store_iter it;

        store_services_of_node(subscriptions->store, node, &it);
        while ((record = store_next_service(&it)) != NULL)
                touch_all(subscriptions, record, NULL, SUBSCRIBE_REGISTER);
}

static void touch_check(struct subscriptions *subscriptions, const struct check_record *record)
{
        if (record == NULL)
                return;
        if (record->check.service_id[0] == '\0')
                touch_node(subscriptions, record->check.node);
        else
                touch_instance(subscriptions, record->check.node, record->check.service_id);
}

// An instance that is gone, or goes by another name now.
static void touch_former(struct subscriptions *subscriptions, const struct service_record *former)
{
        const struct catalog_service *service = &former->service;

        touch_all(subscriptions, former,
                  store_service_get(subscriptions->store, service->node, service->id),
                  SUBSCRIBE_DEREGISTER);
}

static void collect(struct subscriptions *subscriptions, const struct store_change *change)
{
        switch (change->table) {
        case STORE_NODES:
                touch_node(subscriptions, change->node);
                return;
        case STORE_SERVICES:
                if (change->before.record != NULL)
                        touch_former(subscriptions, change->before.service);
                if (change->after.record != NULL)
                        touch_instance(subscriptions, change->after.service->service.node,
                                       change->after.service->service.id);
                return;
        case STORE_CHECKS:
                touch_check(subscriptions, change->before.check);
                touch_check(subscriptions, change->after.check);
                return;
        default:
                return;
        }
}

static int compare_instances(const struct service_record *a, const struct service_record *b)
{
        size_t a_len = a->instance_key_len, b_len = b->instance_key_len;
        int order = memcmp(a->instance_key, b->instance_key, a_len < b_len ? a_len : b_len);

        return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static int compare_touched(const void *a, const void *b)
{
        const struct touched *x = a, *y = b;

        if (x->subscribed != y->subscribed)
                return (uintptr_t)x->subscribed < (uintptr_t)y->subscribed ? -1 : 1;
        return compare_instances(x->change.record, y->change.record);
}

void touched_collect(struct subscriptions *subscriptions, const struct store_change changes[],
                     size_t count)
{
        struct touched *touched;
        size_t kept = 0;

        subscriptions->touched_count = 0;
        for (size_t i = 0; i < count; i++)
                collect(subscriptions, &changes[i]);
        touched = subscriptions->touched;
        if (subscriptions->touched_count > 1)
                qsort(touched, subscriptions->touched_count, sizeof(*touched), compare_touched);
        for (size_t i = 0; i < subscriptions->touched_count; i++) {
                if (kept == 0 || compare_touched(&touched[kept - 1], &touched[i]) != 0)
                        touched[kept++] = touched[i];
        }
        subscriptions->touched_count = kept;
}
