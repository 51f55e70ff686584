#ifndef CONTROL_SNAPSHOT_CONSUL_H
#define CONTROL_SNAPSHOT_CONSUL_H

/**
 * States as Consul 1.x writes them: one msgpack map with the last index, then records, each a byte
 * naming its type and one msgpack value. Nodes, services, checks, keys, tombstones, sessions,
 * coordinates, prepared queries and the autopilot's settings have a place here.
 *
 * context  any thread.
 */

#include <stdbool.h>

#include "control/snapshot/archive.h"
#include "control/snapshot/state.h"

/** Whether a state of Consul's can begin with this byte: a msgpack map. */
bool snapshot_consul_begins(uint8_t byte);

/**
 * Turn a state into a store snapshot.
 * @left_out  what has no place here, by type and count.
 * @error     on failure a sentence.
 * returns    0; -EBADMSG; what @write returned.
 */
int snapshot_consul_convert(const uint8_t *bytes, size_t len, const char *datacenter,
                            snapshot_sink_fn write, void *arg, char left_out[SNAPSHOT_LEFT_OUT_MAX],
                            char error[SNAPSHOT_ERROR_MAX]);

#endif
