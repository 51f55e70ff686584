#include "control/checks/grpc_message.h"

#include <errno.h>
#include <string.h>

#include "lictor/bytes.h"

#define FRAME_HEADER   5
#define TAG_SERVICE    0x0a // field 1, bytes
#define FIELD_STATUS   1
#define WIRE_VARINT    0
#define WIRE_FIXED64   1
#define WIRE_BYTES     2
#define WIRE_FIXED32   5
#define VARINT_LEN_MAX 10

int grpc_request_write(const char *service, uint8_t out[GRPC_REQUEST_MAX])
{
        size_t len = strlen(service), at = FRAME_HEADER;

        if (len > GRPC_SERVICE_NAME_MAX)
                return -E2BIG;
        if (len > 0) {
                out[at++] = TAG_SERVICE;
                for (size_t rest = len; rest > 0; rest >>= 7)
                        out[at++] = (uint8_t)((rest & 0x7f) | (rest > 0x7f ? 0x80u : 0u));
                memcpy(out + at, service, len);
                at += len;
        }
        out[0] = 0;
        store_be32(out + 1, (uint32_t)(at - FRAME_HEADER));
        return (int)at;
}

static int read_varint(const uint8_t *bytes, size_t len, size_t *at, uint64_t *out)
{
        uint64_t value = 0;

        for (unsigned i = 0; i < VARINT_LEN_MAX && *at < len; i++) {
                uint8_t byte = bytes[(*at)++];

                value |= (uint64_t)(byte & 0x7f) << (7 * i);
                if (byte < 0x80) {
                        *out = value;
                        return 0;
                }
        }
        return -EBADMSG;
}

static int skip_field(const uint8_t *bytes, size_t len, size_t *at, unsigned wire)
{
        uint64_t size = 0;

        if (wire == WIRE_VARINT)
                return read_varint(bytes, len, at, &size);
        if (wire == WIRE_FIXED64)
                size = 8;
        else if (wire == WIRE_FIXED32)
                size = 4;
        else if (wire != WIRE_BYTES || read_varint(bytes, len, at, &size) < 0)
                return -EBADMSG;
        if (size > len - *at)
                return -EBADMSG;
        *at += (size_t)size;
        return 0;
}

int grpc_response_read(const uint8_t *bytes, size_t len, int *out)
{
        size_t at = FRAME_HEADER;
        uint64_t status = 0, tag;

        if (len < FRAME_HEADER || bytes[0] != 0 || load_be32(bytes + 1) != len - FRAME_HEADER)
                return -EBADMSG;
        while (at < len) {
                int ret = read_varint(bytes, len, &at, &tag);

                if (ret == 0 && tag == (FIELD_STATUS << 3 | WIRE_VARINT))
                        ret = read_varint(bytes, len, &at, &status);
                else if (ret == 0)
                        ret = skip_field(bytes, len, &at, (unsigned)(tag & 7));
                if (ret < 0)
                        return ret;
        }
        *out = status <= 127 ? (int)status : GRPC_UNKNOWN;
        return 0;
}

const char *grpc_code_name(int code)
{
        static const char *const names[] = {
            "OK",
            "Canceled",
            "Unknown",
            "InvalidArgument",
            "DeadlineExceeded",
            "NotFound",
            "AlreadyExists",
            "PermissionDenied",
            "ResourceExhausted",
            "FailedPrecondition",
            "Aborted",
            "OutOfRange",
            "Unimplemented",
            "Internal",
            "Unavailable",
            "DataLoss",
            "Unauthenticated",
        };

        return code >= 0 && code < (int)ARRAY_LEN(names) ? names[code] : "Unknown";
}

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void grpc_message_decode(char *text)
{
        char *to = text;

        for (const char *from = text; *from != '\0'; from++) {
                int high = from[0] == '%' ? hex_digit(from[1]) : -1;
                int low = high >= 0 ? hex_digit(from[2]) : -1;

                if (low >= 0 && (high | low) != 0) {
                        *to++ = (char)(high << 4 | low);
                        from += 2;
                } else {
                        *to++ = *from;
                }
        }
        *to = '\0';
}
