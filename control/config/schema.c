#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/config/internal.h"
#include "control/text/duration.h"

#define PATH_LENGTH_MAX 512

// One object still to be checked; handled breadth first, so nesting costs no stack.
struct job {
        const struct schema_field *fields;
        const json_t *in;
        json_t *out; // a reference: a key spelt in another way may replace it in the tree
        bool loose;
        char path[PATH_LENGTH_MAX]; // "" or "dns_config."
};

struct walk {
        struct job *jobs;
        size_t job_count;
        struct lines *errors;
        struct lines *later;
        int status;
};

static const char *const kind_names[] = {
    [SCHEMA_STRING] = "string",        [SCHEMA_INT] = "int",
    [SCHEMA_FLOAT] = "float64",        [SCHEMA_BOOL] = "bool",
    [SCHEMA_DURATION] = "string",      [SCHEMA_STRINGS] = "list of strings",
    [SCHEMA_INTS] = "list of ints",    [SCHEMA_MAP] = "map",
    [SCHEMA_TTL_MAP] = "map",          [SCHEMA_ANY] = "map",
    [SCHEMA_ANY_LIST] = "list",        [SCHEMA_OBJECT] = "map",
    [SCHEMA_OBJECTS] = "list of maps", [SCHEMA_OBJECT_MAP] = "map of maps",
};

static const char *type_name(const json_t *value)
{
        switch (json_typeof(value)) {
        case JSON_OBJECT:
                return "map";
        case JSON_ARRAY:
                return "list";
        case JSON_STRING:
                return "string";
        case JSON_INTEGER:
                return "int";
        case JSON_REAL:
                return "float64";
        case JSON_TRUE:
        case JSON_FALSE:
                return "bool";
        default:
                return "null";
        }
}

static bool same_key(const char *a, const char *b, bool loose)
{
        if (!loose)
                return strcasecmp(a, b) == 0;
        for (;; a++, b++) {
                while (*a == '_')
                        a++;
                while (*b == '_')
                        b++;
                if (strncasecmp(a, b, 1) != 0)
                        return false;
                if (*a == '\0')
                        return true;
        }
}

static const struct schema_field *find_field(const struct schema_field *fields, const char *key,
                                             bool loose)
{
        for (; fields->kind != SCHEMA_END; fields++) {
                if (same_key(fields->name, key, loose))
                        return fields;
        }
        return NULL;
}

static bool all_elements(const json_t *list, bool (*fits)(const json_t *))
{
        for (size_t i = 0; i < json_array_size(list); i++) {
                if (!fits(json_array_get(list, i)))
                        return false;
        }
        return true;
}

static bool all_values(const json_t *object, bool (*fits)(const json_t *))
{
        const char *key;
        json_t *value;

        json_object_foreach((json_t *)object, key, value)
        {
                if (!fits(value))
                        return false;
        }
        return true;
}

static bool is_string(const json_t *value)
{
        return json_is_string(value);
}

static bool is_integer(const json_t *value)
{
        return json_is_integer(value);
}

static bool is_object(const json_t *value)
{
        return json_is_object(value);
}

static bool kind_fits(enum schema_kind kind, const json_t *value)
{
        switch (kind) {
        case SCHEMA_STRING:
        case SCHEMA_DURATION:
                return json_is_string(value);
        case SCHEMA_INT:
                return json_is_integer(value);
        case SCHEMA_FLOAT:
                return json_is_number(value);
        case SCHEMA_BOOL:
                return json_is_boolean(value);
        case SCHEMA_STRINGS:
                return json_is_array(value) && all_elements(value, is_string);
        case SCHEMA_INTS:
                return json_is_array(value) && all_elements(value, is_integer);
        case SCHEMA_MAP:
        case SCHEMA_TTL_MAP:
                return json_is_object(value) && all_values(value, is_string);
        case SCHEMA_ANY_LIST:
                return json_is_array(value);
        case SCHEMA_OBJECT:
                return json_is_object(value);
        case SCHEMA_OBJECTS:
                return json_is_array(value) && all_elements(value, is_object);
        case SCHEMA_OBJECT_MAP:
                return json_is_object(value) && all_values(value, is_object);
        default:
                return true;
        }
}

static void add_job(struct walk *walk, const struct schema_field *field, const json_t *in,
                    json_t *out, bool loose, const char *path)
{
        struct job *jobs = realloc(walk->jobs, (walk->job_count + 1) * sizeof(*jobs));

        if (jobs == NULL || out == NULL) {
                walk->jobs = jobs != NULL ? jobs : walk->jobs;
                walk->status = -ENOMEM;
                return;
        }
        walk->jobs = jobs;
        jobs[walk->job_count] = (struct job){.fields = field->fields,
                                             .in = in,
                                             .out = json_incref(out),
                                             .loose = loose || (field->flags & SCHEMA_LOOSE)};
        snprintf(jobs[walk->job_count].path, PATH_LENGTH_MAX, "%s.", path);
        walk->job_count++;
}

static void add_list(struct walk *walk, const struct schema_field *field, const json_t *in,
                     json_t *out, bool loose, const char *path)
{
        char element[PATH_LENGTH_MAX];

        for (size_t i = 0; i < json_array_size(in); i++) {
                snprintf(element, sizeof(element), "%.400s[%zu]", path, i);
                json_array_append_new(out, json_object());
                add_job(walk, field, json_array_get(in, i), json_array_get(out, i), loose, element);
        }
}

static void add_map(struct walk *walk, const struct schema_field *field, const json_t *in,
                    json_t *out, bool loose, const char *path)
{
        char element[PATH_LENGTH_MAX];
        const char *key;
        json_t *value;

        json_object_foreach((json_t *)in, key, value)
        {
                snprintf(element, sizeof(element), "%.300s.%.100s", path, key);
                json_object_set_new(out, key, json_object());
                add_job(walk, field, value, json_object_get(out, key), loose, element);
        }
}

// Copy one known value into the tree being built; what it contains becomes jobs.
static void take_value(struct walk *walk, const struct job *job, const struct schema_field *field,
                       const json_t *value, const char *path)
{
        json_t *copy;

        switch (field->kind) {
        case SCHEMA_OBJECT:
        case SCHEMA_OBJECT_MAP:
                copy = json_object();
                break;
        case SCHEMA_OBJECTS:
                copy = json_array();
                break;
        default:
                copy = json_deep_copy(value);
                break;
        }
        if (json_object_set_new(job->out, field->name, copy) < 0) {
                walk->status = -ENOMEM;
                return;
        }
        if (field->kind == SCHEMA_OBJECT)
                add_job(walk, field, value, copy, job->loose, path);
        else if (field->kind == SCHEMA_OBJECTS)
                add_list(walk, field, value, copy, job->loose, path);
        else if (field->kind == SCHEMA_OBJECT_MAP)
                add_map(walk, field, value, copy, job->loose, path);
}

static void check_object(struct walk *walk, const struct job *job)
{
        char path[PATH_LENGTH_MAX];
        const char *key;
        json_t *value;

        json_object_foreach((json_t *)job->in, key, value)
        {
                const struct schema_field *field = find_field(job->fields, key, job->loose);

                if (field == NULL) {
                        if (lines_add(walk->errors, "invalid config key %s%s", job->path, key) < 0)
                                walk->status = -ENOMEM;
                        continue;
                }
                snprintf(path, sizeof(path), "%.400s%s", job->path, field->name);
                // Go reads a JSON null as "not given".
                if (json_is_null(value))
                        continue;
                if (!kind_fits(field->kind, value)) {
                        if (lines_add(walk->errors, "'%s' expected type '%s', got type '%s'", path,
                                      kind_names[field->kind], type_name(value)) < 0)
                                walk->status = -ENOMEM;
                        continue;
                }
                if ((field->flags & SCHEMA_LATER) && lines_add(walk->later, "%s", path) < 0)
                        walk->status = -ENOMEM;
                take_value(walk, job, field, value, path);
        }
}

json_t *schema_apply(const struct schema_field *root, const json_t *settings, struct lines *errors,
                     struct lines *later)
{
        const struct schema_field top = {"", SCHEMA_OBJECT, 0, root};
        struct walk walk = {.errors = errors, .later = later};
        json_t *out = json_object();

        add_job(&walk, &top, settings, out, false, "");
        if (walk.status == 0)
                walk.jobs[0].path[0] = '\0';
        for (size_t i = 0; i < walk.job_count && walk.status == 0; i++) {
                // The array moves while jobs are added.
                struct job job = walk.jobs[i];

                check_object(&walk, &job);
        }
        for (size_t i = 0; i < walk.job_count; i++)
                json_decref(walk.jobs[i].out);
        free(walk.jobs);
        if (walk.status < 0) {
                json_decref(out);
                return NULL;
        }
        return out;
}

static int check_duration(const char *path, const json_t *value, struct lines *errors)
{
        const char *text = json_string_value(value);
        int64_t ns;

        if (duration_parse(text, &ns) == 0)
                return 0;
        return lines_add(errors,
                         "%s: invalid duration: \"%s\": a number needs a unit, as in "
                         "\"10s\" or \"1m30s\"",
                         path, text);
}

static int check_ttl_map(const char *path, const json_t *map, struct lines *errors)
{
        char element[PATH_LENGTH_MAX];
        const char *key;
        json_t *value;
        int ret = 0;

        json_object_foreach((json_t *)map, key, value)
        {
                snprintf(element, sizeof(element), "%.300s[%.100s]", path, key);
                if (ret == 0)
                        ret = check_duration(element, value, errors);
        }
        return ret;
}

// Durations inside definitions are the local state's business: it reads numbers there, too.
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
