#ifndef LICTOR_CONFIG_INTERNAL_H
#define LICTOR_CONFIG_INTERNAL_H

/* Shared by the parts of this module only. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/config/config.h"

enum schema_kind {
        SCHEMA_END,
        SCHEMA_STRING,
        SCHEMA_INT,
        SCHEMA_UINT, /* not negative; as Go names the three sizes */
        SCHEMA_UINT32,
        SCHEMA_UINT64,
        SCHEMA_FLOAT,
        SCHEMA_BOOL,
        SCHEMA_DURATION, /* a string in Go's syntax; checked once everything is merged */
        SCHEMA_STRINGS,
        SCHEMA_INTS,
        SCHEMA_MAP,       /* string to string */
        SCHEMA_TTL_MAP,   /* string to duration */
        SCHEMA_LISTS_MAP, /* string to list of strings */
        SCHEMA_ANY,
        SCHEMA_ANY_MAP, /* an object with any values */
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

struct build;

/* A growing list of lines. */
struct lines {
        char **items;
        size_t count;
};

/** Append one formatted line. returns 0 or -ENOMEM. */
int lines_add(struct lines *lines, const char *format, ...) __attribute__((format(printf, 2, 3)));
void lines_fini(struct lines *lines);

/**
 * Join error lines as Consul does.
 * @listed  as a list with their number before it, which several are in any case.
 * returns  a string owned by the caller, or NULL without memory.
 */
char *lines_join(const struct lines *lines, bool listed);

/**
 * Check settings against the schema and rewrite their keys in the schema's spelling.
 * @hcl     they were written in HCL, where one object may stand for a list of one.
 * @later   names of known settings that have no effect yet.
 * @error   what is wrong, every unknown key or every value of a wrong type; owned by the caller.
 * returns  a new reference; NULL with an error, or without one when memory ran out.
 */
json_t *schema_apply(const struct schema_field *root, const json_t *settings, bool hcl,
                     struct lines *later, char **error);

/**
 * A value as Go prints one it has read.
 * @hcl     from HCL, where an object is a list of one.
 * returns  a string owned by the caller, or NULL without memory.
 */
char *go_text(const json_t *value, bool hcl);

/** Check every duration in merged settings; "KEY: invalid duration: ..." lines. */
int schema_check_durations(const struct schema_field *root, const json_t *merged,
                           struct lines *errors);

/** A line for what is no IP address, shown as in a list. returns 0 or -ENOMEM. */
int address_refuse(struct build *build, const char *key, const char *text);

/** Check one duration's text; a line when it is none. returns 0 or -ENOMEM. */
int duration_check(const char *path, const char *text, struct lines *errors);

/** Overwrite comments (double slash, # and C's) outside strings with blanks, line ends kept. */
void json_text_blank_comments(char *text, size_t length);

/** A format's value for source_parse and config_input: by extension, or one for all. */
enum config_format source_format(const char *path, enum config_format forced);

/**
 * Read a text of one of the formats.
 * @text    NUL behind its length bytes; overwritten.
 * @error   set on failure, without the source's name; owned by the caller.
 * returns  an object owned by the caller, or NULL.
 */
json_t *source_parse(char *text, size_t length, enum config_format format, char **error);

/** Read one file's settings as written. @error set on failure; owned by the caller. */
int source_read_file(const char *path, enum config_format format, json_t **out, char **error);

/**
 * List the files a path stands for, in order: itself, or a directory's, one level deep.
 * @forced  read all files as this format; CONFIG_FORMAT_BY_NAME skips those of other names.
 * @out     paths added; @warnings a line for each file passed over.
 * @error   set on failure; owned by the caller.
 */
int source_list(const char *path, enum config_format forced, struct lines *out,
                struct lines *warnings, char **error);

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
        bool listed;   /* errors are shown as a list, also a single one */
        bool gathered; /* there are errors that are so, whichever step found them */
};

/** One step of a build each. Mistakes and warnings become lines. returns 0 or -ENOMEM. */
int build_templates(struct build *build); /* addresses written as templates; changes merged */
int build_general(struct build *build);
int build_dns(struct build *build);
int build_definitions(struct build *build);
int build_limits(struct build *build);  /* what single settings may be */
int build_process(struct build *build); /* logging, sockets in the file system, the interface */
int build_addresses(struct build *build);
int build_cluster(struct build *build);
int build_gossip(struct build *build); /* after build_addresses */
int build_dataplane(struct build *build);

/** Checks that concern several settings at once, in the order an operator should mend them. */
int build_check(struct build *build);

/* Serf's bounds, which Consul applies to the metadata of nodes and services. */
#define META_PAIRS_MAX       64
#define META_KEY_BYTES_MAX   128
#define META_VALUE_BYTES_MAX 512

/** What is wrong with a pair of metadata; NULL when nothing is. */
const char *meta_fault(const char *key, const char *value);

/* Whom sockets in the file system are given to; CONFIG_UNIX_KEEP leaves one as it is. */
struct unix_owner {
        uint32_t user, group, mode;
};

/** returns  what is wrong with the block unix_sockets, or NULL. */
const char *unix_owner_resolve(const json_t *merged, struct unix_owner *out);

/** Bytes a base64 text stands for, or -EINVAL. */
int config_base64_length(const char *text);

/** Free what build_gossip allocated. */
void config_gossip_fini(struct config_gossip *gossip);

/** Free what build_dataplane allocated. */
void config_dataplane_fini(struct runtime_config *dataplane);

/** Numeric IPv4 or IPv6 address, "[::1]" accepted, port set. returns 0 or -EINVAL. */
int socket_address_parse(const char *text, uint16_t port, struct sockaddr_storage *out);
bool socket_address_is_unspecified(const char *text);

/** Whether a text is an address with a prefix length, as in "10.0.0.0/8". */
bool cidr_is_valid(const char *text);

#endif
