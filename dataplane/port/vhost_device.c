#include "dataplane/port/vhost_device.h"

#include <string.h>

#define PREFIX "net_vhost"

// Digits alone, and no more than max. returns  whether the whole text is that.
static bool parse_number(const char *text, size_t length, unsigned max, unsigned *out)
{
        unsigned value = 0;

        if (length == 0 || length > 3)
                return false;
        for (size_t i = 0; i < length; i++) {
                if (text[i] < '0' || text[i] > '9')
                        return false;
                value = 10 * value + (unsigned)(text[i] - '0');
        }
        *out = value;
        return value <= max;
}

static bool parse_argument(const char *text, size_t length, struct vhost_device *out)
{
        const char *equals = memchr(text, '=', length);
        size_t key_length, value_length;
        unsigned number;

        if (equals == NULL)
                return false;
        key_length = (size_t)(equals - text);
        value_length = length - key_length - 1;
        if (key_length == 5 && strncmp(text, "iface", 5) == 0) {
                if (value_length == 0 || value_length >= sizeof(out->path))
                        return false;
                memcpy(out->path, equals + 1, value_length);
                out->path[value_length] = '\0';
                return true;
        }
        if (key_length == 6 && strncmp(text, "queues", 6) == 0)
                return parse_number(equals + 1, value_length, VHOST_QUEUE_MAX, &out->queue_count) &&
                       out->queue_count > 0;
        if (key_length != 6 || strncmp(text, "client", 6) != 0 ||
            !parse_number(equals + 1, value_length, 1, &number))
                return false;
        out->is_client = number == 1;
        return true;
}

bool vhost_device_parse(const char *device, struct vhost_device *out)
{
        size_t length = strcspn(device, ",");

        *out = (struct vhost_device){.queue_count = 1};
        if (strncmp(device, PREFIX, strlen(PREFIX)) != 0 ||
            !parse_number(device + strlen(PREFIX), length - strlen(PREFIX), 255, &out->number))
                return false;
        while (device[length] == ',') {
                device += length + 1;
                length = strcspn(device, ",");
                if (!parse_argument(device, length, out))
                        return false;
        }
        return out->path[0] != '\0';
}
