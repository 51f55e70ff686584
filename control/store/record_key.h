#ifndef CONTROL_STORE_RECORD_KEY_H
#define CONTROL_STORE_RECORD_KEY_H

/** The byte strings the indexes are ordered by: lower-cased texts, joined and ended by NUL. */

#include <stddef.h>
#include <stdint.h>

/* Long enough for anything DNS can carry; longer names are allowed and go to allocated memory. */
#define RECORD_KEY_INLINE 512

struct record_key {
        uint8_t *bytes;
        size_t len;
        uint8_t small[RECORD_KEY_INLINE];
};

/**
 * Join the parts, each lower-cased, with NUL between them. With @closed a NUL follows the last part
 * too: the prefix of every longer key that continues after exactly these parts.
 */
enum record_key_end { RECORD_KEY_OPEN, RECORD_KEY_CLOSED };
void record_key_make(struct record_key *key, const char *const parts[], size_t part_count,
                     enum record_key_end end);
void record_key_fini(struct record_key *key);

/** Bytes record_key_write writes: all parts and the NULs between them. */
size_t record_key_len(const char *const parts[], size_t part_count);
void record_key_write(uint8_t *at, const char *const parts[], size_t part_count);

#endif
