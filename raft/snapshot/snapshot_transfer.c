#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "raft/snapshot/snapshot_internal.h"

struct snapshot_sender {
        const struct snapshot_store *store;
        int file;
        uint64_t length;
};

struct snapshot_receiver {
        const struct snapshot_store *store;
        raft_index index;
        raft_term term;
        char path[SNAPSHOT_PATH_MAX];
        int file;
        int error;
        uint64_t length;
        uint64_t synced;
};

int snapshot_sender_open(const struct snapshot_store *store, raft_index index, raft_term term,
                         struct snapshot_sender **out, char *error)
{
        const struct raft_files *files = store->files;
        struct snapshot_sender *s = calloc(1, sizeof(*s));
        char path[SNAPSHOT_PATH_MAX];
        int64_t length;

        error[0] = '\0';
        snapshot_path(store, index, term, SNAPSHOT_FINAL, path);
        if (s == NULL)
                return snapshot_explain(error, -ENOMEM, path, "cannot read it");
        s->store = store;
        s->file = files->open(files->context, path, RAFT_OPEN_READ);
        length = s->file < 0 ? s->file : files->length(files->context, s->file);
        if (length < 0) {
                snapshot_sender_close(s);
                return snapshot_explain(error, (int)length, path, "cannot read it");
        }
        s->length = (uint64_t)length;
        *out = s;
        return 0;
}

uint64_t snapshot_sender_length(const struct snapshot_sender *sender)
{
        return sender->length;
}

int64_t snapshot_sender_read(struct snapshot_sender *sender, uint64_t offset, void *bytes,
                             size_t length)
{
        const struct raft_files *files = sender->store->files;

        return files->read(files->context, sender->file, bytes, length, offset);
}

void snapshot_sender_close(struct snapshot_sender *take_sender)
{
        if (take_sender == NULL)
                return;
        if (take_sender->file >= 0)
                take_sender->store->files->close(take_sender->store->files->context,
                                                 take_sender->file);
        free(take_sender);
}

// Files do not shrink here: starting over is a new file under the same name.
static int start_over(struct snapshot_receiver *r)
{
        const struct raft_files *files = r->store->files;

        if (r->file >= 0)
                files->close(files->context, r->file);
        r->length = 0;
        r->synced = 0;
        r->file = files->open(files->context, r->path, RAFT_OPEN_CREATE);
        return r->file < 0 ? r->file : 0;
}

int snapshot_receiver_open(const struct snapshot_store *store, raft_index index, raft_term term,
                           struct snapshot_receiver **out, char *error)
{
        struct snapshot_receiver *r = calloc(1, sizeof(*r));
        int ret;

        error[0] = '\0';
        if (r == NULL)
                return snapshot_explain(error, -ENOMEM, store->folder, "cannot take a snapshot in");
        r->store = store;
        r->index = index;
        r->term = term;
        r->file = -1;
        snapshot_path(store, index, term, SNAPSHOT_INCOMING, r->path);
        ret = start_over(r);
        if (ret < 0) {
                snapshot_explain(error, ret, r->path, "cannot make it");
                free(r);
                return ret;
        }
        *out = r;
        return 0;
}

uint64_t snapshot_receiver_length(const struct snapshot_receiver *receiver)
{
        return receiver->length;
}

int snapshot_receiver_write(struct snapshot_receiver *receiver, uint64_t offset, const void *bytes,
                            size_t length)
{
        struct snapshot_receiver *r = receiver;
        const struct raft_files *files = r->store->files;

        if (r->error == 0 && offset == 0 && r->length > 0)
                r->error = start_over(r);
        if (r->error != 0)
                return r->error;
        if (offset != r->length)
                return -ESPIPE;
        r->error = raft_files_write_all(files, r->file, bytes, length, offset);
        if (r->error != 0)
                return r->error;
        r->length += length;
        if (r->length - r->synced >= SNAPSHOT_SYNC_BYTES) {
                r->synced = r->length;
                r->error = files->sync(files->context, r->file);
        }
        return r->error;
}

static int verify(const struct snapshot_receiver *r, uint64_t cluster_id, char *error)
{
        struct snapshot_reader *reader;
        uint64_t found;
        int ret = snapshot_reader_open_file(r->store, r->index, r->term, SNAPSHOT_INCOMING, &reader,
                                            error);

        if (ret < 0)
                return ret;
        found = snapshot_reader_info(reader)->configuration.cluster_id;
        snapshot_reader_close(reader);
        if (cluster_id == 0 || found == cluster_id)
                return 0;
        raft_files_say(error, SNAPSHOT_ERROR_MAX,
                       "%s: this snapshot is of cluster %016" PRIx64
                       ", this server is of %016" PRIx64,
                       r->path, found, cluster_id);
        return -EXDEV;
}

int snapshot_receiver_finish(struct snapshot_receiver *take_receiver, uint64_t cluster_id,
                             char *error)
{
        struct snapshot_receiver *r = take_receiver;
        const struct raft_files *files = r->store->files;
        int ret = r->error;

        error[0] = '\0';
        if (ret == 0)
                ret = files->sync(files->context, r->file);
        if (ret < 0)
                snapshot_explain(error, ret, r->path, "cannot write the snapshot");
        else
                ret = verify(r, cluster_id, error);
        if (ret == 0)
                ret = snapshot_publish(r->store, r->index, r->term, SNAPSHOT_INCOMING, error);
        if (ret < 0) {
                snapshot_receiver_abort(r);
                return ret;
        }
        files->close(files->context, r->file);
        free(r);
        return 0;
}

void snapshot_receiver_abort(struct snapshot_receiver *take_receiver)
{
        const struct raft_files *files;

        if (take_receiver == NULL)
                return;
        files = take_receiver->store->files;
        if (take_receiver->file >= 0)
                files->close(files->context, take_receiver->file);
        files->remove(files->context, take_receiver->path);
        free(take_receiver);
}
