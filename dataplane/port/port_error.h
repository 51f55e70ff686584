#ifndef LICTOR_PORT_ERROR_H
#define LICTOR_PORT_ERROR_H

/** One line for the operator: what is wrong and how to mend it. */

#include <stddef.h>

/* Caller's storage. */
struct port_error {
        char *text;
        size_t size;
};

/** Write the line, cut to what fits. returns  code. */
int port_fail(const struct port_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
