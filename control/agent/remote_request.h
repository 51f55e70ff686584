#ifndef CONTROL_AGENT_REMOTE_REQUEST_H
#define CONTROL_AGENT_REMOTE_REQUEST_H

/** Requests of the HTTP API that other agents pass on. */

#include <stddef.h>
#include <stdint.h>

struct api;
struct relay_incoming;

/** Answer one. @bytes  a relay_request, borrowed until return. */
void remote_request_serve(struct api *api, struct relay_incoming *take_incoming,
                          const uint8_t *bytes, size_t len);

#endif
