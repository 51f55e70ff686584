#ifndef LICTOR_DNS_BUILD_H
#define LICTOR_DNS_BUILD_H

/**
 * A payload under construction: grows as it is written, and remembers the first failure, after
 * which calls do nothing. The caller fills in the counts and offsets of head.
 */

#include <stdbool.h>

#include "dataplane/dns/dns_layout.h"
#include "dataplane/dns/dns_zone_fields.h"

struct dns_build {
        int error; /* 0 or a negative errno */
        size_t length;
        size_t capacity;
        uint8_t *data;
        struct dns_payload head;
        size_t block;      /* where the open block starts */
        size_t glue;       /* where the open glue record starts, or 0 */
        bool node_written; /* the block's glue already has a record of DNS_GLUE_NODE */
        _Alignas(8) uint8_t small[1024]; /* most entries fit */
};

/** A build lies on its owner's stack; fini frees what it grew to. */
void dns_build_init(struct dns_build *build, enum dns_kind kind);
void dns_build_fini(struct dns_build *build);

/** Store the payload in the table. returns  0, -E2BIG, -ENOMEM or the failure remembered. */
int dns_build_publish(struct dns_build *build, struct svc_table *t, const struct dns_key *key);

/** Append addresses, all of one family, as records. returns  the offset of the first. */
uint32_t dns_build_addresses(struct dns_build *build, const struct lictor_address *addresses,
                             size_t count, uint32_t ttl_s);

/** Reserve an index for count blocks. returns  its offset. */
uint32_t dns_build_index(struct dns_build *build, size_t count);

/** Begin a block with its record's type and TTL; data and names are appended to the record. */
void dns_build_block(struct dns_build *build, uint16_t type, uint32_t ttl_s);
void dns_build_data(struct dns_build *build, const void *data, size_t length);
/** Append the record's last part, a name; it is what glue belongs to. */
void dns_build_target(struct dns_build *build, const struct dns_name *name);
/** Append a node's metadata; dns_txt_length says how much that is. */
void dns_build_txt(struct dns_build *build, const struct lictor_meta *meta);
/** End the record. @node  owner of glue of DNS_GLUE_NODE, or NULL when there is none. */
void dns_build_record_end(struct dns_build *build, const struct dns_name *node);

/** Begin and end one record of glue; data is appended as above. */
void dns_build_glue(struct dns_build *build, enum dns_glue_owner owner, uint16_t type,
                    uint32_t ttl_s);
void dns_build_glue_end(struct dns_build *build);

/** Enter the finished block in an index. */
void dns_build_block_end(struct dns_build *build, uint32_t index, size_t i, size_t group,
                         uint8_t flags);

/** Bytes of the character-strings that hold a piece of metadata (RFC 1035 and 1464). */
size_t dns_txt_length(const struct lictor_meta *meta);

/* No record holds more data: the length of a record with its owner is a 16-bit number. */
#define DNS_RECORD_DATA_MAX (UINT16_MAX - DNS_RECORD_DATA)

#endif
