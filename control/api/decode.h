#ifndef CONTROL_API_DECODE_H
#define CONTROL_API_DECODE_H

// Bodies as the store's values: the fields each endpoint takes, and how canonical bodies become
// commands. Memory is the scratch's, texts are the body's. Pure.

#include <jansson.h>
#include <stddef.h>

#include "control/fsm/command.h"
#include "control/text/json_schema.h"

struct scratch;

/** Memory freed together; NULL when there is none. */
struct scratch *scratch_create(void);
/** Free all of it; NULL is let pass. */
void scratch_destroy(struct scratch *take_scratch);
/** Zeroed memory, or NULL. */
void *scratch_alloc(struct scratch *scratch, size_t size);

extern const struct json_schema api_register_schema;
extern const struct json_schema api_deregister_schema;
extern const struct json_schema api_coordinate_schema;
extern const struct json_schema api_txn_schema; // of one operation
extern const struct json_schema api_query_schema;

/** Decode a node's members of a canonical object. returns 0 or -ENOMEM, as all below. */
int api_decode_node(const json_t *body, struct scratch *scratch, struct catalog_node *out);
/** A service's members. */
int api_decode_service(const json_t *body, struct scratch *scratch, struct catalog_service *out);
/** A check's members. */
int api_decode_check(const json_t *body, struct scratch *scratch, struct catalog_check *out);
/** A list of texts. */
int api_decode_list(const json_t *list, struct scratch *scratch, struct text_list *out);
/** An object of texts. */
int api_decode_map(const json_t *map, struct scratch *scratch, struct text_map *out);
/** PUT /v1/catalog/register's body as a command. */
int api_decode_register(const json_t *body, const char *datacenter, struct scratch *scratch,
                        struct command *out);

/**
 * A query's canonical object with every field there, as the API shows it; a new reference, or NULL
 * without memory.
 */
json_t *api_complete_query(const json_t *body, const char *id);

/**
 * Read PUT /v1/txn's body: a list of operations, checked against api_txn_schema.
 * @out     a new reference on success; numbers beyond 63 bits are texts marked as such, which only
 *          api_decode_txn() understands.
 * returns  as json_schema_parse().
 */
int api_parse_txn(const char *body, size_t len, json_t **out, char error[JSON_SCHEMA_ERROR_MAX]);

/**
 * Its operations as a command; empty ones are left out.
 * returns  0, -ENOMEM, or -EINVAL with a text for one that cannot be read.
 */
int api_decode_txn(const json_t *body, const char *datacenter, struct scratch *scratch,
                   struct command *out, char error[JSON_SCHEMA_ERROR_MAX]);

#endif
