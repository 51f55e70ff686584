#include "tests/raft/files/disk.h"
#include "lictor/random.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR 512u

uint64_t disk_random(struct disk *disk, uint64_t limit)
{
        return random_next(&disk->random_state) % limit;
}

static void bytes_resize(struct disk_bytes *b, size_t length)
{
        uint8_t *grown = realloc(b->bytes, length > 0 ? length : 1);

        assert(grown != NULL);
        if (length > b->length)
                memset(grown + b->length, 0, length - b->length);
        b->bytes = grown;
        b->length = length;
}

static void bytes_put(struct disk_bytes *b, uint64_t offset, const uint8_t *bytes, size_t length)
{
        if (offset + length > b->length)
                bytes_resize(b, (size_t)offset + length);
        memcpy(b->bytes + offset, bytes, length);
}

static void bytes_copy(struct disk_bytes *to, const struct disk_bytes *from)
{
        bytes_resize(to, 0);
        bytes_resize(to, from->length);
        if (from->length > 0)
                memcpy(to->bytes, from->bytes, from->length);
}

static void forget_pending(struct disk_file *file)
{
        for (size_t i = 0; i < file->pending_count; i++)
                free(file->pending[i].bytes);
        free(file->pending);
        file->pending = NULL;
        file->pending_count = 0;
}

static void file_fini(struct disk_file *file)
{
        forget_pending(file);
        free(file->now.bytes);
        free(file->durable.bytes);
        memset(file, 0, sizeof(*file));
}

static void file_note(struct disk_file *file, uint64_t offset, const void *bytes, size_t length)
{
        struct disk_write *w;

        file->pending = realloc(file->pending, (file->pending_count + 1) * sizeof(*w));
        assert(file->pending != NULL);
        w = &file->pending[file->pending_count++];
        *w = (struct disk_write){.offset = offset, .length = length};
        if (bytes != NULL) {
                w->bytes = malloc(length);
                assert(w->bytes != NULL);
                memcpy(w->bytes, bytes, length);
        }
}

static struct disk_name *find(struct disk_name *names, const char *path)
{
        for (size_t i = 0; i < DISK_FILES_MAX; i++)
                if (names[i].file >= 0 && strcmp(names[i].path, path) == 0)
                        return &names[i];
        return NULL;
}

static void name_set(struct disk_name *names, const char *path, int file)
{
        struct disk_name *name = find(names, path);

        for (size_t i = 0; name == NULL && i < DISK_FILES_MAX; i++)
                if (names[i].file < 0)
                        name = &names[i];
        assert(name != NULL);
        snprintf(name->path, sizeof(name->path), "%s", path);
        name->file = file;
}

static void apply_change(struct disk_name *names, const struct disk_change *change)
{
        struct disk_name *from = change->from[0] ? find(names, change->from) : NULL;

        if (from != NULL)
                from->file = -1;
        if (change->to[0])
                name_set(names, change->to, change->file);
}

static void make_durable(struct disk *disk, size_t count)
{
        for (size_t i = 0; i < count; i++)
                apply_change(disk->durable, &disk->changes[i]);
        disk->change_count = 0;
}

static void change(struct disk *disk, const char *from, const char *to, int file)
{
        struct disk_change *c;

        // A journal does not grow without end either.
        if (disk->change_count == DISK_CHANGES_MAX)
                make_durable(disk, disk->change_count);
        c = &disk->changes[disk->change_count++];
        snprintf(c->from, sizeof(c->from), "%s", from);
        snprintf(c->to, sizeof(c->to), "%s", to);
        c->file = file;
        apply_change(disk->now, c);
}

// returns 0, or -EIO when the power is gone; *last: it goes in this operation.
static int begin(struct disk *disk, bool *last)
{
        *last = false;
        if (disk->crashed)
                return -EIO;
        disk->operations++;
        if (disk->crash_at != 0 && disk->operations >= disk->crash_at) {
                disk->crashed = true;
                *last = true;
        }
        return 0;
}

static int new_handle(struct disk *disk, int value)
{
        for (int i = 0; i < (int)DISK_HANDLES_MAX; i++) {
                if (disk->handles[i] == 0) {
                        disk->handles[i] = value;
                        return i;
                }
        }
        return -EMFILE;
}

static struct disk_file *file_of(struct disk *disk, int handle)
{
        assert(handle >= 0 && handle < (int)DISK_HANDLES_MAX && disk->handles[handle] > 0);
        return &disk->file[disk->handles[handle] - 1];
}

static bool is_named(const struct disk *disk, int file)
{
        for (size_t i = 0; i < DISK_FILES_MAX; i++)
                if (disk->now[i].file == file || disk->durable[i].file == file)
                        return true;
        for (size_t i = 0; i < disk->change_count; i++)
                if (disk->changes[i].file == file)
                        return true;
        for (size_t i = 0; i < DISK_HANDLES_MAX; i++)
                if (disk->handles[i] == file + 1)
                        return true;
        return false;
}

static int new_file(struct disk *disk)
{
        for (int i = 0; i < (int)DISK_FILES_MAX; i++) {
                if (disk->file[i].used && !is_named(disk, i))
                        file_fini(&disk->file[i]);
                if (!disk->file[i].used) {
                        disk->file[i].used = true;
                        return i;
                }
        }
        return -ENFILE;
}

static int op_open(void *context, const char *path, enum raft_open_mode mode)
{
        struct disk *disk = context;
        struct disk_name *name = find(disk->now, path);
        bool last;
        int file;

        if (mode != RAFT_OPEN_CREATE) {
                if (disk->crashed)
                        return -EIO;
                return name == NULL ? -ENOENT : new_handle(disk, name->file + 1);
        }
        if (begin(disk, &last) < 0)
                return -EIO;
        // An emptied file is a new one here: what the old one held is gone all the same.
        file = new_file(disk);
        if (file < 0)
                return file;
        change(disk, "", path, file);
        return last ? -EIO : new_handle(disk, file + 1);
}

static void op_close(void *context, int handle)
{
        struct disk *disk = context;

        if (disk->handles[handle] == -1)
                disk->locked = false;
        disk->handles[handle] = 0;
}

static ssize_t op_read(void *context, int handle, void *bytes, size_t length, uint64_t offset)
{
        struct disk *disk = context;
        const struct disk_file *file = file_of(disk, handle);

        if (disk->crashed)
                return -EIO;
        if (offset >= file->now.length)
                return 0;
        if (length > file->now.length - offset)
                length = file->now.length - (size_t)offset;
        if (length > 0)
                memcpy(bytes, file->now.bytes + offset, length);
        return (ssize_t)length;
}

static uint64_t used(const struct disk *disk)
{
        uint64_t total = 0;

        for (int i = 0; i < (int)DISK_FILES_MAX; i++)
                if (disk->file[i].used && is_named(disk, i))
                        total += disk->file[i].now.length;
        return total;
}

static ssize_t op_write(void *context, int handle, const void *bytes, size_t length,
                        uint64_t offset)
{
        struct disk *disk = context;
        struct disk_file *file = file_of(disk, handle);
        bool last;

        if (begin(disk, &last) < 0)
                return -EIO;
        if (disk->short_writes && length > 1 && disk_random(disk, 4) == 0)
                length = 1 + (size_t)disk_random(disk, length - 1);
        if (disk->capacity != 0 && offset + length > file->now.length &&
            used(disk) + (offset + length - file->now.length) > disk->capacity)
                return -ENOSPC;
        if (last)
                length = (size_t)disk_random(disk, length + 1);
        file_note(file, offset, bytes, length);
        bytes_put(&file->now, offset, bytes, length);
        return last ? -EIO : (ssize_t)length;
}

static int op_sync(void *context, int handle)
{
        struct disk *disk = context;
        struct disk_file *file = file_of(disk, handle);
        bool last;

        if (begin(disk, &last) < 0 || last)
                return -EIO;
        if (disk->fail_sync_at != 0 && ++disk->sync_count >= disk->fail_sync_at)
                return -EIO;
        bytes_copy(&file->durable, &file->now);
        forget_pending(file);
        return 0;
}

static int op_reserve(void *context, int handle, uint64_t length)
{
        struct disk *disk = context;
        struct disk_file *file = file_of(disk, handle);
        bool last;

        if (begin(disk, &last) < 0)
                return -EIO;
        if (disk->capacity != 0 && used(disk) + length - file->now.length > disk->capacity)
                return -ENOSPC;
        file_note(file, 0, NULL, (size_t)length);
        bytes_resize(&file->now, (size_t)length);
        return last ? -EIO : 0;
}

static int64_t op_length(void *context, int handle)
{
        struct disk *disk = context;

        return disk->crashed ? -EIO : (int64_t)file_of(disk, handle)->now.length;
}

static int op_rename(void *context, const char *from, const char *to)
{
        struct disk *disk = context;
        struct disk_name *name = find(disk->now, from);
        bool last;

        if (begin(disk, &last) < 0)
                return -EIO;
        if (name == NULL)
                return -ENOENT;
        change(disk, from, to, name->file);
        return last ? -EIO : 0;
}

static int op_remove(void *context, const char *path)
{
        struct disk *disk = context;
        struct disk_name *name = find(disk->now, path);
        bool last;

        if (begin(disk, &last) < 0)
                return -EIO;
        if (name == NULL)
                return -ENOENT;
        change(disk, path, "", name->file);
        return last ? -EIO : 0;
}

static int op_make_folder(void *context, const char *path)
{
        (void)path;
        return ((struct disk *)context)->crashed ? -EIO : -EEXIST;
}

static int op_sync_folder(void *context, const char *path)
{
        struct disk *disk = context;
        bool last;

        (void)path;
        if (begin(disk, &last) < 0 || last)
                return -EIO;
        make_durable(disk, disk->change_count);
        return 0;
}

static int op_list(void *context, const char *path, int (*visit)(void *argument, const char *name),
                   void *argument)
{
        struct disk *disk = context;
        size_t length = strlen(path);

        if (disk->crashed)
                return -EIO;
        for (size_t i = 0; i < DISK_FILES_MAX; i++) {
                const struct disk_name *name = &disk->now[i];
                int ret;

                if (name->file < 0 || strncmp(name->path, path, length) != 0)
                        continue;
                ret = visit(argument, name->path + length + 1);
                if (ret != 0)
                        return ret;
        }
        return 0;
}

static int op_lock(void *context, const char *path)
{
        struct disk *disk = context;

        (void)path;
        if (disk->crashed)
                return -EIO;
        if (disk->locked)
                return -EWOULDBLOCK;
        disk->locked = true;
        return new_handle(disk, -1);
}

static int op_random(void *context, void *bytes, size_t length)
{
        for (size_t i = 0; i < length; i++)
                ((uint8_t *)bytes)[i] = (uint8_t)disk_random(context, 256);
        return 0;
}

struct disk *disk_create(uint64_t seed)
{
        struct disk *disk = calloc(1, sizeof(*disk));

        assert(disk != NULL);
        disk->random_state = seed;
        for (size_t i = 0; i < DISK_FILES_MAX; i++)
                disk->now[i].file = disk->durable[i].file = -1;
        disk->files = (struct raft_files){
            .context = disk,
            .open = op_open,
            .close = op_close,
            .read = op_read,
            .write = op_write,
            .sync = op_sync,
            .reserve = op_reserve,
            .length = op_length,
            .rename = op_rename,
            .remove = op_remove,
            .make_folder = op_make_folder,
            .sync_folder = op_sync_folder,
            .list = op_list,
            .lock = op_lock,
            .random = op_random,
        };
        return disk;
}

void disk_destroy(struct disk *disk)
{
        for (size_t i = 0; i < DISK_FILES_MAX; i++)
                file_fini(&disk->file[i]);
        free(disk);
}

// Keep all, none, a prefix or any of the pending sectors.
static void settle(struct disk *disk, struct disk_file *file)
{
        unsigned mode = (unsigned)disk_random(disk, 4);
        size_t whole = (size_t)disk_random(disk, file->pending_count + 1);

        for (size_t i = 0; i < file->pending_count; i++) {
                const struct disk_write *w = &file->pending[i];

                if (w->bytes == NULL) {
                        if (mode == 1 || (mode == 3 && disk_random(disk, 2) == 0))
                                continue;
                        bytes_resize(&file->durable, w->length);
                        continue;
                }
                for (size_t at = 0; at < w->length;) {
                        size_t n = SECTOR - (size_t)((w->offset + at) % SECTOR);

                        n = n < w->length - at ? n : w->length - at;
                        if (mode == 0 || (mode == 2 && i < whole) ||
                            (mode == 3 && disk_random(disk, 2) == 0))
                                bytes_put(&file->durable, w->offset + at, w->bytes + at, n);
                        at += n;
                }
        }
        forget_pending(file);
        bytes_copy(&file->now, &file->durable);
}

void disk_kill(struct disk *disk)
{
        memset(disk->handles, 0, sizeof(disk->handles));
        disk->locked = false;
        disk->crashed = false;
        disk->crash_at = 0;
        disk->fail_sync_at = 0;
        disk->capacity = 0;
}

void disk_restart(struct disk *disk)
{
        make_durable(disk, (size_t)disk_random(disk, disk->change_count + 1));
        memcpy(disk->now, disk->durable, sizeof(disk->now));
        for (size_t i = 0; i < DISK_FILES_MAX; i++)
                if (disk->file[i].used)
                        settle(disk, &disk->file[i]);
        disk_kill(disk);
}

struct disk_bytes *disk_open_bytes(struct disk *disk, const char *path)
{
        struct disk_name *name = find(disk->now, path);

        return name == NULL ? NULL : &disk->file[name->file].now;
}

void disk_store(struct disk *disk, const char *path, const void *bytes, size_t length)
{
        struct disk_name *name = find(disk->now, path);
        struct disk_file *file;
        int index;

        if (name == NULL) {
                index = new_file(disk);
                name_set(disk->now, path, index);
                name_set(disk->durable, path, index);
        } else {
                index = name->file;
        }
        file = &disk->file[index];
        forget_pending(file);
        bytes_resize(&file->now, 0);
        bytes_resize(&file->now, length);
        if (length > 0)
                memcpy(file->now.bytes, bytes, length);
        bytes_copy(&file->durable, &file->now);
}
