#ifndef LICTOR_RAFT_IDENTITY_H
#define LICTOR_RAFT_IDENTITY_H

/**
 * Whose data a folder holds: the small file `identity` beside the log, written aside, synced and
 * renamed. A folder of another node, another cluster or a newer format is refused.
 */

#include "raft/core/raft.h"
#include "raft/files/files.h"

#define RAFT_IDENTITY_ERROR_MAX 512u

struct raft_identity {
        char node_id[RAFT_NODE_ID_MAX];
        uint64_t cluster_id; /* as in raft_configuration; 0 until a cluster is joined or made */
        bool bootstrapped;   /* this server began the cluster, with this configuration */
        struct raft_configuration bootstrap;
};

/**
 * Read the folder's identity.
 * returns 0; -ENOENT when there is none (a new server); -EUCLEAN for damage, -ENOTSUP for a newer
 * format or another errno, with error (RAFT_IDENTITY_ERROR_MAX bytes) saying what to do.
 */
int raft_identity_load(const struct raft_files *files, const char *folder,
                       struct raft_identity *identity, char *error);

/**
 * Replace the folder's identity, durably; the folder is made unless it is there. Call it before the
 * first vote or entry, and again when the cluster's id becomes known.
 * returns 0 or a negative errno with error filled.
 */
int raft_identity_store(const struct raft_files *files, const char *folder,
                        const struct raft_identity *identity, char *error);

/**
 * Whether the folder's identity is the one wanted.
 * @cluster_id  the cluster's id as this server's peers know it; 0: not known yet.
 * returns 0, or -EXDEV with error saying whose data it is and what to do.
 */
int raft_identity_check(const struct raft_identity *found, const char *folder, const char *node_id,
                        uint64_t cluster_id, char *error);

#endif
