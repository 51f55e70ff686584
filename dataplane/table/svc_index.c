#include <errno.h>
#include <string.h>

#include "dataplane/table/svc_index.h"

// Entries whose hashes a split reads while it waits for none: far enough ahead to hide memory.
#define SPLIT_AHEAD 4u

struct place {
        struct svc_segment *segment;
        unsigned home;
        unsigned position; /* bucket */
        unsigned slot;
};

static struct svc_bucket *bucket_of(const struct place *place)
{
        return &place->segment->bucket[place->position];
}

static uint64_t tags_of(const struct svc_bucket *bucket)
{
        return atomic_load_explicit(&bucket->tags, memory_order_relaxed);
}

static void tags_set(struct svc_bucket *bucket, uint64_t tags)
{
        atomic_store_explicit(&bucket->tags, tags, memory_order_release);
}

static struct svc_directory *directory_of(const struct svc_index *x)
{
        return atomic_load_explicit(&x->directory, memory_order_relaxed);
}

static struct svc_segment *segment_create(struct svc_index *x, uint32_t depth)
{
        struct svc_segment *segment = slab_alloc_zeroed(x->slab, sizeof(*segment));

        if (segment == NULL)
                return NULL;
        segment->retired.bytes = sizeof(*segment);
        segment->depth = depth;
        x->segment_count++;
        return segment;
}

static void segment_discard(struct svc_index *x, struct svc_segment *take_segment)
{
        if (take_segment == NULL)
                return;
        x->segment_count--;
        slab_free(x->slab, take_segment, sizeof(*take_segment));
}

static struct svc_directory *directory_create(struct svc_index *x, uint32_t depth)
{
        const size_t bytes =
            sizeof(struct svc_directory) + ((size_t)1 << depth) * sizeof(struct svc_segment *);
        struct svc_directory *directory = slab_alloc(x->slab, bytes);

        if (directory == NULL)
                return NULL;
        directory->retired.bytes = bytes;
        directory->shift = 64 - depth;
        directory->depth = depth;
        return directory;
}

static void directory_set(struct svc_directory *directory, size_t first, size_t count,
                          struct svc_segment *segment)
{
        for (size_t i = first; i < first + count; i++)
                atomic_store_explicit(&directory->segment[i], segment, memory_order_release);
}

static void directory_publish(struct svc_index *x, struct svc_directory *directory)
{
        atomic_store_explicit(&x->directory, directory, memory_order_release);
}

int svc_index_init(struct svc_index *x, struct slab *slab, struct reclaim *reclaim,
                   size_t expected_entries)
{
        struct svc_directory *directory;
        uint32_t depth = SVC_DEPTH_MIN;

        // An eighth of room, for hashes do not spread evenly.
        while (depth < SVC_DEPTH_MAX && (SVC_SEGMENT_LIMIT * 7 / 8) << depth < expected_entries)
                depth++;
        *x = (struct svc_index){.slab = slab, .reclaim = reclaim};
        directory = directory_create(x, depth);
        if (directory == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < (size_t)1 << depth; i++) {
                struct svc_segment *segment = segment_create(x, depth);

                if (segment == NULL)
                        return -ENOMEM;
                directory_set(directory, i, 1, segment);
        }
        directory_publish(x, directory);
        return 0;
}

// Finds the key, or returns false.
static bool find(const struct svc_index *x, const struct svc_key *key, struct place *out)
{
        const uint8_t fingerprint = svc_fingerprint(key->hash);

        *out = (struct place){.segment = svc_segment_of(directory_of(x), key->hash),
                              .home = svc_home_of(key->hash)};
        out->position = out->home;
        for (unsigned probe = 0; probe < SVC_PROBE_MAX; probe++) {
                const struct svc_bucket *bucket = bucket_of(out);
                const uint64_t tags = tags_of(bucket);

                for (uint64_t m = svc_tags_match(tags, fingerprint); m != 0; m &= m - 1) {
                        out->slot = svc_match_slot(m);
                        if (svc_entry_has_key(atomic_load_explicit(&bucket->entry[out->slot],
                                                                   memory_order_relaxed),
                                              key))
                                return true;
                }
                if (svc_tags_overflow(tags) == 0)
                        return false;
                out->position = svc_next_bucket(out->position);
        }
        return false;
}

// Puts an entry whose key is not there into the first free slot; false when none is near enough.
static bool insert(struct svc_segment *segment, struct svc_entry *entry)
{
        struct place place = {.segment = segment, .home = svc_home_of(entry->hash)};
        uint64_t room = 0;

        place.position = place.home;
        for (unsigned probe = 0; probe < SVC_PROBE_MAX; probe++) {
                room = svc_tags_match(tags_of(bucket_of(&place)), 0);
                if (room != 0)
                        break;
                place.position = svc_next_bucket(place.position);
        }
        if (room == 0)
                return false;
        for (unsigned i = place.home; i != place.position; i = svc_next_bucket(i))
                tags_set(&segment->bucket[i], tags_of(&segment->bucket[i]) + ((uint64_t)1 << 56));
        place.slot = svc_match_slot(room);
        atomic_store_explicit(&bucket_of(&place)->entry[place.slot], entry, memory_order_release);
        tags_set(bucket_of(&place), tags_of(bucket_of(&place)) |
                                        (uint64_t)svc_fingerprint(entry->hash) << 8 * place.slot);
        segment->used++;
        return true;
}

static void prefetch_entries(const struct svc_bucket *bucket)
{
        for (unsigned slot = 0; slot < SVC_BUCKET_SLOTS; slot++)
                __builtin_prefetch(
                    atomic_load_explicit(&bucket->entry[slot], memory_order_relaxed));
}

// Deals the entries of a segment out to two by the bit below its depth.
static bool deal(const struct svc_segment *segment, struct svc_segment *half[2])
{
        const unsigned bit = 63 - segment->depth;

        for (unsigned i = 0; i < SVC_SEGMENT_BUCKETS; i++) {
                const struct svc_bucket *bucket = &segment->bucket[i];
                uint64_t live = ~svc_tags_match(tags_of(bucket), 0) & SVC_SLOT_MASK;

                if (i + SPLIT_AHEAD < SVC_SEGMENT_BUCKETS)
                        prefetch_entries(&segment->bucket[i + SPLIT_AHEAD]);
                for (; live != 0; live &= live - 1) {
                        struct svc_entry *entry =
                            (struct svc_entry *)(uintptr_t)atomic_load_explicit(
                                &bucket->entry[svc_match_slot(live)], memory_order_relaxed);

                        if (!insert(half[entry->hash >> bit & 1], entry))
                                return false;
                }
        }
        return true;
}

static int directory_double(struct svc_index *x)
{
        struct svc_directory *old = directory_of(x);
        struct svc_directory *directory = directory_create(x, old->depth + 1);

        if (directory == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < (size_t)1 << old->depth; i++) {
                directory_set(directory, 2 * i, 2,
                              atomic_load_explicit(&old->segment[i], memory_order_relaxed));
        }
        directory_publish(x, directory);
        reclaim_retire_block(x->reclaim, &old->retired);
        return 0;
}

static int segment_split(struct svc_index *x, uint64_t hash)
{
        struct svc_segment *segment = svc_segment_of(directory_of(x), hash);
        struct svc_segment *half[2];
        struct svc_directory *directory;
        size_t first, count;

        if (segment->depth == SVC_DEPTH_MAX)
                return -ENOMEM;
        half[0] = segment_create(x, segment->depth + 1);
        half[1] = segment_create(x, segment->depth + 1);
        if (half[0] == NULL || half[1] == NULL || !deal(segment, half))
                goto discard_halves;
        if (segment->depth == directory_of(x)->depth && directory_double(x) < 0)
                goto discard_halves;
        directory = directory_of(x);
        count = (size_t)1 << (directory->depth - segment->depth);
        first = (size_t)(hash >> directory->shift) & ~(count - 1);
        directory_set(directory, first, count / 2, half[0]);
        directory_set(directory, first + count / 2, count / 2, half[1]);
        reclaim_retire_block(x->reclaim, &segment->retired);
        x->segment_count--;
        return 0;
discard_halves:
        segment_discard(x, half[0]);
        segment_discard(x, half[1]);
        return -ENOMEM;
}

int svc_index_put(struct svc_index *x, struct svc_entry *entry, struct svc_entry **out_replaced)
{
        const struct svc_key key = {entry->key, entry->key_length, entry->hash};
        struct place place;

        *out_replaced = NULL;
        if (find(x, &key, &place)) {
                const struct svc_entry *_Atomic *slot = &bucket_of(&place)->entry[place.slot];

                *out_replaced =
                    (struct svc_entry *)(uintptr_t)atomic_load_explicit(slot, memory_order_relaxed);
                atomic_store_explicit(slot, entry, memory_order_release);
                return 0;
        }
        // Best effort: a segment without memory to split goes on filling as long as it can.
        if (place.segment->used >= SVC_SEGMENT_LIMIT)
                (void)segment_split(x, entry->hash);
        while (!insert(svc_segment_of(directory_of(x), entry->hash), entry)) {
                if (segment_split(x, entry->hash) < 0)
                        return -ENOMEM;
        }
        x->entry_count++;
        return 0;
}

struct svc_entry *svc_index_remove(struct svc_index *x, const struct svc_key *key)
{
        struct place place;
        struct svc_bucket *bucket;

        if (!find(x, key, &place))
                return NULL;
        bucket = bucket_of(&place);
        tags_set(bucket, tags_of(bucket) & ~((uint64_t)0xff << 8 * place.slot));
        for (unsigned i = place.home; i != place.position; i = svc_next_bucket(i)) {
                struct svc_bucket *passed = &place.segment->bucket[i];

                tags_set(passed, tags_of(passed) - ((uint64_t)1 << 56));
        }
        place.segment->used--;
        x->entry_count--;
        return (struct svc_entry *)(uintptr_t)atomic_load_explicit(&bucket->entry[place.slot],
                                                                   memory_order_relaxed);
}
