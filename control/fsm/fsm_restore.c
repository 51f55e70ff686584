#include "control/fsm/fsm_internal.h"
#include "control/store/memory.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Commands between two pieces, beyond which whoever sent them is taken to be gone.
#define PIECE_DISTANCE_MAX 4096

bool fsm_is_restoring(const struct fsm *fsm)
{
        return fsm->staged != NULL || fsm->decoded_index != 0;
}

void fsm_forget_restore(struct fsm *fsm)
{
        store_state_discard(fsm->decoded);
        fsm->decoded = NULL;
        fsm->decoded_index = 0;
        free(fsm->staged);
        fsm->staged = NULL;
        fsm->staged_len = 0;
}

void fsm_expire_restore(struct fsm *fsm, uint64_t index)
{
        if (fsm->staged != NULL && index - fsm->staged_index > PIECE_DISTANCE_MAX)
                fsm_forget_restore(fsm);
}

// A command that changed nothing.
static void pass(struct fsm *fsm, uint64_t index)
{
        store_begin(fsm->store, index);
        store_commit(fsm->store);
}

static int stage(struct fsm *fsm, uint64_t index, const struct command_restore *piece,
                 struct store_error *error)
{
        bool same = fsm->staged != NULL && strcmp(fsm->staged_id, piece->id) == 0 &&
                    fsm->staged_total == piece->total;

        if (strlen(piece->id) >= RESTORE_ID_SIZE)
                return store_error_set(error, "the id of a restore is too long");
        if (!same && piece->offset > 0)
                return store_error_set(error, "the restore was interrupted by another one");
        if (!same) {
                fsm_forget_restore(fsm);
                fsm->staged = memory_get(piece->total);
                fsm->staged_total = piece->total;
                snprintf(fsm->staged_id, sizeof(fsm->staged_id), "%s", piece->id);
        }
        fsm->staged_index = index;
        if (piece->offset + piece->len <= fsm->staged_len)
                return 0;
        if (piece->offset != fsm->staged_len)
                return store_error_set(error, "a piece of the restore is missing");
        memcpy(fsm->staged + fsm->staged_len, piece->bytes, piece->len);
        fsm->staged_len += piece->len;
        return 0;
}

static bool is_restored(const struct fsm *fsm, const struct command_restore *piece)
{
        return fsm->staged == NULL && strcmp(fsm->restored_id, piece->id) == 0;
}

bool fsm_restore_begin(struct fsm *fsm, uint64_t index, const uint8_t *bytes, size_t len,
                       struct fsm_restore *out)
{
        struct store_error error;
        struct command command;
        bool complete;

        if (len < 2 || bytes[0] != COMMAND_VERSION || bytes[1] != COMMAND_RESTORE)
                return false;
        index += store_index_offset(fsm->store);
        if (fsm->decoded_index == index)
                return false;
        fsm_expire_restore(fsm, index);
        complete = command_decode(bytes, len, &fsm->arena, &command) == 0 &&
                   !is_restored(fsm, &command.restore) &&
                   stage(fsm, index, &command.restore, &error) == 0 &&
                   fsm->staged_len == fsm->staged_total;
        arena_reset(&fsm->arena);
        if (!complete)
                return false;
        *out = (struct fsm_restore){fsm->staged, fsm->staged_len};
        fsm->staged = NULL;
        fsm->staged_len = 0;
        fsm->decoded_index = index;
        return true;
}

void fsm_restore_decoded(struct fsm *fsm, int result, struct store_state *take_state)
{
        fsm->decoded_result = result;
        fsm->decoded = take_state;
}

static int restore(struct fsm *fsm, uint64_t index)
{
        struct store_state *state = fsm->decoded;

        if (fsm->decoded_index != index)
                return store_restore(fsm->store, index, fsm->staged, fsm->staged_total);
        fsm->decoded = NULL;
        if (fsm->decoded_result == 0)
                store_restore_state(fsm->store, index, state);
        return fsm->decoded_result;
}

void fsm_apply_restore(struct fsm *fsm, uint64_t index, const struct command_restore *piece,
                       struct fsm_result *result)
{
        bool decoded = fsm->decoded_index == index;
        int ret;

        // The last piece again: whoever sent it had not heard that it was there.
        if (!decoded && is_restored(fsm, piece)) {
                pass(fsm, index);
                return;
        }
        if (!decoded &&
            (stage(fsm, index, piece, &result->error) < 0 || fsm->staged_len < fsm->staged_total)) {
                pass(fsm, index);
                return;
        }
        ret = restore(fsm, index);
        if (ret < 0) {
                store_error_set(&result->error, "failed to restore snapshot: %s",
                                ret == -ENOTSUP ? "a newer version wrote it" : "it is damaged");
                pass(fsm, index);
        } else {
                memcpy(fsm->restored_id, fsm->staged_id, sizeof(fsm->restored_id));
                result->index = store_applied_index(fsm->store);
        }
        fsm_forget_restore(fsm);
}
