#ifndef CONTROL_TEXT_URI_H
#define CONTROL_TEXT_URI_H

#include <stdbool.h>
#include <stddef.h>

// A request with more parameters than this is refused: no endpoint has use for as many.
#define URI_PARAM_MAX 64

struct uri_param {
        const char *key;
        const char *value; // "" when there is no '='
};

// A request target taken apart. All strings live in `storage`.
struct uri {
        char *path;             // decoded
        bool path_is_clean;     // no "//", "/./" or "/../" in it
        bool path_is_printable; // no control characters in it
        bool query_is_broken;   // a parameter with a broken escape or a semicolon was left out
        size_t param_count;
        struct uri_param *params;
        void *storage; // holds all of the above
};

enum uri_verdict {
        URI_OK,
        URI_BAD_ESCAPE,
        URI_TOO_MANY_PARAMS,
        URI_NO_MEMORY,
};

/**
 * Take a request target ("/path?query") apart.
 * @target  as it stood in the request line; borrowed until return.
 * @out     filled on URI_OK, to be freed with uri_fini(); nothing to free otherwise.
 * returns  why it was refused, or URI_OK.
 * context  any thread.
 */
enum uri_verdict uri_parse(const char *target, struct uri *out);

/**
 * Free what uri_parse() allocated.
 */
void uri_fini(struct uri *uri);

/**
 * First value of a parameter.
 * returns  NULL when it is not there, "" when it has no value; lives as long as the uri.
 */
const char *uri_param(const struct uri *uri, const char *key);

/**
 * The path without empty, "." and ".." elements; a trailing slash is kept.
 * returns  memory to be freed with free(), or NULL when there is none.
 */
char *uri_clean_path(const char *path);

/**
 * Undo percent escapes in place.
 * returns  NULL, or where the first broken one begins; the text is untouched then.
 */
const char *uri_unescape(char *text);

/**
 * A decoded path in the form it has in a header: what has a meaning there is escaped.
 * returns  as uri_clean_path().
 */
char *uri_escape_path(const char *path);

/**
 * A name or a path as a part of a request: all but letters, digits and "-_.~/" is escaped.
 * returns  as uri_clean_path().
 */
char *uri_escape(const char *text);

#endif
