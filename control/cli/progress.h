#ifndef LICTOR_CLI_PROGRESS_H
#define LICTOR_CLI_PROGRESS_H

/** How far a long transfer is, on one line of stderr that is written again and again. */

#include <stdbool.h>
#include <stdint.h>

struct progress {
        bool shown;          /* stderr is a terminal */
        const char *doing;   /* "Receiving"; borrowed */
        const char *waiting; /* what happens when all is sent, or NULL */
        uint64_t began_ms, next_ms;
        uint64_t done, total; /* bytes, as told last */
        bool any;             /* something is on the line */
};

/** Begin; nothing is written unless stderr is a terminal. @doing, @waiting  as above. */
void progress_begin(struct progress *progress, const char *doing, const char *waiting);

/**
 * Tell where it is; written a few times a second at most.
 * @done   bytes so far.
 * @total  0: not known.
 */
void progress_tell(struct progress *progress, uint64_t done, uint64_t total);

/** Leave the line as it was last, or take it away when it came to nothing. */
void progress_end(struct progress *progress, bool succeeded);

#endif
