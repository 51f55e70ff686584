#ifndef CONTROL_STORE_ORDERED_INDEX_H
#define CONTROL_STORE_ORDERED_INDEX_H

/**
 * An ordered map from byte strings to pointers (a B+tree), compared as memcmp does, shorter first.
 *
 * Keys are borrowed: they lie in what the value points to, or somewhere that lives as long as the
 * entry. Replacing a value replaces its key's storage as well. Memory that cannot be had ends the
 * process.
 *
 * context  one thread; a cursor is valid until the next insertion or removal.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ordered_index;

/** An empty index, owned by the caller. */
struct ordered_index *ordered_index_create(void);
/** Values are the caller's and stay. */
void ordered_index_destroy(struct ordered_index *ix);

/** Entries in it. */
size_t ordered_index_count(const struct ordered_index *ix);

/** Bytes the tree itself occupies, keys and values aside. */
size_t ordered_index_memory(const struct ordered_index *ix);

/** returns the value, or NULL. */
void *ordered_index_get(const struct ordered_index *ix, const uint8_t *key, size_t key_len);

/**
 * Insert or replace.
 * @key    0..UINT32_MAX bytes, borrowed as long as the entry lives.
 * @value  not NULL.
 * returns the value that was replaced, or NULL.
 */
void *ordered_index_set(struct ordered_index *ix, const uint8_t *key, size_t key_len, void *value);

/** returns the value that was removed, or NULL. @key may lie in that value. */
void *ordered_index_remove(struct ordered_index *ix, const uint8_t *key, size_t key_len);

/* A range of the index, ended by the next insertion or removal; nothing to close. */
struct ordered_cursor {
        const struct ordered_index *index;
        const void *leaf;
        const void *end_leaf;
        uint32_t slot;
        uint32_t end_slot;
        uint64_t generation;
};

/** The range of keys that begin with @prefix (0 bytes: all of them); empty when there are none. */
void ordered_index_seek_prefix(const struct ordered_index *ix, const uint8_t *prefix,
                               size_t prefix_len, struct ordered_cursor *c);

/** The range of keys from @key on, it included. */
void ordered_index_seek(const struct ordered_index *ix, const uint8_t *key, size_t key_len,
                        struct ordered_cursor *c);

/**
 * The next value of the range in ascending order, or NULL at its end.
 * @key, @key_len  the value's key, borrowed as values are; may be NULL.
 */
void *ordered_cursor_next(struct ordered_cursor *c, const uint8_t **key, size_t *key_len);

#endif
