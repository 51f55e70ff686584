#include "control/store/record_key.h"
#include "control/store/memory.h"
#include "control/store/text.h"
#include <stdlib.h>
#include <string.h>

size_t record_key_len(const char *const parts[], size_t part_count)
{
        size_t len = part_count - 1;

        for (size_t i = 0; i < part_count; i++)
                len += strlen(parts[i]);
        return len;
}

void record_key_write(uint8_t *at, const char *const parts[], size_t part_count)
{
        for (size_t i = 0; i < part_count; i++) {
                if (i > 0)
                        *at++ = 0;
                at = text_put_lower(at, parts[i]);
        }
}

void record_key_make(struct record_key *key, const char *const parts[], size_t part_count,
                     enum record_key_end end)
{
        size_t len = record_key_len(parts, part_count);

        key->bytes = len + 1 > sizeof(key->small) ? memory_get(len + 1) : key->small;
        record_key_write(key->bytes, parts, part_count);
        key->bytes[len] = 0;
        key->len = end == RECORD_KEY_CLOSED ? len + 1 : len;
}

void record_key_fini(struct record_key *key)
{
        if (key->bytes != key->small)
                free(key->bytes);
}
