#ifndef LICTOR_DATAPLANE_H
#define LICTOR_DATAPLANE_H

/**
 * The embeddable data plane: a table of DNS names, one zone, and readers that answer from them.
 *
 * Threads. One writer thread calls the functions named lictor_*_set, *_remove and lictor_commit.
 * Any number of reader threads answer queries; each registers once, then either reports a quiescent
 * state between bursts or goes offline while it sleeps. What a reader was given is valid until its
 * next quiescent state. Nothing here logs; errors are negative errno values.
 *
 * Text arguments are NUL-terminated, borrowed for the call, and may have any letter case; addresses
 * are in network byte order; times to live are in seconds.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LICTOR_API __attribute__((visibility("default")))

struct lictor_dataplane;

/* family is 4, 6, or 0 for "none"; an IPv4 address uses the first four bytes. */
struct lictor_address {
        uint8_t family;
        uint8_t bytes[16];
};

struct lictor_meta {
        const char *key;
        const char *value;
};

struct lictor_soa {
        uint32_t refresh_s;
        uint32_t retry_s;
        uint32_t expire_s;
        uint32_t min_ttl_s; /* RFC 2308 negative TTL, and the SOA record's own TTL */
};

/* What the whole zone shares; Consul's dns_config, domain and datacenter settings. */
struct lictor_zone {
        const char *domain;     /* "consul"; a final dot is accepted, and one alone: the root */
        const char *alt_domain; /* NULL when there is none */
        const char *datacenter;
        struct lictor_soa soa;
        uint32_t node_ttl_s;
        uint16_t udp_answer_limit; /* records in a plain UDP answer; above 8 acts as 8 */
        uint16_t a_record_limit;   /* address records in any answer; 0: no limit */
        bool enable_truncate;      /* set TC when records were left out */
        bool disable_compression;
        bool node_meta_txt;   /* node metadata as TXT in the additional section */
        bool recursion;       /* foreign names go to the slow path, and RA is set */
        bool query_templates; /* unknown prepared queries go to the slow path */
        bool datacenters;     /* names of other datacenters go to the slow path */
        bool unready;         /* not all is known yet: a name not found gets SERVFAIL */
        bool stale;           /* what is in the table is too old to answer: all goes there */
};

/*
 * One instance of a service, already filtered by health. A host name hides the addresses, unless it
 * is the service's own name: then they are used, so give the node's with every host name.
 */
struct lictor_instance {
        const char *node;
        struct lictor_address ipv4; /* answers A */
        struct lictor_address ipv6; /* answers AAAA */
        struct lictor_address any;  /* answers SRV (additional), ANY and TXT */
        const char *cname;          /* host name in place of addresses, or NULL */
        bool target_by_address;     /* SRV target is HEX.addr, not NODE.node */
        uint16_t port;
        uint16_t weight;
        const struct lictor_meta *meta; /* the node's metadata */
        size_t meta_count;
};

enum lictor_service_kind { LICTOR_SERVICE, LICTOR_QUERY };

/* An answer set: a service, a tagged subset of it, or a prepared query. */
struct lictor_service {
        enum lictor_service_kind kind;
        const char *name;
        const char *tag; /* "" for all instances; unused for queries */
        uint32_t ttl_s;
        const struct lictor_instance *instances;
        size_t instance_count;  /* 0 answers NXDOMAIN, as does a missing entry */
        const char *datacenter; /* where they are, named by targets; NULL: the zone's */
};

struct lictor_node {
        const char *name;
        struct lictor_address ipv4;
        struct lictor_address ipv6;
        struct lictor_address any;
        const char *cname;
        const struct lictor_meta *meta;
        size_t meta_count;
};

/** Create an empty data plane with the given zone. @out is owned by the caller. */
LICTOR_API int lictor_dataplane_create(const struct lictor_zone *zone,
                                       struct lictor_dataplane **out);

/** Destroy it; all readers must have unregistered. */
LICTOR_API void lictor_dataplane_destroy(struct lictor_dataplane *dp);

/**
 * Replace the zone's settings. Entries keep what was compiled into them (targets, TTLs): set them
 * again afterwards when domain, datacenter, node_ttl_s or node_meta_txt changed.
 * returns  0, -EINVAL for a domain or datacenter that is no DNS name, -ENOMEM.
 */
LICTOR_API int lictor_zone_set(struct lictor_dataplane *dp, const struct lictor_zone *zone);

/**
 * Insert or replace one entry; readers see the old or the new one, never a mixture.
 * returns  0; -EINVAL when a name cannot be written in DNS (empty, label over 63 bytes, name over
 *          255), which leaves the table as it was; -E2BIG when the entry would pass 4 GiB; -ENOMEM.
 */
LICTOR_API int lictor_service_set(struct lictor_dataplane *dp,
                                  const struct lictor_service *service);
LICTOR_API int lictor_node_set(struct lictor_dataplane *dp, const struct lictor_node *node);
LICTOR_API int lictor_reverse_set(struct lictor_dataplane *dp, const struct lictor_address *address,
                                  const char *target);
LICTOR_API int lictor_nameservers_set(struct lictor_dataplane *dp,
                                      const struct lictor_node *servers, size_t server_count);

/** Remove one entry. returns  0, or -ENOENT when there was none. */
LICTOR_API int lictor_service_remove(struct lictor_dataplane *dp, enum lictor_service_kind kind,
                                     const char *name, const char *tag);
LICTOR_API int lictor_node_remove(struct lictor_dataplane *dp, const char *name);
LICTOR_API int lictor_reverse_remove(struct lictor_dataplane *dp,
                                     const struct lictor_address *address);

/** End a batch of changes: what they replaced is freed after a grace period. Never blocks. */
LICTOR_API void lictor_commit(struct lictor_dataplane *dp);

struct lictor_table_stats {
        uint64_t entry_count;
        uint64_t slot_count;
        uint64_t entry_bytes;  /* handed out to entries */
        uint64_t memory_bytes; /* mapped for buckets and entries together */
        bool on_huge_pages;
};

/** context  writer. */
LICTOR_API void lictor_table_stats(const struct lictor_dataplane *dp,
                                   struct lictor_table_stats *out);

/** Reader thread life cycle (liburcu QSBR). A registered thread starts online. */
LICTOR_API void lictor_reader_register(void);
LICTOR_API void lictor_reader_unregister(void);
LICTOR_API void lictor_reader_quiescent(void);
LICTOR_API void lictor_reader_offline(void);
LICTOR_API void lictor_reader_online(void);

#ifdef __cplusplus
}
#endif

#endif
