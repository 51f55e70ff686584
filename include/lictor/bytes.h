#ifndef LICTOR_BYTES_H
#define LICTOR_BYTES_H

/* Unaligned big-endian access and array length: the few basics every layer shares. */

#include <stdint.h>
#include <string.h>

#define ARRAY_LEN(a)      (sizeof(a) / sizeof((a)[0]))
#define LICTOR_CACHE_LINE 64

static inline uint16_t load_be16(const uint8_t *p)
{
        return (uint16_t)((uint16_t)p[0] << 8 | p[1]);
}

static inline uint32_t load_be32(const uint8_t *p)
{
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void store_be16(uint8_t *p, uint16_t value)
{
        p[0] = (uint8_t)(value >> 8);
        p[1] = (uint8_t)value;
}

static inline void store_be32(uint8_t *p, uint32_t value)
{
        p[0] = (uint8_t)(value >> 24);
        p[1] = (uint8_t)(value >> 16);
        p[2] = (uint8_t)(value >> 8);
        p[3] = (uint8_t)value;
}

static inline uint64_t load_u64(const void *p)
{
        uint64_t value;

        memcpy(&value, p, sizeof(value));
        return value;
}

#endif
