#ifndef LICTOR_AGENT_INTERNAL_H
#define LICTOR_AGENT_INTERNAL_H

#include "control/agent/agent.h"
#include "control/publisher/publisher.h"

struct event;
struct recursor_config;

/** Begin to gossip. returns 0, or a negative errno with @error for the operator. */
int agent_start_members(struct agent *agent, char *error, size_t error_size);
/** Send an event to all agents. @arg  the agent. */
void agent_carry_event(void *arg, const struct event *event);
/** Begin what asks the agent's own API: watches, remote commands. returns 0, or a negative errno
 * with @error. */
int agent_start_own(struct agent *agent, char *error, size_t error_size);
/** Stop it; fine when it was not begun. */
void agent_stop_own(struct agent *agent);
/** Watch what the configuration says now. returns 0, or a negative errno with @error. */
int agent_watch(struct agent *agent, char *error, size_t error_size);
/** A part cannot go on: end the process with a line for the operator. @arg  the agent. */
void agent_on_failed(void *arg, const char *text);

/** Where foreign names are asked for; borrows the configuration. */
void agent_recursor_settings(const struct config *config, struct recursor_config *out);

/**
 * The publisher's part of the configuration.
 * @rules  room for all of dns.service_ttl_count; *out borrows it and the configuration's texts.
 */
void agent_publisher_settings(const struct config *config, struct ttl_rule *rules,
                              struct publisher_config *out);

/**
 * Parts of agent_start: the empty store; what turns it into answers; waiting until it is filled;
 * publishing what it was filled with.
 * @error  on failure one line for the operator.
 * returns  0 or a negative errno.
 */
int agent_start_registry(struct agent *agent, char *error, size_t error_size);
int agent_start_publisher(struct agent *agent, char *error, size_t error_size);
int agent_await_registry(struct agent *agent, char *error, size_t error_size);
int agent_publish(struct agent *agent, char *error, size_t error_size);

#endif
