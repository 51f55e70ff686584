#ifndef CONTROL_RELAY_RELAY_ASSEMBLY_H
#define CONTROL_RELAY_RELAY_ASSEMBLY_H

/** Messages put together from pieces, within bounds. Pure. */

#include "control/relay/relay_codec.h"

struct relay_partial;

struct relay_assembly {
        struct relay_partial *partials; /* messages that are not whole yet */
        size_t len;                     /* of all of them */
        size_t message_max, partial_max;
};

/** Begin with nothing. @message_max  bytes of one message. @partial_max  of all that are not whole.
 */
void relay_assembly_init(struct relay_assembly *assembly, size_t message_max, size_t partial_max);
void relay_assembly_fini(struct relay_assembly *assembly);

/** A whole message; borrowed until return. It may end the assembly's owner, but not free it. */
typedef void (*relay_whole_fn)(void *arg, const struct relay_head *head, const uint8_t *bytes,
                               size_t len);

/**
 * Take a piece.
 * @bytes   head->length of them.
 * returns  0; -EMSGSIZE beyond a bound; -EBADMSG for an empty piece that does not end its message;
 *          -ENOMEM.
 */
int relay_assembly_take(struct relay_assembly *assembly, const struct relay_head *head,
                        const uint8_t *bytes, relay_whole_fn whole, void *arg);

#endif
