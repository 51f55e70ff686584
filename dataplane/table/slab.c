#include "dataplane/table/slab.h"

#include <assert.h>
#include <stdalign.h>
#include <string.h>

#include "dataplane/table/sanitizer.h"
#include "lictor/bytes.h"

// Chunks kept mapped though empty, so that a table breathing around a boundary does not map and
// unmap at every turn: unmapping interrupts every polling core to flush its TLB.
#define SPARE_CHUNKS 4u

#define SMALL_LINES 16u
#define SPAN_LINES  (SLAB_SPAN_BYTES / SLAB_LINE_BYTES)

// Block sizes in cache lines: every one up to a KiB, then steps of about a quarter that divide a
// span with little left over.
static const uint16_t class_lines[] = {1,   2,   3,   4,   5,   6,   7,   8,   9,   10,   11,  12,
                                       13,  14,  15,  16,  20,  25,  32,  40,  51,  64,   81,  102,
                                       127, 157, 204, 255, 292, 341, 409, 511, 682, 1023, 2047};

struct slab_span {
        struct slab_span *next;
        struct slab_span *previous;
        void *free; /* blocks given back, linked through their first word */
        uint16_t class;
        uint16_t live;     /* handed out */
        uint16_t fresh;    /* blocks from here on were never handed out */
        uint16_t capacity; /* 0: the span belongs to no class */
        bool is_clean;     /* fresh blocks are as the kernel gave them */
};

struct slab_chunk {
        struct slab_chunk *next;
        struct slab_chunk *previous;
        struct slab_chunk *open_next;
        struct slab_chunk *open_previous;
        uint32_t free_spans;  /* bit i: span i belongs to no class */
        uint32_t clean_spans; /* bit i: span i never did */
        struct slab_span span[SLAB_CHUNK_SPANS];
};

struct slab_large {
        alignas(SLAB_LINE_BYTES) struct slab_large *next;
        struct slab_large *previous;
        size_t mapped_bytes;
};

static_assert(ARRAY_LEN(class_lines) == SLAB_CLASS_COUNT, "a list of spans for each class");
static_assert(SLAB_SPAN_BYTES % SLAB_LINE_BYTES == 0, "blocks stay on cache lines");
static_assert(SPAN_LINES == 2047, "the largest class fills a span");
static_assert(sizeof(struct slab_chunk) <= SLAB_HEADER_BYTES, "the header fits before the spans");
static_assert(sizeof(struct slab_large) == SLAB_LINE_BYTES, "the block behind it stays aligned");

#define ALL_SPANS ((1u << SLAB_CHUNK_SPANS) - 1)

static size_t lines_for(size_t bytes)
{
        return (bytes + SLAB_LINE_BYTES - 1) / SLAB_LINE_BYTES;
}

static unsigned class_for(size_t lines)
{
        unsigned class = SMALL_LINES - 1;

        if (lines <= SMALL_LINES)
                return (unsigned)lines - 1;
        while (class_lines[class] < lines)
                class ++;
        return class;
}

static size_t class_bytes(unsigned class)
{
        return (size_t)class_lines[class] * SLAB_LINE_BYTES;
}

static struct slab_chunk *chunk_of(void *block)
{
        return (struct slab_chunk *)((uintptr_t)block & ~(uintptr_t)(SLAB_CHUNK_BYTES - 1));
}

static uint8_t *span_memory(struct slab_span *span)
{
        struct slab_chunk *chunk = chunk_of(span);
        const size_t index = (size_t)(span - chunk->span);

        return (uint8_t *)chunk + SLAB_HEADER_BYTES + index * SLAB_SPAN_BYTES;
}

static struct slab_span *span_of(void *block)
{
        struct slab_chunk *chunk = chunk_of(block);
        const size_t offset = (size_t)((uint8_t *)block - (uint8_t *)chunk) - SLAB_HEADER_BYTES;

        return &chunk->span[offset / SLAB_SPAN_BYTES];
}

static void open_link(struct slab *s, struct slab_chunk *chunk)
{
        chunk->open_previous = NULL;
        chunk->open_next = s->open;
        if (s->open != NULL)
                s->open->open_previous = chunk;
        s->open = chunk;
}

static void open_unlink(struct slab *s, struct slab_chunk *chunk)
{
        if (chunk->open_previous != NULL)
                chunk->open_previous->open_next = chunk->open_next;
        else
                s->open = chunk->open_next;
        if (chunk->open_next != NULL)
                chunk->open_next->open_previous = chunk->open_previous;
}

static void partial_link(struct slab *s, struct slab_span *span)
{
        span->previous = NULL;
        span->next = s->partial[span->class];
        if (span->next != NULL)
                span->next->previous = span;
        s->partial[span->class] = span;
}

static void partial_unlink(struct slab *s, struct slab_span *span)
{
        if (span->previous != NULL)
                span->previous->next = span->next;
        else
                s->partial[span->class] = span->next;
        if (span->next != NULL)
                span->next->previous = span->previous;
}

static void prefer_huge(struct slab *s, struct slab_chunk *chunk, bool huge)
{
        if (s->source.prefer_huge != NULL)
                s->source.prefer_huge(s->source.context, chunk, SLAB_CHUNK_BYTES, huge);
        s->small = huge ? NULL : chunk;
}

static struct slab_chunk *chunk_map(struct slab *s)
{
        struct slab_chunk *chunk = s->source.map(s->source.context, SLAB_CHUNK_BYTES);

        if (chunk == NULL)
                return NULL;
        assert(chunk_of(chunk) == chunk);
        if (s->chunk_count == 0)
                prefer_huge(s, chunk, false);
        else if (s->small != NULL)
                prefer_huge(s, s->small, true);
        chunk->free_spans = chunk->clean_spans = ALL_SPANS;
        chunk->next = s->chunks;
        if (s->chunks != NULL)
                s->chunks->previous = chunk;
        s->chunks = chunk;
        open_link(s, chunk);
        s->chunk_count++;
        s->empty_chunk_count++;
        ASAN_POISON((uint8_t *)chunk + SLAB_HEADER_BYTES, SLAB_CHUNK_BYTES - SLAB_HEADER_BYTES);
        return chunk;
}

static void chunk_unmap(struct slab *s, struct slab_chunk *chunk)
{
        ASAN_UNPOISON(chunk, SLAB_CHUNK_BYTES);
        s->source.unmap(s->source.context, chunk, SLAB_CHUNK_BYTES);
}

static void chunk_release(struct slab *s, struct slab_chunk *chunk)
{
        open_unlink(s, chunk);
        if (chunk->previous != NULL)
                chunk->previous->next = chunk->next;
        else
                s->chunks = chunk->next;
        if (chunk->next != NULL)
                chunk->next->previous = chunk->previous;
        if (s->small == chunk)
                s->small = NULL;
        s->chunk_count--;
        s->empty_chunk_count--;
        chunk_unmap(s, chunk);
}

static struct slab_span *span_take(struct slab *s, unsigned class)
{
        struct slab_chunk *chunk = s->open != NULL ? s->open : chunk_map(s);
        struct slab_span *span;
        uint32_t bit;

        if (chunk == NULL)
                return NULL;
        if (chunk->free_spans == ALL_SPANS)
                s->empty_chunk_count--;
        bit = chunk->free_spans & -chunk->free_spans;
        span = &chunk->span[__builtin_ctz(chunk->free_spans)];
        chunk->free_spans &= chunk->free_spans - 1;
        if (chunk->free_spans == 0)
                open_unlink(s, chunk);
        *span = (struct slab_span){.class = (uint16_t) class,
                                   .capacity = (uint16_t)(SPAN_LINES / class_lines[class]),
                                   .is_clean = (chunk->clean_spans & bit) != 0};
        chunk->clean_spans &= ~bit;
        partial_link(s, span);
        return span;
}

static void span_give_back(struct slab *s, struct slab_span *span)
{
        struct slab_chunk *chunk = chunk_of(span);

        partial_unlink(s, span);
        span->capacity = 0;
        if (chunk->free_spans == 0)
                open_link(s, chunk);
        chunk->free_spans |= 1u << (span - chunk->span);
        if (chunk->free_spans != ALL_SPANS)
                return;
        s->empty_chunk_count++;
        if (s->empty_chunk_count > SPARE_CHUNKS)
                chunk_release(s, chunk);
}

static size_t large_mapped_bytes(size_t bytes)
{
        const size_t whole = bytes + sizeof(struct slab_large);
        const size_t page = whole >= PAGE_HUGE_BYTES ? PAGE_HUGE_BYTES : 4096;

        return (whole + page - 1) / page * page;
}

static void *large_alloc(struct slab *s, size_t bytes)
{
        const size_t mapped_bytes = large_mapped_bytes(bytes);
        struct slab_large *large = s->source.map(s->source.context, mapped_bytes);

        if (large == NULL)
                return NULL;
        *large = (struct slab_large){.next = s->large, .mapped_bytes = mapped_bytes};
        if (s->large != NULL)
                s->large->previous = large;
        s->large = large;
        s->large_bytes += mapped_bytes;
        s->block_bytes += mapped_bytes;
        return large + 1;
}

static void large_free(struct slab *s, void *take_block)
{
        struct slab_large *large = (struct slab_large *)take_block - 1;

        if (large->previous != NULL)
                large->previous->next = large->next;
        else
                s->large = large->next;
        if (large->next != NULL)
                large->next->previous = large->previous;
        s->large_bytes -= large->mapped_bytes;
        s->block_bytes -= large->mapped_bytes;
        s->source.unmap(s->source.context, large, large->mapped_bytes);
}

void slab_init(struct slab *s, const struct page_source *source)
{
        *s = (struct slab){.source = *source};
}

void slab_fini(struct slab *s)
{
        while (s->large != NULL)
                large_free(s, s->large + 1);
        for (struct slab_chunk *chunk = s->chunks, *next; chunk != NULL; chunk = next) {
                next = chunk->next;
                chunk_unmap(s, chunk);
        }
        *s = (struct slab){.source = s->source};
}

// @zero  whether it is known to be zero.
static void *alloc_block(struct slab *s, size_t bytes, bool *zero)
{
        struct slab_span *span;
        unsigned class;
        void *block;

        assert(bytes > 0);
        *zero = true;
        if (bytes > SLAB_SPAN_BYTES)
                return large_alloc(s, bytes);
        class = class_for(lines_for(bytes));
        span = s->partial[class] != NULL ? s->partial[class] : span_take(s, class);
        if (span == NULL)
                return NULL;
        if (span->free != NULL) {
                block = span->free;
                memcpy(&span->free, block, sizeof(span->free));
                *zero = false;
        } else {
                block = span_memory(span) + span->fresh * class_bytes(class);
                span->fresh++;
                *zero = span->is_clean;
        }
        span->live++;
        if (span->live == span->capacity)
                partial_unlink(s, span);
        s->block_bytes += class_bytes(class);
        if (s->small != NULL && s->block_bytes > SLAB_SMALL_BYTES)
                prefer_huge(s, s->small, true);
        ASAN_UNPOISON(block, bytes);
        return block;
}

void *slab_alloc(struct slab *s, size_t bytes)
{
        bool zero;

        return alloc_block(s, bytes, &zero);
}

void *slab_alloc_zeroed(struct slab *s, size_t bytes)
{
        bool zero;
        void *block = alloc_block(s, bytes, &zero);

        if (block != NULL && !zero)
                memset(block, 0, bytes);
        return block;
}

void slab_free(struct slab *s, void *take_block, size_t bytes)
{
        struct slab_span *span;

        if (bytes > SLAB_SPAN_BYTES) {
                large_free(s, take_block);
                return;
        }
        span = span_of(take_block);
        assert(span->class == class_for(lines_for(bytes)) && span->live > 0);
        ASAN_UNPOISON(take_block, sizeof(span->free));
        memcpy(take_block, &span->free, sizeof(span->free));
        span->free = take_block;
        // All but the link, so that a use after this is caught.
        ASAN_POISON((uint8_t *)take_block + sizeof(span->free),
                    class_bytes(span->class) - sizeof(span->free));
        if (span->live == span->capacity)
                partial_link(s, span);
        span->live--;
        s->block_bytes -= class_bytes(span->class);
        if (span->live == 0)
                span_give_back(s, span);
}

size_t slab_mapped_bytes(const struct slab *s)
{
        return s->chunk_count * SLAB_CHUNK_BYTES + s->large_bytes;
}

static bool slab_overlaps(const void *context, uintptr_t start, uintptr_t end)
{
        const struct slab *s = context;

        for (const struct slab_chunk *chunk = s->chunks; chunk != NULL; chunk = chunk->next) {
                if ((uintptr_t)chunk >= start && (uintptr_t)chunk < end)
                        return true;
        }
        return false;
}

bool slab_is_huge(struct slab *s)
{
        // A kernel that has said yes or no rarely comes to another mind.
        if (s->chunk_count == 0 ||
            (s->asked_chunk_count > 0 && s->chunk_count < 2 * s->asked_chunk_count))
                return s->is_huge;
        s->is_huge = page_source_is_huge(slab_overlaps, s);
        s->asked_chunk_count = s->chunk_count;
        return s->is_huge;
}
