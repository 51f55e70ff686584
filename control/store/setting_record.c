#include "control/store/setting_record.h"
#include "control/store/memory.h"
#include "control/store/record_codec.h"
#include <errno.h>
#include <string.h>

struct setting_record *setting_record_create(const struct catalog_setting *in,
                                             uint64_t create_index, uint64_t modify_index)
{
        size_t name_len = strlen(in->name), value_len = strlen(in->value);
        struct setting_record *r = memory_get(sizeof(*r) + name_len + value_len + 2);

        r->head = (struct record){1, RECORD_SETTING, create_index, modify_index};
        r->setting.name = memcpy(r->texts, in->name, name_len + 1);
        r->setting.value = memcpy(r->texts + name_len + 1, in->value, value_len + 1);
        r->key = (const uint8_t *)r->texts;
        r->key_len = (uint32_t)name_len;
        return r;
}

bool catalog_setting_equal(const struct catalog_setting *a, const struct catalog_setting *b)
{
        return strcmp(a->name, b->name) == 0 && strcmp(a->value, b->value) == 0;
}

void catalog_setting_encode(const struct catalog_setting *in, struct byte_buffer *out)
{
        msgpack_put_array(out, 2);
        msgpack_put_text(out, in->name);
        msgpack_put_text(out, in->value);
}

int catalog_setting_decode(struct msgpack_reader *r, struct arena *arena,
                           struct catalog_setting *out)
{
        uint32_t count;

        if (msgpack_get_array(r, &count) < 0 || count != 2 ||
            arena_decode_text(r, arena, &out->name) < 0 || *out->name == 0 ||
            arena_decode_text(r, arena, &out->value) < 0 || strlen(out->value) > SETTING_VALUE_MAX)
                return -EBADMSG;
        return 0;
}
