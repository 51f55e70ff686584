#ifndef LICTOR_CONFIG_INTERNAL_H
#define LICTOR_CONFIG_INTERNAL_H

/* Shared by the parts of this module only. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "control/config/config.h"

enum schema_kind {
        SCHEMA_END,
        SCHEMA_STRING,
        SCHEMA_INT,
        SCHEMA_FLOAT,
        SCHEMA_BOOL,
        SCHEMA_DURATION, /* a string in Go's syntax; checked once everything is merged */
        SCHEMA_STRINGS,
        SCHEMA_INTS,
        SCHEMA_MAP,     /* string to string */
        SCHEMA_TTL_MAP, /* string to duration */
        SCHEMA_ANY,
        SCHEMA_ANY_LIST,
        SCHEMA_OBJECT,
        SCHEMA_OBJECTS, /* list of objects */
        SCHEMA_OBJECT_MAP
};

enum schema_flags {
        SCHEMA_LATER = 1, /* known, but belongs to a feature this agent does not have */
        SCHEMA_LOOSE = 2  /* below here underscores in keys are optional */
};

struct schema_field {
        const char *name;
        enum schema_kind kind;
        unsigned flags;
        const struct schema_field *fields; /* of SCHEMA_OBJECT, SCHEMA_OBJECTS, SCHEMA_OBJECT_MAP */
};

/* Every key the agent knows. */
extern const struct schema_field config_schema[];

/* A growing list of lines. */
struct lines {
        char **items;
        size_t count;
};

/** Append one formatted line. returns 0 or -ENOMEM. */
int lines_add(struct lines *lines, const char *format, ...) __attribute__((format(printf, 2, 3)));
void lines_fini(struct lines *lines);

/**
 * Join error lines: several become one, with their number before them.
 * returns  a string owned by the caller, or NULL without memory.
 */
char *lines_join(const struct lines *lines);

/**
 * Check settings against the schema and rewrite their keys in the schema's spelling.
 * @errors  one line for each unknown key and each value of the wrong type.
 * @later   names of known settings that have no effect yet.
 * returns  a new reference, or NULL without memory.
 */
json_t *schema_apply(const struct schema_field *root, const json_t *settings, struct lines *errors,
                     struct lines *later);

/** Check every duration in merged settings; "KEY: invalid duration: ..." lines. */
int schema_check_durations(const struct schema_field *root, const json_t *merged,
                           struct lines *errors);

/** Overwrite comments (double slash, # and C's) outside strings with blanks, line ends kept. */
void json_text_blank_comments(char *text, size_t length);

/** Read one file's settings as written. @error set on failure; owned by the caller. */
int source_read_file(const char *path, json_t **out, char **error);

/**
 * List a directory's configuration files in order.
 * @out  paths added; @error set on failure; owned by the caller.
 */
int source_list_directory(const char *path, struct lines *out, char **error);

/** Lay overlay over base: scalars replace, lists append, objects merge key by key. */
int settings_merge(json_t *base, const json_t *overlay);

/** Values at dotted paths of merged settings; the schema has checked their types. */
const json_t *setting_get(const json_t *merged, const char *path);
const char *setting_string(const json_t *merged, const char *path, const char *fallback);
bool setting_bool(const json_t *merged, const char *path, bool fallback);
int64_t setting_int(const json_t *merged, const char *path, int64_t fallback);
int64_t setting_duration_ns(const json_t *merged, const char *path, int64_t fallback_ns);

/* What the steps of a build share. */
struct build {
        struct config *config;
        const json_t *merged;
        struct lines errors;
        struct lines warnings;
};

/** One step of a build each. Mistakes and warnings become lines. returns 0 or -ENOMEM. */
int build_general(struct build *build);
int build_dns(struct build *build);
int build_addresses(struct build *build);
int build_dataplane(struct build *build);

/** Checks that concern several settings at once, in the order an operator should mend them. */
int build_check(struct build *build);

/** Free what build_dataplane allocated. */
void config_dataplane_fini(struct runtime_config *dataplane);

/** Numeric IPv4 or IPv6 address, "[::1]" accepted, port set. returns 0 or -EINVAL. */
int socket_address_parse(const char *text, uint16_t port, struct sockaddr_storage *out);
bool socket_address_is_unspecified(const char *text);

#endif
