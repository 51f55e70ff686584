#ifndef CONTROL_SUBSCRIBE_SETTINGS_CODEC_H
#define CONTROL_SUBSCRIBE_SETTINGS_CODEC_H

/**
 * What the catalog keeps as JSON, in protobuf's form: a proxy's settings, and a check's definition.
 * Names that the messages do not know are left out. Pure.
 */

#include "control/store/msgpack.h"

/** Append the fields of a pbservice.ConnectProxyConfig. @json  may be "". */
void settings_put_proxy(struct byte_buffer *b, const char *json);

/** Likewise, of a pbservice.ServiceConnect. */
void settings_put_connect(struct byte_buffer *b, const char *json);

/** Likewise, of a pbservice.HealthCheckDefinition. */
void settings_put_definition(struct byte_buffer *b, const char *json);

#endif
