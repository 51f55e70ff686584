#include "control/snapshot/consul.h"

#include <errno.h>
#include <stdio.h>

bool snapshot_consul_begins(uint8_t byte)
{
        return (byte & 0xf0) == 0x80 || byte == 0xde || byte == 0xdf;
}

int snapshot_consul_convert(const uint8_t *bytes, size_t len, const char *datacenter,
                            snapshot_sink_fn write, void *arg, char left_out[SNAPSHOT_LEFT_OUT_MAX],
                            char error[SNAPSHOT_ERROR_MAX])
{
        (void)bytes, (void)len, (void)datacenter, (void)write, (void)arg, (void)left_out;
        snprintf(error, SNAPSHOT_ERROR_MAX, "an archive of Consul's cannot be read yet");
        return -EBADMSG;
}
