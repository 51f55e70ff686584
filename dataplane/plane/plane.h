#ifndef LICTOR_PLANE_H
#define LICTOR_PLANE_H

/** What workers need from a data plane besides its public functions. */

#include "dataplane/dns/dns_zone.h"
#include "dataplane/table/svc_table.h"
#include "lictor/dataplane.h"

/** The table entries are read from; the same one for the data plane's whole life. */
const struct svc_table *plane_table(const struct lictor_dataplane *dp);

/**
 * The zone now in force; fetch it once per burst.
 * returns  borrowed until this thread's next quiescent state; never NULL.
 * context  registered reader; never blocks.
 */
const struct dns_zone *plane_zone(const struct lictor_dataplane *dp);

#endif
