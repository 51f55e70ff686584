#ifndef CONTROL_QUERY_WAN_JSON_H
#define CONTROL_QUERY_WAN_JSON_H

/**
 * Answers about another datacenter as the HTTP API shows them, their addresses and ports replaced
 * by those tagged for the WAN (translate_wan_addrs). Pure.
 */

#include <jansson.h>

/**
 * Lists of nodes, of instances with and without their checks; a node with its services; what a
 * query selected. Anything else stays as it is.
 */
void wan_json_translate(json_t *answer);

#endif
