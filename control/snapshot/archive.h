#ifndef CONTROL_SNAPSHOT_ARCHIVE_H
#define CONTROL_SNAPSHOT_ARCHIVE_H

/**
 * Snapshot archives, laid out as Consul's: a tar file in gzip holding meta.json (of the snapshot),
 * state.bin (the state's encoding) and SHA256SUMS (of the two).
 *
 * context  any thread. Archives read may be hostile: memory is bounded, nothing is unpacked under a
 *          name, and what comes out is to be believed only when the whole has been read.
 */

#include <stddef.h>
#include <stdint.h>

#define SNAPSHOT_ERROR_MAX 256
#define SNAPSHOT_ID_SIZE   128

struct snapshot_meta {
        char id[SNAPSHOT_ID_SIZE];
        uint64_t version; /* of Raft's snapshots: 1 */
        uint64_t index;   /* the last one in it */
        uint64_t term;
        uint64_t size; /* of the state, in bytes */
};

/** Takes a piece; returns 0, or a negative errno that ends the work. */
typedef int (*snapshot_sink_fn)(void *arg, const uint8_t *bytes, size_t len);

/** Gives the whole state to a sink; returns 0 or what the sink returned. */
typedef int (*snapshot_source_fn)(void *source, snapshot_sink_fn sink, void *arg);

/**
 * Write an archive.
 * @meta     its size is filled in.
 * @state    run twice, with the same result.
 * @write    gets the archive.
 * returns   0, -EIO, -ENOMEM, or what @write or @state returned.
 */
int snapshot_archive_write(struct snapshot_meta *meta, snapshot_source_fn state, void *source,
                           snapshot_sink_fn write, void *arg);

/**
 * Read and verify a whole archive.
 * @bytes      borrowed until return.
 * @size_max   of the state.
 * @state      gets the state.
 * @error      on failure a sentence, in Consul's words.
 * returns     0; -EBADMSG; what @state returned, without a sentence.
 */
int snapshot_archive_read(const uint8_t *bytes, size_t len, uint64_t size_max,
                          snapshot_sink_fn state, void *arg, struct snapshot_meta *meta,
                          char error[SNAPSHOT_ERROR_MAX]);

#endif
