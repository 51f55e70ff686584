#include "control/cli/debug.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int debug_make_folder(const char *path)
{
        char part[PATH_MAX];

        for (const char *slash = strchr(path + 1, '/'); slash != NULL;
             slash = strchr(slash + 1, '/')) {
                snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
                if (mkdir(part, 0755) < 0 && errno != EEXIST)
                        return -errno;
        }
        return mkdir(path, 0755) < 0 ? -errno : 0;
}

static int begin_entry(struct archive *archive, const char *name, int kind, mode_t mode,
                       long long size)
{
        struct archive_entry *entry = archive_entry_new();
        int ret;

        archive_entry_set_pathname(entry, name);
        archive_entry_set_filetype(entry, (unsigned)kind);
        archive_entry_set_perm(entry, mode);
        archive_entry_set_size(entry, size);
        archive_entry_set_mtime(entry, time(NULL), 0);
        ret = archive_write_header(archive, entry);
        archive_entry_free(entry);
        return ret == ARCHIVE_OK ? 0 : -EIO;
}

static int add_file(struct archive *archive, const char *path, const char *name, char *error,
                    size_t error_size)
{
        FILE *file = fopen(path, "re");
        struct stat status;
        char chunk[65536];
        size_t count;
        int ret = file != NULL && fstat(fileno(file), &status) == 0 ? 0 : -EIO;

        if (ret == 0)
                ret = begin_entry(archive, name, AE_IFREG, 0644, status.st_size);
        while (ret == 0 && (count = fread(chunk, 1, sizeof(chunk), file)) > 0) {
                if (archive_write_data(archive, chunk, count) < 0)
                        ret = -EIO;
        }
        if (ret == 0 && ferror(file))
                ret = -EIO;
        if (ret < 0)
                snprintf(error, error_size, "%s: %s", path,
                         archive_errno(archive) != 0 ? archive_error_string(archive)
                                                     : strerror(errno));
        if (file != NULL)
                fclose(file);
        return ret;
}

static int write_all(struct archive *archive, const char *folder, const char *const names[],
                     size_t count, char *error, size_t error_size)
{
        const char *base = strrchr(folder, '/') != NULL ? strrchr(folder, '/') + 1 : folder;
        char path[PATH_MAX], name[PATH_MAX];
        int ret = begin_entry(archive, base, AE_IFDIR, 0755, 0);

        for (size_t i = 0; ret == 0 && i < count; i++) {
                snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
                snprintf(name, sizeof(name), "%s/%s", base, names[i]);
                ret = add_file(archive, path, name, error, error_size);
        }
        return ret;
}

int debug_archive_write(const char *folder, const char *const names[], size_t count, char *error,
                        size_t error_size)
{
        char aside[PATH_MAX], path[PATH_MAX];
        struct archive *archive = archive_write_new();
        int ret = -EIO;

        snprintf(path, sizeof(path), "%s.tar.gz", folder);
        snprintf(aside, sizeof(aside), "%s.tar.gz.tmp", folder);
        snprintf(error, error_size, "out of memory");
        if (archive == NULL)
                return ret;
        archive_write_add_filter_gzip(archive);
        archive_write_set_format_pax_restricted(archive);
        if (archive_write_open_filename(archive, aside) == ARCHIVE_OK)
                ret = write_all(archive, folder, names, count, error, error_size);
        else
                snprintf(error, error_size, "%s", archive_error_string(archive));
        if (archive_write_close(archive) != ARCHIVE_OK && ret == 0) {
                snprintf(error, error_size, "%s", archive_error_string(archive));
                ret = -EIO;
        }
        archive_write_free(archive);
        if (ret == 0 && rename(aside, path) != 0) {
                snprintf(error, error_size, "%s: %s", path, strerror(errno));
                ret = -EIO;
        }
        if (ret < 0)
                unlink(aside);
        return ret;
}
