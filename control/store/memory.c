#include "control/store/memory.h"
#include <stdlib.h>

void *memory_get(size_t len)
{
        void *block = malloc(len ? len : 1);

        if (block == NULL)
                abort();
        return block;
}

void *memory_get_zeroed(size_t count, size_t len)
{
        void *block = calloc(count ? count : 1, len ? len : 1);

        if (block == NULL)
                abort();
        return block;
}

void *memory_resize(void *block, size_t len)
{
        block = realloc(block, len ? len : 1);
        if (block == NULL)
                abort();
        return block;
}
