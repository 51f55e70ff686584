#include "raft/node/memory_files.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define HANDLE_MAX 64u

struct file {
        struct file *next; // among the named ones
        char *path;
        uint8_t *bytes;
        size_t length;
        size_t capacity;
        unsigned reference_count; // its name and its handles
};

struct memory_files {
        struct raft_files table;
        pthread_mutex_t mutex;
        struct file *named;
        struct file *handles[HANDLE_MAX];
};

static void unref(struct file *file)
{
        if (--file->reference_count > 0)
                return;
        free(file->path);
        free(file->bytes);
        free(file);
}

static struct file **find(struct memory_files *m, const char *path)
{
        struct file **at = &m->named;

        while (*at != NULL && strcmp((*at)->path, path) != 0)
                at = &(*at)->next;
        return at;
}

static void unname(struct file **at)
{
        struct file *file = *at;

        *at = file->next;
        unref(file);
}

static int resize(struct file *file, size_t length)
{
        size_t capacity = file->capacity ? file->capacity : 4096;
        uint8_t *bytes;

        while (capacity < length)
                capacity *= 2;
        if (capacity > file->capacity) {
                bytes = realloc(file->bytes, capacity);
                if (bytes == NULL)
                        return -ENOSPC;
                file->bytes = bytes;
                file->capacity = capacity;
        }
        if (length > file->length)
                memset(file->bytes + file->length, 0, length - file->length);
        file->length = length;
        return 0;
}

static struct file *create(struct memory_files *m, const char *path)
{
        struct file *file = calloc(1, sizeof(*file));

        if (file == NULL)
                return NULL;
        file->path = strdup(path);
        if (file->path == NULL) {
                free(file);
                return NULL;
        }
        file->reference_count = 1;
        file->next = m->named;
        m->named = file;
        return file;
}

static int open_locked(struct memory_files *m, const char *path, enum raft_open_mode mode)
{
        struct file *file = *find(m, path);
        int handle = 0;

        while (handle < (int)HANDLE_MAX && m->handles[handle] != NULL)
                handle++;
        if (handle == (int)HANDLE_MAX)
                return -EMFILE;
        if (file == NULL && mode != RAFT_OPEN_CREATE)
                return -ENOENT;
        if (file == NULL)
                file = create(m, path);
        if (file == NULL)
                return -ENOMEM;
        if (mode == RAFT_OPEN_CREATE)
                file->length = 0;
        file->reference_count++;
        m->handles[handle] = file;
        return handle;
}

static int memory_open(void *context, const char *path, enum raft_open_mode mode)
{
        struct memory_files *m = context;
        int ret;

        pthread_mutex_lock(&m->mutex);
        ret = open_locked(m, path, mode);
        pthread_mutex_unlock(&m->mutex);
        return ret;
}

static void memory_close(void *context, int file)
{
        struct memory_files *m = context;

        pthread_mutex_lock(&m->mutex);
        unref(m->handles[file]);
        m->handles[file] = NULL;
        pthread_mutex_unlock(&m->mutex);
}

static ssize_t memory_read(void *context, int file, void *bytes, size_t length, uint64_t offset)
{
        struct memory_files *m = context;
        struct file *f;
        size_t n = 0;

        pthread_mutex_lock(&m->mutex);
        f = m->handles[file];
        if (offset < f->length)
                n = f->length - (size_t)offset < length ? f->length - (size_t)offset : length;
        if (n > 0)
                memcpy(bytes, f->bytes + offset, n);
        pthread_mutex_unlock(&m->mutex);
        return (ssize_t)n;
}

static ssize_t memory_write(void *context, int file, const void *bytes, size_t length,
                            uint64_t offset)
{
        struct memory_files *m = context;
        struct file *f;
        int ret = 0;

        pthread_mutex_lock(&m->mutex);
        f = m->handles[file];
        if (offset + length > f->length)
                ret = resize(f, (size_t)offset + length);
        if (ret == 0 && length > 0)
                memcpy(f->bytes + offset, bytes, length);
        pthread_mutex_unlock(&m->mutex);
        return ret == 0 ? (ssize_t)length : ret;
}

static int memory_sync(void *context, int file)
{
        (void)context;
        (void)file;
        return 0;
}

static int memory_reserve(void *context, int file, uint64_t length)
{
        struct memory_files *m = context;
        int ret;

        pthread_mutex_lock(&m->mutex);
        ret = resize(m->handles[file], (size_t)length);
        pthread_mutex_unlock(&m->mutex);
        return ret;
}

static int64_t memory_length(void *context, int file)
{
        struct memory_files *m = context;
        int64_t length;

        pthread_mutex_lock(&m->mutex);
        length = (int64_t)m->handles[file]->length;
        pthread_mutex_unlock(&m->mutex);
        return length;
}

static int rename_locked(struct memory_files *m, const char *from, const char *to)
{
        struct file **at = find(m, from);
        char *path;

        if (*at == NULL)
                return -ENOENT;
        path = strdup(to);
        if (path == NULL)
                return -ENOMEM;
        if (*find(m, to) != NULL && strcmp(from, to) != 0)
                unname(find(m, to));
        at = find(m, from);
        free((*at)->path);
        (*at)->path = path;
        return 0;
}

static int memory_rename(void *context, const char *from, const char *to)
{
        struct memory_files *m = context;
        int ret;

        pthread_mutex_lock(&m->mutex);
        ret = rename_locked(m, from, to);
        pthread_mutex_unlock(&m->mutex);
        return ret;
}

static int memory_remove(void *context, const char *path)
{
        struct memory_files *m = context;
        struct file **at;
        int ret = -ENOENT;

        pthread_mutex_lock(&m->mutex);
        at = find(m, path);
        if (*at != NULL) {
                unname(at);
                ret = 0;
        }
        pthread_mutex_unlock(&m->mutex);
        return ret;
}

// Folders are only the beginnings of names.
static int memory_make_folder(void *context, const char *path)
{
        (void)context;
        (void)path;
        return -EEXIST;
}

static int memory_sync_folder(void *context, const char *path)
{
        (void)context;
        (void)path;
        return 0;
}

static int memory_list(void *context, const char *path,
                       int (*visit)(void *argument, const char *name), void *argument)
{
        struct memory_files *m = context;
        size_t length = strlen(path), count = 0, i = 0;
        char **names;
        int ret = 0;

        // The visitor may call back: show it copies.
        pthread_mutex_lock(&m->mutex);
        for (struct file *f = m->named; f != NULL; f = f->next)
                count++;
        names = calloc(count + 1, sizeof(*names));
        count = 0;
        for (struct file *f = m->named; f != NULL && names != NULL; f = f->next)
                if (strncmp(f->path, path, length) == 0 && f->path[length] == '/' &&
                    strchr(f->path + length + 1, '/') == NULL)
                        names[count++] = strdup(f->path + length + 1);
        pthread_mutex_unlock(&m->mutex);
        if (names == NULL)
                return -ENOMEM;
        for (i = 0; i < count && ret == 0; i++)
                ret = names[i] != NULL ? visit(argument, names[i]) : -ENOMEM;
        for (i = 0; i < count; i++)
                free(names[i]);
        free(names);
        return ret;
}

static int memory_lock(void *context, const char *path)
{
        return memory_open(context, path, RAFT_OPEN_CREATE);
}

static int memory_random(void *context, void *bytes, size_t length)
{
        (void)context;
        return getrandom(bytes, length, 0) == (ssize_t)length ? 0 : -EIO;
}

struct raft_files *memory_files_create(void)
{
        struct memory_files *m = calloc(1, sizeof(*m));

        if (m == NULL)
                return NULL;
        pthread_mutex_init(&m->mutex, NULL);
        m->table = (struct raft_files){.context = m,
                                       .open = memory_open,
                                       .close = memory_close,
                                       .read = memory_read,
                                       .write = memory_write,
                                       .sync = memory_sync,
                                       .reserve = memory_reserve,
                                       .length = memory_length,
                                       .rename = memory_rename,
                                       .remove = memory_remove,
                                       .make_folder = memory_make_folder,
                                       .sync_folder = memory_sync_folder,
                                       .list = memory_list,
                                       .lock = memory_lock,
                                       .random = memory_random};
        return &m->table;
}

void memory_files_destroy(struct raft_files *take_files)
{
        struct memory_files *m;

        if (take_files == NULL)
                return;
        m = take_files->context;
        while (m->named != NULL)
                unname(&m->named);
        pthread_mutex_destroy(&m->mutex);
        free(m);
}
