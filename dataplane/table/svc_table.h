#ifndef LICTOR_SVC_TABLE_H
#define LICTOR_SVC_TABLE_H

/**
 * The service table: immutable entries found by an opaque canonical key.
 *
 * Open addressing over cache-line buckets of seven one-byte fingerprints and entry pointers, hashed
 * with XXH3. One writer; any number of lock-free readers under liburcu QSBR.
 *
 * What a reader may see. A lookup that runs beside a replacement finds the old entry or the new
 * one; beside an insertion or removal, the entry or nothing; beside growth, the same as without it.
 * An entry found stays valid until the reader's next quiescent state.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SVC_BURST_MAX 32u
#define SVC_KEY_MAX   320u

struct svc_table;

struct svc_key {
        const uint8_t *bytes; /* borrowed */
        uint16_t length;      /* 1..SVC_KEY_MAX */
        uint64_t hash;        /* svc_key_hash(bytes, length) */
};

/*
 * Header of every entry. Cache-line aligned; immutable once published. The key starts right behind
 * the header, the payload at payload_offset (a multiple of 8).
 */
struct svc_entry {
        uint64_t hash;
        uint32_t size; /* whole entry in bytes, header included */
        uint16_t key_length;
        uint16_t payload_offset;
        uint8_t key[];
};

/* Where the payload behind a key of this length begins. */
static inline size_t svc_payload_offset(size_t key_length)
{
        return (sizeof(struct svc_entry) + key_length + 7) & ~(size_t)7;
}

/** XXH3-64 of a key. */
uint64_t svc_key_hash(const uint8_t *bytes, size_t length);

/**
 * Create a table.
 * @expected_entries  sizes the first bucket array; it grows past that by itself.
 * returns  0, or -ENOMEM. Owned by the caller.
 */
int svc_table_create(size_t expected_entries, struct svc_table **out);

/** Free the table and its entries. No reader may be left. Waits for pending grace periods. */
void svc_table_destroy(struct svc_table *t);

/**
 * Memory for one entry with a key and payload_length bytes, header and key filled in.
 * returns  0, -E2BIG or -ENOMEM. Owned by the caller until svc_table_put or svc_table_discard.
 * context  writer.
 */
int svc_table_new_entry(struct svc_table *t, const struct svc_key *key, size_t payload_length,
                        struct svc_entry **out);
void svc_table_discard(struct svc_table *t, struct svc_entry *take_entry);

/**
 * Publish an entry, replacing the one with the same key.
 * returns  0, or -ENOMEM when the table would have to grow and cannot; the entry is then discarded.
 * context  writer; O(1) but for growth, which readers do not notice.
 */
int svc_table_put(struct svc_table *t, struct svc_entry *take_entry);

/** returns 0 or -ENOENT. context writer. */
int svc_table_remove(struct svc_table *t, const struct svc_key *key);

/**
 * Hand everything replaced or removed since the last call to RCU; it is reused after a grace
 * period. context  writer; never blocks.
 */
void svc_table_commit(struct svc_table *t);

/**
 * Look up a burst of keys in stages, so that cache misses overlap.
 * @out     out[i] is NULL on a miss; borrowed until this thread's next quiescent state.
 * @n       0..SVC_BURST_MAX, asserted.
 * returns  hits; cannot fail.
 * context  registered reader; never blocks, allocates or logs.
 */
unsigned svc_table_lookup_burst(const struct svc_table *t, const struct svc_key keys[],
                                const struct svc_entry *out[], unsigned n);

/*
 * The same lookup in its stages, for a caller with work of its own between keys. All belong to one
 * burst, without a quiescent state in between; the members are the table's.
 */
struct svc_lookup {
        const struct svc_directory *directory;
        struct svc_candidate {
                const struct svc_bucket *bucket;
                const struct svc_entry *entry;
                uint64_t tags;
                uint64_t match;
        } candidates[SVC_BURST_MAX];
};

/** Begin a burst. context  as svc_table_lookup_burst; so are the three below. */
void svc_lookup_begin(struct svc_lookup *l, const struct svc_table *t);

/** Set the i-th key's hash and start fetching its bucket. */
void svc_lookup_hash(struct svc_lookup *l, unsigned i, struct svc_key *key);

/**
 * Start fetching the entry the i-th key's bucket points at; some 100 ns after svc_lookup_hash, for
 * then the bucket has arrived.
 * @bytes  of the entry that the caller will read.
 */
void svc_lookup_fetch(struct svc_lookup *l, unsigned i, const struct svc_key *key, size_t bytes);

/**
 * Look the i-th key up, after both stages.
 * @bytes  as before; what of them has not arrived is fetched again.
 * returns  the entry, or NULL on a miss; borrowed until this thread's next quiescent state.
 */
const struct svc_entry *svc_lookup_finish(const struct svc_lookup *l, unsigned i,
                                          const struct svc_key *key, size_t bytes);

struct svc_table_stats {
        uint64_t entry_count;
        uint64_t slot_count;
        uint64_t entry_bytes;
        uint64_t memory_bytes;
        bool on_huge_pages;
};

/** context  writer. */
void svc_table_stats(const struct svc_table *t, struct svc_table_stats *out);

static inline const uint8_t *svc_entry_payload(const struct svc_entry *entry)
{
        return (const uint8_t *)entry + entry->payload_offset;
}

#endif
