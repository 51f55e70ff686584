#ifndef LICTOR_RAFT_CONFIGURATION_H
#define LICTOR_RAFT_CONFIGURATION_H

/** Sets of servers: look-ups and the one-at-a-time changes of the thesis, 4.1. */

#include "raft/core/raft.h"

/** The server with this id, or NULL. Borrowed. */
const struct raft_server *configuration_find(const struct raft_configuration *configuration,
                                             raft_server_id id);
bool configuration_is_voter(const struct raft_configuration *configuration, raft_server_id id);
unsigned configuration_voter_count(const struct raft_configuration *configuration);

/** Add or alter one server. returns 0, -EEXIST when nothing would change, -ENOSPC, -EINVAL. */
int configuration_put(struct raft_configuration *configuration, const struct raft_server *server);

/** returns 0, -ENOENT, or -EINVAL for the last voter, which must stay. */
int configuration_remove(struct raft_configuration *configuration, raft_server_id id);

#endif
