#include "control/grpc/grpc_wire.h"

#include <errno.h>
#include <stdbool.h>

#include "lictor/bytes.h"

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

size_t grpc_frame_begin(struct byte_buffer *b)
{
        byte_buffer_append(b, "\0\0\0\0", GRPC_FRAME_HEAD);
        return b->len;
}

void grpc_frame_end(struct byte_buffer *b, size_t begun)
{
        store_be32(b->bytes + begun - 4, (uint32_t)(b->len - begun));
}

int grpc_frame_read(const uint8_t *bytes, size_t len, const uint8_t **out, size_t *out_len)
{
        if (len < GRPC_FRAME_HEAD || load_be32(bytes + 1) != len - GRPC_FRAME_HEAD)
                return -EBADMSG;
        if (bytes[0] != 0)
                return bytes[0] == 1 ? -ENOTSUP : -EBADMSG;
        *out = bytes + GRPC_FRAME_HEAD;
        *out_len = len - GRPC_FRAME_HEAD;
        return 0;
}

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void grpc_status_text_decode(char *text)
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

void grpc_status_text_encode(const char *text, char *out, size_t size)
{
        static const char hex[] = "0123456789ABCDEF";
        size_t at = 0;

        for (; *text != '\0'; text++) {
                unsigned char c = (unsigned char)*text;
                bool plain = c >= ' ' && c <= '~' && c != '%';

                if (at + (plain ? 1 : 3) >= size)
                        break;
                if (plain) {
                        out[at++] = (char)c;
                        continue;
                }
                out[at++] = '%';
                out[at++] = hex[c >> 4];
                out[at++] = hex[c & 15];
        }
        out[at] = '\0';
}
