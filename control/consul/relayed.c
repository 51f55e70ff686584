#include "control/consul/relayed.h"

#include <errno.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct pack_field call_fields[] = {
    PACK_FIELD(struct consul_relayed_call, method, "method", PACK_RAW),
    PACK_FIELD(struct consul_relayed_call, args, "args", PACK_RAW),
    PACK_FIELD(struct consul_relayed_call, origin, "origin", PACK_RAW),
};

static const struct pack_field outcome_fields[] = {
    PACK_FIELD(struct consul_outcome, error, "error", PACK_BYTES),
    PACK_FIELD(struct consul_outcome, body, "body", PACK_BYTES),
};

void consul_relayed_call_put(struct byte_buffer *b, const struct consul_relayed_call *call)
{
        pack_put_struct(b, call_fields, COUNT(call_fields), call);
}

void consul_outcome_put(struct byte_buffer *b, const struct consul_outcome *outcome)
{
        pack_put_struct(b, outcome_fields, COUNT(outcome_fields), outcome);
}

bool consul_is_value(struct pack_slice bytes)
{
        struct msgpack_reader r = pack_reader_of(bytes);

        return bytes.length > 0 && pack_skip(&r) == 0 && msgpack_at_end(&r);
}

int consul_relayed_call_get(struct pack_slice bytes, struct consul_relayed_call *out)
{
        struct msgpack_reader r = pack_reader_of(bytes);

        *out = (struct consul_relayed_call){{NULL, 0}, {NULL, 0}, {NULL, 0}};
        if (pack_get_struct(&r, call_fields, COUNT(call_fields), out) < 0 || !msgpack_at_end(&r))
                return -EBADMSG;
        return out->method.length > 0 && consul_is_value(out->args) ? 0 : -EBADMSG;
}

int consul_outcome_get(struct pack_slice bytes, struct consul_outcome *out)
{
        struct msgpack_reader r = pack_reader_of(bytes);

        *out = (struct consul_outcome){{NULL, 0}, {NULL, 0}};
        if (pack_get_struct(&r, outcome_fields, COUNT(outcome_fields), out) < 0 ||
            !msgpack_at_end(&r))
                return -EBADMSG;
        return out->error.length > 0 || consul_is_value(out->body) ? 0 : -EBADMSG;
}
