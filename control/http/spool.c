#include "control/http/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

int spool_open(struct spool *s, const char *dir)
{
        *s = (struct spool){.fd = -1};
        if (dir[0] != '\0')
                s->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (s->fd < 0)
                s->fd = memfd_create("lictor-spool", MFD_CLOEXEC);
        return s->fd >= 0 ? 0 : -errno;
}

void spool_close(struct spool *s)
{
        if (s->map != NULL)
                munmap(s->map, s->len);
        if (s->fd >= 0)
                close(s->fd);
        *s = (struct spool){.fd = -1};
}

int spool_append(void *spool, const uint8_t *bytes, size_t len)
{
        struct spool *s = spool;

        while (len > 0) {
                ssize_t written = write(s->fd, bytes, len);

                if (written < 0 && errno != EINTR)
                        return -errno;
                if (written <= 0)
                        continue;
                bytes += written;
                len -= (size_t)written;
                s->len += (uint64_t)written;
        }
        return 0;
}

int spool_map(struct spool *s, const uint8_t **out)
{
        static const uint8_t nothing[1];
        void *map;

        *out = nothing;
        if (s->len == 0)
                return 0;
        if (s->map == NULL) {
                map = mmap(NULL, s->len, PROT_READ, MAP_SHARED, s->fd, 0);
                if (map == MAP_FAILED)
                        return -errno;
                s->map = map;
        }
        *out = s->map;
        return 0;
}

long spool_read(const struct spool *s, uint64_t offset, void *out, size_t size)
{
        ssize_t len;

        do {
                len = pread(s->fd, out, size, (off_t)offset);
        } while (len < 0 && errno == EINTR);
        return len < 0 ? -errno : len;
}
