#include "control/store/kv_record.h"
#include "control/store/memory.h"
#include "control/store/record_codec.h"
#include <errno.h>
#include <string.h>

struct kv_entry kv_record_entry(const struct kv_record *r)
{
        return (struct kv_entry){.key = kv_record_key(r),
                                 .value = kv_record_value(r),
                                 .session = kv_record_session(r),
                                 .flags = r->flags,
                                 .lock_index = r->lock_index,
                                 .value_len = r->value_len};
}

struct kv_record *kv_record_create(const struct kv_entry *in, uint64_t create_index,
                                   uint64_t modify_index)
{
        size_t key_len = strlen(in->key);
        size_t session_len = strlen(in->session);
        size_t session_size = session_len ? session_len + 1 : 0;
        struct kv_record *r =
            memory_get(sizeof(*r) + session_size + key_len + 1 + (size_t)in->value_len);

        r->head = (struct record){1, RECORD_KV, create_index, modify_index};
        r->flags = in->flags;
        r->lock_index = in->lock_index;
        r->session_len = (uint32_t)session_len;
        r->key_len = (uint32_t)key_len;
        r->value_len = in->value_len;
        memcpy(r->bytes, in->session, session_size);
        memcpy(r->bytes + session_size, in->key, key_len + 1);
        if (in->value_len > 0)
                memcpy(r->bytes + session_size + key_len + 1, in->value, in->value_len);
        return r;
}

struct tombstone_record *tombstone_record_create(const char *key, uint64_t index)
{
        size_t key_len = strlen(key);
        struct tombstone_record *r = memory_get(sizeof(*r) + TOMBSTONE_INDEX_LEN + key_len + 1);

        r->head = (struct record){1, RECORD_TOMBSTONE, index, index};
        r->key_len = (uint32_t)key_len;
        for (unsigned i = 0; i < TOMBSTONE_INDEX_LEN; i++)
                r->bytes[i] = (uint8_t)(index >> (8 * (TOMBSTONE_INDEX_LEN - 1 - i)));
        memcpy(r->bytes + TOMBSTONE_INDEX_LEN, key, key_len + 1);
        return r;
}

bool kv_record_equals(const struct kv_record *r, const struct kv_entry *entry)
{
        return r->flags == entry->flags && r->lock_index == entry->lock_index &&
               r->value_len == entry->value_len && strcmp(kv_record_key(r), entry->key) == 0 &&
               strcmp(kv_record_session(r), entry->session) == 0 &&
               (entry->value_len == 0 ||
                memcmp(kv_record_value(r), entry->value, entry->value_len) == 0);
}

void kv_entry_encode(const struct kv_entry *in, struct byte_buffer *out)
{
        msgpack_put_array(out, 5);
        msgpack_put_text(out, in->key);
        msgpack_put_bytes(out, in->value, in->value_len);
        msgpack_put_uint(out, in->flags);
        msgpack_put_uint(out, in->lock_index);
        msgpack_put_text(out, in->session);
}

int kv_entry_decode(struct msgpack_reader *r, struct arena *arena, struct kv_entry *out)
{
        uint32_t count;

        if (msgpack_get_array(r, &count) < 0 || count != 5 ||
            arena_decode_text(r, arena, &out->key) < 0 ||
            msgpack_get_bytes(r, &out->value, &out->value_len) < 0 ||
            msgpack_get_uint(r, &out->flags) < 0 || msgpack_get_uint(r, &out->lock_index) < 0 ||
            arena_decode_text(r, arena, &out->session) < 0)
                return -EBADMSG;
        return 0;
}
