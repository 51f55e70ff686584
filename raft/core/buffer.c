#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "raft/core/raft.h"

struct raft_buffer *raft_buffer_create(const void *bytes, size_t length)
{
        struct raft_buffer *buffer;

        if (length > UINT32_MAX)
                return NULL;
        buffer = malloc(sizeof(*buffer) + length);
        if (buffer == NULL)
                return NULL;
        buffer->reference_count = 1;
        buffer->length = (uint32_t)length;
        if (length > 0)
                memcpy(buffer->bytes, bytes, length);
        return buffer;
}

struct raft_buffer *raft_buffer_ref(struct raft_buffer *buffer)
{
        if (buffer != NULL)
                buffer->reference_count++;
        return buffer;
}

void raft_buffer_unref(struct raft_buffer *take_buffer)
{
        if (take_buffer == NULL)
                return;
        assert(take_buffer->reference_count > 0);
        if (--take_buffer->reference_count == 0)
                free(take_buffer);
}
