#include "control/snapshot/consul_json.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define DEPTH_MAX    24
#define NAME_MAX_LEN 512

// A map or list being read.
struct level {
        json_t *value;
        bool is_map;
        uint32_t left;           // items
        char name[NAME_MAX_LEN]; // of the member being read, in a map
};

struct reading {
        struct msgpack_reader *reader;
        struct level levels[DEPTH_MAX];
        unsigned depth;
        json_t *whole;
};

static json_t *new_text(struct pack_slice text)
{
        const char *bytes = (const char *)text.bytes;

        return json_stringn_nocheck(text.length ? bytes : "",
                                    text.length ? strnlen(bytes, text.length) : 0);
}

// A scalar, or NULL for one that is left out; *ret tells failures.
static json_t *read_scalar(struct msgpack_reader *r, enum pack_type type, int *ret)
{
        struct pack_slice text;
        json_t *value = NULL;
        int64_t number;
        double real;
        bool flag;

        switch (type) {
        case PACK_IS_BOOL:
                *ret = pack_get_bool(r, &flag);
                value = *ret == 0 && flag ? json_true() : NULL;
                break;
        case PACK_IS_UINT:
        case PACK_IS_INT:
                *ret = pack_get_int(r, &number);
                value = *ret == 0 && number != 0 ? json_integer(number) : NULL;
                break;
        case PACK_IS_FLOAT:
                *ret = pack_get_float(r, &real);
                value = *ret == 0 && real != 0 ? json_real(real) : NULL;
                break;
        case PACK_IS_RAW:
                *ret = pack_get_raw(r, &text);
                value = *ret == 0 && text.length > 0 ? new_text(text) : NULL;
                break;
        default:
                *ret = pack_skip(r);
        }
        return value;
}

// Lists keep even what is empty: their items have places.
static int attach(struct reading *reading, json_t *take_value)
{
        struct level *level;

        if (reading->depth == 0) {
                reading->whole = take_value != NULL ? take_value : json_null();
                return 0;
        }
        level = &reading->levels[reading->depth - 1];
        if (!level->is_map)
                return json_array_append_new(level->value,
                                             take_value != NULL ? take_value : json_string(""));
        return take_value == NULL
                   ? 0
                   : json_object_set_new_nocheck(level->value, level->name, take_value);
}

static int begin_level(struct reading *reading, bool is_map)
{
        struct level *level = &reading->levels[reading->depth];
        int ret;

        if (reading->depth == DEPTH_MAX)
                return -EBADMSG;
        ret = is_map ? pack_get_map(reading->reader, &level->left)
                     : pack_get_array(reading->reader, &level->left);
        if (ret < 0)
                return ret;
        level->is_map = is_map;
        level->value = is_map ? json_object() : json_array();
        if (level->value == NULL)
                return -ENOMEM;
        reading->depth++;
        return 0;
}

static int end_levels(struct reading *reading)
{
        while (reading->depth > 0 && reading->levels[reading->depth - 1].left == 0) {
                json_t *value = reading->levels[--reading->depth].value;
                bool in_list = reading->depth > 0 && !reading->levels[reading->depth - 1].is_map;
                size_t size =
                    json_is_object(value) ? json_object_size(value) : json_array_size(value);

                if (size == 0 && !in_list) {
                        json_decref(value);
                        value = NULL;
                }
                if (attach(reading, value) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int read_name(struct reading *reading)
{
        struct level *level = &reading->levels[reading->depth - 1];
        struct pack_slice name;

        if (pack_get_raw(reading->reader, &name) < 0 || name.length >= sizeof(level->name))
                return -EBADMSG;
        if (name.length > 0)
                memcpy(level->name, name.bytes, name.length);
        level->name[name.length] = '\0';
        return 0;
}

static int read_value(struct reading *reading)
{
        enum pack_type type = pack_peek(reading->reader);
        json_t *value;
        int ret = 0;

        if (type == PACK_IS_MAP || type == PACK_IS_ARRAY)
                return begin_level(reading, type == PACK_IS_MAP);
        value = read_scalar(reading->reader, type, &ret);
        if (ret == 0 && attach(reading, value) < 0)
                ret = -ENOMEM;
        return ret;
}

int consul_json_read(struct msgpack_reader *r, json_t **out)
{
        struct reading reading = {.reader = r};
        int ret = read_value(&reading);

        if (ret == 0)
                ret = end_levels(&reading);
        while (ret == 0 && reading.depth > 0) {
                struct level *level = &reading.levels[reading.depth - 1];

                level->left--;
                if (level->is_map)
                        ret = read_name(&reading);
                if (ret == 0)
                        ret = read_value(&reading);
                if (ret == 0)
                        ret = end_levels(&reading);
        }
        while (reading.depth > 0)
                json_decref(reading.levels[--reading.depth].value);
        if (ret < 0)
                json_decref(reading.whole);
        else
                *out = reading.whole;
        return ret;
}
