#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "control/config/internal.h"
#include "control/text/duration.h"
#include "lictor/bytes.h"

#define PATH_LENGTH_MAX 512

// Go's words for what is wrong with a duration.
static const char *duration_fault(const char *text)
{
        size_t number;

        text += strspn(text, "+-");
        number = strspn(text, "0123456789.");
        if (number == 0 || strspn(text, ".") == number)
                return "invalid";
        return text[number] == '\0' ? "missing unit in" : "invalid";
}

int duration_check(const char *path, const char *text, struct lines *errors)
{
        int64_t ns;

        if (duration_parse(text, &ns) == 0)
                return 0;
        return lines_add(errors, "%s: invalid duration: \"%s\": time: %s duration \"%s\"", path,
                         text, duration_fault(text), text);
}

// As Consul spells the setting: not always where it stands.
static int check_duration(const char *path, const json_t *value, struct lines *errors)
{
        static const char *const without_block[] = {"dns_config.recursor_timeout",
                                                    "telemetry.prometheus_retention_time"};
        const char *shown = path, *dot = strchr(path, '.');
        char doubled[PATH_LENGTH_MAX];

        for (size_t i = 0; i < ARRAY_LEN(without_block); i++) {
                if (strcmp(path, without_block[i]) == 0)
                        shown = dot + 1;
        }
        if (strncmp(path, "gossip_", 7) == 0 && dot != NULL) {
                snprintf(doubled, sizeof(doubled), "%.*s.%s", (int)(dot - path), path, dot);
                shown = doubled;
        }
        return duration_check(shown, json_string_value(value), errors);
}

static int check_ttl_map(const char *path, const json_t *map, struct lines *errors)
{
        char element[PATH_LENGTH_MAX];
        const char *key;
        json_t *value;
        int ret = 0;

        json_object_foreach((json_t *)map, key, value)
        {
                snprintf(element, sizeof(element), "%.300s[\"%.100s\"]", path, key);
                if (ret == 0)
                        ret = check_duration(element, value, errors);
        }
        return ret;
}

// Durations inside definitions are build_definitions' business, which knows their names.
int schema_check_durations(const struct schema_field *root, const json_t *merged,
                           struct lines *errors)
{
        const struct schema_field *levels[8] = {root};
        const json_t *objects[8] = {merged};
        size_t prefix[8] = {0}, depth = 1;
        char path[PATH_LENGTH_MAX] = "";
        int ret = 0;

        while (depth > 0 && ret == 0) {
                const struct schema_field *field = levels[depth - 1];
                const json_t *value;

                if (field->kind == SCHEMA_END) {
                        depth--;
                        continue;
                }
                levels[depth - 1]++;
                value = json_object_get(objects[depth - 1], field->name);
                if (value == NULL)
                        continue;
                snprintf(path + prefix[depth - 1], sizeof(path) - prefix[depth - 1], "%s",
                         field->name);
                if (field->kind == SCHEMA_DURATION) {
                        ret = check_duration(path, value, errors);
                } else if (field->kind == SCHEMA_TTL_MAP) {
                        ret = check_ttl_map(path, value, errors);
                } else if (field->kind == SCHEMA_OBJECT && !(field->flags & SCHEMA_LOOSE) &&
                           depth < 8) {
                        size_t length = strlen(path);

                        path[length] = '.';
                        path[length + 1] = '\0';
                        levels[depth] = field->fields;
                        objects[depth] = value;
                        prefix[depth++] = length + 1;
                }
        }
        return ret;
}
