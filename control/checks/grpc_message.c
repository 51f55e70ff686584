#include "control/checks/grpc_message.h"

#include <errno.h>
#include <string.h>

#include "control/grpc/grpc_wire.h"
#include "control/grpc/protobuf.h"

#define FIELD_SERVICE 1
#define FIELD_STATUS  1

int grpc_request_write(const char *service, struct byte_buffer *out)
{
        size_t begun;

        if (strlen(service) > GRPC_SERVICE_NAME_MAX)
                return -E2BIG;
        begun = grpc_frame_begin(out);
        pb_put_text(out, FIELD_SERVICE, service);
        grpc_frame_end(out, begun);
        return 0;
}

int grpc_response_read(const uint8_t *bytes, size_t len, int *out)
{
        uint64_t status = 0;
        const uint8_t *message;
        struct pb_reader reader;
        struct pb_field field;
        size_t message_len;
        int ret = grpc_frame_read(bytes, len, &message, &message_len);

        if (ret < 0)
                return ret;
        reader = (struct pb_reader){message, message + message_len};
        while ((ret = pb_next(&reader, &field)) > 0) {
                if (field.number == FIELD_STATUS && field.wire == PB_VARINT)
                        status = field.value;
        }
        if (ret == 0)
                *out = status <= 127 ? (int)status : GRPC_UNKNOWN;
        return ret;
}
