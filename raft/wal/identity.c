#include "raft/wal/identity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "raft/files/bytes.h"

// magic (8), version (4), length of all (4), cluster (8), bootstrapped (1), zero (3), length of the
// configuration (4), node id (40), configuration, XXH3-64 of all before (8).
#define VERSION     1u
#define FIXED_BYTES 72u
#define LENGTH_MAX  8192u
#define CHECK_BYTES 8u
#define PATH_BYTES  (RAFT_PATH_MAX + 16u)
#define NODE_ID_AT  32u
#define REMOVE_HINT "restore the folder from a backup, or remove it and let the server join again"

static const uint8_t magic[8] = {'L', 'I', 'C', 'T', 'R', 'I', 'D', 0};

static int explain(char *error, int ret, const char *path, const char *what)
{
        raft_files_say(error, RAFT_IDENTITY_ERROR_MAX, "%s: %s: %s", path, what, strerror(-ret));
        return ret;
}

static int decode(const uint8_t *bytes, size_t length, struct raft_identity *identity)
{
        uint32_t configuration_length;

        if (length < FIXED_BYTES + CHECK_BYTES || memcmp(bytes, magic, sizeof(magic)) != 0 ||
            bytes_get_u32(bytes + 12) != length ||
            bytes_get_u64(bytes + length - CHECK_BYTES) != XXH3_64bits(bytes, length - CHECK_BYTES))
                return -EUCLEAN;
        if (bytes_get_u32(bytes + 8) != VERSION)
                return -ENOTSUP;
        memset(identity, 0, sizeof(*identity));
        identity->cluster_id = bytes_get_u64(bytes + 16);
        identity->bootstrapped = bytes[24] != 0;
        configuration_length = bytes_get_u32(bytes + 28);
        if (configuration_length != length - FIXED_BYTES - CHECK_BYTES)
                return -EUCLEAN;
        memcpy(identity->node_id, bytes + NODE_ID_AT, RAFT_NODE_ID_MAX - 1);
        if (identity->bootstrapped &&
            raft_configuration_decode(bytes + FIXED_BYTES, configuration_length,
                                      &identity->bootstrap) != 0)
                return -EUCLEAN;
        return 0;
}

static int read_file(const struct raft_files *files, const char *path, uint8_t bytes[LENGTH_MAX],
                     size_t *length)
{
        int file = files->open(files->context, path, RAFT_OPEN_READ);
        ssize_t n;

        if (file < 0)
                return file;
        n = files->read(files->context, file, bytes, LENGTH_MAX, 0);
        files->close(files->context, file);
        if (n < 0)
                return (int)n;
        *length = (size_t)n;
        return 0;
}

int raft_identity_load(const struct raft_files *files, const char *folder,
                       struct raft_identity *identity, char *error)
{
        uint8_t bytes[LENGTH_MAX];
        char path[PATH_BYTES];
        size_t length = 0;
        int ret;

        error[0] = '\0';
        snprintf(path, sizeof(path), "%s/identity", folder);
        ret = read_file(files, path, bytes, &length);
        if (ret == -ENOENT)
                return ret;
        if (ret < 0)
                return explain(error, ret, path, "cannot read it");
        ret = decode(bytes, length, identity);
        if (ret == -EUCLEAN)
                raft_files_say(error, RAFT_IDENTITY_ERROR_MAX, "%s: damaged; " REMOVE_HINT, path);
        if (ret == -ENOTSUP)
                raft_files_say(
                    error, RAFT_IDENTITY_ERROR_MAX,
                    "%s: written by a newer version, in a format this one does not read; run "
                    "that version again",
                    path);
        return ret;
}

static int write_file(const struct raft_files *files, const char *path, const uint8_t *bytes,
                      size_t length)
{
        int ret, file = files->open(files->context, path, RAFT_OPEN_CREATE);

        if (file < 0)
                return file;
        ret = raft_files_write_all(files, file, bytes, length, 0);
        if (ret == 0)
                ret = files->sync(files->context, file);
        files->close(files->context, file);
        return ret;
}

int raft_identity_store(const struct raft_files *files, const char *folder,
                        const struct raft_identity *identity, char *error)
{
        struct raft_buffer *configuration = raft_configuration_encode(&identity->bootstrap);
        uint8_t bytes[LENGTH_MAX] = {0};
        char path[PATH_BYTES], aside[PATH_BYTES];
        size_t length;
        int ret;

        error[0] = '\0';
        snprintf(path, sizeof(path), "%s/identity", folder);
        snprintf(aside, sizeof(aside), "%s/identity.tmp", folder);
        if (configuration == NULL)
                return explain(error, -ENOMEM, path, "cannot write it");
        length = FIXED_BYTES + configuration->length + CHECK_BYTES;
        if (length > sizeof(bytes)) {
                raft_buffer_unref(configuration);
                return explain(error, -E2BIG, path, "cannot write it");
        }
        memcpy(bytes, magic, sizeof(magic));
        bytes_put_u32(bytes + 8, VERSION);
        bytes_put_u32(bytes + 12, (uint32_t)length);
        bytes_put_u64(bytes + 16, identity->cluster_id);
        bytes[24] = identity->bootstrapped;
        bytes_put_u32(bytes + 28, configuration->length);
        memcpy(bytes + NODE_ID_AT, identity->node_id, RAFT_NODE_ID_MAX - 1);
        memcpy(bytes + FIXED_BYTES, configuration->bytes, configuration->length);
        raft_buffer_unref(configuration);
        bytes_put_u64(bytes + length - CHECK_BYTES, XXH3_64bits(bytes, length - CHECK_BYTES));

        ret = raft_files_ensure_folder(files, folder);
        if (ret == 0)
                ret = write_file(files, aside, bytes, length);
        if (ret == 0)
                ret = files->rename(files->context, aside, path);
        if (ret == 0)
                ret = files->sync_folder(files->context, folder);
        return ret < 0 ? explain(error, ret, path, "cannot write it") : 0;
}

int raft_identity_check(const struct raft_identity *found, const char *folder, const char *node_id,
                        uint64_t cluster_id, char *error)
{
        error[0] = '\0';
        if (strcmp(found->node_id, node_id) != 0) {
                raft_files_say(
                    error, RAFT_IDENTITY_ERROR_MAX,
                    "%s belongs to node %s, this is node %s: set data_dir to this node's own "
                    "folder, or give the node its old id back",
                    folder, found->node_id, node_id);
                return -EXDEV;
        }
        if (cluster_id != 0 && found->cluster_id != 0 && found->cluster_id != cluster_id) {
                raft_files_say(
                    error, RAFT_IDENTITY_ERROR_MAX,
                    "%s belongs to cluster %016" PRIx64 ", the servers to join are of cluster "
                    "%016" PRIx64 ": join the right ones, or remove the folder to start anew",
                    folder, found->cluster_id, cluster_id);
                return -EXDEV;
        }
        return 0;
}
