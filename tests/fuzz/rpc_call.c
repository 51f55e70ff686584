#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/rpc/rpc_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ARGS_MAX 300u

// What was read, one call after the other, and how it ended.
static int read_all(const uint8_t *data, size_t size, size_t step, struct byte_buffer *out)
{
        struct rpc_reader reader = {.args_max = ARGS_MAX};
        struct rpc_request request;
        int ret = 0;

        for (size_t at = 0; at < size && ret >= 0; at += step) {
                rpc_reader_append(&reader, data + at, size - at < step ? size - at : step);
                while ((ret = rpc_reader_next(&reader, &request)) == 1) {
                        if (request.args.length == 0 || request.args.length > ARGS_MAX)
                                abort();
                        byte_buffer_append(out, &request.seq, sizeof(request.seq));
                        byte_buffer_append(out, request.method.bytes, request.method.length);
                        byte_buffer_append(out, request.args.bytes, request.args.length);
                }
                if (rpc_reader_len(&reader) > RPC_HEAD_MAX + ARGS_MAX + step)
                        abort();
        }
        rpc_reader_fini(&reader);
        return ret;
}

// However it is cut, the same is read.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct byte_buffer whole = BYTE_BUFFER_INIT, cut = BYTE_BUFFER_INIT;
        int ret;

        if (size < 1)
                return 0;
        ret = read_all(data + 1, size - 1, size, &whole);
        if (ret != read_all(data + 1, size - 1, 1 + data[0] % 40u, &cut) || whole.len != cut.len ||
            (cut.len > 0 && memcmp(whole.bytes, cut.bytes, cut.len) != 0))
                abort();
        byte_buffer_fini(&whole);
        byte_buffer_fini(&cut);
        return 0;
}
