#ifndef CONTROL_FOLLOW_FOLLOW_CODEC_H
#define CONTROL_FOLLOW_FOLLOW_CODEC_H

/**
 * A server's catalog as others follow it: its whole state at one index, then what each command
 * changed. Items of a FOLLOW call (control/relay/relay_codec.h) start with a byte that says which:
 *
 *      SNAPSHOT  the cluster (8 bytes, big-endian, as all numbers), the index (8), then the bytes
 *                of store_snapshot_encode_catalog
 *      DELTA     the index of the one before (8) and its own (8), then rows in msgpack
 *      BEAT      the index applied (8), milliseconds since the leader was heard (8), and whether
 *                there is one (1)
 *
 * Pure. Bytes may be hostile.
 */

#include "control/store/store.h"

#define FOLLOW_ITEM_HEAD 17u

enum follow_item_kind { FOLLOW_SNAPSHOT = 1, FOLLOW_DELTA = 2, FOLLOW_BEAT = 3 };

/* What a follower has already; zeroes: nothing. */
struct follow_request {
        uint64_t cluster_id, index;
        char datacenter[64]; /* whose catalog; "": the one asked's own */
};

/** Append an encoding; read one: 0 or -EBADMSG. */
void follow_request_encode(const struct follow_request *in, struct byte_buffer *out);
int follow_request_decode(const uint8_t *bytes, size_t len, struct follow_request *out);

struct follow_item {
        enum follow_item_kind kind;
        uint64_t cluster_id;  /* SNAPSHOT */
        uint64_t before;      /* DELTA */
        uint64_t index;       /* all */
        uint64_t contact_ms;  /* BEAT */
        bool known_leader;    /* BEAT */
        const uint8_t *bytes; /* the rest, where there is one */
        size_t len;
};

/** Append an item's head: what stands before the rest. */
void follow_item_encode(const struct follow_item *in, struct byte_buffer *out);
/** returns  0 or -EBADMSG. @out->bytes is in @bytes. */
int follow_item_decode(const uint8_t *bytes, size_t len, struct follow_item *out);

/**
 * Append a command's changes of the catalog.
 * returns  how many there were.
 */
size_t follow_rows_encode(const struct store_change changes[], size_t count,
                          struct byte_buffer *out);

/**
 * Do to a store what was done to the one followed, as one command.
 * @index   greater than any applied there.
 * returns  0; -EBADMSG for bytes that are no changes, or that do not fit the store: its rows are as
 *          they were then.
 */
int follow_rows_apply(struct store *store, uint64_t index, const uint8_t *bytes, size_t len);

/** The last index that changed what is followed. */
uint64_t follow_catalog_index(const struct store *store);

#endif
