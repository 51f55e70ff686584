#ifndef LICTOR_SLAB_H
#define LICTOR_SLAB_H

/**
 * Memory for entries and buckets: cache-line aligned blocks of size classes, cut from 2 MiB chunks.
 *
 * A chunk is a header and sixteen spans; a span holds blocks of one class, and goes back to its
 * chunk when the last is freed, so that memory moves between classes. Blocks larger than a span
 * have mappings of their own. A chunk alone lies on small pages until SLAB_SMALL_BYTES are handed
 * out: most agents know few names. One thread at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/table/page_source.h"

#define SLAB_LINE_BYTES   64u
#define SLAB_CHUNK_BYTES  PAGE_HUGE_BYTES
#define SLAB_CHUNK_SPANS  16u
#define SLAB_HEADER_BYTES 1024u
#define SLAB_SPAN_BYTES   ((SLAB_CHUNK_BYTES - SLAB_HEADER_BYTES) / SLAB_CHUNK_SPANS)
#define SLAB_CLASS_COUNT  35u
#define SLAB_SMALL_BYTES  ((size_t)1 << 20)

struct slab_span;
struct slab_chunk;
struct slab_large;

struct slab {
        struct page_source source;
        struct slab_span *partial[SLAB_CLASS_COUNT]; /* spans with a free block, by class */
        struct slab_chunk *chunks;                   /* all of them */
        struct slab_chunk *open;                     /* those with a free span */
        struct slab_large *large;
        struct slab_chunk *small; /* the chunk on small pages; NULL: none */
        size_t chunk_count;
        size_t empty_chunk_count;
        size_t large_bytes;       /* mapped */
        size_t block_bytes;       /* handed out, rounding included */
        size_t asked_chunk_count; /* chunks when the kernel was asked about huge pages; 0: never */
        bool is_huge;             /* what it said */
};

/** @source is copied. */
void slab_init(struct slab *s, const struct page_source *source);

/** Unmap everything, blocks still handed out included. */
void slab_fini(struct slab *s);

/** @bytes 1 or more. returns  uninitialised memory on a cache-line boundary, or NULL. */
void *slab_alloc(struct slab *s, size_t bytes);

/** As slab_alloc, of zeros: pages that are zero anyway are not touched. */
void *slab_alloc_zeroed(struct slab *s, size_t bytes);

/** @bytes as asked of slab_alloc. */
void slab_free(struct slab *s, void *take_block, size_t bytes);

/** Bytes mapped, whether handed out or not. */
size_t slab_mapped_bytes(const struct slab *s);

/**
 * Whether it lies on huge pages, as of when it was half as large or larger.
 * context  slow, as page_source_is_huge is, the first time and when it has doubled since.
 */
bool slab_is_huge(struct slab *s);

#endif
