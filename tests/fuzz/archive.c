// Snapshot archives: as they come, and as the content of a right gzip file. Whatever the bytes,
// they are refused or give a state that can be read.

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "control/snapshot/consul.h"
#include "control/snapshot/state.h"
#include "control/store/msgpack.h"
#include "control/store/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void open_archive(const uint8_t *bytes, size_t len)
{
        static const atomic_bool never;
        char error[SNAPSHOT_ERROR_MAX];
        struct snapshot_state state;

        if (snapshot_state_open(&state, bytes, len, "", "dc1", &never, error) == 0)
                snapshot_state_close(&state);
        else if (error[0] == '\0')
                abort();
}

static void open_packed(const uint8_t *data, size_t size)
{
        z_stream z = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)size};
        size_t room = size + 1024;
        uint8_t *packed = malloc(room);

        if (packed == NULL || deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, 0) != Z_OK)
                abort();
        z.next_out = packed;
        z.avail_out = (uInt)room;
        if (deflate(&z, Z_FINISH) == Z_STREAM_END)
                open_archive(packed, room - z.avail_out);
        deflateEnd(&z);
        free(packed);
}

static int append(void *arg, const uint8_t *bytes, size_t len)
{
        byte_buffer_append(arg, bytes, len);
        return 0;
}

// What is taken of a state of Consul's must be a state here.
static void convert(const uint8_t *data, size_t size)
{
        char left_out[SNAPSHOT_LEFT_OUT_MAX] = "", error[SNAPSHOT_ERROR_MAX] = "";
        struct byte_buffer state = BYTE_BUFFER_INIT;
        uint64_t index;

        if (snapshot_consul_convert(data, size, "dc1", append, &state, left_out, error) == 0 &&
            store_snapshot_check(state.bytes, state.len, &index) < 0)
                abort();
        byte_buffer_fini(&state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size > 1 << 20)
                return 0;
        open_archive(data, size);
        open_packed(data, size);
        convert(data, size);
        return 0;
}
