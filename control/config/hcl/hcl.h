#ifndef LICTOR_CONFIG_HCL_H
#define LICTOR_CONFIG_HCL_H

/**
 * Reads HCL 1, the language of Consul's configuration files, into JSON values.
 *
 * A block "ports { http = 1 }" and an assignment "ports = { http = 1 }" are one object; each label
 * of a block is one object more. A key given again collects: objects become a list, lists are put
 * together, and of plain values the last one stays.
 */

#include <jansson.h>
#include <stddef.h>

/* Blocks and lists inside each other; deeper text is refused. */
#define HCL_DEPTH_MAX 64
/* Keys before one value: a block's name and its labels. */
#define HCL_KEYS_MAX 16

/* Position, from 1, and what was wrong there. */
struct hcl_error {
        unsigned line;
        unsigned column; /* in characters */
        char text[200];
};

/**
 * Read a whole text.
 * @text    UTF-8, need not end with a NUL; borrowed until return.
 * @error   set on failure.
 * returns  an object owned by the caller, or NULL.
 * context  pure.
 */
json_t *hcl_read(const char *text, size_t length, struct hcl_error *error);

#endif
