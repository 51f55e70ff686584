#include "control/server/recovery.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/server/peers_file.h"

#define PATH_BYTES 4200u

static const char info_text[] =
    "When most servers of a cluster are lost for good, the others cannot elect a leader. An\n"
    "operator may then say who the servers are: stop those that are left, put a file peers.json\n"
    "beside this one, and start them. It is read at the start, replaces the servers in the log,\n"
    "and is deleted. What the log holds but was not acknowledged yet becomes part of the state.\n"
    "\n"
    "[\n"
    "  {\n"
    "    \"id\": \"adf4238a-882b-9ddc-4a9d-5b6758e4159e\",\n"
    "    \"address\": \"10.1.0.1:8300\",\n"
    "    \"non_voter\": false\n"
    "  }\n"
    "]\n"
    "\n"
    "id is what a server's file node-id in data_dir holds, address its address and server port.\n"
    "The older form, [\"10.1.0.1:8300\"], names servers that were in the cluster before.\n"
    "Of several that are left, give the file to the one with the newest log, with that one server\n"
    "in it; remove the folder raft of the others and let them join.\n";

static int say(char *error, size_t error_size, const char *path, int code)
{
        snprintf(error, error_size, "%s: %s", path, strerror(-code));
        return code;
}

static int read_text(const char *path, char *text, size_t *len)
{
        int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        ssize_t n = 0;

        if (file < 0)
                return -errno;
        *len = 0;
        while (*len <= PEERS_FILE_MAX) {
                n = read(file, text + *len, PEERS_FILE_MAX + 1 - *len);
                if (n > 0)
                        *len += (size_t)n;
                else if (n == 0 || errno != EINTR)
                        break;
        }
        n = n < 0 ? -errno : *len > PEERS_FILE_MAX ? -EFBIG : 0;
        close(file);
        return (int)n;
}

int recovery_read(const char *dir, struct raft_configuration *out, bool *found, char *error,
                  size_t error_size)
{
        char path[PATH_BYTES], why[PEERS_FILE_ERROR_MAX];
        char *text = malloc(PEERS_FILE_MAX + 1);
        size_t len = 0;
        int ret;

        *found = false;
        snprintf(path, sizeof(path), "%s/peers.json", dir);
        if (text == NULL)
                return say(error, error_size, path, -ENOMEM);
        ret = read_text(path, text, &len);
        if (ret == -ENOENT || ret == -ENOTDIR) {
                ret = 0;
        } else if (ret < 0) {
                say(error, error_size, path, ret);
        } else {
                ret = peers_file_parse(text, len, out, why);
                *found = ret == 0;
                if (ret < 0)
                        snprintf(error, error_size, "%s: %s; mend or remove it", path, why);
        }
        free(text);
        return ret;
}

int recovery_finish(const char *dir, char *error, size_t error_size)
{
        char path[PATH_BYTES];
        int folder, ret = 0;

        snprintf(path, sizeof(path), "%s/peers.json", dir);
        if (unlink(path) < 0)
                return say(error, error_size, path, -errno);
        folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder < 0 || fsync(folder) < 0)
                ret = say(error, error_size, dir, -errno);
        if (folder >= 0)
                close(folder);
        return ret;
}

void recovery_explain(const char *dir, const struct log *log)
{
        char path[PATH_BYTES];
        size_t len = sizeof(info_text) - 1;
        int file;

        snprintf(path, sizeof(path), "%s/peers.info", dir);
        file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (file < 0 && errno == EEXIST)
                return;
        if (file < 0 || write(file, info_text, len) != (ssize_t)len)
                log_warn(log, "server", "cannot write %s: %s", path, strerror(errno));
        if (file >= 0)
                close(file);
}
