#include "raft/files/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static int posix_open(void *context, const char *path, enum raft_open_mode mode)
{
        static const int flags[] = {
            [RAFT_OPEN_READ] = O_RDONLY,
            [RAFT_OPEN_WRITE] = O_RDWR,
            [RAFT_OPEN_CREATE] = O_RDWR | O_CREAT | O_TRUNC,
        };
        int file = open(path, flags[mode] | O_CLOEXEC, 0600);

        (void)context;
        // Large pieces that the kernel keeps of a file would each count as written with any small
        // write into them.
        if (file >= 0 && mode == RAFT_OPEN_WRITE)
                posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
        return file < 0 ? -errno : file;
}

static void posix_close(void *context, int file)
{
        (void)context;
        close(file);
}

static ssize_t posix_read(void *context, int file, void *bytes, size_t length, uint64_t offset)
{
        size_t done = 0;

        (void)context;
        while (done < length) {
                ssize_t n =
                    pread(file, (uint8_t *)bytes + done, length - done, (off_t)(offset + done));

                if (n == 0)
                        break;
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0)
                        done += (size_t)n;
        }
        return (ssize_t)done;
}

static ssize_t posix_write(void *context, int file, const void *bytes, size_t length,
                           uint64_t offset)
{
        ssize_t n;

        (void)context;
        do
                n = pwrite(file, bytes, length, (off_t)offset);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n;
}

static int posix_sync(void *context, int file)
{
        (void)context;
        return fdatasync(file) < 0 ? -errno : 0;
}

static int posix_reserve(void *context, int file, uint64_t length)
{
        int ret;

        (void)context;
        do
                ret = fallocate(file, 0, 0, (off_t)length);
        while (ret < 0 && errno == EINTR);
        if (ret == 0)
                return 0;
        // A file system that cannot reserve still serves; a full disk then shows at a write.
        if (errno == EOPNOTSUPP && ftruncate(file, (off_t)length) == 0)
                return 0;
        return -errno;
}

static int64_t posix_length(void *context, int file)
{
        struct stat st;

        (void)context;
        return fstat(file, &st) < 0 ? -errno : st.st_size;
}

static int posix_rename(void *context, const char *from, const char *to)
{
        (void)context;
        return rename(from, to) < 0 ? -errno : 0;
}

static int posix_remove(void *context, const char *path)
{
        (void)context;
        return unlink(path) < 0 ? -errno : 0;
}

static int posix_make_folder(void *context, const char *path)
{
        (void)context;
        return mkdir(path, 0700) < 0 ? -errno : 0;
}

static int posix_sync_folder(void *context, const char *path)
{
        int ret, folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        (void)context;
        if (folder < 0)
                return -errno;
        ret = fsync(folder) < 0 ? -errno : 0;
        close(folder);
        return ret;
}

static int posix_list(void *context, const char *path,
                      int (*visit)(void *argument, const char *name), void *argument)
{
        struct dirent *entry;
        DIR *folder = opendir(path);
        int ret = 0;

        (void)context;
        if (folder == NULL)
                return -errno;
        for (errno = 0; ret == 0 && (entry = readdir(folder)) != NULL; errno = 0) {
                if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                        ret = visit(argument, entry->d_name);
        }
        if (ret == 0 && errno != 0)
                ret = -errno;
        closedir(folder);
        return ret;
}

static int posix_lock(void *context, const char *path)
{
        int ret, folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        (void)context;
        if (folder < 0)
                return -errno;
        if (flock(folder, LOCK_EX | LOCK_NB) < 0) {
                ret = -errno;
                close(folder);
                return ret;
        }
        return folder;
}

static int posix_random(void *context, void *bytes, size_t length)
{
        (void)context;
        return getrandom(bytes, length, 0) == (ssize_t)length ? 0 : -EIO;
}

const struct raft_files raft_posix_files = {
    .open = posix_open,
    .close = posix_close,
    .read = posix_read,
    .write = posix_write,
    .sync = posix_sync,
    .reserve = posix_reserve,
    .length = posix_length,
    .rename = posix_rename,
    .remove = posix_remove,
    .make_folder = posix_make_folder,
    .sync_folder = posix_sync_folder,
    .list = posix_list,
    .lock = posix_lock,
    .random = posix_random,
};

int raft_files_write_all(const struct raft_files *files, int file, const void *bytes, size_t length,
                         uint64_t offset)
{
        size_t done = 0;

        while (done < length) {
                ssize_t n = files->write(files->context, file, (const uint8_t *)bytes + done,
                                         length - done, offset + done);

                if (n < 0)
                        return (int)n;
                if (n == 0)
                        return -EIO;
                done += (size_t)n;
        }
        return 0;
}

int raft_files_read_all(const struct raft_files *files, int file, void *bytes, size_t length,
                        uint64_t offset)
{
        ssize_t n = files->read(files->context, file, bytes, length, offset);

        if (n < 0)
                return (int)n;
        return (size_t)n == length ? 0 : -ENODATA;
}

int raft_files_ensure_folder(const struct raft_files *files, const char *path)
{
        char parent[RAFT_PATH_MAX];
        size_t length = strlen(path);
        int ret = files->make_folder(files->context, path);

        if (ret == -EEXIST)
                return 0;
        if (ret < 0)
                return ret;
        while (length > 1 && path[length - 1] == '/')
                length--;
        while (length > 0 && path[length - 1] != '/')
                length--;
        if (length == 0)
                return files->sync_folder(files->context, ".");
        if (length >= sizeof(parent))
                return -ENAMETOOLONG;
        memcpy(parent, path, length);
        parent[length] = '\0';
        return files->sync_folder(files->context, parent);
}

void raft_files_say(char *out, size_t size, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(out, size, format, arguments);
        va_end(arguments);
}
