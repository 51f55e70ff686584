// What servers send each other beside Raft's own: whatever the bytes, they are refused or read, and
// what is read is written back the same.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/server/forward_codec.h"
#include "control/server/introduction.h"
#include "control/server/result_codec.h"

static void check_same(const struct byte_buffer *again, const uint8_t *data, size_t size)
{
        if (again->len != size || memcmp(again->bytes, data, size) != 0)
                abort();
}

static void try_introduction(const uint8_t *data, size_t size)
{
        struct byte_buffer again = BYTE_BUFFER_INIT, third = BYTE_BUFFER_INIT;
        static struct introduction said;

        if (introduction_decode(data, size, &said) < 0)
                return;
        // Addresses come in several spellings, and are written in one.
        introduction_encode(&said, &again);
        if (introduction_decode(again.bytes, again.len, &said) < 0)
                abort();
        introduction_encode(&said, &third);
        check_same(&third, again.bytes, again.len);
        byte_buffer_fini(&again);
        byte_buffer_fini(&third);
}

static void try_result(const uint8_t *data, size_t size)
{
        struct byte_buffer again = BYTE_BUFFER_INIT, third = BYTE_BUFFER_INIT;
        struct fsm_result result, copy;

        if (fsm_result_decode(data, size, &result) == 0) {
                fsm_result_encode(&result, &again);
                if (fsm_result_decode(again.bytes, again.len, &copy) < 0)
                        abort();
                fsm_result_encode(&copy, &third);
                check_same(&third, again.bytes, again.len);
                fsm_result_fini(&copy);
        }
        fsm_result_fini(&result);
        byte_buffer_fini(&again);
        byte_buffer_fini(&third);
}

static void try_operator(const uint8_t *data, size_t size)
{
        struct operator_request request;
        struct operator_answer answer;

        (void)operator_request_decode(data, size, &request);
        if (operator_answer_decode(data, size, &answer) == 0 && answer.body_len > size)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct forward_head head;
        uint8_t again[FORWARD_HEAD_SIZE];

        if (size >= FORWARD_HEAD_SIZE && forward_head_decode(data, &head) == 0) {
                forward_head_encode(&head, again);
                if (memcmp(again, data, sizeof(again)) != 0)
                        abort();
        }
        try_introduction(data, size);
        try_result(data, size);
        try_operator(data, size);
        return 0;
}
