#include "raft/core/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SHRINK_MIN 65536u // entries

static void drop(struct raft_log *log, size_t from, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                struct raft_buffer *data = log->entries[log->start + from + i].data;

                log->bytes -= data ? data->length : 0;
                raft_buffer_unref(data);
        }
}

void log_fini(struct raft_log *log)
{
        drop(log, 0, log->count);
        free(log->entries);
}

// Give back what a long log needed once.
static void shrink(struct raft_log *log, size_t needed)
{
        struct raft_entry *entries;

        if (log->capacity < SHRINK_MIN || needed > log->capacity / 8)
                return;
        entries = realloc(log->entries, log->capacity / 2 * sizeof(*entries));
        if (entries == NULL)
                return;
        log->entries = entries;
        log->capacity /= 2;
}

int log_reserve(struct raft_log *log, size_t n)
{
        size_t needed = log->count + n, capacity = log->capacity;
        struct raft_entry *entries;

        if (log->start + needed <= capacity)
                return 0;
        // Sliding down costs what forgetting has freed, so appends stay O(1) on average.
        if (log->start >= log->count && needed <= capacity) {
                memmove(log->entries, log->entries + log->start,
                        log->count * sizeof(*log->entries));
                log->start = 0;
                shrink(log, needed);
                return 0;
        }
        while (capacity < log->start + needed)
                capacity = capacity ? capacity * 2 : 64;
        entries = realloc(log->entries, capacity * sizeof(*entries));
        if (entries == NULL)
                return -ENOMEM;
        log->entries = entries;
        log->capacity = capacity;
        return 0;
}

void log_append(struct raft_log *log, const struct raft_entry *take_entry)
{
        assert(log->start + log->count < log->capacity);
        assert(take_entry->index == log_last_index(log) + 1);
        log->entries[log->start + log->count++] = *take_entry;
        log->bytes += take_entry->data ? take_entry->data->length : 0;
}

void log_truncate(struct raft_log *log, raft_index index)
{
        size_t keep;

        assert(index > log->base_index);
        if (index > log_last_index(log))
                return;
        keep = (size_t)(index - log->base_index - 1);
        drop(log, keep, log->count - keep);
        log->count = keep;
}

void log_forget(struct raft_log *log, raft_index index)
{
        size_t n;

        if (index <= log->base_index)
                return;
        assert(index <= log_last_index(log));
        log->base_term = log_at(log, index)->term;
        n = (size_t)(index - log->base_index);
        drop(log, 0, n);
        log->start += n;
        log->count -= n;
        log->base_index = index;
}

void log_reset(struct raft_log *log, raft_index index, raft_term term)
{
        drop(log, 0, log->count);
        log->start = 0;
        log->count = 0;
        log->base_index = index;
        log->base_term = term;
}

raft_term log_term(const struct raft_log *log, raft_index index)
{
        if (index == log->base_index)
                return log->base_term;
        if (index < log->base_index || index > log_last_index(log))
                return 0;
        return log_at(log, index)->term;
}

bool log_matches(const struct raft_log *log, raft_index index, raft_term term)
{
        return index == 0 || (term != 0 && log_term(log, index) == term);
}

raft_index log_last_with_term_at_most(const struct raft_log *log, raft_index limit, raft_term term)
{
        raft_index index = limit;

        if (index > log_last_index(log))
                index = log_last_index(log);
        while (index > log->base_index && log_term(log, index) > term)
                index--;
        return index;
}
