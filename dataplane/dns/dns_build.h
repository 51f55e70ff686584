#ifndef LICTOR_DNS_BUILD_H
#define LICTOR_DNS_BUILD_H

/**
 * A payload under construction: grows as it is written, and remembers the first failure, after
 * which calls do nothing. The caller fills in the counts of the lists and where addresses lie;
 * blocks are listed in the order they are built, those of cnames last.
 */

#include <stdbool.h>

#include "dataplane/dns/dns_layout.h"
#include "dataplane/dns/dns_zone_fields.h"

/* Bytes that grow. */
struct dns_buffer {
        uint8_t *data;
        size_t length;
        size_t capacity;
};

struct dns_build {
        int error; /* 0 or a negative errno */
        struct dns_payload head;
        struct dns_lists lists;
        struct dns_more_lists more;
        struct dns_buffer records; /* head and records, as they will be in the payload */
        struct dns_buffer blocks;  /* struct dns_block; until publication wire_at is an offset */
        struct dns_block block;    /* the open one */
        size_t glue;               /* where the open glue record starts */
        bool node_written;         /* the block's glue already has a record of DNS_GLUE_NODE */
        /* Most entries fit. */
        _Alignas(8) uint8_t small_records[1024];
        _Alignas(8) uint8_t small_blocks[4 * sizeof(struct dns_block)];
};

/** A build lies on its owner's stack; fini frees what it grew to. */
void dns_build_init(struct dns_build *build, enum dns_kind kind);
void dns_build_fini(struct dns_build *build);

/** Make ready what a service answers the same way every time. The last call before publication. */
void dns_build_ready(struct dns_build *build);

/** Store the payload in the table. returns  0, -E2BIG, -ENOMEM or the failure remembered. */
int dns_build_publish(struct dns_build *build, struct svc_table *t, const struct dns_key *key);

/** Append addresses, all of one family, as records. returns  the offset of the first. */
uint32_t dns_build_addresses(struct dns_build *build, const struct lictor_address *addresses,
                             size_t count, uint32_t ttl_s);

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

/** List the finished block. */
void dns_build_block_end(struct dns_build *build, size_t group, uint8_t flags);

/** Bytes of the character-strings that hold a piece of metadata (RFC 1035 and 1464). */
size_t dns_txt_length(const struct lictor_meta *meta);

/* No record holds more data: the length of a record with its owner is a 16-bit number. */
#define DNS_RECORD_DATA_MAX (UINT16_MAX - DNS_RECORD_DATA)

#endif
