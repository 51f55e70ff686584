#include "control/server/forward_codec.h"

#include <errno.h>
#include <string.h>

#include "control/store/record_codec.h"

void forward_put_u64(uint8_t out[8], uint64_t value)
{
        for (unsigned i = 0; i < 8; i++)
                out[i] = (uint8_t)(value >> (56 - 8 * i));
}

uint64_t forward_get_u64(const uint8_t in[8])
{
        uint64_t value = 0;

        for (unsigned i = 0; i < 8; i++)
                value = value << 8 | in[i];
        return value;
}

void forward_head_encode(const struct forward_head *head, uint8_t out[FORWARD_HEAD_SIZE])
{
        for (unsigned i = 0; i < 4; i++)
                out[i] = (uint8_t)(head->length >> (24 - 8 * i));
        out[4] = FORWARD_VERSION;
        out[5] = head->kind;
        out[6] = head->status;
        out[7] = 0;
        forward_put_u64(out + 8, head->cluster_id);
        forward_put_u64(out + 16, head->request_id);
}

int forward_head_decode(const uint8_t in[FORWARD_HEAD_SIZE], struct forward_head *out)
{
        bool answer = in[5] & FORWARD_ANSWER;

        *out = (struct forward_head){
            .length = (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3],
            .kind = in[5],
            .status = in[6],
            .cluster_id = forward_get_u64(in + 8),
            .request_id = forward_get_u64(in + 16),
        };
        if (in[4] != FORWARD_VERSION)
                return -EPROTONOSUPPORT;
        if (in[7] != 0 || (!answer && in[6] != 0) || (in[5] & ~FORWARD_ANSWER) == 0)
                return -EBADMSG;
        if (out->length > (answer ? FORWARD_ANSWER_MAX : FORWARD_REQUEST_MAX))
                return -EMSGSIZE;
        return 0;
}

void operator_request_encode(const struct operator_request *in, struct byte_buffer *out)
{
        msgpack_put_array(out, 3);
        msgpack_put_uint(out, in->action);
        msgpack_put_bool(out, in->pretty);
        msgpack_put_text(out, in->argument);
}

int operator_request_decode(const uint8_t *bytes, size_t len, struct operator_request *out)
{
        struct msgpack_reader r = {bytes, bytes + len};
        const char *argument;
        size_t argument_len;
        uint32_t fields;
        uint64_t action;

        *out = (struct operator_request){0};
        if (msgpack_get_array(&r, &fields) < 0 || fields != 3 ||
            msgpack_get_uint(&r, &action) < 0 || action < OPERATOR_REMOVE_BY_ID ||
            action > OPERATOR_RENEW_SESSION || msgpack_get_bool(&r, &out->pretty) < 0 ||
            msgpack_get_text(&r, &argument, &argument_len) < 0 ||
            argument_len >= sizeof(out->argument) || !msgpack_at_end(&r))
                return -EBADMSG;
        out->action = (enum operator_action)action;
        memcpy(out->argument, argument, argument_len);
        return 0;
}

void operator_answer_encode(const struct operator_answer *in, struct byte_buffer *out)
{
        const uint8_t head[3] = {(uint8_t)(in->status >> 8), (uint8_t)in->status, in->is_json};

        byte_buffer_append(out, head, sizeof(head));
        byte_buffer_append(out, in->body, in->body_len);
}

int operator_answer_decode(const uint8_t *bytes, size_t len, struct operator_answer *out)
{
        if (len < 3 || bytes[2] > 1)
                return -EBADMSG;
        *out = (struct operator_answer){
            .status = (uint16_t)(bytes[0] << 8 | bytes[1]),
            .is_json = bytes[2] == 1,
            .body = (const char *)bytes + 3,
            .body_len = len - 3,
        };
        return out->status >= 200 && out->status < 600 ? 0 : -EBADMSG;
}
