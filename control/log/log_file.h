#ifndef LICTOR_LOG_FILE_H
#define LICTOR_LOG_FILE_H

/**
 * Log lines in files that are replaced by size and age.
 *
 * A path "/var/log/agent.log" makes files "/var/log/agent-NANOSECONDS.log", named by when they were
 * begun; a path ending in '/' makes "consul-NANOSECONDS.log" there, as log collectors set up for
 * Consul expect.
 */

#include <stddef.h>
#include <stdint.h>

struct log_file;

struct log_file_options {
        const char *path;     /* borrowed until return */
        uint64_t bytes_max;   /* 0: no limit */
        uint64_t duration_ns; /* 0: no limit */
        int files_max;        /* old files to keep; 0 keeps all, -1 none */
};

/**
 * Begin a file.
 * @now_ns  time since 1970; also the name of the file.
 * @error   on failure one line for the operator.
 * returns  0 or a negative errno.
 */
int log_file_open(const struct log_file_options *options, uint64_t now_ns, struct log_file **out,
                  char *error, size_t error_size);

/**
 * Write one line, its end included, after replacing the file when it is due. A line that cannot be
 * written is lost: the log must not stop the agent.
 */
void log_file_write(struct log_file *file, const char *line, size_t length, uint64_t now_ns);

/** NULL is allowed. */
void log_file_close(struct log_file *take_file);

#endif
