#ifndef CONTROL_SERVER_PEERS_FILE_H
#define CONTROL_SERVER_PEERS_FILE_H

/** peers.json, by which an operator says who the servers are when most are lost for good. */

#include "raft/core/raft.h"

#define PEERS_FILE_MAX       65536u /* bytes */
#define PEERS_FILE_ERROR_MAX 512u

/**
 * Read its text: an array of objects with id, address and non_voter, or one of addresses only.
 * @out    servers without id; those given by address alone without node_id, too.
 * @error  on failure one line of what is wrong.
 * returns 0 or -EINVAL.
 */
int peers_file_parse(const char *text, size_t len, struct raft_configuration *out,
                     char error[PEERS_FILE_ERROR_MAX]);

#endif
