#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <xxhash.h>

#include "control/api/api_internal.h"
#include "control/text/filter.h"

// Answers to the same question are given again until what they show changes: each holds the watches
// a blocking query would, and the first that fires drops it. So an answer is never older than the
// store.

// Powers of two. A dashboard asks a few hundred questions, a service mesh a thousand, programs that
// read their configuration some thousands of keys.
#define SET_COUNT   2048u
#define WAYS        4u
#define SEEN_WAYS   8u
#define ASKED_COUNT 4096u
// Bigger answers are sent so seldom that writing them again does not show.
#define ANSWER_MAX (256u << 10)
#define TOTAL_MAX  (32u << 20)
// What headers and watches of an answer take, about.
#define ANSWER_OVERHEAD 1536u

struct kept {
        struct api_read read; // holds the watches; its request is gone
        struct kept **place;
        uint64_t hash;
        uint64_t applied; // index up to which the answer is known to be true
        uint64_t index;   // what its X-Consul-Index says
        size_t size;
        struct http_answer *answer;
        bool gzip;
        char text[]; // the target, then the read's name
};

struct api_cache {
        struct api *api;
        uint64_t seed;
        size_t total; // bytes
        struct kept *sets[SET_COUNT][WAYS];
        uint8_t next_way[SET_COUNT];
        uint32_t seen[SET_COUNT][SEEN_WAYS]; // marks of questions that were asked once
        uint8_t next_seen[SET_COUNT];
        uint32_t asked[ASKED_COUNT]; // of those with ?cached
};

int api_cache_create(struct api *api)
{
        api->cache = calloc(1, sizeof(*api->cache));
        if (api->cache == NULL)
                return -ENOMEM;
        api->cache->api = api;
        // Without random numbers collisions can be chosen, which costs the chooser's own answers.
        if (getrandom(&api->cache->seed, sizeof(api->cache->seed), GRND_NONBLOCK) < 0)
                api->cache->seed = uv_hrtime();
        return 0;
}

static void drop(struct api_cache *cache, struct kept *kept)
{
        while (kept->read.watch_count > 0)
                watch_remove(kept->read.hub, &kept->read.watches[--kept->read.watch_count]);
        *kept->place = NULL;
        cache->total -= kept->size;
        http_answer_release(kept->answer);
        free(kept);
}

void api_cache_clear(struct api_cache *cache)
{
        for (size_t set = 0; set < SET_COUNT; set++) {
                for (size_t way = 0; way < WAYS; way++) {
                        if (cache->sets[set][way] != NULL)
                                drop(cache, cache->sets[set][way]);
                }
        }
}

void api_cache_destroy(struct api_cache *take_cache)
{
        if (take_cache == NULL)
                return;
        api_cache_clear(take_cache);
        free(take_cache);
}

static void on_touched(struct watch *watch)
{
        struct api_read *read = watch->arg;

        drop(read->api->cache, (struct kept *)read);
}

static uint64_t hash_of(const struct api_cache *cache, const char *target, size_t len, bool gzip)
{
        return XXH3_64bits_withSeed(target, len, cache->seed ^ (gzip ? 1 : 0));
}

static uint64_t index_of(const struct kept *kept)
{
        uint64_t index = kept->read.query->index(kept->read.api->agent->store, kept->read.name);

        return index > 0 ? index : 1;
}

// The watches say that what is shown is as it was; the header's index may have moved even so.
static bool is_true(struct kept *kept)
{
        uint64_t applied = store_applied_index(kept->read.api->agent->store);

        if (kept->applied == applied)
                return true;
        kept->applied = applied;
        return index_of(kept) == kept->index;
}

struct http_answer *api_cache_recall(void *app, const char *target, bool gzip)
{
        struct api *api = app;
        struct api_cache *cache = api->cache;
        uint64_t hash = hash_of(cache, target, strlen(target), gzip);
        struct kept **set = cache->sets[hash % SET_COUNT];

        for (size_t way = 0; way < WAYS; way++) {
                struct kept *kept = set[way];

                if (kept == NULL || kept->hash != hash || kept->gzip != gzip ||
                    strcmp(kept->text, target) != 0)
                        continue;
                if (api_reads_at_once(api) && is_true(kept))
                        return kept->answer;
                drop(cache, kept);
                return NULL;
        }
        return NULL;
}

// Whether the answer follows from the target and from what the read's watches cover.
static bool may_keep(const struct api_read *read)
{
        static const char *const known[] = {"passing", "tag",  "filter",    "dc",    "stale",
                                            "raw",     "keys", "separator", "pretty"};
        const struct http_request *request = read->request;
        size_t count = 0;

        if (!http_request_is_plain(request) || read->query->watch == NULL ||
            read->query->has_changed != NULL)
                return false;
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
                for (size_t n = 0; http_request_param_at(request, known[i], n) != NULL; n++)
                        count++;
        }
        return count == http_request_param_count(request);
}

// What is asked once costs one word; what is asked again is kept.
static bool comes_often(struct api_cache *cache, uint64_t hash)
{
        size_t set = hash % SET_COUNT;
        uint32_t mark = (uint32_t)(hash >> 32);

        for (size_t way = 0; way < SEEN_WAYS; way++) {
                if (cache->seen[set][way] == mark)
                        return true;
        }
        cache->seen[set][cache->next_seen[set]++ % SEEN_WAYS] = mark;
        return false;
}

// What tells questions apart for Consul's cache, by endpoint; all else is applied to what it holds.
static const struct {
        const char *path;
        const char *params[6];
        bool renewed; // in the background: it need not be asked for again
} cached_endpoints[] = {
    {"/v1/catalog/datacenters", {NULL}, false},
    {"/v1/catalog/services", {"dc", "node-meta", "filter", NULL}, true},
    {"/v1/catalog/", {"dc", "node-meta", "tag", "filter", NULL}, true},
    {"/v1/health/", {"dc", "node-meta", "tag", "filter", "near", NULL}, true},
    {"/v1/query/", {"dc", "limit", "connect", NULL}, false},
};

static size_t find_endpoint(const char *target)
{
        size_t count = sizeof(cached_endpoints) / sizeof(cached_endpoints[0]), i = 0;

        while (i < count - 1 &&
               strncmp(target, cached_endpoints[i].path, strlen(cached_endpoints[i].path)) != 0)
                i++;
        return i;
}

static uint64_t hash_question(const struct api *api, const struct http_request *request,
                              const char *const *params)
{
        const char *target = http_request_target(request), *value;
        uint64_t hash = XXH3_64bits_withSeed(target, strcspn(target, "?"), ~api->cache->seed);

        for (; *params != NULL; params++) {
                for (size_t n = 0; (value = http_request_param_at(request, *params, n)) != NULL;
                     n++) {
                        if (strcmp(*params, "dc") == 0 &&
                            strcasecmp(value, api->agent->config->datacenter) == 0)
                                continue;
                        hash = XXH3_64bits_withSeed(*params, strlen(*params), hash);
                        hash = XXH3_64bits_withSeed(value, strlen(value), hash);
                }
        }
        return hash;
}

static bool wants_fresh(const struct http_request *request)
{
        const char *control = http_request_header(request, "Cache-Control");

        return control != NULL && (strstr(control, "must-revalidate") != NULL ||
                                   strncmp(control, "max-age=0", 9) == 0);
}

// Whether a question with ?cached was asked before, which it now has been.
static bool was_asked(struct api_cache *cache, uint64_t hash)
{
        uint32_t *asked = &cache->asked[hash % ASKED_COUNT];
        bool was = *asked == (uint32_t)(hash >> 32);

        *asked = (uint32_t)(hash >> 32);
        return was;
}

void api_reply_cached(const struct api *api, struct http_request *request)
{
        size_t endpoint = find_endpoint(http_request_target(request));
        bool hit;

        if (http_request_param(request, "cached") == NULL || !api->agent->config->http_use_cache)
                return;
        // The agent's own store is the cache, and it is never behind.
        hit =
            was_asked(api->cache, hash_question(api, request, cached_endpoints[endpoint].params)) &&
            (cached_endpoints[endpoint].renewed || !wants_fresh(request));
        http_reply_header(request, "X-Cache", hit ? "HIT" : "MISS");
        if (hit)
                http_reply_header(request, "Age", "0");
}

static struct kept **find_place(struct api_cache *cache, uint64_t hash)
{
        size_t set = hash % SET_COUNT;
        struct kept **place = &cache->sets[set][cache->next_way[set]++ % WAYS];

        for (size_t way = 0; way < WAYS && *place != NULL; way++) {
                if (cache->sets[set][way] == NULL)
                        place = &cache->sets[set][way];
        }
        if (*place != NULL)
                drop(cache, *place);
        return place;
}

void api_cache_keep(const struct api_read *read, size_t size)
{
        struct api_cache *cache = read->api->cache;
        const char *target = http_request_target(read->request);
        size_t target_size = strlen(target) + 1, name_size = strlen(read->name) + 1;
        bool gzip = http_request_takes_gzip(read->request);
        uint64_t hash = hash_of(cache, target, target_size - 1, gzip);
        struct kept *kept;

        size += sizeof(*kept) + target_size + name_size + ANSWER_OVERHEAD;
        if (size > ANSWER_MAX || !api_reads_at_once(read->api) || !may_keep(read) ||
            !comes_often(cache, hash))
                return;
        if (cache->total + size > TOTAL_MAX)
                api_cache_clear(cache);
        kept = calloc(1, sizeof(*kept) + target_size + name_size);
        if (kept == NULL)
                return;
        kept->answer = http_request_keep_answer(read->request);
        if (kept->answer == NULL) {
                free(kept);
                return;
        }
        memcpy(kept->text, target, target_size);
        memcpy(kept->text + target_size, read->name, name_size);
        kept->read = (struct api_read){.api = read->api,
                                       .query = read->query,
                                       .name = kept->text + target_size,
                                       .hash = "",
                                       .hub = read->hub,
                                       .touched = on_touched};
        kept->hash = hash;
        kept->gzip = gzip;
        kept->size = size;
        kept->index = index_of(kept);
        kept->applied = store_applied_index(read->api->agent->store);
        kept->place = find_place(cache, hash);
        *kept->place = kept;
        cache->total += size;
        kept->read.query->watch(&kept->read);
}
