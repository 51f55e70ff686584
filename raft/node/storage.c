#include "raft/node/storage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct storage {
        int unused;
};

int storage_open(const char *dir, struct storage **out, struct storage_restored *restored,
                 char *error)
{
        memset(restored, 0, sizeof(*restored));
        if (dir != NULL) {
                snprintf(error, STORAGE_ERROR_MAX, "Raft's log is kept in memory only: %s", dir);
                return -ENOTSUP;
        }
        *out = calloc(1, sizeof(**out));
        return *out != NULL ? 0 : -ENOMEM;
}

void storage_restored_fini(struct storage_restored *restored, bool entries_taken)
{
        (void)entries_taken;
        free(restored->entries);
        free(restored->snapshot);
}

void storage_close(struct storage *take_storage)
{
        free(take_storage);
}
int storage_append(struct storage *s, const struct raft_hard_state *hard_state,
                   const struct raft_entry *entries, size_t count)
{
        (void)s, (void)hard_state, (void)entries, (void)count;
        return 0;
}
int storage_sync(struct storage *s)
{
        (void)s;
        return 0;
}
int storage_trim(struct storage *s, raft_index keep_from)
{
        (void)s, (void)keep_from;
        return 0;
}
int storage_reset(struct storage *s, raft_index index, raft_term term)
{
        (void)s, (void)index, (void)term;
        return 0;
}
uint64_t storage_bytes_written(const struct storage *s)
{
        (void)s;
        return 0;
}
const char *storage_error_text(const struct storage *s)
{
        (void)s;
        return "";
}
bool storage_blocks(const struct storage *s)
{
        (void)s;
        return false;
}
int storage_receive(struct storage *s, raft_index index, raft_term term, uint64_t offset,
                    const void *bytes, size_t length, char *error)
{
        (void)s, (void)index, (void)term, (void)offset, (void)bytes, (void)length, (void)error;
        return -ENOTSUP;
}
