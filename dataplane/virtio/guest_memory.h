#ifndef LICTOR_GUEST_MEMORY_H
#define LICTOR_GUEST_MEMORY_H

/**
 * Where a guest's memory lies in ours: a few regions, each contiguous on both sides.
 *
 * Addresses and lengths come from the guest and may be anything.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUEST_REGION_MAX 8u /* what a vhost-user memory table holds */

struct guest_region {
        uint64_t guest_address;
        uint64_t size;
        uint8_t *host;
};

struct guest_memory {
        unsigned region_count;
        struct guest_region regions[GUEST_REGION_MAX];
};

/** Our address of length bytes of the guest's; NULL unless one region holds them all. */
static inline uint8_t *guest_region_at(const struct guest_region *region, uint64_t address,
                                       uint64_t length)
{
        const uint64_t offset = address - region->guest_address;

        if (offset >= region->size || length > region->size - offset)
                return NULL;
        return region->host + offset;
}

/**
 * Translate as many bytes at address as are contiguous on our side, at most *length.
 * @length  in: wanted; out: what is there.
 * returns  NULL when the guest has no memory there.
 */
uint8_t *guest_memory_at(const struct guest_memory *memory, uint64_t address, uint64_t *length);

/** Whether length bytes at our address are the guest's memory, of one region. */
bool guest_memory_holds(const struct guest_memory *memory, const void *host, uint64_t length);

#endif
