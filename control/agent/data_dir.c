#include "control/agent/data_dir.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_directories(const char *path)
{
        char part[PATH_MAX];
        size_t length = strlen(path);

        if (length >= sizeof(part))
                return -ENAMETOOLONG;
        for (size_t i = 1; i <= length; i++) {
                if (path[i] != '/' && path[i] != '\0')
                        continue;
                memcpy(part, path, i);
                part[i] = '\0';
                if (mkdir(part, 0755) < 0 && errno != EEXIST)
                        return -errno;
        }
        return 0;
}

int data_dir_open(const char *path, int *lock, char *error, size_t error_size)
{
        char file[PATH_MAX];
        int ret, fd;

        *lock = -1;
        if (*path == '\0')
                return 0;
        ret = make_directories(path);
        if (ret < 0) {
                snprintf(error, error_size, "cannot create data_dir \"%s\": %s", path,
                         strerror(-ret));
                return ret;
        }
        snprintf(file, sizeof(file), "%s/lictor.lock", path);
        fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0) {
                ret = -errno;
                snprintf(error, error_size, "cannot write in data_dir \"%s\": %s", path,
                         strerror(-ret));
                return ret;
        }
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                ret = -errno;
                snprintf(error, error_size, "data_dir \"%s\" is in use by another agent", path);
                close(fd);
                return ret;
        }
        *lock = fd;
        return 0;
}

int data_dir_write_file(const char *path, const char *text)
{
        char aside[PATH_MAX];
        size_t length = strlen(text);
        int fd, ret = 0;

        if (snprintf(aside, sizeof(aside), "%s.new", path) >= (int)sizeof(aside))
                return -ENAMETOOLONG;
        fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        if (write(fd, text, length) != (ssize_t)length || fsync(fd) < 0)
                ret = errno != 0 ? -errno : -EIO;
        close(fd);
        if (ret == 0 && rename(aside, path) < 0)
                ret = -errno;
        if (ret < 0)
                unlink(aside);
        return ret;
}

static bool is_uuid(const char *text)
{
        if (strlen(text) != NODE_ID_SIZE - 1)
                return false;
        for (int i = 0; i < NODE_ID_SIZE - 1; i++) {
                bool dash = i == 8 || i == 13 || i == 18 || i == 23;

                if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
                        return false;
        }
        return true;
}

static void copy_lower(char out[NODE_ID_SIZE], const char *id)
{
        for (int i = 0; i < NODE_ID_SIZE; i++)
                out[i] = (char)tolower((unsigned char)id[i]);
}

// RFC 9562, version 4.
static int make_random(char out[NODE_ID_SIZE])
{
        uint8_t b[16];

        if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
                return -EIO;
        b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
        b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
        snprintf(out, NODE_ID_SIZE,
                 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
                 b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
                 b[15]);
        return 0;
}

// returns 1 when one was read, 0 when there is none, -EINVAL when the file holds something else.
static int read_remembered(const char *file, char out[NODE_ID_SIZE])
{
        char line[128] = "";
        FILE *stream = fopen(file, "re");

        if (stream == NULL)
                return errno == ENOENT ? 0 : -errno;
        if (fgets(line, sizeof(line), stream) == NULL)
                line[0] = '\0';
        fclose(stream);
        line[strcspn(line, " \t\r\n")] = '\0';
        if (!is_uuid(line))
                return -EINVAL;
        copy_lower(out, line);
        return 1;
}

int data_dir_node_id(const char *path, const char *configured, char out[NODE_ID_SIZE], char *error,
                     size_t error_size)
{
        char file[PATH_MAX];
        int ret = 0;

        snprintf(file, sizeof(file), "%s/node-id", path);
        if (*configured != '\0') {
                if (!is_uuid(configured)) {
                        snprintf(error, error_size,
                                 "failed to setup node ID: node_id \"%s\" is not a UUID such as "
                                 "40e4a748-2192-161a-0510-9bf59fe950b5",
                                 configured);
                        return -EINVAL;
                }
                copy_lower(out, configured);
        } else {
                ret = *path != '\0' ? read_remembered(file, out) : 0;
                if (ret < 0) {
                        snprintf(error, error_size,
                                 "failed to setup node ID: \"%s\" does not hold a UUID; remove it "
                                 "to get a new one",
                                 file);
                        return ret;
                }
                if (ret > 0)
                        return 0;
                ret = make_random(out);
        }
        if (ret == 0 && *path != '\0')
                ret = data_dir_write_file(file, out);
        if (ret < 0)
                snprintf(error, error_size, "failed to setup node ID: cannot write \"%s\": %s",
                         file, strerror(-ret));
        return ret;
}
