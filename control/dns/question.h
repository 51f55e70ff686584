#ifndef LICTOR_CONTROL_DNS_QUESTION_H
#define LICTOR_CONTROL_DNS_QUESTION_H

/** What a message that the table did not answer asks for. context  the control thread, offline. */

#include <stdbool.h>

#include "dataplane/dns/dns_burst.h"
#include "dataplane/dns/dns_name.h"
#include "lictor/dataplane.h"

/** The name of a prepared query. returns  false when none is asked for. */
bool dns_question_query(const struct lictor_dataplane *dataplane, const struct dns_message *message,
                        char out[DNS_NAME_MAX]);

/**
 * The node, service or query a name of this zone is of.
 * returns  false when it is of none, or cannot be told in text.
 */
struct publisher_name;
bool dns_question_name(const struct lictor_dataplane *dataplane, const struct dns_message *message,
                       struct publisher_name *out);

/** The other datacenter a name is of. returns  false when it is of none. */
bool dns_question_datacenter(const struct lictor_dataplane *dataplane,
                             const struct dns_message *message, char out[64]);

/** Whether the answer would be in the table, were that not too old. */
bool dns_question_is_stale(const struct lictor_dataplane *dataplane,
                           const struct dns_message *message);

#endif
