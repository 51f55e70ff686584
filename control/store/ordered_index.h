#ifndef CONTROL_STORE_ORDERED_INDEX_H
#define CONTROL_STORE_ORDERED_INDEX_H

/**
 * An ordered map from byte strings to pointers (a B+tree), compared as memcmp does, shorter first.
 *
 * Keys are borrowed: they lie in what the value points to, or somewhere that lives as long as the
 * entry. Replacing a value replaces its key's storage as well. Memory that cannot be had ends the
 * process.
 *
 * context  one thread, frozen states aside; a cursor is valid until the next change.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ordered_index;

/* An entry as it is given to ordered_index_build; its key is borrowed as ever. */
struct ordered_entry {
        const uint8_t *key;
        void *value; /* not NULL */
        uint32_t key_len;
};

/** As memcmp: the order of two keys. */
int ordered_entry_compare(const struct ordered_entry *a, const struct ordered_entry *b);

/** Put entries into ascending order; they may have equal keys. */
void ordered_entries_sort(struct ordered_entry entries[], size_t count);

/** An index of these entries, ascending and without equal keys, in O(@count). */
struct ordered_index *ordered_index_build(const struct ordered_entry entries[], size_t count);

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

/* A range of the index, ended by the next change; nothing to close. */
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

/*
 * The entries as they were at one moment, held while the index goes on. What is changed later is
 * copied then; the values have to stay by the caller's doing, their keys need not.
 */
struct ordered_frozen;

struct ordered_frozen_cursor {
        size_t leaf;
        uint32_t slot;
};

/**
 * Hold the present entries: a pointer is copied for every 63 of them or less. Any number may be
 * held at once.
 * context  the index's thread, as for releasing.
 * returns  owned by the caller; to be released before the index is destroyed.
 */
struct ordered_frozen *ordered_index_freeze(struct ordered_index *ix);
/** What only it held becomes garbage, for ordered_index_collect. NULL is let pass. */
void ordered_frozen_release(struct ordered_frozen *take_frozen);

/** Free pieces of garbage, @limit at most. returns  how many of the limit were not needed. */
size_t ordered_index_collect(struct ordered_index *ix, size_t limit);

/**
 * Take entries off the end, some more than @limit of them at most, and free what held them: a large
 * index goes piece by piece. Nobody may hold an earlier state of it.
 * @fn      hears of each value; may be NULL. The keys are not looked at.
 * returns  how many of the limit were not needed: above 0 when it is empty.
 */
size_t ordered_index_strip(struct ordered_index *ix, void (*fn)(void *value), size_t limit);

/** Entries in it. context  any thread. */
size_t ordered_frozen_count(const struct ordered_frozen *f);

/**
 * The next value in ascending order of the keys, NULL at the end.
 * @c       all zeroes to begin with.
 * context  any thread, also while the index is changed.
 */
void *ordered_frozen_next(const struct ordered_frozen *f, struct ordered_frozen_cursor *c);

#endif
