#ifndef LICTOR_DNS_COMPILE_H
#define LICTOR_DNS_COMPILE_H

/** Compile records into table entries: wire format laid out so that answering is copying. */

#include "dataplane/dns/dns_zone.h"
#include "dataplane/table/svc_table.h"

/**
 * Compile one entry and publish it in the table. Records that cannot be written in DNS are left out
 * and do not spoil the others.
 * returns  0, or what lictor_service_set documents; an error leaves the table as it was.
 * context  the table's writer.
 */
int dns_compile_service(struct svc_table *t, const struct dns_zone *zone,
                        const struct lictor_service *service);
int dns_compile_node(struct svc_table *t, const struct dns_zone *zone,
                     const struct lictor_node *node);
int dns_compile_reverse(struct svc_table *t, const struct dns_zone *zone,
                        const struct lictor_address *address, const char *target);
int dns_compile_nameservers(struct svc_table *t, const struct dns_zone *zone,
                            const struct lictor_node servers[], size_t server_count);

/** returns 0 or -ENOENT. */
int dns_remove_service(struct svc_table *t, enum lictor_service_kind kind, const char *name,
                       const char *tag);
int dns_remove_node(struct svc_table *t, const char *name);
int dns_remove_reverse(struct svc_table *t, const struct lictor_address *address);

#endif
