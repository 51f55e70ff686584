#ifndef TESTS_CONTROL_HTTP_EXCHANGE_H
#define TESTS_CONTROL_HTTP_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct exchange {
        unsigned status;
        char *head; // status line and headers, NUL-terminated
        char *body; // NUL-terminated
        size_t body_len;
};

/**
 * Send bytes to 127.0.0.1:port from a thread while running the loop, until one whole answer is
 * there or the other side closes. status is 0 when there was no answer.
 */
void exchange_bytes(uv_loop_t *loop, uint16_t port, const char *bytes, size_t len,
                    struct exchange *out);

/** One request without keep-alive. @headers "Name: value\r\n..." or "". */
void exchange_request(uv_loop_t *loop, uint16_t port, const char *method, const char *target,
                      const char *headers, const char *body, struct exchange *out);

/** Free an answer. */
void exchange_fini(struct exchange *out);

/** A header's value in a static buffer, NULL when absent. */
const char *exchange_header(const struct exchange *exchange, const char *name);

#endif
