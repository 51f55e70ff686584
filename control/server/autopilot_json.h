#ifndef CONTROL_SERVER_AUTOPILOT_JSON_H
#define CONTROL_SERVER_AUTOPILOT_JSON_H

/** Autopilot's settings as an operator writes them and as the log keeps them. */

#include "control/server/autopilot.h"
#include "control/text/json_schema.h"
#include "control/text/json_writer.h"

/**
 * Read settings; what is not given is zero, as Consul takes it.
 * @error   a sentence on failure.
 * returns  0 or -EINVAL.
 */
int autopilot_config_parse(const char *text, size_t len, struct autopilot_config *out,
                           char error[JSON_SCHEMA_ERROR_MAX]);

/** Write settings as an object's members; the caller begins and ends the object. */
void autopilot_config_write(const struct autopilot_config *config, struct json_writer *w);

#endif
