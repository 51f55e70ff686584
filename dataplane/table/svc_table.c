#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "dataplane/table/reclaim.h"
#include "dataplane/table/slab.h"
#include "dataplane/table/svc_index.h"
#include "dataplane/table/svc_table_internal.h"

// A put retires one entry, or one entry's worth of segment when it splits; taking back more than
// that with each new entry keeps up with any rate of change and never makes one of them slow.
#define DRAIN_PER_ENTRY  4u
#define DRAIN_PER_COMMIT 1024u

struct svc_table {
        struct svc_index index; /* its first word is all that readers read of the table */
        alignas(SLAB_LINE_BYTES) struct slab slab;
        struct reclaim reclaim;
        uint64_t entry_bytes;
};

uint64_t svc_key_hash(const uint8_t *bytes, size_t length)
{
        return XXH3_64bits(bytes, length);
}

int svc_table_create_on(const struct page_source *source, size_t expected_entries,
                        struct svc_table **out)
{
        struct svc_table *t = aligned_alloc(alignof(struct svc_table), sizeof(*t));
        int ret;

        if (t == NULL)
                return -ENOMEM;
        memset(t, 0, sizeof(*t));
        slab_init(&t->slab, source);
        reclaim_init(&t->reclaim, &t->slab);
        ret = svc_index_init(&t->index, &t->slab, &t->reclaim, expected_entries);
        if (ret < 0) {
                svc_table_destroy(t);
                return ret;
        }
        *out = t;
        return 0;
}

int svc_table_create(size_t expected_entries, struct svc_table **out)
{
        const struct page_source kernel = page_source_kernel();

        return svc_table_create_on(&kernel, expected_entries, out);
}

void svc_table_destroy(struct svc_table *t)
{
        if (t == NULL)
                return;
        reclaim_fini(&t->reclaim);
        slab_fini(&t->slab);
        free(t);
}

int svc_table_new_entry(struct svc_table *t, const struct svc_key *key, size_t payload_length,
                        struct svc_entry **out)
{
        const size_t key_end = sizeof(struct svc_entry) + key->length;
        const size_t payload_offset = svc_payload_offset(key->length);
        struct svc_entry *entry;

        assert(key->length > 0 && key->length <= SVC_KEY_MAX);
        if (payload_length > UINT32_MAX - payload_offset)
                return -E2BIG;
        reclaim_drain(&t->reclaim, DRAIN_PER_ENTRY);
        entry = slab_alloc(&t->slab, reclaim_entry_bytes(payload_offset + payload_length));
        if (entry == NULL)
                return -ENOMEM;
        *entry = (struct svc_entry){.hash = key->hash,
                                    .size = (uint32_t)(payload_offset + payload_length),
                                    .key_length = key->length,
                                    .payload_offset = (uint16_t)payload_offset};
        memcpy(entry->key, key->bytes, key->length);
        memset(entry->key + key->length, 0, payload_offset - key_end);
        *out = entry;
        return 0;
}

void svc_table_discard(struct svc_table *t, struct svc_entry *take_entry)
{
        if (take_entry != NULL)
                slab_free(&t->slab, take_entry, reclaim_entry_bytes(take_entry->size));
}

int svc_table_put(struct svc_table *t, struct svc_entry *take_entry)
{
        struct svc_entry *replaced;
        const int ret = svc_index_put(&t->index, take_entry, &replaced);

        if (ret < 0) {
                svc_table_discard(t, take_entry);
                return ret;
        }
        t->entry_bytes += take_entry->size;
        if (replaced != NULL) {
                t->entry_bytes -= replaced->size;
                reclaim_retire_entry(&t->reclaim, replaced);
        }
        return 0;
}

int svc_table_remove(struct svc_table *t, const struct svc_key *key)
{
        struct svc_entry *removed = svc_index_remove(&t->index, key);

        if (removed == NULL)
                return -ENOENT;
        t->entry_bytes -= removed->size;
        reclaim_retire_entry(&t->reclaim, removed);
        return 0;
}

void svc_table_commit(struct svc_table *t)
{
        reclaim_drain(&t->reclaim, DRAIN_PER_COMMIT);
        reclaim_submit(&t->reclaim);
}

// The whole probe from the start, for a key that left its home bucket.
static const struct svc_entry *find_away(const struct svc_directory *directory,
                                         const struct svc_key *key)
{
        const struct svc_segment *segment = svc_segment_of(directory, key->hash);
        const uint8_t fingerprint = svc_fingerprint(key->hash);
        unsigned position = svc_home_of(key->hash);

        for (unsigned probe = 0; probe < SVC_PROBE_MAX; probe++) {
                const struct svc_bucket *bucket = &segment->bucket[position];
                const uint64_t tags = atomic_load_explicit(&bucket->tags, memory_order_acquire);

                for (uint64_t m = svc_tags_match(tags, fingerprint); m != 0; m &= m - 1) {
                        const struct svc_entry *entry = atomic_load_explicit(
                            &bucket->entry[svc_match_slot(m)], memory_order_acquire);

                        if (svc_entry_has_key(entry, key))
                                return entry;
                }
                if (svc_tags_overflow(tags) == 0)
                        return NULL;
                position = svc_next_bucket(position);
        }
        return NULL;
}

static inline void start_bucket(struct svc_lookup *l, unsigned i, const struct svc_key *key)
{
        const struct svc_segment *segment = svc_segment_of(l->directory, key->hash);

        l->candidates[i].bucket = &segment->bucket[svc_home_of(key->hash)];
        __builtin_prefetch(l->candidates[i].bucket);
}

// Its first line aside, up to two more: the middle and the last of what is read. Which they are is
// computed, not chosen: a branch on what is asked for would be mispredicted.
static inline void fetch_rest(const struct svc_entry *entry, size_t bytes)
{
        __builtin_prefetch((const uint8_t *)entry + bytes / 2);
        __builtin_prefetch((const uint8_t *)entry + bytes - 1);
}

// What a key's home bucket shows now, and the first entry its fingerprints point at.
static inline void start_entry(struct svc_candidate *c, const struct svc_key *key, size_t bytes)
{
        c->entry = NULL;
        c->tags = atomic_load_explicit(&c->bucket->tags, memory_order_acquire);
        c->match = svc_tags_match(c->tags, svc_fingerprint(key->hash));
        if (c->match == 0)
                return;
        c->entry =
            atomic_load_explicit(&c->bucket->entry[svc_match_slot(c->match)], memory_order_acquire);
        __builtin_prefetch(c->entry);
        fetch_rest(c->entry, bytes);
}

static inline const struct svc_entry *finish(const struct svc_directory *directory,
                                             const struct svc_candidate *c,
                                             const struct svc_key *key)
{
        const struct svc_entry *entry = c->entry;

        for (uint64_t match = c->match; match != 0;) {
                if (svc_entry_has_key(entry, key))
                        return entry;
                match &= match - 1;
                if (match != 0)
                        entry = atomic_load_explicit(&c->bucket->entry[svc_match_slot(match)],
                                                     memory_order_acquire);
        }
        return svc_tags_overflow(c->tags) == 0 ? NULL : find_away(directory, key);
}

void svc_lookup_begin(struct svc_lookup *l, const struct svc_table *t)
{
        l->directory = atomic_load_explicit(&t->index.directory, memory_order_acquire);
}

void svc_lookup_hash(struct svc_lookup *l, unsigned i, struct svc_key *key)
{
        key->hash = XXH3_64bits(key->bytes, key->length);
        start_bucket(l, i, key);
}

void svc_lookup_fetch(struct svc_lookup *l, unsigned i, const struct svc_key *key, size_t bytes)
{
        start_entry(&l->candidates[i], key, bytes);
}

const struct svc_entry *svc_lookup_finish(const struct svc_lookup *l, unsigned i,
                                          const struct svc_key *key, size_t bytes)
{
        const struct svc_entry *entry = finish(l->directory, &l->candidates[i], key);

        // Having read the entry's first line, the TLB now knows its page.
        if (entry != NULL)
                fetch_rest(entry, bytes);
        return entry;
}

unsigned svc_table_lookup_burst(const struct svc_table *t, const struct svc_key keys[],
                                const struct svc_entry *out[], unsigned n)
{
        struct svc_lookup l;
        unsigned hits = 0;

        assert(n <= SVC_BURST_MAX);
        svc_lookup_begin(&l, t);
        for (unsigned i = 0; i < n; i++)
                start_bucket(&l, i, &keys[i]);
        for (unsigned i = 0; i < n; i++)
                start_entry(&l.candidates[i], &keys[i], 2 * SLAB_LINE_BYTES);
        for (unsigned i = 0; i < n; i++) {
                out[i] = finish(l.directory, &l.candidates[i], &keys[i]);
                hits += out[i] != NULL;
        }
        return hits;
}

void svc_table_stats(const struct svc_table *t, struct svc_table_stats *out)
{
        *out = (struct svc_table_stats){
            .entry_count = t->index.entry_count,
            .slot_count = t->index.segment_count * SVC_SEGMENT_SLOTS,
            .entry_bytes = t->entry_bytes,
            .memory_bytes = slab_mapped_bytes(&t->slab),
            .on_huge_pages = slab_is_huge(t->reclaim.slab), // the same slab, not const
        };
}
