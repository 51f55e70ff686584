#ifndef CONTROL_CONSUL_RELAYED_H
#define CONTROL_CONSUL_RELAYED_H

/** A call on its way to a server of another datacenter (RELAY_CALL), and its outcome. Pure. */

#include "control/pack/pack.h"

struct consul_relayed_call {
        struct pack_slice method; /* "Catalog.ListNodes" */
        struct pack_slice args;   /* one msgpack value */
        struct pack_slice origin; /* the datacenter that was asked */
};

struct consul_outcome {
        struct pack_slice error; /* empty: it succeeded */
        struct pack_slice body;  /* one msgpack value */
};

/** Append an encoding. */
void consul_relayed_call_put(struct byte_buffer *b, const struct consul_relayed_call *call);
void consul_outcome_put(struct byte_buffer *b, const struct consul_outcome *outcome);

/** Read one; what it points to is in the bytes. returns  0 or -EBADMSG. */
int consul_relayed_call_get(struct pack_slice bytes, struct consul_relayed_call *out);
int consul_outcome_get(struct pack_slice bytes, struct consul_outcome *out);

/** Whether bytes are one whole msgpack value and nothing else. */
bool consul_is_value(struct pack_slice bytes);

#endif
