#ifndef CONTROL_API_API_H
#define CONTROL_API_API_H

// The HTTP API: a table of endpoints over the agent's parts.

#include <stddef.h>
#include <stdint.h>

struct agent;
struct api;
struct http_stats;

/**
 * Serve the API on the configuration's HTTP addresses.
 * @agent  with loop, config, log, store, proposer, local and node_id set; borrowed.
 * @error  on failure one line for the operator.
 * returns 0 or a negative errno.
 * context control thread.
 */
int api_create(struct api **out, struct agent *agent, char *error, size_t error_size);

/** Stop serving; before what it uses goes. Memory goes with the loop's next turns. */
void api_destroy(struct api *take_api);

struct http_injection;
struct http_request;

/** Answer a request that came from another agent; as http_server_inject. */
int api_inject(struct api *api, const struct http_injection *injection, struct http_request **out);

/** Port of the i-th HTTP address, in host order. */
uint16_t api_port(const struct api *api, size_t i);

/** Figures of its HTTP server since the start. returns  connections open now. */
unsigned api_http_stats(const struct api *api, struct http_stats *out);

#endif
