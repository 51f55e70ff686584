#ifndef LICTOR_CONTROL_RESPONDER_H
#define LICTOR_CONTROL_RESPONDER_H

/**
 * The DNS responder as the control thread uses it: for TCP and for what workers hand over.
 */

#include "dataplane/dns/dns_burst.h"
#include "lictor/dataplane.h"

struct dns_responder {
        const struct lictor_dataplane *dataplane; /* borrowed */
        struct dns_random random;
};

/**
 * Set up with a random seed from the kernel.
 * returns  0 or a negative errno.
 */
int dns_responder_init(struct dns_responder *responder, const struct lictor_dataplane *dataplane);

/**
 * Answer up to SVC_BURST_MAX messages in place, following aliases inside the zone.
 * context  the control thread, registered as a reader and offline; it is offline again on return.
 */
void dns_responder_answer(struct dns_responder *responder, enum dns_transport transport,
                          struct dns_message messages[], unsigned n);

#endif
