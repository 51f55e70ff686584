#ifndef LICTOR_SVC_INDEX_H
#define LICTOR_SVC_INDEX_H

/**
 * From hash to entry pointer: a directory of segments, each an open-addressing table of its own.
 *
 * The top bits of a hash choose the segment, its low half the bucket. A full segment is split in
 * two by one more bit of the hash, and a full directory doubled (extendible hashing), so that
 * growing costs one segment at a time whatever the table's size: rebuilding 10 M names at once
 * would hold up the control thread for seconds, a split takes less than half a millisecond.
 *
 * What a reader may see. Segments and directories are replaced, never moved within: a split builds
 * both halves aside, then points the directory at them; who still reads the old segment reads the
 * table as it was, until its next quiescent state. Within a bucket an entry is stored before the
 * fingerprint that announces it, and a fingerprint cleared before its slot serves another entry;
 * since entries carry their whole key, a reader overtaken between the two sees a mismatch, not a
 * wrong entry. No entry ever moves within a segment.
 */

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/table/reclaim.h"
#include "dataplane/table/slab.h"
#include "dataplane/table/svc_table.h"
#include "lictor/bytes.h"

#define SVC_BUCKET_SLOTS    7u
#define SVC_SEGMENT_BUCKETS (SLAB_SPAN_BYTES / SLAB_LINE_BYTES - 1u)
#define SVC_SEGMENT_SLOTS   (SVC_SEGMENT_BUCKETS * SVC_BUCKET_SLOTS)

/* Entries at which a segment splits: the fuller, the more buckets overflow into their neighbours.
 */
#define SVC_SEGMENT_LIMIT (SVC_SEGMENT_SLOTS * 7 / 10)

/* Buckets from its home in which an entry must lie. Reached by chance only far above the limit. */
#define SVC_PROBE_MAX 16u

/* 2^20 segments hold ten thousand million names; the bound stops keys made to collide. */
#define SVC_DEPTH_MIN 1u
#define SVC_DEPTH_MAX 20u

/* Control writes, workers read. One word of tags: byte i is the fingerprint of entry[i], 0 if free;
 * the last byte counts the entries that passed this full bucket on their way from home. */
struct svc_bucket {
        alignas(SLAB_LINE_BYTES) _Atomic uint64_t tags;
        const struct svc_entry *_Atomic entry[SVC_BUCKET_SLOTS];
};

struct svc_segment {
        alignas(SLAB_LINE_BYTES) struct reclaim_block retired;
        uint32_t used;  /* slots; the writer's */
        uint32_t depth; /* leading hash bits all its entries share; the writer's */
        struct svc_bucket bucket[SVC_SEGMENT_BUCKETS];
};

struct svc_directory {
        alignas(SLAB_LINE_BYTES) struct reclaim_block retired;
        uint32_t shift; /* hash >> shift indexes segment */
        uint32_t depth; /* 64 - shift */
        alignas(SLAB_LINE_BYTES) struct svc_segment *_Atomic segment[];
};

static_assert(sizeof(struct svc_bucket) == SLAB_LINE_BYTES, "one probe touches one line");
static_assert(sizeof(struct svc_segment) == SLAB_SPAN_BYTES, "a segment fills a span");
static_assert(SVC_BUCKET_SLOTS * (SVC_PROBE_MAX - 1) <= UINT8_MAX, "overflow counts fit a byte");

struct svc_index {
        struct svc_directory *_Atomic directory; /* never NULL */
        struct slab *slab;
        struct reclaim *reclaim;
        uint64_t entry_count;
        uint64_t segment_count;
};

/** returns 0 or -ENOMEM. The slab frees everything. */
int svc_index_init(struct svc_index *x, struct slab *slab, struct reclaim *reclaim,
                   size_t expected_entries);

/**
 * Publish an entry.
 * @out_replaced  the entry with the same key, now unlinked, or NULL.
 * returns  0 or -ENOMEM.
 */
int svc_index_put(struct svc_index *x, struct svc_entry *entry, struct svc_entry **out_replaced);

/** Unlink the entry with this key. returns it, or NULL. */
struct svc_entry *svc_index_remove(struct svc_index *x, const struct svc_key *key);

#define SVC_SLOT_MASK 0x0080808080808080u
#define SVC_TAG_ONES  0x0101010101010101u

static inline uint8_t svc_fingerprint(uint64_t hash)
{
        const uint8_t bits = (uint8_t)(hash >> 32);

        return bits != 0 ? bits : 1;
}

/** The high bit of each slot whose tag is fingerprint; exact, unlike the shorter carry trick. */
static inline uint64_t svc_tags_match(uint64_t tags, uint8_t fingerprint)
{
        const uint64_t low = ~(uint64_t)0 / 255 * 0x7f;
        const uint64_t x = tags ^ SVC_TAG_ONES * fingerprint;

        return ~(((x & low) + low) | x) & SVC_SLOT_MASK;
}

static inline unsigned svc_tags_overflow(uint64_t tags)
{
        return (unsigned)(tags >> 56);
}

/** The slot of the lowest bit set in a match; match is not 0. */
static inline unsigned svc_match_slot(uint64_t match)
{
        return (unsigned)__builtin_ctzll(match) / 8;
}

static inline struct svc_segment *svc_segment_of(const struct svc_directory *directory,
                                                 uint64_t hash)
{
        return atomic_load_explicit(&directory->segment[hash >> directory->shift],
                                    memory_order_acquire);
}

static inline unsigned svc_home_of(uint64_t hash)
{
        return (unsigned)((uint64_t)(uint32_t)hash * SVC_SEGMENT_BUCKETS >> 32);
}

static inline unsigned svc_next_bucket(unsigned position)
{
        return position + 1 == SVC_SEGMENT_BUCKETS ? 0 : position + 1;
}

/** Keys are short: comparing words, the last overlapping the one before, beats calling memcmp. */
static inline bool svc_bytes_equal(const uint8_t *a, const uint8_t *b, size_t length)
{
        uint64_t differing;

        if (length < 8)
                return memcmp(a, b, length) == 0;
        differing = load_u64(a + length - 8) ^ load_u64(b + length - 8);
        for (size_t i = 0; i + 8 < length; i += 8)
                differing |= load_u64(a + i) ^ load_u64(b + i);
        return differing == 0;
}

static inline bool svc_entry_has_key(const struct svc_entry *entry, const struct svc_key *key)
{
        return entry->hash == key->hash && entry->key_length == key->length &&
               svc_bytes_equal(entry->key, key->bytes, key->length);
}

#endif
