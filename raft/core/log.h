#ifndef LICTOR_RAFT_LOG_H
#define LICTOR_RAFT_LOG_H

/** The log's tail in memory: a vector of entries behind the last one forgotten (the base). */

#include "raft/core/raft.h"

struct raft_log {
        struct raft_entry *entries; /* entries[start] has index base_index + 1 */
        size_t start;
        size_t count;
        size_t capacity;
        raft_index base_index;
        raft_term base_term;
        uint64_t bytes; /* of the entries' data */
};

/** Free the entries. */
void log_fini(struct raft_log *log);

/** Room for n more entries, so that log_append cannot fail. returns 0 or -ENOMEM. */
int log_reserve(struct raft_log *log, size_t n);

/** Append an entry at last index + 1; its data reference is taken over. */
void log_append(struct raft_log *log, const struct raft_entry *take_entry);

/** Drop entries from index on. */
void log_truncate(struct raft_log *log, raft_index index);

/** Forget entries up to and including index. */
void log_forget(struct raft_log *log, raft_index index);

/** Forget everything and start behind (index, term). */
void log_reset(struct raft_log *log, raft_index index, raft_term term);

static inline raft_index log_last_index(const struct raft_log *log)
{
        return log->base_index + log->count;
}

/** The entry at index, which must be held. */
static inline const struct raft_entry *log_at(const struct raft_log *log, raft_index index)
{
        return &log->entries[log->start + (size_t)(index - log->base_index - 1)];
}

/** The term at index; 0 for index 0 and where it is unknown: forgotten, or not there yet. */
raft_term log_term(const struct raft_log *log, raft_index index);

/** Whether the log has an entry at index with this term (the paper, 5.3); index 0 always matches.
 */
bool log_matches(const struct raft_log *log, raft_index index, raft_term term);

/** The largest index <= limit whose term is <= term; where to look for agreement after a refusal.
 */
raft_index log_last_with_term_at_most(const struct raft_log *log, raft_index limit, raft_term term);

#endif
