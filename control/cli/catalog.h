#ifndef LICTOR_CLI_CATALOG_H
#define LICTOR_CLI_CATALOG_H

/* Shared by the catalog commands only. */

#include <jansson.h>

#include "control/cli/client_flags.h"

/* Begins with what client_flag_set() wants. */
struct catalog_options {
        struct client_options client;
        char *node_meta; /* "&node-meta=key%3Avalue" for each; owned */
};

/** Take a -node-meta=key=value. returns as a flag's set does. */
int catalog_set_meta(struct catalog_options *options, const char *value, const char **why);

/** Add "&name=value", the value escaped, to a query; @query NULL is empty. returns 0 or -ENOMEM. */
int catalog_add_query(char **query, const char *name, const char *value);

/**
 * Ask for a path with a query of catalog_add_query().
 * returns  0 with a JSON value to be released, or the exit status.
 */
int catalog_get(const struct client_options *options, const char *path, const char *query,
                const char *what, json_t **out);

/** A map's pairs in order, "a=1, b=2"; freed with free(). */
char *catalog_pairs(const json_t *map);

#endif
