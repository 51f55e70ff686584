#ifndef CONTROL_CHECKS_TAIL_H
#define CONTROL_CHECKS_TAIL_H

// The last bytes of what a check's target says: its size is bounded, its end tells most. Pure.

#include <stddef.h>
#include <stdint.h>

struct check_tail {
        char *bytes; // a ring once it is full
        size_t size_max;
        size_t capacity;
        size_t at; // where the next byte goes
        uint64_t total;
};

/** Begin empty. @size_max bytes to keep, at least 1. */
void check_tail_init(struct check_tail *tail, size_t size_max);
/** Free what was kept. */
void check_tail_fini(struct check_tail *tail);

/**
 * Append bytes; the first ones go when it is full.
 * returns  0 or -ENOMEM, which changes nothing.
 */
int check_tail_add(struct check_tail *tail, const char *bytes, size_t len);

/** What is kept as text, NULs as spaces. returns a string to be freed; NULL without memory. */
char *check_tail_text(const struct check_tail *tail);

/** As check_tail_text(), with a line before it that says when something was left out. */
char *check_tail_report(const struct check_tail *tail);

#endif
