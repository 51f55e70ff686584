#ifndef CONTROL_SNAPSHOT_STATE_H
#define CONTROL_SNAPSHOT_STATE_H

/** From an archive to a state that can be proposed, verified to the last byte. */

#include <stdatomic.h>
#include <stdbool.h>

#include "control/http/spool.h"
#include "control/snapshot/archive.h"

#define SNAPSHOT_LEFT_OUT_MAX 1024

struct snapshot_state {
        struct spool file; /* a store snapshot */
        const uint8_t *bytes;
        struct snapshot_meta meta;
        bool is_foreign; /* Consul wrote it */
        /* What of it has no place here: "ACLToken 2, ConnectCA 1"; "" when nothing. */
        char left_out[SNAPSHOT_LEFT_OUT_MAX];
};

/**
 * Read an archive of this program's or of Consul's.
 * @bytes       the archive, borrowed until return.
 * @dir         where its state is spooled; "" for memory.
 * @datacenter  for nodes of Consul's archives that name none.
 * @cancelled   set by another thread: end soon. The state is then of no use.
 * @error       on failure a sentence, in Consul's words.
 * returns      0, or a negative errno: @out then needs no end.
 * context      any thread; takes seconds for a large state, and the memory it would fill.
 */
int snapshot_state_open(struct snapshot_state *out, const uint8_t *bytes, size_t len,
                        const char *dir, const char *datacenter, const atomic_bool *cancelled,
                        char error[SNAPSHOT_ERROR_MAX]);
void snapshot_state_close(struct snapshot_state *s);

#endif
