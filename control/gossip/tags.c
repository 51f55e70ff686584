#include "control/gossip/tags.h"

#include <errno.h>

#define TAGS_MAGIC 255u

void tags_put(struct byte_buffer *b, const struct tag tags[], size_t count)
{
        uint8_t magic = TAGS_MAGIC;

        byte_buffer_append(b, &magic, 1);
        pack_put_map(b, (uint32_t)count);
        for (size_t i = 0; i < count; i++) {
                pack_put_raw(b, tags[i].name);
                pack_put_raw(b, tags[i].value);
        }
}

int tags_open(struct pack_slice meta, struct tag_reader *out)
{
        *out = (struct tag_reader){.left = 0};
        if (meta.length == 0)
                return 0;
        if (meta.bytes[0] != TAGS_MAGIC)
                return -EBADMSG;
        out->reader = (struct msgpack_reader){meta.bytes + 1, meta.bytes + meta.length};
        return pack_get_map(&out->reader, &out->left);
}

bool tags_next(struct tag_reader *r, struct tag *out)
{
        if (r->left == 0)
                return false;
        r->left--;
        if (pack_get_raw(&r->reader, &out->name) == 0 && pack_get_raw(&r->reader, &out->value) == 0)
                return true;
        r->left = 0;
        return false;
}

bool tags_find(struct pack_slice meta, const char *name, struct pack_slice *value)
{
        struct tag_reader reader;
        struct tag tag;

        if (tags_open(meta, &reader) < 0)
                return false;
        while (tags_next(&reader, &tag)) {
                if (!pack_slice_equal(tag.name, pack_slice_of(name)))
                        continue;
                *value = tag.value;
                return true;
        }
        return false;
}
