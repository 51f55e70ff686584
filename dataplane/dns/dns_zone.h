#ifndef LICTOR_DNS_ZONE_H
#define LICTOR_DNS_ZONE_H

/** The zone's settings compiled for the responder: immutable, replaced whole under RCU. */

#include "lictor/dataplane.h"

struct dns_zone;

/**
 * returns  0, -EINVAL when domain, alt_domain or datacenter is no DNS name, -ENOMEM. @out is owned
 * by the caller and freed with dns_zone_destroy once no reader can hold it.
 */
int dns_zone_create(const struct lictor_zone *config, struct dns_zone **out);
void dns_zone_destroy(struct dns_zone *take_zone);

/** Whether a zone is a datacenter's. @label  lower-cased, its length in front. */
bool dns_zone_is_of(const struct dns_zone *zone, const uint8_t *label);

#endif
