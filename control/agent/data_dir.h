#ifndef LICTOR_DATA_DIR_H
#define LICTOR_DATA_DIR_H

/** What the agent itself keeps in its data directory: the lock and the node's ID. */

#include <stddef.h>

#define NODE_ID_SIZE 37 /* a UUID's text with its NUL */

/**
 * Make the directory where it is missing and lock it against a second agent.
 * @path    "" for an agent that keeps nothing.
 * @lock    a descriptor that holds the lock, -1 for "".
 * @error   on failure one line for the operator.
 * returns  0 or a negative errno.
 */
int data_dir_open(const char *path, int *lock, char *error, size_t error_size);

/**
 * Settle the node's ID: the configured one, else the remembered one, else a random one; remembered
 * in the directory unless that is "".
 * @configured  "" when there is none.
 * returns  0 or a negative errno, with @error as above.
 */
int data_dir_node_id(const char *path, const char *configured, char out[NODE_ID_SIZE], char *error,
                     size_t error_size);

/**
 * Write a file whole or not at all.
 * returns  0 or a negative errno.
 */
int data_dir_write_file(const char *path, const char *text);

#endif
