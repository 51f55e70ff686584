#ifndef CONTROL_CHECKS_GRPC_MESSAGE_H
#define CONTROL_CHECKS_GRPC_MESSAGE_H

// The two messages of grpc.health.v1.Health/Check in gRPC's framing (one flag byte, four bytes of
// length, protobuf). Pure.

#include <stddef.h>
#include <stdint.h>

#define GRPC_SERVICE_NAME_MAX 1024
#define GRPC_REQUEST_MAX      (GRPC_SERVICE_NAME_MAX + 16)

// As grpc.health.v1.HealthCheckResponse.ServingStatus.
enum grpc_serving { GRPC_UNKNOWN = 0, GRPC_SERVING = 1, GRPC_NOT_SERVING = 2 };

/**
 * Write a framed HealthCheckRequest.
 * @service  "" asks for the server as a whole.
 * returns   its length, or -E2BIG for a name beyond GRPC_SERVICE_NAME_MAX.
 */
int grpc_request_write(const char *service, uint8_t out[GRPC_REQUEST_MAX]);

/**
 * Read a framed HealthCheckResponse; fields it does not know are skipped.
 * @out     untouched on failure.
 * returns  0; -EBADMSG for bytes that are none, compressed ones included.
 */
int grpc_response_read(const uint8_t *bytes, size_t len, int *out);

/** A status code's name as Go prints it: 14 is "Unavailable". */
const char *grpc_code_name(int code);

/**
 * Undo the percent-encoding of a grpc-message trailer in place; what is no encoding stays.
 */
void grpc_message_decode(char *text);

#endif
