#ifndef CONTROL_UPSTREAM_TRANSPORT_H
#define CONTROL_UPSTREAM_TRANSPORT_H

/**
 * Calls as Consul's servers take them, beneath a relay (control/relay/relay.h): a connection begins
 * with byte 4, then carries yamux streams of Go's net/rpc in msgpack. A stream has one call at a
 * time, as a server answers only one of a stream at a time, and is used again after its answer. A
 * call that waits takes a stream, below 1 KiB here, and nothing else.
 *
 * Questions are of kind RELAY_CALL (control/consul/relayed.h), which are answered with the outcome;
 * others are refused. Whether the server is there is asked by yamux.
 *
 * context  the loop's thread.
 */

#include "control/relay/relay.h"

extern const struct relay_transport upstream_transport;

#endif
