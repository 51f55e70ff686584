#include "control/log/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct log_file {
        char *prefix; // "/var/log/agent"
        char *suffix; // ".log"
        uint64_t bytes_max;
        uint64_t duration_ns;
        int files_max;

        int fd;
        uint64_t begun_ns;
        uint64_t byte_count;
};

static int split_path(struct log_file *file, const char *path)
{
        const char *name = strrchr(path, '/');
        const char *dot;

        name = name != NULL ? name + 1 : path;
        dot = strrchr(name, '.');
        if (*name == '\0') {
                if (asprintf(&file->prefix, "%sconsul", path) < 0)
                        file->prefix = NULL;
        } else {
                file->prefix = strndup(path, dot != NULL ? (size_t)(dot - path) : strlen(path));
        }
        file->suffix = strdup(*name != '\0' && dot != NULL ? dot : ".log");
        return file->prefix != NULL && file->suffix != NULL ? 0 : -ENOMEM;
}

static int begin(struct log_file *file, uint64_t now_ns)
{
        char *path;
        int fd;

        if (asprintf(&path, "%s-%llu%s", file->prefix, (unsigned long long)now_ns, file->suffix) <
            0)
                return -ENOMEM;
        fd = open(path, O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0640);
        free(path);
        if (fd < 0)
                return -errno;
        if (file->fd >= 0)
                close(file->fd);
        file->fd = fd;
        file->begun_ns = now_ns;
        file->byte_count = 0;
        return 0;
}

// The oldest files go first: their names, which have equally many digits, sort by age.
static void remove_old(const struct log_file *file)
{
        char *pattern;
        glob_t found;

        if (file->files_max == 0 ||
            asprintf(&pattern, "%s-[0-9]*%s", file->prefix, file->suffix) < 0)
                return;
        if (glob(pattern, 0, NULL, &found) == 0) {
                size_t keep = file->files_max < 0 ? 0 : (size_t)file->files_max;

                for (size_t i = 0; i + keep < found.gl_pathc; i++)
                        unlink(found.gl_pathv[i]);
                globfree(&found);
        }
        free(pattern);
}

int log_file_open(const struct log_file_options *options, uint64_t now_ns, struct log_file **out,
                  char *error, size_t error_size)
{
        struct log_file *file = calloc(1, sizeof(*file));
        int ret = -ENOMEM;

        *out = NULL;
        snprintf(error, error_size, "out of memory");
        if (file == NULL)
                return ret;
        file->fd = -1;
        file->bytes_max = options->bytes_max;
        file->duration_ns = options->duration_ns;
        file->files_max = options->files_max;
        ret = split_path(file, options->path);
        if (ret == 0) {
                ret = begin(file, now_ns);
                if (ret < 0)
                        snprintf(error, error_size, "Failed to setup logging: log_file %s: %s",
                                 options->path, strerror(-ret));
        }
        if (ret < 0) {
                log_file_close(file);
                return ret;
        }
        *out = file;
        return 0;
}

static bool is_due(const struct log_file *file, uint64_t now_ns)
{
        if (file->bytes_max > 0 && file->byte_count >= file->bytes_max)
                return true;
        return file->duration_ns > 0 && now_ns > file->begun_ns &&
               now_ns - file->begun_ns >= file->duration_ns;
}

void log_file_write(struct log_file *file, const char *line, size_t length, uint64_t now_ns)
{
        // Old files go before the new one is begun, so that it is none of them.
        if (is_due(file, now_ns) && now_ns != file->begun_ns) {
                remove_old(file);
                // Where no new file can be begun the old one goes on.
                (void)begin(file, now_ns);
        }
        while (length > 0) {
                ssize_t written = write(file->fd, line, length);

                if (written < 0 && errno == EINTR)
                        continue;
                if (written <= 0)
                        break;
                file->byte_count += (uint64_t)written;
                line += written;
                length -= (size_t)written;
        }
}

void log_file_close(struct log_file *take_file)
{
        if (take_file == NULL)
                return;
        if (take_file->fd >= 0)
                close(take_file->fd);
        free(take_file->prefix);
        free(take_file->suffix);
        free(take_file);
}
