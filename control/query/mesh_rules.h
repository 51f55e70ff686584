#ifndef CONTROL_QUERY_MESH_RULES_H
#define CONTROL_QUERY_MESH_RULES_H

/** What a registration of a proxy or gateway must say. Pure. */

#include <jansson.h>
#include <stdbool.h>

#define MESH_RULES_ERROR_MAX 1024

/**
 * Check a service as a request has it; its keys may be in any letter case, with underscores.
 * @error  all that is wrong, a line each.
 * returns  whether it may be registered; other kinds always may.
 */
bool mesh_rules_check(const json_t *service, char error[MESH_RULES_ERROR_MAX]);

#endif
