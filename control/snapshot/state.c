#include "control/snapshot/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/fsm/command.h"
#include "control/snapshot/consul.h"
#include "control/store/store.h"

struct unpacking {
        struct spool *file;
        const atomic_bool *cancelled;
        bool begun;
};

static int fail(char error[SNAPSHOT_ERROR_MAX], int code, const char *what)
{
        snprintf(error, SNAPSHOT_ERROR_MAX, "%s: %s", what, strerror(-code));
        return code;
}

// What is no state from its first byte on is not worth unpacking.
static int unpack(void *arg, const uint8_t *bytes, size_t len)
{
        struct unpacking *to = arg;

        if (atomic_load(to->cancelled))
                return -ECANCELED;
        if (!to->begun && bytes[0] != 'L' && !snapshot_consul_begins(bytes[0]))
                return -EILSEQ;
        to->begun = true;
        return spool_append(to->file, bytes, len);
}

static int convert(struct snapshot_state *s, const char *dir, const char *datacenter,
                   char error[SNAPSHOT_ERROR_MAX])
{
        struct spool own;
        int ret = spool_open(&own, dir);

        if (ret < 0)
                return fail(error, ret, "failed to create temp snapshot file");
        ret = snapshot_consul_convert(s->bytes, s->file.len, datacenter, spool_append, &own,
                                      s->left_out, error);
        if (ret < 0) {
                spool_close(&own);
                return ret;
        }
        spool_close(&s->file);
        s->file = own;
        s->is_foreign = true;
        ret = spool_map(&s->file, &s->bytes);
        return ret < 0 ? fail(error, ret, "failed to read temp snapshot") : 0;
}

static int verify(struct snapshot_state *s, char error[SNAPSHOT_ERROR_MAX])
{
        static const char what[] = "Raft error when restoring snapshot: failed to restore snapshot";
        uint64_t index;
        int ret = store_snapshot_check(s->bytes, s->file.len, &index);

        if (ret < 0)
                snprintf(error, SNAPSHOT_ERROR_MAX, "%s: %s", what,
                         ret == -ENOTSUP ? "a newer version wrote it" : "its state is damaged");
        return ret;
}

static int read_archive(struct snapshot_state *s, const uint8_t *bytes, size_t len,
                        const atomic_bool *cancelled, char error[SNAPSHOT_ERROR_MAX])
{
        struct unpacking to = {.file = &s->file, .cancelled = cancelled};
        int ret =
            snapshot_archive_read(bytes, len, COMMAND_RESTORE_MAX, unpack, &to, &s->meta, error);

        if (ret == -EILSEQ)
                snprintf(error, SNAPSHOT_ERROR_MAX,
                         "failed to read snapshot file: failed to read or write snapshot data: "
                         "it is no state of a server");
        else if (ret < 0 && error[0] == '\0')
                fail(error, ret,
                     "failed to read snapshot file: failed to read or write snapshot data");
        if (ret == 0)
                ret = spool_map(&s->file, &s->bytes);
        return ret < 0 && error[0] == '\0' ? fail(error, ret, "failed to read temp snapshot") : ret;
}

int snapshot_state_open(struct snapshot_state *out, const uint8_t *bytes, size_t len,
                        const char *dir, const char *datacenter, const atomic_bool *cancelled,
                        char error[SNAPSHOT_ERROR_MAX])
{
        int ret;

        memset(out, 0, sizeof(*out));
        error[0] = '\0';
        ret = spool_open(&out->file, dir);
        if (ret < 0)
                return fail(error, ret, "failed to create temp snapshot file");
        ret = read_archive(out, bytes, len, cancelled, error);
        if (ret == 0 && out->file.len > 0 && snapshot_consul_begins(out->bytes[0]))
                ret = convert(out, dir, datacenter, error);
        if (ret == 0)
                ret = verify(out, error);
        if (ret < 0)
                snapshot_state_close(out);
        return ret;
}

void snapshot_state_close(struct snapshot_state *s)
{
        spool_close(&s->file);
        s->bytes = NULL;
}
