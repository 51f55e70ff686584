#ifndef CONTROL_TEXT_JSON_SCHEMA_H
#define CONTROL_TEXT_JSON_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum json_kind {
        JSON_KIND_STRING,
        JSON_KIND_INT,
        JSON_KIND_BOOL,
        JSON_KIND_NUMBER,
        JSON_KIND_DURATION,   // Go text or a number of nanoseconds; comes out as nanoseconds
        JSON_KIND_STRINGS,    // list of strings
        JSON_KIND_STRING_MAP, // object of strings
        JSON_KIND_LISTS,      // object of lists of strings
        JSON_KIND_OBJECT,     // described by field->schema
        JSON_KIND_OBJECTS,    // list of those
        JSON_KIND_OBJECT_MAP, // object of those
        JSON_KIND_ANY,        // taken as it is
        JSON_KIND_IGNORED,    // may be there and is dropped
};

struct json_schema;

struct json_field {
        const char *name; // the canonical key
        enum json_kind kind;
        const struct json_schema *schema;
};

struct json_schema {
        const struct json_field *fields;
        size_t field_count;
        const char *const *aliases; // keys such as "service_id" for ServiceID; NULL ends them
        bool open;                  // keys that are unknown are dropped, whatever the flags say
};

#define JSON_SCHEMA(array)                                                                         \
        {                                                                                          \
                .fields = (array), .field_count = sizeof(array) / sizeof((array)[0])               \
        }
#define JSON_SCHEMA_ALIASED(array, names)                                                          \
        {                                                                                          \
                .fields = (array), .field_count = sizeof(array) / sizeof((array)[0]),              \
                .aliases = (names)                                                                 \
        }
#define JSON_SCHEMA_OPEN(array)                                                                    \
        {                                                                                          \
                .fields = (array), .field_count = sizeof(array) / sizeof((array)[0]), .open = true \
        }

enum json_schema_flags {
        JSON_SCHEMA_IGNORE_UNKNOWN = 1 << 0, // unknown keys are dropped instead of refused
        JSON_SCHEMA_SNAKE_CASE = 1 << 1,     // "enable_tag_override" matches EnableTagOverride
        JSON_SCHEMA_KEEP_NULLS = 1 << 2,     // members that are null stay, as null
};

#define JSON_SCHEMA_ERROR_MAX 192

/**
 * Check a value against a schema and bring its keys to their canonical form.
 * @in      an object, or null, which counts as an empty object; borrowed.
 * @out     a new reference on success: canonical keys only, kinds as described, nulls left out
 *          unless kept, later duplicates winning over earlier ones.
 * @error   on failure a sentence naming the field.
 * returns  0, -EINVAL or -ENOMEM.
 * context  any thread.
 */
int json_schema_apply(const struct json_schema *schema, unsigned flags, const json_t *in,
                      json_t **out, char error[JSON_SCHEMA_ERROR_MAX]);

/**
 * Parse a request body, which must begin with one JSON value, and apply a schema to it.
 * @list    true: the body is a list of objects, and so is @out.
 * returns  as json_schema_apply().
 */
int json_schema_parse(const struct json_schema *schema, unsigned flags, const char *body,
                      size_t len, int list, json_t **out, char error[JSON_SCHEMA_ERROR_MAX]);

/** Members of a canonical object, with the zero value of the kind when absent. */
const char *json_schema_string(const json_t *object, const char *name);
/** See json_schema_string(). */
json_int_t json_schema_int(const json_t *object, const char *name);
/** See json_schema_string(). */
int json_schema_bool(const json_t *object, const char *name);

#endif
