#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raft/snapshot/snapshot_internal.h"

#define NUMBER_DIGITS 16u

int snapshot_explain(char *error, int ret, const char *path, const char *what)
{
        raft_files_say(error, SNAPSHOT_ERROR_MAX, "%s: %s: %s%s", path, what, strerror(-ret),
                       ret == -ENOSPC ? "; free some space" : "");
        return ret;
}

void snapshot_path(const struct snapshot_store *store, raft_index index, raft_term term,
                   const char *ending, char path[SNAPSHOT_PATH_MAX])
{
        snprintf(path, SNAPSHOT_PATH_MAX, "%s/%016" PRIx64 "-%016" PRIx64 "%s", store->folder, term,
                 index, ending);
}

static bool parse_number(const char *text, uint64_t *number)
{
        static const char digits[] = "0123456789abcdef";

        *number = 0;
        for (unsigned i = 0; i < NUMBER_DIGITS; i++) {
                const char *digit = text[i] == '\0' ? NULL : strchr(digits, text[i]);

                if (digit == NULL)
                        return false;
                *number = *number << 4 | (uint64_t)(digit - digits);
        }
        return true;
}

// Whether the name is a snapshot's; *ending is what follows the numbers.
static bool parse_name(const char *name, struct snapshot_file *file, const char **ending)
{
        if (!parse_number(name, &file->term) || name[NUMBER_DIGITS] != '-' ||
            !parse_number(name + NUMBER_DIGITS + 1, &file->index))
                return false;
        *ending = name + 2 * NUMBER_DIGITS + 1;
        return true;
}

struct listing {
        struct snapshot_file *files; // newest first
        unsigned count;
};

static bool is_newer(const struct snapshot_file *a, const struct snapshot_file *b)
{
        return a->index != b->index ? a->index > b->index : a->term > b->term;
}

static int visit_final(void *argument, const char *name)
{
        struct listing *l = argument;
        struct snapshot_file file = {0};
        const char *ending;
        unsigned at;

        if (!parse_name(name, &file, &ending) || strcmp(ending, SNAPSHOT_FINAL) != 0)
                return 0;
        for (at = l->count; at > 0 && is_newer(&file, &l->files[at - 1]); at--)
                if (at < SNAPSHOT_LIST_MAX)
                        l->files[at] = l->files[at - 1];
        if (at < SNAPSHOT_LIST_MAX)
                l->files[at] = file;
        if (l->count < SNAPSHOT_LIST_MAX)
                l->count++;
        return 0;
}

int snapshot_list(const struct snapshot_store *store, struct snapshot_file out[SNAPSHOT_LIST_MAX])
{
        const struct raft_files *files = store->files;
        struct listing l = {.files = out};
        unsigned kept = 0;
        int ret = files->list(files->context, store->folder, visit_final, &l);

        if (ret < 0)
                return ret;
        for (unsigned i = 0; i < l.count; i++) {
                char path[SNAPSHOT_PATH_MAX];
                int64_t length;
                int file;

                snapshot_path(store, out[i].index, out[i].term, SNAPSHOT_FINAL, path);
                file = files->open(files->context, path, RAFT_OPEN_READ);
                // It may have been superseded meanwhile.
                if (file == -ENOENT)
                        continue;
                if (file < 0)
                        return file;
                length = files->length(files->context, file);
                files->close(files->context, file);
                if (length < 0)
                        return (int)length;
                out[i].length = (uint64_t)length;
                out[kept++] = out[i];
        }
        return (int)kept;
}

// What may go: unfinished files when nothing is being written, damaged ones once there is a new
// snapshot.
struct sweep {
        const char *const *endings;
        struct snapshot_file found;
        const char *ending;
};

static int visit_sweep(void *argument, const char *name)
{
        struct sweep *s = argument;
        const char *ending;

        if (!parse_name(name, &s->found, &ending))
                return 0;
        for (const char *const *e = s->endings; *e != NULL; e++) {
                if (strcmp(ending, *e) == 0) {
                        s->ending = *e;
                        return 1;
                }
        }
        return 0;
}

static int sweep(const struct snapshot_store *store, const char *const *endings)
{
        const struct raft_files *files = store->files;
        struct sweep s = {.endings = endings};
        int ret;

        while ((ret = files->list(files->context, store->folder, visit_sweep, &s)) == 1) {
                char path[SNAPSHOT_PATH_MAX];

                snapshot_path(store, s.found.index, s.found.term, s.ending, path);
                ret = files->remove(files->context, path);
                if (ret < 0)
                        return ret;
        }
        return ret;
}

int snapshot_publish(const struct snapshot_store *store, raft_index index, raft_term term,
                     const char *ending, char *error)
{
        static const char *const damaged[] = {SNAPSHOT_DAMAGED, NULL};
        const struct raft_files *files = store->files;
        struct snapshot_file all[SNAPSHOT_LIST_MAX];
        char from[SNAPSHOT_PATH_MAX], to[SNAPSHOT_PATH_MAX];
        int ret, count;

        snapshot_path(store, index, term, ending, from);
        snapshot_path(store, index, term, SNAPSHOT_FINAL, to);
        ret = files->rename(files->context, from, to);
        if (ret == 0)
                ret = files->sync_folder(files->context, store->folder);
        if (ret < 0)
                return snapshot_explain(error, ret, to, "cannot give the snapshot its name");
        // From here on the snapshot is there; what cannot be removed is tried again next time.
        count = snapshot_list(store, all);
        for (int i = (int)SNAPSHOT_KEEP; i < count; i++) {
                snapshot_path(store, all[i].index, all[i].term, SNAPSHOT_FINAL, to);
                files->remove(files->context, to);
        }
        sweep(store, damaged);
        return 0;
}

int snapshot_store_open(const char *folder, const struct raft_files *files,
                        struct snapshot_store **out, char *error)
{
        static const char *const unfinished[] = {SNAPSHOT_WRITING, SNAPSHOT_INCOMING, NULL};
        struct snapshot_store *store;
        int ret;

        error[0] = '\0';
        if (strlen(folder) >= sizeof(store->folder))
                return snapshot_explain(error, -ENAMETOOLONG, folder, "cannot open it");
        store = calloc(1, sizeof(*store));
        if (store == NULL)
                return snapshot_explain(error, -ENOMEM, folder, "cannot open it");
        store->files = files != NULL ? files : &raft_posix_files;
        memcpy(store->folder, folder, strlen(folder) + 1);
        ret = raft_files_ensure_folder(store->files, folder);
        if (ret == 0)
                ret = sweep(store, unfinished);
        if (ret < 0) {
                free(store);
                return snapshot_explain(error, ret, folder, "cannot open the snapshots' folder");
        }
        *out = store;
        return 0;
}

void snapshot_store_close(struct snapshot_store *take_store)
{
        free(take_store);
}
