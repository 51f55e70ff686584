#include <errno.h>
#include <stdarg.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

#include "control/late/late.h"

static struct late_library lib = {LATE_SYSTEMD, "libsystemd0", NULL, false};

LATE(lib, int, sd_booted, (void), (), 0)
LATE(lib, int, sd_bus_open_system, (sd_bus * *bus), (bus), -ENOSYS)
LATE(lib, sd_bus *, sd_bus_close_unref, (sd_bus * bus), (bus), NULL)
LATE(lib, int, sd_bus_get_fd, (sd_bus * bus), (bus), -ENOSYS)
LATE(lib, int, sd_bus_get_events, (sd_bus * bus), (bus), -ENOSYS)
LATE(lib, int, sd_bus_process, (sd_bus * bus, sd_bus_message **message), (bus, message), -ENOSYS)
LATE(lib, const sd_bus_error *, sd_bus_message_get_error, (sd_bus_message * message), (message),
     NULL)
LATE(lib, int, sd_bus_message_readv, (sd_bus_message * message, const char *types, va_list to),
     (message, types, to), -ENOSYS)
LATE(lib, int, sd_bus_path_encode, (const char *prefix, const char *id, char **path),
     (prefix, id, path), -ENOSYS)
LATE(lib, int, sd_bus_call_method_asyncv,
     (sd_bus * bus, sd_bus_slot **slot, const char *destination, const char *path,
      const char *interface, const char *member, sd_bus_message_handler_t done, void *data,
      const char *types, va_list from),
     (bus, slot, destination, path, interface, member, done, data, types, from), -ENOSYS)

int sd_bus_message_read(sd_bus_message *message, const char *types, ...)
{
        va_list to;
        int ret;

        va_start(to, types);
        ret = sd_bus_message_readv(message, types, to);
        va_end(to);
        return ret;
}

int sd_bus_call_method_async(sd_bus *bus, sd_bus_slot **slot, const char *destination,
                             const char *path, const char *interface, const char *member,
                             sd_bus_message_handler_t done, void *data, const char *types, ...)
{
        va_list from;
        int ret;

        va_start(from, types);
        ret = sd_bus_call_method_asyncv(bus, slot, destination, path, interface, member, done, data,
                                        types, from);
        va_end(from);
        return ret;
}
