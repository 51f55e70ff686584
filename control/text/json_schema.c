#include "control/text/json_schema.h"
#include "control/text/json_syntax.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/text/duration.h"

// Objects still to be checked. A work list instead of recursion: bodies are hostile.
struct task {
        const struct json_schema *schema;
        const json_t *in;
        json_t *out; // a reference: a later duplicate of the key may replace it in the tree
};

struct pass {
        unsigned flags;
        char *error;
        struct task *tasks;
        size_t task_count;
        size_t task_capacity;
};

static int push_task(struct pass *pass, const struct json_schema *schema, const json_t *in,
                     json_t *out)
{
        if (pass->task_count == pass->task_capacity) {
                size_t capacity = pass->task_capacity > 0 ? pass->task_capacity * 2 : 16;
                struct task *tasks = realloc(pass->tasks, capacity * sizeof(*tasks));

                if (tasks == NULL)
                        return -ENOMEM;
                pass->tasks = tasks;
                pass->task_capacity = capacity;
        }
        pass->tasks[pass->task_count++] = (struct task){schema, in, json_incref(out)};
        return 0;
}

static char lower(char c)
{
        return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int key_matches(const char *key, const char *name, int skip_underscores)
{
        for (;; key++, name++) {
                while (skip_underscores && *key == '_' && *name != '_')
                        key++;
                if (lower(*key) != lower(*name))
                        return 0;
                if (*key == '\0')
                        return 1;
        }
}

static int is_alias(const struct json_schema *schema, const char *key)
{
        for (const char *const *alias = schema->aliases; alias != NULL && *alias != NULL; alias++) {
                if (key_matches(key, *alias, 0))
                        return 1;
        }
        return 0;
}

static const struct json_field *find_field(const struct pass *pass,
                                           const struct json_schema *schema, const char *key)
{
        for (size_t i = 0; i < schema->field_count; i++) {
                if (key_matches(key, schema->fields[i].name, 0))
                        return &schema->fields[i];
        }
        if (!(pass->flags & JSON_SCHEMA_SNAKE_CASE) && !is_alias(schema, key))
                return NULL;
        for (size_t i = 0; i < schema->field_count; i++) {
                if (key_matches(key, schema->fields[i].name, 1))
                        return &schema->fields[i];
        }
        return NULL;
}

static const char *type_name(const json_t *value)
{
        static const char *const names[] = {
            [JSON_OBJECT] = "object",  [JSON_ARRAY] = "array", [JSON_STRING] = "string",
            [JSON_INTEGER] = "number", [JSON_REAL] = "number", [JSON_TRUE] = "bool",
            [JSON_FALSE] = "bool",     [JSON_NULL] = "null",
        };

        return names[json_typeof(value)];
}

static int refuse(struct pass *pass, const json_t *value, const char *name, const char *wanted)
{
        snprintf(pass->error, JSON_SCHEMA_ERROR_MAX,
                 "json: cannot unmarshal %s into field %.60s of type %s", type_name(value), name,
                 wanted);
        return -EINVAL;
}

static int is_string_list(const json_t *value)
{
        const json_t *item;
        size_t i;

        if (!json_is_array(value))
                return 0;
        json_array_foreach(value, i, item)
        {
                if (!json_is_string(item) && !json_is_null(item))
                        return 0;
        }
        return 1;
}

static int is_map_of(const json_t *value, int (*is_member)(const json_t *))
{
        const char *key;
        json_t *item;

        if (!json_is_object(value))
                return 0;
        // jansson has no way to walk a const object; nothing is changed.
        json_object_foreach((json_t *)(uintptr_t)value, key, item)
        {
                if (!is_member(item))
                        return 0;
        }
        return 1;
}

static int is_text(const json_t *value)
{
        return json_is_string(value) || json_is_null(value);
}

// Texts that are null are empty ones.
static json_t *texts(const json_t *in)
{
        json_t *out = json_copy((json_t *)(uintptr_t)in), *item;
        const char *key;
        void *next;
        size_t i;

        json_array_foreach(out, i, item)
        {
                if (json_is_null(item) && json_array_set_new(out, i, json_string("")) < 0)
                        goto drop;
        }
        json_object_foreach_safe(out, next, key, item)
        {
                if (json_is_null(item) && json_object_set_new(out, key, json_string("")) < 0)
                        goto drop;
        }
        return out;
drop:
        json_decref(out);
        return NULL;
}

static int texts_value(struct pass *pass, const char *name, const json_t *in, json_t **out)
{
        if (json_is_array(in) ? !is_string_list(in) : !is_map_of(in, is_text))
                return refuse(pass, in, name,
                              json_is_array(in) ? "list of strings" : "map of strings");
        *out = texts(in);
        return *out != NULL ? 0 : -ENOMEM;
}

static int duration_value(struct pass *pass, const char *name, const json_t *in, json_t **out)
{
        int64_t ns;

        if (json_is_integer(in)) {
                *out = json_integer(json_integer_value(in));
                return 0;
        }
        if (json_is_real(in) && fabs(json_real_value(in)) < 9e18) {
                *out = json_integer((json_int_t)json_real_value(in));
                return 0;
        }
        if (!json_is_string(in))
                return refuse(pass, in, name, "duration");
        if (duration_parse(json_string_value(in), &ns) < 0) {
                duration_explain(json_string_value(in), pass->error, JSON_SCHEMA_ERROR_MAX);
                return -EINVAL;
        }
        *out = json_integer(ns);
        return 0;
}

static int object_value(struct pass *pass, const struct json_field *field, const json_t *in,
                        json_t **out)
{
        if (!json_is_object(in))
                return refuse(pass, in, field->name, "object");
        *out = json_object();
        if (*out != NULL && push_task(pass, field->schema, in, *out) == 0)
                return 0;
        json_decref(*out);
        *out = NULL;
        return -ENOMEM;
}

// A member that is null is an object with nothing in it.
static int member_value(struct pass *pass, const struct json_field *field, const json_t *in,
                        json_t **out)
{
        if (!json_is_null(in))
                return object_value(pass, field, in, out);
        *out = json_object();
        return *out != NULL ? 0 : -ENOMEM;
}

// Lists and maps of objects: one task a member.
static int objects_value(struct pass *pass, const struct json_field *field, const json_t *in,
                         json_t **out)
{
        int is_map = field->kind == JSON_KIND_OBJECT_MAP;
        const char *key = NULL;
        json_t *item, *child;
        int ret = 0;
        size_t i;

        if (is_map ? !json_is_object(in) : !json_is_array(in))
                return refuse(pass, in, field->name, is_map ? "map" : "list");
        *out = is_map ? json_object() : json_array();
        if (*out == NULL)
                return -ENOMEM;
        if (is_map) {
                json_object_foreach((json_t *)(uintptr_t)in, key, item)
                {
                        ret = member_value(pass, field, item, &child);
                        if (ret < 0 || json_object_set_new(*out, key, child) < 0)
                                goto drop;
                }
                return 0;
        }
        json_array_foreach(in, i, item)
        {
                if (json_is_null(item))
                        continue;
                ret = object_value(pass, field, item, &child);
                if (ret < 0 || json_array_append_new(*out, child) < 0)
                        goto drop;
        }
        return 0;
drop:
        json_decref(*out);
        *out = NULL;
        return ret < 0 ? ret : -ENOMEM;
}

static int field_value(struct pass *pass, const struct json_field *field, const json_t *in,
                       json_t **out)
{
        switch (field->kind) {
        case JSON_KIND_DURATION:
                return duration_value(pass, field->name, in, out);
        case JSON_KIND_OBJECT:
                return object_value(pass, field, in, out);
        case JSON_KIND_OBJECTS:
        case JSON_KIND_OBJECT_MAP:
                return objects_value(pass, field, in, out);
        case JSON_KIND_STRING:
                if (!json_is_string(in))
                        return refuse(pass, in, field->name, "string");
                break;
        case JSON_KIND_INT:
                if (!json_is_integer(in))
                        return refuse(pass, in, field->name, "int");
                break;
        case JSON_KIND_NUMBER:
                if (!json_is_number(in))
                        return refuse(pass, in, field->name, "float64");
                break;
        case JSON_KIND_BOOL:
                if (!json_is_boolean(in))
                        return refuse(pass, in, field->name, "bool");
                break;
        case JSON_KIND_STRINGS:
                if (!json_is_array(in))
                        return refuse(pass, in, field->name, "list of strings");
                return texts_value(pass, field->name, in, out);
        case JSON_KIND_STRING_MAP:
                if (!json_is_object(in))
                        return refuse(pass, in, field->name, "map of strings");
                return texts_value(pass, field->name, in, out);
        case JSON_KIND_LISTS:
                if (!is_map_of(in, is_string_list))
                        return refuse(pass, in, field->name, "map of lists of strings");
                break;
        case JSON_KIND_ANY:
        case JSON_KIND_IGNORED:
                break;
        }
        *out = json_incref((json_t *)(uintptr_t)in);
        return 0;
}

static int run_task(struct pass *pass, const struct task *task)
{
        const char *key;
        json_t *value, *converted;

        json_object_foreach((json_t *)(uintptr_t)task->in, key, value)
        {
                const struct json_field *field = find_field(pass, task->schema, key);
                int ret;

                if (field == NULL) {
                        if ((pass->flags & JSON_SCHEMA_IGNORE_UNKNOWN) || task->schema->open)
                                continue;
                        snprintf(pass->error, JSON_SCHEMA_ERROR_MAX,
                                 "json: unknown field \"%.60s\"", key);
                        return -EINVAL;
                }
                if (field->kind == JSON_KIND_IGNORED)
                        continue;
                if (json_is_null(value)) {
                        if (!(pass->flags & JSON_SCHEMA_KEEP_NULLS))
                                continue;
                        converted = json_null();
                        ret = 0;
                } else {
                        ret = field_value(pass, field, value, &converted);
                }
                if (ret < 0)
                        return ret;
                if (json_object_set_new(task->out, field->name, converted) < 0)
                        return -ENOMEM;
        }
        return 0;
}

// Runs all tasks; after a failure the rest are only given back.
static int run_pass(struct pass *pass, int ret)
{
        while (pass->task_count > 0) {
                // Copied: running it may move the list.
                struct task task = pass->tasks[--pass->task_count];

                if (ret == 0)
                        ret = run_task(pass, &task);
                json_decref(task.out);
        }
        free(pass->tasks);
        return ret;
}

static int apply(const struct json_schema *schema, unsigned flags, const json_t *in, int list,
                 json_t **out, char error[JSON_SCHEMA_ERROR_MAX])
{
        const struct json_field root = {"body", list ? JSON_KIND_OBJECTS : JSON_KIND_OBJECT,
                                        schema};
        struct pass pass = {.flags = flags, .error = error};
        json_t *value = NULL;
        int ret;

        snprintf(error, JSON_SCHEMA_ERROR_MAX, "out of memory");
        if (json_is_null(in)) {
                *out = list ? json_array() : json_object();
                return *out == NULL ? -ENOMEM : 0;
        }
        ret = field_value(&pass, &root, in, &value);
        ret = run_pass(&pass, ret);
        if (ret < 0) {
                json_decref(value);
                return ret;
        }
        *out = value;
        return 0;
}

int json_schema_apply(const struct json_schema *schema, unsigned flags, const json_t *in,
                      json_t **out, char error[JSON_SCHEMA_ERROR_MAX])
{
        return apply(schema, flags, in, 0, out, error);
}

int json_schema_parse(const struct json_schema *schema, unsigned flags, const char *body,
                      size_t len, int list, json_t **out, char error[JSON_SCHEMA_ERROR_MAX])
{
        json_error_t json_error;
        json_t *in;
        int ret;

        // First, since jansson lets NUL pass between values.
        if (!json_syntax_check(body, len, error, JSON_SCHEMA_ERROR_MAX))
                return -EINVAL;
        in = json_loadb(body, len, JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, &json_error);
        if (in == NULL) {
                snprintf(error, JSON_SCHEMA_ERROR_MAX, "%.150s", json_error.text);
                return -EINVAL;
        }
        ret = apply(schema, flags, in, list, out, error);
        json_decref(in);
        return ret;
}

const char *json_schema_string(const json_t *object, const char *name)
{
        const char *text = json_string_value(json_object_get(object, name));

        return text != NULL ? text : "";
}

json_int_t json_schema_int(const json_t *object, const char *name)
{
        return json_integer_value(json_object_get(object, name));
}

int json_schema_bool(const json_t *object, const char *name)
{
        return json_is_true(json_object_get(object, name));
}
