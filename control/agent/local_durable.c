#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "control/agent/local_internal.h"

// Files that have been written are synced by a thread of the loop's pool, a batch at a time: the
// loop never waits for a disk. What has been renamed survives the process at once, and the power
// once its batch is through, some milliseconds later.

struct batch {
        char **paths;
        size_t count, capacity;
};

struct local_durable {
        uv_work_t work;
        struct local_state *local;
        struct batch waiting, running;
        bool is_running;
        int error; // of the running batch
};

int local_durable_create(struct local_state *local)
{
        local->durable = calloc(1, sizeof(*local->durable));
        if (local->durable == NULL)
                return -ENOMEM;
        local->durable->local = local;
        local->durable->work.data = local->durable;
        return 0;
}

static void clear(struct batch *batch)
{
        for (size_t i = 0; i < batch->count; i++)
                free(batch->paths[i]);
        batch->count = 0;
}

void local_durable_destroy(struct local_state *local)
{
        struct local_durable *durable = local->durable;

        if (durable == NULL)
                return;
        clear(&durable->waiting);
        clear(&durable->running);
        free(durable->waiting.paths);
        free(durable->running.paths);
        free(durable);
}

static int sync_path(const char *path, int flags)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC | flags), ret = 0;

        // It may have been removed since.
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        if (fsync(fd) < 0)
                ret = -errno;
        close(fd);
        return ret;
}

// The rename is the folder's content; neighbours in the batch mostly share it.
static int sync_folder(const char *path, char **last)
{
        char *slash, *folder = strdup(path);
        int ret = 0;

        if (folder == NULL)
                return -ENOMEM;
        slash = strrchr(folder, '/');
        *slash = '\0';
        if (*last == NULL || strcmp(*last, folder) != 0)
                ret = sync_path(folder, O_DIRECTORY);
        free(*last);
        *last = folder;
        return ret;
}

static void sync_batch(uv_work_t *work)
{
        struct local_durable *durable = work->data;
        char *folder = NULL;

        durable->error = 0;
        for (size_t i = 0; i < durable->running.count && durable->error == 0; i++)
                durable->error = sync_path(durable->running.paths[i], 0);
        for (size_t i = 0; i < durable->running.count && durable->error == 0; i++)
                durable->error = sync_folder(durable->running.paths[i], &folder);
        free(folder);
}

static void begin(struct local_durable *durable);

static void on_synced(uv_work_t *work, int status)
{
        struct local_durable *durable = work->data;
        struct local_state *local = durable->local;

        (void)status;
        if (durable->error < 0)
                log_error(local->options.log, "agent",
                          "cannot sync what is remembered of services and checks in %s: %s",
                          local->data_dir, strerror(-durable->error));
        durable->is_running = false;
        clear(&durable->running);
        if (durable->waiting.count > 0)
                begin(durable);
        local_release(local);
}

static void begin(struct local_durable *durable)
{
        struct batch waiting = durable->waiting;

        durable->waiting = durable->running;
        durable->running = waiting;
        if (uv_queue_work(durable->local->options.loop, &durable->work, sync_batch, on_synced) < 0)
                return;
        durable->is_running = true;
        durable->local->reference_count++;
}

void local_durable_add(const struct local_state *local, const char *path)
{
        struct local_durable *durable = local->durable;
        struct batch *batch = &durable->waiting;
        char *copy = strdup(path);

        if (copy != NULL && batch->count == batch->capacity) {
                size_t capacity = batch->capacity > 0 ? 2 * batch->capacity : 16;
                char **paths = realloc(batch->paths, capacity * sizeof(*paths));

                if (paths == NULL) {
                        free(copy);
                        return;
                }
                batch->paths = paths;
                batch->capacity = capacity;
        }
        if (copy == NULL)
                return;
        batch->paths[batch->count++] = copy;
        if (!durable->is_running)
                begin(durable);
}
