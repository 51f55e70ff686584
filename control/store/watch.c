#include "control/store/watch.h"
#include "control/store/memory.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define BUCKETS_MIN 64

// All watches for one key. It goes with the last of them.
struct watch_group {
        struct watch_group *next; // of its bucket
        struct watch *first;
        uint64_t hash;
        unsigned kind;
        enum watch_scope scope;
        bool firing; // taken out of the table, its watches fire one after the other
        size_t key_len;
        uint8_t key[];
};

struct watch_hub {
        struct watch_group **buckets; // a power of two
        size_t bucket_count;
        size_t group_count;
        size_t watch_count;
        uint64_t seed;
        uint32_t *prefix_counts; // groups that wait for beginnings of this length
        size_t prefix_len_end;   // the lengths counted are below
};

struct watch_hub *watch_hub_create(uint64_t seed)
{
        struct watch_hub *hub = memory_get_zeroed(1, sizeof(*hub));

        hub->seed = seed;
        hub->bucket_count = BUCKETS_MIN;
        hub->buckets = memory_get_zeroed(hub->bucket_count, sizeof(*hub->buckets));
        return hub;
}

static void unlink_watch(struct watch_hub *hub, struct watch *watch)
{
        *watch->link = watch->next;
        if (watch->next != NULL)
                watch->next->link = watch->link;
        watch->next = NULL;
        watch->link = NULL;
        watch->group = NULL;
        hub->watch_count--;
}

void watch_hub_destroy(struct watch_hub *hub)
{
        if (hub == NULL)
                return;
        for (size_t i = 0; i < hub->bucket_count; i++) {
                while (hub->buckets[i] != NULL) {
                        struct watch_group *group = hub->buckets[i];

                        hub->buckets[i] = group->next;
                        while (group->first != NULL)
                                unlink_watch(hub, group->first);
                        free(group);
                }
        }
        free(hub->prefix_counts);
        free(hub->buckets);
        free(hub);
}

static uint64_t hash_key(const struct watch_hub *hub, unsigned kind, enum watch_scope scope,
                         const void *key, size_t key_len)
{
        return XXH3_64bits_withSeed(key, key_len, hub->seed + 2 * (uint64_t)kind + scope);
}

// Where the group is linked from, or the end of its bucket.
static struct watch_group **find_group(struct watch_hub *hub, uint64_t hash, unsigned kind,
                                       enum watch_scope scope, const void *key, size_t key_len)
{
        struct watch_group **at = &hub->buckets[hash & (hub->bucket_count - 1)];

        while (*at != NULL && ((*at)->hash != hash || (*at)->kind != kind ||
                               (*at)->scope != scope || (*at)->key_len != key_len ||
                               (key_len > 0 && memcmp((*at)->key, key, key_len) != 0)))
                at = &(*at)->next;
        return at;
}

static void grow(struct watch_hub *hub)
{
        size_t count = 2 * hub->bucket_count;
        struct watch_group **buckets = memory_get_zeroed(count, sizeof(*buckets));

        for (size_t i = 0; i < hub->bucket_count; i++) {
                while (hub->buckets[i] != NULL) {
                        struct watch_group *group = hub->buckets[i];
                        struct watch_group **to = &buckets[group->hash & (count - 1)];

                        hub->buckets[i] = group->next;
                        group->next = *to;
                        *to = group;
                }
        }
        free(hub->buckets);
        hub->buckets = buckets;
        hub->bucket_count = count;
}

static void count_prefix(struct watch_hub *hub, size_t len)
{
        if (len >= hub->prefix_len_end) {
                size_t end = 2 * len + 16;

                hub->prefix_counts =
                    memory_resize(hub->prefix_counts, end * sizeof(*hub->prefix_counts));
                memset(&hub->prefix_counts[hub->prefix_len_end], 0,
                       (end - hub->prefix_len_end) * sizeof(*hub->prefix_counts));
                hub->prefix_len_end = end;
        }
        hub->prefix_counts[len]++;
}

void watch_add(struct watch_hub *hub, struct watch *watch, unsigned kind, enum watch_scope scope,
               const void *key, size_t key_len)
{
        uint64_t hash = hash_key(hub, kind, scope, key, key_len);
        struct watch_group **at = find_group(hub, hash, kind, scope, key, key_len);
        struct watch_group *group = *at;

        assert(watch->group == NULL && watch->fire != NULL);
        if (group == NULL) {
                group = memory_get_zeroed(1, sizeof(*group) + key_len);
                group->hash = hash;
                group->kind = kind;
                group->scope = scope;
                group->key_len = key_len;
                if (key_len > 0)
                        memcpy(group->key, key, key_len);
                *at = group;
                if (scope == WATCH_PREFIX)
                        count_prefix(hub, key_len);
                if (++hub->group_count > hub->bucket_count)
                        grow(hub);
        }
        watch->group = group;
        watch->next = group->first;
        watch->link = &group->first;
        if (watch->next != NULL)
                watch->next->link = &watch->next;
        group->first = watch;
        hub->watch_count++;
}

// Take a group out of the table; it is not freed.
static struct watch_group *unlink_group(struct watch_hub *hub, struct watch_group **at)
{
        struct watch_group *group = *at;

        *at = group->next;
        hub->group_count--;
        if (group->scope == WATCH_PREFIX)
                hub->prefix_counts[group->key_len]--;
        return group;
}

void watch_remove(struct watch_hub *hub, struct watch *watch)
{
        struct watch_group *group = watch->group;

        if (group == NULL)
                return;
        unlink_watch(hub, watch);
        if (group->first == NULL && !group->firing)
                free(unlink_group(hub, find_group(hub, group->hash, group->kind, group->scope,
                                                  group->key, group->key_len)));
}

// The group is out of the table, so what its watches add goes into a new one.
static void fire_group(struct watch_hub *hub, struct watch_group *take_group)
{
        while (take_group->first != NULL) {
                struct watch *watch = take_group->first;

                unlink_watch(hub, watch);
                watch->fire(watch);
        }
        free(take_group);
}

static void notify_scope(struct watch_hub *hub, unsigned kind, enum watch_scope scope,
                         const void *key, size_t key_len)
{
        uint64_t hash = hash_key(hub, kind, scope, key, key_len);
        struct watch_group **at = find_group(hub, hash, kind, scope, key, key_len);

        if (*at == NULL)
                return;
        (*at)->firing = true;
        fire_group(hub, unlink_group(hub, at));
}

void watch_notify(struct watch_hub *hub, unsigned kind, const void *key, size_t key_len)
{
        if (hub->watch_count == 0)
                return;
        notify_scope(hub, kind, WATCH_EXACT, key, key_len);
        // Few lengths are in use at a time, and so few beginnings are hashed.
        for (size_t len = 0; len <= key_len && len < hub->prefix_len_end; len++)
                if (hub->prefix_counts[len] > 0)
                        notify_scope(hub, kind, WATCH_PREFIX, key, len);
}

void watch_notify_all(struct watch_hub *hub)
{
        struct watch_group *all = NULL;

        for (size_t i = 0; i < hub->bucket_count; i++) {
                while (hub->buckets[i] != NULL) {
                        struct watch_group *group = unlink_group(hub, &hub->buckets[i]);

                        group->firing = true;
                        group->next = all;
                        all = group;
                }
        }
        while (all != NULL) {
                struct watch_group *group = all;

                all = group->next;
                fire_group(hub, group);
        }
}

size_t watch_count(const struct watch_hub *hub)
{
        return hub->watch_count;
}
