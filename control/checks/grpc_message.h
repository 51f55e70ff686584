#ifndef CONTROL_CHECKS_GRPC_MESSAGE_H
#define CONTROL_CHECKS_GRPC_MESSAGE_H

// The two messages of grpc.health.v1.Health/Check, as gRPC frames them. Pure.

#include <stddef.h>
#include <stdint.h>

#include "control/store/msgpack.h"

#define GRPC_SERVICE_NAME_MAX 1024

// As grpc.health.v1.HealthCheckResponse.ServingStatus.
enum grpc_serving { GRPC_UNKNOWN = 0, GRPC_SERVING = 1, GRPC_NOT_SERVING = 2 };

/**
 * Append a framed HealthCheckRequest.
 * @service  "" asks for the server as a whole.
 * returns   0, or -E2BIG for a name beyond GRPC_SERVICE_NAME_MAX.
 */
int grpc_request_write(const char *service, struct byte_buffer *out);

/**
 * Read a framed HealthCheckResponse; fields it does not know are skipped.
 * @out     untouched on failure.
 * returns  0; -EBADMSG for bytes that are none; -ENOTSUP for compressed ones.
 */
int grpc_response_read(const uint8_t *bytes, size_t len, int *out);

#endif
