// Log entries and snapshots: whatever the bytes, they are refused or applied, never a crash; what
// is read once is written the same from then on.

#include "control/fsm/fsm.h"
#include "control/store/arena.h"
#include "control/store/msgpack.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int append(void *arg, const uint8_t *bytes, size_t len)
{
        byte_buffer_append(arg, bytes, len);
        return 0;
}

static void check_round_trip(const struct command *command)
{
        struct byte_buffer first = BYTE_BUFFER_INIT, second = BYTE_BUFFER_INIT;
        struct arena arena = ARENA_INIT;
        struct command again;

        if (command_encode(command, &first) == 0) {
                if (command_decode(first.bytes, first.len, &arena, &again) < 0 ||
                    command_encode(&again, &second) < 0 || first.len != second.len ||
                    memcmp(first.bytes, second.bytes, first.len) != 0)
                        abort();
        }
        arena_fini(&arena);
        byte_buffer_fini(&first);
        byte_buffer_fini(&second);
}

static void check_snapshot(struct store *s)
{
        struct byte_buffer first = BYTE_BUFFER_INIT, second = BYTE_BUFFER_INIT;
        struct store *copy = store_create();

        store_snapshot_write(s, append, &first);
        if (store_snapshot_read(copy, first.bytes, first.len) < 0)
                abort();
        store_snapshot_write(copy, append, &second);
        if (first.len != second.len || memcmp(first.bytes, second.bytes, first.len) != 0)
                abort();
        byte_buffer_fini(&first);
        byte_buffer_fini(&second);
        store_destroy(copy);
}

static void apply_entries(const uint8_t *data, size_t size)
{
        struct store *s = store_create();
        struct fsm *fsm = fsm_create(s);
        struct fsm_result result;
        uint64_t index = 0;

        // Entries follow each other, each behind two bytes of length.
        while (size >= 2) {
                size_t len = (size_t)data[0] << 8 | data[1];
                struct arena arena = ARENA_INIT;
                struct command command;

                data += 2;
                size -= 2;
                len = len < size ? len : size;
                if (command_decode(data, len, &arena, &command) == 0)
                        check_round_trip(&command);
                arena_fini(&arena);
                fsm_apply(fsm, ++index, data, len, &result);
                fsm_result_fini(&result);
                data += len;
                size -= len;
        }
        check_snapshot(s);
        fsm_destroy(fsm);
        store_destroy(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct store *s;

        if (size > 65536)
                return 0;
        if (size > 0 && data[0] == 'L') {
                s = store_create();
                if (store_snapshot_read(s, data, size) == 0)
                        check_snapshot(s);
                store_destroy(s);
        } else {
                apply_entries(data, size);
        }
        return 0;
}
