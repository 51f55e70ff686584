#ifndef LICTOR_RAFT_HISTORY_H
#define LICTOR_RAFT_HISTORY_H

/** What clients saw of a few registers, and whether one order of operations explains it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTORY_PENDING UINT64_MAX

struct history_operation {
        uint64_t invoked_us;
        uint64_t returned_us; /* HISTORY_PENDING: the client never learned what became of it */
        unsigned key;
        bool is_write;
        bool dropped;   /* known to have had no effect, or a read that was never answered */
        uint64_t value; /* written, or read */
};

struct history {
        struct history_operation *operations;
        size_t count;
        size_t capacity;
};

void history_fini(struct history *h);

/** returns the operation's number. */
uint64_t history_invoke(struct history *h, uint64_t now_us, unsigned key, bool is_write,
                        uint64_t value);
void history_return(struct history *h, uint64_t operation, uint64_t now_us, uint64_t value);
void history_drop(struct history *h, uint64_t operation);

/**
 * Linearizability of registers that begin at 0 and whose written values are unique, decided by
 * zones (Gibbons and Korach, "Testing shared memories", 1997).
 * @key  set to the register that cannot be explained.
 */
bool history_is_linearizable(const struct history *h, unsigned key_count, unsigned *key);

#endif
