#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/config/internal.h"

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
        bool hcl; // one object may stand for a list of one
        struct lines *types;
        struct lines *unknown;
        struct lines *later;
        int status;
};

static const char *const kind_names[] = {
    [SCHEMA_STRING] = "string", [SCHEMA_INT] = "int",         [SCHEMA_UINT] = "uint",
    [SCHEMA_UINT32] = "uint32", [SCHEMA_UINT64] = "uint64",   [SCHEMA_FLOAT] = "float64",
    [SCHEMA_BOOL] = "bool",     [SCHEMA_DURATION] = "string",
};

// As Go names what its JSON and HCL readers make.
static const char *type_name(const json_t *value, bool hcl)
{
        switch (json_typeof(value)) {
        case JSON_OBJECT:
                return hcl ? "[]map[string]interface {}" : "map[string]interface {}";
        case JSON_ARRAY:
                if (hcl && json_is_object(json_array_get(value, 0)))
                        return "[]map[string]interface {}";
                return "[]interface {}";
        case JSON_STRING:
                return "string";
        case JSON_INTEGER:
                return hcl ? "int" : "float64";
        case JSON_REAL:
                return "float64";
        default:
                return "bool";
        }
}

static const char *kind_of_go(const json_t *value, bool hcl)
{
        if (json_is_array(value) || (hcl && json_is_object(value)))
                return "slice";
        return json_is_object(value) ? "map" : type_name(value, hcl);
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

static bool is_list_kind(enum schema_kind kind)
{
        return kind == SCHEMA_STRINGS || kind == SCHEMA_INTS || kind == SCHEMA_ANY_LIST ||
               kind == SCHEMA_OBJECTS;
}

static bool is_unsigned_kind(enum schema_kind kind)
{
        return kind == SCHEMA_UINT || kind == SCHEMA_UINT32 || kind == SCHEMA_UINT64;
}

static bool is_map_kind(enum schema_kind kind)
{
        return kind == SCHEMA_MAP || kind == SCHEMA_ANY_MAP || kind == SCHEMA_TTL_MAP ||
               kind == SCHEMA_LISTS_MAP || kind == SCHEMA_OBJECT || kind == SCHEMA_OBJECT_MAP;
}

// A list of one stands for its element where no list is wanted: HCL cannot tell them apart.
static const json_t *unwrap(enum schema_kind kind, const json_t *value)
{
        if (is_list_kind(kind) || kind == SCHEMA_ANY || !json_is_array(value))
                return value;
        if (json_array_size(value) == 0)
                return NULL;
        return json_array_size(value) == 1 ? json_array_get(value, 0) : value;
}

static bool plain_fits(enum schema_kind kind, const json_t *value)
{
        switch (kind) {
        case SCHEMA_STRING:
        case SCHEMA_DURATION:
                return json_is_string(value);
        case SCHEMA_INT:
        case SCHEMA_UINT:
        case SCHEMA_UINT32:
        case SCHEMA_UINT64:
        case SCHEMA_FLOAT:
                return json_is_number(value);
        case SCHEMA_BOOL:
                return json_is_boolean(value);
        default:
                return true;
        }
}

static int refuse_plain(struct walk *walk, enum schema_kind kind, const json_t *value,
                        const char *path)
{
        char *text = go_text(value, walk->hcl);
        int ret;

        if (text == NULL)
                return -ENOMEM;
        ret = lines_add(walk->types,
                        "'%s' expected type '%s', got unconvertible type '%s', value: '%.100s'",
                        path, kind_names[kind], type_name(value, walk->hcl), text);
        free(text);
        return ret;
}

static int refuse_map(struct walk *walk, const json_t *value, const char *path)
{
        return lines_add(walk->types, "'%s' expected a map, got '%s'", path,
                         kind_of_go(value, walk->hcl));
}

static int refuse_list(struct walk *walk, const json_t *value, const char *path)
{
        return lines_add(walk->types, "'%s': source data must be an array or slice, got %s", path,
                         kind_of_go(value, walk->hcl));
}

// Go's readers make floats of JSON's numbers, and integers of HCL's.
static int refuse_negative(struct walk *walk, const json_t *value, const char *path)
{
        if (walk->hcl && json_is_integer(value))
                return lines_add(walk->types,
                                 "cannot parse '%s', %" JSON_INTEGER_FORMAT " overflows uint", path,
                                 json_integer_value(value));
        return lines_add(walk->types, "cannot parse '%s', %f overflows uint", path,
                         json_number_value(value));
}

static int check_elements(struct walk *walk, const struct schema_field *field, const json_t *list,
                          const char *path)
{
        enum schema_kind kind = field->kind == SCHEMA_INTS ? SCHEMA_INT : SCHEMA_STRING;
        char element[PATH_LENGTH_MAX];
        int ret = 0;

        for (size_t i = 0; ret == 0 && i < json_array_size(list); i++) {
                const json_t *value = json_array_get(list, i);

                snprintf(element, sizeof(element), "%.400s[%zu]", path, i);
                if (field->kind == SCHEMA_OBJECTS && !json_is_object(value))
                        ret = refuse_map(walk, value, element);
                else if (field->kind == SCHEMA_ANY_LIST && !json_is_object(value))
                        ret = refuse_map(walk, value, element);
                else if (field->kind != SCHEMA_OBJECTS && field->kind != SCHEMA_ANY_LIST &&
                         !plain_fits(kind, value))
                        ret = refuse_plain(walk, kind, value, element);
        }
        return ret;
}

static bool is_string_list(const json_t *list)
{
        for (size_t i = 0; i < json_array_size(list); i++) {
                if (!json_is_string(json_array_get(list, i)))
                        return false;
        }
        return json_is_array(list);
}

static int check_values(struct walk *walk, const struct schema_field *field, const json_t *map,
                        const char *path)
{
        char element[PATH_LENGTH_MAX];
        const char *key;
        json_t *value;
        int ret = 0;

        json_object_foreach((json_t *)(uintptr_t)map, key, value)
        {
                snprintf(element, sizeof(element), "%.300s[%.100s]", path, key);
                if (ret < 0)
                        break;
                if (field->kind == SCHEMA_OBJECT_MAP && !json_is_object(value))
                        ret = refuse_map(walk, value, element);
                else if (field->kind == SCHEMA_LISTS_MAP && !is_string_list(value))
                        ret = refuse_list(walk, value, element);
                else if ((field->kind == SCHEMA_MAP || field->kind == SCHEMA_TTL_MAP) &&
                         !json_is_string(value))
                        ret = refuse_plain(walk, SCHEMA_STRING, value, element);
        }
        return ret;
}

// Add a line for each value of a wrong type. returns a negative errno only without memory.
static int check_type(struct walk *walk, const struct schema_field *field, const json_t *value,
                      const char *path)
{
        if (is_list_kind(field->kind)) {
                if (walk->hcl && json_is_object(value) && field->kind != SCHEMA_STRINGS)
                        return 0;
                return json_is_array(value) ? check_elements(walk, field, value, path)
                                            : refuse_list(walk, value, path);
        }
        if (is_map_kind(field->kind))
                return json_is_object(value) ? check_values(walk, field, value, path)
                                             : refuse_map(walk, value, path);
        if (!plain_fits(field->kind, value))
                return refuse_plain(walk, field->kind, value, path);
        if (is_unsigned_kind(field->kind) && json_number_value(value) < 0)
                return refuse_negative(walk, value, path);
        return 0;
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
        size_t count = json_is_object(in) ? 1 : json_array_size(in);
        char element[PATH_LENGTH_MAX];

        for (size_t i = 0; i < count; i++) {
                const json_t *one = json_is_object(in) ? in : json_array_get(in, i);

                snprintf(element, sizeof(element), "%.400s[%zu]", path, i);
                json_array_append_new(out, json_object());
                add_job(walk, field, one, json_array_get(out, i), loose, element);
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

// What stands behind the point is dropped.
static json_t *whole_number(const json_t *value)
{
        double number = json_number_value(value);

        if (json_is_integer(value))
                return json_integer(json_integer_value(value));
        return json_integer(number >= 9e18    ? INT64_MAX
                            : number <= -9e18 ? INT64_MIN
                                              : (json_int_t)number);
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
        case SCHEMA_INT:
        case SCHEMA_UINT:
        case SCHEMA_UINT32:
        case SCHEMA_UINT64:
                copy = whole_number(value);
                break;
        default:
                copy = json_deep_copy(value);
                if (field->kind == SCHEMA_ANY_LIST && json_is_object(copy))
                        copy = json_pack("[o]", copy);
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

static int check_key(struct walk *walk, const struct job *job, const char *key, const json_t *given)
{
        const struct schema_field *field = find_field(job->fields, key, job->loose);
        size_t mistakes = walk->types->count;
        char path[PATH_LENGTH_MAX];
        const json_t *value;
        int ret;

        if (field == NULL)
                return lines_add(walk->unknown, "invalid config key %s%s", job->path, key);
        snprintf(path, sizeof(path), "%.400s%s", job->path, field->name);
        value = unwrap(field->kind, given);
        // Go reads a JSON null as "not given".
        if (value == NULL || json_is_null(value))
                return 0;
        ret = check_type(walk, field, value, path);
        if (ret < 0 || walk->types->count > mistakes)
                return ret;
        if ((field->flags & SCHEMA_LATER) && lines_add(walk->later, "%s", path) < 0)
                return -ENOMEM;
        take_value(walk, job, field, value, path);
        return 0;
}

static void check_object(struct walk *walk, const struct job *job)
{
        const char *key;
        json_t *value;

        json_object_foreach((json_t *)(uintptr_t)job->in, key, value)
        {
                int ret = check_key(walk, job, key, value);

                if (ret < 0)
                        walk->status = ret;
        }
}

static int compare_lines(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

// Both kinds of mistakes as Go's libraries word them; wrong types hide unknown keys.
static char *describe(const struct walk *walk)
{
        const struct lines *types = walk->types;
        char *text = NULL;
        size_t size;
        FILE *out;

        if (types->count == 0)
                return lines_join(walk->unknown, true);
        out = open_memstream(&text, &size);
        if (out == NULL)
                return NULL;
        qsort(types->items, types->count, sizeof(*types->items), compare_lines);
        fprintf(out, "%zu error(s) decoding:\n", types->count);
        for (size_t i = 0; i < types->count; i++)
                fprintf(out, "\n* %s", types->items[i]);
        fclose(out);
        return text;
}

json_t *schema_apply(const struct schema_field *root, const json_t *settings, bool hcl,
                     struct lines *later, char **error)
{
        const struct schema_field top = {"", SCHEMA_OBJECT, 0, root};
        struct lines types = {0}, unknown = {0};
        struct walk walk = {.hcl = hcl, .types = &types, .unknown = &unknown, .later = later};
        json_t *out = json_object();

        *error = NULL;
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
        if (walk.status == 0 && types.count + unknown.count > 0)
                *error = describe(&walk);
        if (walk.status < 0 || types.count + unknown.count > 0) {
                json_decref(out);
                out = NULL;
        }
        lines_fini(&types);
        lines_fini(&unknown);
        return out;
}
