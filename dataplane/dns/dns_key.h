#ifndef LICTOR_DNS_KEY_H
#define LICTOR_DNS_KEY_H

/**
 * The canonical key of a table entry, the same for the compile side and for questions.
 *
 * One byte says the kind; then come the lower-cased labels that stand before the kind's label in a
 * question, in wire format ("\2v1\3web" for v1.web.service.consul), so that a question's key is a
 * plain piece of its own bytes. Addresses are four or sixteen raw bytes; the name servers' key is
 * the kind alone.
 */

#include <assert.h>

#include "dataplane/dns/dns_name.h"
#include "dataplane/table/svc_table.h"
#include "lictor/dataplane.h"

enum dns_kind {
        DNS_KIND_SERVICE = 1,
        DNS_KIND_QUERY,
        DNS_KIND_NODE,
        DNS_KIND_REVERSE,
        DNS_KIND_NAMESERVERS
};

struct dns_key {
        uint16_t length;
        uint8_t bytes[1 + DNS_NAME_MAX];
};

static_assert(1 + DNS_NAME_MAX <= SVC_KEY_MAX, "every key fits the table's limit");

/** returns  0, or -EINVAL when no question can have this name. @tag may be NULL. */
int dns_key_service(struct dns_key *key, enum lictor_service_kind kind, const char *name,
                    const char *tag);
int dns_key_node(struct dns_key *key, const char *name);
/** returns  0, or -EINVAL when the family is neither 4 nor 6. */
int dns_key_reverse(struct dns_key *key, const struct lictor_address *address);
void dns_key_nameservers(struct dns_key *key);

/** The key as the table wants it, hashed; borrows @key. */
struct svc_key dns_key_hashed(const struct dns_key *key);

#endif
