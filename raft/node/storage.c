#include "raft/node/storage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raft/node/memory_files.h"
#include "raft/snapshot/snapshot_files.h"
#include "raft/wal/identity.h"
#include "raft/wal/wal.h"

#define PATH_BYTES 4096u

struct storage {
        struct wal *wal; /* NULL: in memory */
        char dir[PATH_BYTES];
        struct raft_identity identity; /* of dir */
        struct raft_files *memory;
        const struct raft_files *files;
        struct snapshot_store *snapshots;
        struct snapshot_receiver *receiver;
        raft_index receiving_index;
        raft_term receiving_term;
};

struct storage_sender {
        struct snapshot_sender *sender;
};

/* A snapshot's body, growing. */
struct body {
        uint8_t *bytes;
        size_t length;
        size_t capacity;
};

static int add_to_body(void *arg, const void *bytes, size_t length)
{
        struct body *body = arg;
        size_t capacity = body->capacity ? body->capacity : 65536;
        uint8_t *grown;

        while (capacity < body->length + length)
                capacity *= 2;
        if (capacity > body->capacity) {
                grown = realloc(body->bytes, capacity);
                if (grown == NULL)
                        return -ENOMEM;
                body->bytes = grown;
                body->capacity = capacity;
        }
        if (length > 0)
                memcpy(body->bytes + body->length, bytes, length);
        body->length += length;
        return 0;
}

// Even an empty body is not NULL.
static int read_body(struct snapshot_reader *reader, uint8_t **bytes, size_t *length, char *error)
{
        struct body body = {0};
        int ret = add_to_body(&body, NULL, 0);

        if (ret == 0)
                ret = snapshot_reader_body(reader, add_to_body, &body, error);
        if (ret != 0) {
                if (ret == -ENOMEM)
                        snprintf(error, STORAGE_ERROR_MAX, "no memory for a snapshot");
                free(body.bytes);
                return ret;
        }
        *bytes = body.bytes;
        *length = body.length;
        return 0;
}

static int read_snapshot(struct storage *s, struct storage_restored *restored, char *error)
{
        const struct snapshot_info *info;
        struct snapshot_reader *reader;
        int ret = snapshot_reader_open_newest(s->snapshots, &reader, restored->notice, error);

        if (ret == -ENOENT)
                return 0;
        if (ret != 0)
                return ret;
        info = snapshot_reader_info(reader);
        restored->raft.snapshot_index = info->index;
        restored->raft.snapshot_term = info->term;
        restored->raft.configuration = info->configuration;
        ret = read_body(reader, &restored->snapshot, &restored->snapshot_length, error);
        snapshot_reader_close(reader);
        return ret;
}

static void add_notice(struct storage_restored *restored, const char *text)
{
        size_t used = strlen(restored->notice);

        if (text[0] != 0)
                snprintf(restored->notice + used, sizeof(restored->notice) - used, "%s%s",
                         used > 0 ? "; " : "", text);
}

static int read_log(struct storage *s, const char *dir, bool must_exist,
                    struct storage_restored *restored, char *error)
{
        struct wal_options options = {.snapshot_index = restored->raft.snapshot_index,
                                      .snapshot_term = restored->raft.snapshot_term,
                                      .must_exist = must_exist,
                                      .files = s->files};
        struct wal_restored log;
        char folder[PATH_BYTES];
        int ret;

        snprintf(folder, sizeof(folder), "%s/log", dir);
        ret = wal_open(folder, &options, &s->wal, &log, error);
        if (ret != 0)
                return ret;
        restored->raft.hard_state = log.hard_state;
        restored->raft.entries = restored->entries = log.entries;
        restored->raft.entry_count = log.entry_count;
        add_notice(restored, log.notice);
        return 0;
}

// The cluster that the log or the snapshot belongs to; 0: none yet.
static uint64_t cluster_of(const struct storage_restored *restored)
{
        struct raft_configuration configuration;

        for (size_t i = restored->raft.entry_count; i > 0; i--) {
                const struct raft_entry *entry = &restored->entries[i - 1];

                if (entry->type == RAFT_ENTRY_CONFIGURATION && entry->data != NULL &&
                    raft_configuration_decode(entry->data->bytes, entry->data->length,
                                              &configuration) == 0)
                        return configuration.cluster_id;
        }
        return restored->raft.configuration.cluster_id;
}

static int settle_identity(struct storage *s, const char *node_id, bool known, uint64_t cluster_id,
                           char *error)
{
        if (known && (cluster_id == 0 || s->identity.cluster_id == cluster_id))
                return 0;
        if (!known)
                snprintf(s->identity.node_id, sizeof(s->identity.node_id), "%s", node_id);
        s->identity.cluster_id = cluster_id;
        return raft_identity_store(s->files, s->dir, &s->identity, error);
}

int storage_join(struct storage *s, uint64_t cluster_id)
{
        char error[RAFT_IDENTITY_ERROR_MAX];

        if (s->wal == NULL)
                return 0;
        return settle_identity(s, s->identity.node_id, true, cluster_id, error);
}

static int open_dir(struct storage *s, const char *dir, const char *node_id,
                    struct storage_restored *restored, char *error)
{
        char folder[PATH_BYTES];
        bool known;
        int ret;

        snprintf(s->dir, sizeof(s->dir), "%s", dir);
        ret = raft_identity_load(s->files, dir, &s->identity, error);

        known = ret == 0;
        if (ret == -ENOENT)
                ret = raft_files_ensure_folder(s->files, dir);
        else if (ret == 0)
                ret = raft_identity_check(&s->identity, dir, node_id, 0, error);
        if (ret != 0) {
                if (error[0] == 0)
                        snprintf(error, STORAGE_ERROR_MAX, "%s: %s", dir, strerror(-ret));
                return ret;
        }
        snprintf(folder, sizeof(folder), "%s/snapshots", dir);
        ret = snapshot_store_open(folder, s->files, &s->snapshots, error);
        if (ret == 0)
                ret = read_snapshot(s, restored, error);
        if (ret == 0)
                ret = read_log(s, dir, known, restored, error);
        if (ret == 0 && known && cluster_of(restored) != 0)
                ret = raft_identity_check(&s->identity, dir, node_id, cluster_of(restored), error);
        if (ret == 0)
                ret = settle_identity(s, node_id, known, cluster_of(restored), error);
        return ret;
}

static int open_memory(struct storage *s, char *error)
{
        s->memory = memory_files_create();
        if (s->memory == NULL) {
                snprintf(error, STORAGE_ERROR_MAX, "no memory");
                return -ENOMEM;
        }
        return snapshot_store_open("/snapshots", s->memory, &s->snapshots, error);
}

int storage_open(const char *dir, const struct raft_files *files, const char *node_id,
                 struct storage **out, struct storage_restored *restored, char *error)
{
        struct storage *s = calloc(1, sizeof(*s));
        int ret;

        error[0] = 0;
        memset(restored, 0, sizeof(*restored));
        if (s == NULL) {
                snprintf(error, STORAGE_ERROR_MAX, "no memory");
                return -ENOMEM;
        }
        s->files = files != NULL ? files : &raft_posix_files;
        ret = dir != NULL ? open_dir(s, dir, node_id, restored, error) : open_memory(s, error);
        if (ret != 0) {
                storage_restored_fini(restored, false);
                storage_close(s);
                return ret;
        }
        *out = s;
        return 0;
}

void storage_restored_fini(struct storage_restored *restored, bool entries_taken)
{
        for (size_t i = 0; i < restored->raft.entry_count && !entries_taken; i++)
                raft_buffer_unref(restored->entries[i].data);
        free(restored->entries);
        free(restored->snapshot);
        restored->entries = NULL;
        restored->snapshot = NULL;
        restored->raft.entry_count = 0;
}

void storage_close(struct storage *take_storage)
{
        if (take_storage == NULL)
                return;
        snapshot_receiver_abort(take_storage->receiver);
        snapshot_store_close(take_storage->snapshots);
        wal_close(take_storage->wal);
        memory_files_destroy(take_storage->memory);
        free(take_storage);
}

bool storage_blocks(const struct storage *s)
{
        return s->wal != NULL;
}

int storage_append(struct storage *s, const struct raft_hard_state *hard_state,
                   const struct raft_entry *entries, size_t count)
{
        return s->wal != NULL ? wal_append(s->wal, hard_state, entries, count) : 0;
}

int storage_sync(struct storage *s)
{
        return s->wal != NULL ? wal_sync(s->wal) : 0;
}

int storage_trim(struct storage *s, raft_index keep_from)
{
        return s->wal != NULL ? wal_trim(s->wal, keep_from) : 0;
}

int storage_reset(struct storage *s, raft_index index, raft_term term)
{
        return s->wal != NULL ? wal_reset(s->wal, index, term) : 0;
}

bool storage_wants_room(const struct storage *s)
{
        struct wal_statistics statistics;

        if (s->wal == NULL)
                return false;
        wal_statistics(s->wal, &statistics);
        return statistics.spare_count == 0;
}

void storage_make_room(struct storage *s)
{
        if (s->wal != NULL)
                wal_prepare(s->wal);
}

uint64_t storage_bytes_written(const struct storage *s)
{
        struct wal_statistics statistics;

        if (s->wal == NULL)
                return 0;
        wal_statistics(s->wal, &statistics);
        return statistics.written_bytes;
}

const char *storage_error_text(const struct storage *s)
{
        return s->wal != NULL ? wal_error_text(s->wal) : "";
}

int storage_write_snapshot(struct storage *s, const struct storage_snapshot *snapshot,
                           storage_encode_fn encode, void *gather, raft_index *older_index,
                           char *error)
{
        struct snapshot_info info = {.index = snapshot->index,
                                     .term = snapshot->term,
                                     .configuration = snapshot->configuration};
        struct snapshot_file files[SNAPSHOT_LIST_MAX];
        struct snapshot_writer *writer;
        int ret = snapshot_writer_open(s->snapshots, &info, &writer, error);

        if (ret != 0)
                return ret;
        ret = encode(gather, snapshot_writer_write, writer);
        if (ret != 0) {
                snprintf(error, STORAGE_ERROR_MAX, "the snapshot at entry %" PRIu64 ": %s",
                         snapshot->index, strerror(-ret));
                snapshot_writer_abort(writer);
                return ret;
        }
        ret = snapshot_writer_commit(writer, NULL, error);
        if (ret != 0)
                return ret;
        ret = snapshot_list(s->snapshots, files);
        *older_index = ret > 1 ? files[1].index : snapshot->index;
        return ret < 0 ? ret : 0;
}

int storage_sender_open(struct storage *s, raft_index index, raft_term term,
                        struct storage_sender **out, char *error)
{
        struct storage_sender *sender = calloc(1, sizeof(*sender));
        int ret;

        if (sender == NULL)
                return -ENOMEM;
        ret = snapshot_sender_open(s->snapshots, index, term, &sender->sender, error);
        if (ret != 0)
                free(sender);
        else
                *out = sender;
        return ret;
}

int64_t storage_sender_read(struct storage_sender *sender, uint64_t offset, void *bytes,
                            size_t length, uint64_t *total)
{
        *total = snapshot_sender_length(sender->sender);
        return snapshot_sender_read(sender->sender, offset, bytes, length);
}

void storage_sender_close(struct storage_sender *take_sender)
{
        if (take_sender == NULL)
                return;
        snapshot_sender_close(take_sender->sender);
        free(take_sender);
}

int storage_receive(struct storage *s, raft_index index, raft_term term, uint64_t offset,
                    const void *bytes, size_t length, char *error)
{
        int ret = 0;

        if (offset == 0) {
                snapshot_receiver_abort(s->receiver);
                s->receiver = NULL;
                ret = snapshot_receiver_open(s->snapshots, index, term, &s->receiver, error);
                s->receiving_index = index;
                s->receiving_term = term;
        }
        if (ret == 0 &&
            (s->receiver == NULL || s->receiving_index != index || s->receiving_term != term))
                ret = -ESPIPE;
        if (ret == 0)
                ret = snapshot_receiver_write(s->receiver, offset, bytes, length);
        if (ret != 0 && error[0] == 0)
                snprintf(error, STORAGE_ERROR_MAX, "the incoming snapshot at entry %" PRIu64 ": %s",
                         index, strerror(-ret));
        return ret;
}

int storage_receive_finish(struct storage *s, uint64_t cluster_id,
                           struct storage_snapshot *snapshot, uint8_t **body, size_t *body_length,
                           char *error)
{
        struct snapshot_receiver *receiver = s->receiver;
        const struct snapshot_info *info;
        struct snapshot_reader *reader;
        int ret;

        if (receiver == NULL) {
                snprintf(error, STORAGE_ERROR_MAX, "the incoming snapshot was not written");
                return -EIO;
        }
        s->receiver = NULL;
        ret = snapshot_receiver_finish(receiver, cluster_id, error);
        if (ret == 0)
                ret = snapshot_reader_open(s->snapshots, s->receiving_index, s->receiving_term,
                                           &reader, error);
        if (ret != 0)
                return ret;
        info = snapshot_reader_info(reader);
        *snapshot = (struct storage_snapshot){
            .index = info->index, .term = info->term, .configuration = info->configuration};
        ret = read_body(reader, body, body_length, error);
        snapshot_reader_close(reader);
        return ret;
}
