#include "control/store/arena.h"
#include "control/store/memory.h"
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_LEN 8192

struct arena_block {
        struct arena_block *next;
        size_t len;
        alignas(max_align_t) unsigned char bytes[];
};

void *arena_get(struct arena *a, size_t len)
{
        const size_t align = alignof(max_align_t);
        size_t need = (len + align - 1) / align * align;
        void *at;

        if (a->blocks == NULL || a->blocks->len - a->used < need) {
                size_t block_len = need > BLOCK_LEN ? need : BLOCK_LEN;
                struct arena_block *b = memory_get(sizeof(*b) + block_len);

                b->next = a->blocks;
                b->len = block_len;
                a->blocks = b;
                a->used = 0;
        }
        at = a->blocks->bytes + a->used;
        a->used += need;
        return memset(at, 0, len);
}

char *arena_text(struct arena *a, const void *bytes, size_t len)
{
        char *text = arena_get(a, len + 1);

        if (len > 0)
                memcpy(text, bytes, len);
        return text;
}

void arena_reset(struct arena *a)
{
        struct arena_block *keep = a->blocks;

        a->used = 0;
        if (keep == NULL)
                return;
        while (keep->next) {
                struct arena_block *b = keep->next;

                keep->next = b->next;
                free(b);
        }
}

void arena_fini(struct arena *a)
{
        arena_reset(a);
        free(a->blocks);
        a->blocks = NULL;
}
