#ifndef LICTOR_CLI_EXEC_H
#define LICTOR_CLI_EXEC_H

/* What nodes answer to the exec command; for exec.c. */

#include <jansson.h>
#include <stdbool.h>

struct exec_results {
        json_t *seen;         /* owned: names of keys that have been told */
        size_t prefix_length; /* of PREFIX/SESSION/, in their names */
        unsigned acknowledged, finished, failed;
        bool verbose;
};

/** returns  0 or -ENOMEM. */
int exec_results_init(struct exec_results *results, size_t prefix_length, bool verbose);
/** Free what it holds. */
void exec_results_fini(struct exec_results *results);

/** Print what of these keys is new. returns  whether anything is. */
bool exec_results_take(struct exec_results *results, const json_t *pairs);

#endif
