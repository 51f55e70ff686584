#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/cli/tls.h"

static const char *why(int error)
{
        return error == ENOENT ? "no such file or directory" : strerror(error);
}

bool tls_exists(const char *path)
{
        return access(path, F_OK) == 0 || errno != ENOENT;
}

int tls_save(const char *path, const gnutls_datum_t *text, bool is_secret)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, is_secret ? 0600 : 0644);
        FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
        bool written = file != NULL && fwrite(text->data, 1, text->size, file) == text->size;

        if (file != NULL)
                written = fclose(file) == 0 && written;
        else if (fd >= 0)
                close(fd);
        if (!written) {
                fprintf(stderr, "open %s: %s\n", path, why(errno));
                return 1;
        }
        printf("==> Saved %s\n", path);
        return 0;
}

int tls_load(const char *path, const char *what, gnutls_datum_t *out)
{
        int ret;

        if (access(path, R_OK) != 0) {
                fprintf(stderr, "Error reading %s: open %s: %s\n", what, path, why(errno));
                return 1;
        }
        ret = gnutls_load_file(path, out);
        if (ret < 0)
                fprintf(stderr, "Error reading %s: %s: %s\n", what, path, gnutls_strerror(ret));
        return ret < 0 ? 1 : 0;
}
