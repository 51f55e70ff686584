#include <errno.h>
#include <string.h>

#include "control/config/internal.h"
#include "control/text/duration.h"

// Objects nest as deep as the schema does; a data definition may hold a little more.
#define MERGE_DEPTH_MAX 64

struct merge_level {
        json_t *base;
        json_t *overlay;
        void *iterator;
};

static int merge_one(json_t *base, const char *key, json_t *value, bool *descend)
{
        json_t *mine = json_object_get(base, key);

        *descend = false;
        if (json_is_object(mine) && json_is_object(value)) {
                *descend = true;
                return 0;
        }
        if (json_is_array(mine) && json_is_array(value))
                return json_array_extend(mine, value) < 0 ? -ENOMEM : 0;
        return json_object_set_new(base, key, json_deep_copy(value)) < 0 ? -ENOMEM : 0;
}

int settings_merge(json_t *base, const json_t *overlay)
{
        struct merge_level levels[MERGE_DEPTH_MAX];
        size_t depth = 1;

        levels[0] =
            (struct merge_level){base, (json_t *)overlay, json_object_iter((json_t *)overlay)};
        while (depth > 0) {
                struct merge_level *level = &levels[depth - 1];
                const char *key;
                json_t *value;
                bool descend;

                if (level->iterator == NULL) {
                        depth--;
                        continue;
                }
                key = json_object_iter_key(level->iterator);
                value = json_object_iter_value(level->iterator);
                level->iterator = json_object_iter_next(level->overlay, level->iterator);
                if (merge_one(level->base, key, value, &descend) < 0)
                        return -ENOMEM;
                if (!descend)
                        continue;
                if (depth == MERGE_DEPTH_MAX)
                        return -E2BIG;
                levels[depth++] = (struct merge_level){json_object_get(level->base, key), value,
                                                       json_object_iter(value)};
        }
        return 0;
}

const json_t *setting_get(const json_t *merged, const char *path)
{
        char key[64];

        while (merged != NULL) {
                size_t length = strcspn(path, ".");

                if (length >= sizeof(key))
                        return NULL;
                memcpy(key, path, length);
                key[length] = '\0';
                merged = json_object_get(merged, key);
                if (path[length] == '\0')
                        return merged;
                path += length + 1;
        }
        return NULL;
}

const char *setting_string(const json_t *merged, const char *path, const char *fallback)
{
        const json_t *value = setting_get(merged, path);

        return json_is_string(value) ? json_string_value(value) : fallback;
}

bool setting_bool(const json_t *merged, const char *path, bool fallback)
{
        const json_t *value = setting_get(merged, path);

        return json_is_boolean(value) ? json_is_true(value) : fallback;
}

int64_t setting_int(const json_t *merged, const char *path, int64_t fallback)
{
        const json_t *value = setting_get(merged, path);

        return json_is_integer(value) ? json_integer_value(value) : fallback;
}

int64_t setting_duration_ns(const json_t *merged, const char *path, int64_t fallback_ns)
{
        const char *text = setting_string(merged, path, NULL);
        int64_t ns;

        return text != NULL && duration_parse(text, &ns) == 0 ? ns : fallback_ns;
}
