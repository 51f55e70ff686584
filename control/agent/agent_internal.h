#ifndef LICTOR_AGENT_INTERNAL_H
#define LICTOR_AGENT_INTERNAL_H

#include "control/agent/agent.h"
#include "control/publisher/publisher.h"

struct recursor_config;

/** Where foreign names are asked for; borrows the configuration. */
void agent_recursor_settings(const struct config *config, struct recursor_config *out);

/**
 * The publisher's part of the configuration.
 * @rules  room for all of dns.service_ttl_count; *out borrows it and the configuration's texts.
 */
void agent_publisher_settings(const struct config *config, struct ttl_rule *rules,
                              struct publisher_config *out);

#endif
