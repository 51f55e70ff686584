#ifndef CONTROL_STORE_KV_RECORD_H
#define CONTROL_STORE_KV_RECORD_H

/**
 * What the key/value store holds: entries, and tombstones that remember until when a key was there.
 * Ten million small entries are to fit into memory, so a record is one block without pointers.
 */

#include "control/store/records.h"

struct byte_buffer;
struct msgpack_reader;
struct arena;

/* A plain value; see control/store/records.h for who owns what it points to. */
struct kv_entry {
        const char *key;
        const uint8_t *value; /* any bytes; may be NULL when value_len is 0 */
        const char *session;  /* the holder of its lock, "" for none */
        uint64_t flags;       /* the client's */
        uint64_t lock_index;  /* how often it was acquired */
        uint32_t value_len;
};

#define KV_ENTRY_INIT                                                                              \
        {                                                                                          \
                .key = "", .session = ""                                                           \
        }

struct kv_record {
        struct record head;
        uint64_t flags;
        uint64_t lock_index;
        uint32_t session_len; /* 0: not locked */
        uint32_t key_len;
        uint32_t value_len;
        uint8_t bytes[]; /* when locked the session and NUL; key, NUL, value */
};

struct tombstone_record {
        struct record head; /* both indexes are that of the deletion */
        uint32_t key_len;
        uint8_t bytes[]; /* the index, 8 bytes with the highest first; key, NUL */
};

#define TOMBSTONE_INDEX_LEN 8

static inline const char *kv_record_key(const struct kv_record *r)
{
        return (const char *)r->bytes + (r->session_len ? r->session_len + 1 : 0);
}

static inline const uint8_t *kv_record_value(const struct kv_record *r)
{
        return (const uint8_t *)kv_record_key(r) + r->key_len + 1;
}

static inline const char *kv_record_session(const struct kv_record *r)
{
        return r->session_len ? (const char *)r->bytes : "";
}

static inline const char *tombstone_record_key(const struct tombstone_record *r)
{
        return (const char *)r->bytes + TOMBSTONE_INDEX_LEN;
}

/** The record's value; what it points to lives as long as the record. */
struct kv_entry kv_record_entry(const struct kv_record *r);

/** Copy a value into a new record with one reference. */
struct kv_record *kv_record_create(const struct kv_entry *in, uint64_t create_index,
                                   uint64_t modify_index);
/** Likewise a key that was deleted at @index. */
struct tombstone_record *tombstone_record_create(const char *key, uint64_t index);

/** Equality of everything but the indexes; the lock index counts. */
bool kv_record_equals(const struct kv_record *r, const struct kv_entry *entry);

/** Append one value's only encoding. */
void kv_entry_encode(const struct kv_entry *in, struct byte_buffer *out);

/** @out  its value lies in the reader's bytes, its texts in the arena. returns  0 or -EBADMSG. */
int kv_entry_decode(struct msgpack_reader *r, struct arena *arena, struct kv_entry *out);

#endif
