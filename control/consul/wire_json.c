#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/consul/wire.h"
#include "control/text/duration.h"
#include "control/text/utf8.h"

// --- JSON to msgpack.

// A container that is being written: where its next member is.
struct put_level {
        json_t *container;
        size_t index; // of an array
        void *iter;   // of an object
};

static void put_scalar(struct byte_buffer *b, const json_t *value)
{
        if (json_is_string(value))
                pack_put_raw(b, (struct pack_slice){(const uint8_t *)json_string_value(value),
                                                    (uint32_t)json_string_length(value)});
        else if (json_is_integer(value))
                pack_put_int(b, json_integer_value(value));
        else if (json_is_real(value))
                pack_put_float(b, json_real_value(value));
        else if (json_is_boolean(value))
                pack_put_bool(b, json_is_true(value));
        else
                pack_put_nil(b);
}

// Writes a scalar or the head of a container. returns  whether members are to follow.
static bool put_one(struct byte_buffer *b, json_t *value, unsigned depth, struct put_level *level)
{
        bool is_container = json_is_object(value) || json_is_array(value);

        if (!is_container || depth >= WIRE_DEPTH_MAX) {
                put_scalar(b, value);
                return false;
        }
        *level = (struct put_level){.container = value};
        if (json_is_object(value)) {
                pack_put_map(b, (uint32_t)json_object_size(value));
                level->iter = json_object_iter(value);
        } else {
                pack_put_array(b, (uint32_t)json_array_size(value));
        }
        return true;
}

// The next member, with its name written; NULL after the last.
static json_t *next_member(struct byte_buffer *b, struct put_level *level)
{
        json_t *member;

        if (json_is_array(level->container))
                return json_array_get(level->container, level->index++);
        if (level->iter == NULL)
                return NULL;
        pack_put_text(b, json_object_iter_key(level->iter));
        member = json_object_iter_value(level->iter);
        level->iter = json_object_iter_next(level->container, level->iter);
        return member;
}

void wire_put_json(struct byte_buffer *b, const json_t *value)
{
        struct put_level levels[WIRE_DEPTH_MAX];
        unsigned depth = 0;

        depth += put_one(b, (json_t *)(uintptr_t)value, depth, &levels[0]);
        while (depth > 0) {
                json_t *member = next_member(b, &levels[depth - 1]);

                if (member == NULL)
                        depth--;
                else if (put_one(b, member, depth,
                                 &levels[depth < WIRE_DEPTH_MAX ? depth : WIRE_DEPTH_MAX - 1]))
                        depth++;
        }
}

// --- msgpack to JSON.

// A container that is being read: borrowed from its parent.
struct get_level {
        json_t *container;
        uint32_t left; // members
};

static json_t *json_of_bytes(struct pack_slice s)
{
        json_t *value = json_stringn(s.length > 0 ? (const char *)s.bytes : "", s.length);
        char *repaired, *copy;

        if (value != NULL)
                return value;
        // No UTF-8; utf8_repair takes no NUL either.
        copy = malloc(s.length + 1u);
        if (copy == NULL)
                return NULL;
        for (uint32_t i = 0; i < s.length; i++)
                copy[i] = s.bytes[i] != '\0' ? (char)s.bytes[i] : ' ';
        repaired = utf8_repair(copy, s.length);
        free(copy);
        value = repaired != NULL ? json_string(repaired) : NULL;
        free(repaired);
        return value;
}

static int get_scalar(struct msgpack_reader *r, enum pack_type type, json_t **out)
{
        struct pack_slice bytes;
        uint64_t u64;
        int64_t i64;
        double real;
        bool flag;
        int ret;

        switch (type) {
        case PACK_IS_BOOL:
                ret = pack_get_bool(r, &flag);
                *out = ret == 0 ? json_boolean(flag) : NULL;
                break;
        case PACK_IS_UINT:
                ret = pack_get_uint(r, UINT64_MAX, &u64);
                *out = ret < 0            ? NULL
                       : u64 <= INT64_MAX ? json_integer((json_int_t)u64)
                                          : json_real((double)u64);
                break;
        case PACK_IS_INT:
                ret = pack_get_int(r, &i64);
                *out = ret == 0 ? json_integer(i64) : NULL;
                break;
        case PACK_IS_FLOAT:
                ret = pack_get_float(r, &real);
                // Infinities have no JSON.
                *out = ret == 0 ? json_real(real) : NULL;
                if (ret == 0 && *out == NULL)
                        *out = json_null();
                break;
        case PACK_IS_RAW:
                ret = pack_get_raw(r, &bytes);
                *out = ret == 0 ? json_of_bytes(bytes) : NULL;
                break;
        case PACK_IS_BROKEN:
                return -EBADMSG;
        default:
                ret = pack_skip(r);
                *out = json_null();
                break;
        }
        if (ret == 0 && *out == NULL)
                return -ENOMEM;
        return ret;
}

// Reads a scalar, or the head of a container. @members  how many are to follow.
static int get_one(struct msgpack_reader *r, json_t **out, uint32_t *members)
{
        enum pack_type type = pack_peek(r);
        int ret;

        *members = 0;
        *out = NULL;
        if (type == PACK_IS_MAP) {
                ret = pack_get_map(r, members);
                *out = json_object();
        } else if (type == PACK_IS_ARRAY) {
                ret = pack_get_array(r, members);
                *out = json_array();
        } else {
                return get_scalar(r, type, out);
        }
        return ret == 0 && *out == NULL ? -ENOMEM : ret;
}

// A member goes into its container, under its name if that is an object.
static int attach(struct get_level *level, const char *name, json_t *take_value)
{
        int ret = name == NULL ? json_array_append_new(level->container, take_value)
                               : json_object_set_new_nocheck(level->container, name, take_value);

        level->left--;
        return ret == 0 ? 0 : -ENOMEM;
}

static int get_members(struct msgpack_reader *r, struct get_level levels[WIRE_DEPTH_MAX],
                       unsigned depth, struct arena *names)
{
        while (depth > 0) {
                struct get_level *level = &levels[depth - 1];
                const char *name = NULL;
                uint32_t members;
                json_t *value;
                int ret;

                if (level->left == 0) {
                        depth--;
                        continue;
                }
                if (json_is_object(level->container) && wire_get_text(r, names, &name) < 0)
                        return -EBADMSG;
                ret = get_one(r, &value, &members);
                if (ret < 0) {
                        json_decref(value);
                        return ret;
                }
                ret = attach(level, name, value);
                if (ret < 0)
                        return ret;
                if (members == 0)
                        continue;
                if (depth == WIRE_DEPTH_MAX)
                        return -EBADMSG;
                levels[depth++] = (struct get_level){value, members};
        }
        return 0;
}

int wire_get_json(struct msgpack_reader *r, json_t **out)
{
        struct get_level levels[WIRE_DEPTH_MAX];
        struct arena names = ARENA_INIT;
        uint32_t members;
        int ret = get_one(r, out, &members);

        if (ret == 0 && members > 0) {
                levels[0] = (struct get_level){*out, members};
                ret = get_members(r, levels, 1, &names);
        }
        arena_fini(&names);
        if (ret < 0) {
                json_decref(*out);
                *out = NULL;
        }
        return ret;
}

// --- What is stored as JSON text.

static bool is_zero(const json_t *value)
{
        return json_is_null(value) || json_is_false(value) ||
               (json_is_string(value) && json_string_length(value) == 0) ||
               (json_is_integer(value) && json_integer_value(value) == 0) ||
               (json_is_real(value) && json_real_value(value) == 0) ||
               (json_is_array(value) && json_array_size(value) == 0) ||
               (json_is_object(value) && json_object_size(value) == 0);
}

// Takes out what Go leaves out of JSON.
static void drop_zeroes(json_t *object)
{
        const char *key;
        json_t *value;
        void *next;

        json_object_foreach_safe(object, next, key, value)
        {
                if (is_zero(value))
                        json_object_del(object, key);
        }
}

static int keep_json(const json_t *value, struct arena *arena, const char **out)
{
        char *text;

        *out = "";
        if (json_object_size(value) == 0)
                return 0;
        text = json_dumps(value, JSON_COMPACT);
        if (text == NULL)
                return -ENOMEM;
        *out = arena_text(arena, text, strlen(text));
        free(text);
        return 0;
}

static const char *const durations[] = {"Interval", "Timeout", "TTL",
                                        "DeregisterCriticalServiceAfter"};

static bool is_duration(const char *name)
{
        for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
                if (strcmp(durations[i], name) == 0)
                        return true;
        }
        return false;
}

int wire_get_definition(struct msgpack_reader *r, struct arena *arena, const char **out)
{
        json_t *value;
        int ret = wire_get_json(r, &value);

        if (ret < 0)
                return ret;
        drop_zeroes(value);
        for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
                const json_t *ns = json_object_get(value, durations[i]);
                char text[DURATION_TEXT_MAX];

                if (json_is_integer(ns))
                        ret |= json_object_set_new(
                            value, durations[i],
                            json_string(duration_format(json_integer_value(ns), text)));
        }
        ret = ret == 0 ? keep_json(value, arena, out) : -ENOMEM;
        json_decref(value);
        return ret;
}

void wire_put_definition(struct byte_buffer *b, const char *json)
{
        json_t *definition = *json != '\0' ? json_loads(json, 0, NULL) : NULL, *value;
        const char *key;

        pack_put_map(b, (uint32_t)json_object_size(definition));
        json_object_foreach(definition, key, value)
        {
                int64_t ns;

                pack_put_text(b, key);
                if (is_duration(key) && json_is_string(value) &&
                    duration_parse(json_string_value(value), &ns) == 0)
                        pack_put_int(b, ns);
                else
                        wire_put_json(b, value);
        }
        json_decref(definition);
}

int wire_get_settings(struct msgpack_reader *r, bool proxy, struct arena *arena, const char **out)
{
        const char *key;
        json_t *value, *member;
        int ret = wire_get_json(r, &value);
        void *next;

        if (ret < 0)
                return ret;
        // Structures of nothing but zeroes are not set either.
        json_object_foreach_safe(value, next, key, member)
        {
                if (json_is_object(member) && strcmp(key, "Config") != 0)
                        drop_zeroes(member);
        }
        drop_zeroes(value);
        // Consul shows these three of every proxy.
        if (proxy && json_object_size(value) > 0)
                ret = json_object_update_missing_new(
                    value, json_pack("{s:s, s:{}, s:{}}", "Mode", "", "MeshGateway", "Expose"));
        ret = ret == 0 ? keep_json(value, arena, out) : -ENOMEM;
        json_decref(value);
        return ret;
}
