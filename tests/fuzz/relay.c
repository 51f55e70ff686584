#include <stdlib.h>
#include <string.h>

#include "control/relay/relay_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// What is read is written as it was, so that nothing is read in two ways.
static void expect_same(struct byte_buffer *again, const uint8_t *data, size_t size)
{
        struct relay_request first, second;

        if (relay_request_decode(data, size, &first) == 0 &&
            (relay_request_decode(again->bytes, again->len, &second) < 0 ||
             first.header_count != second.header_count || first.body.len != second.body.len))
                abort();
        byte_buffer_fini(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct byte_buffer again = BYTE_BUFFER_INIT;
        struct relay_request request;
        struct relay_answer answer;
        struct relay_index index;
        struct relay_head head;
        uint32_t dealt_with;

        if (size >= RELAY_HEAD_SIZE && relay_head_decode(data, &head) == 0 &&
            head.length > RELAY_PIECE_MAX)
                abort();
        if (relay_request_decode(data, size, &request) == 0) {
                relay_request_encode(&request, &again);
                expect_same(&again, data, size);
        }
        if (relay_answer_decode(data, size, &answer) == 0) {
                relay_answer_encode(&answer, &again);
                byte_buffer_fini(&again);
        }
        if (relay_more_decode(data, size, &dealt_with) == 0) {
                relay_more_encode(dealt_with, &again);
                if (again.len != size || memcmp(again.bytes, data, size) != 0)
                        abort();
                byte_buffer_fini(&again);
        }
        if (relay_index_decode(data, size, &index) == 0) {
                relay_index_encode(&index, &again);
                byte_buffer_fini(&again);
        }
        return 0;
}
