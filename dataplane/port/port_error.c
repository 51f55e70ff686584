#include "dataplane/port/port_error.h"

#include <stdarg.h>
#include <stdio.h>

int port_fail(const struct port_error *error, int code, const char *format, ...)
{
        va_list arguments;

        if (error->size == 0)
                return code;
        va_start(arguments, format);
        vsnprintf(error->text, error->size, format, arguments);
        va_end(arguments);
        return code;
}
