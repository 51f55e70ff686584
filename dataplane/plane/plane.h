#ifndef LICTOR_PLANE_H
#define LICTOR_PLANE_H

/** What workers need from a data plane besides its public functions. */

#include "dataplane/dns/dns_burst.h"
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

#define PLANE_PEERS_MAX 16u

/**
 * Have names of other datacenters answered from planes of their own, whose zones name them; a name
 * of none of them goes where it would have gone without any.
 * @planes  borrowed until another set has replaced this one and, at least, lictor_dataplane_destroy
 *          of a plane left out, which waits for who still reads it.
 * returns  0 or -ENOMEM, and then nothing has changed.
 * context  writer.
 */
int plane_set_peers(struct lictor_dataplane *dp, struct lictor_dataplane *const planes[],
                    unsigned count);

/** Let an environment know of them. context  registered reader, as plane_zone. */
void plane_env_peers(const struct lictor_dataplane *dp, struct dns_env *env);

/** Whether a plane was asked as a peer since the last call. context  writer. */
bool plane_take_used(struct lictor_dataplane *dp);

#endif
