// The log against a naive model, on a disk that loses and tears what was not synced: after any
// crash everything synced is there, in the order it was written, and nothing is invented.

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "raft/wal/wal.h"
#include "tests/raft/files/disk.h"

#define ENTRIES_MAX 4096u
#define CHANGES_MAX 4096u
#define BATCH_MAX   12u
#define PAYLOAD_MAX 900u
#define FOLDER      "/raft"
#define SEEDS       400u
#define LIVES       6u
#define STEPS       40u
#define OPERATIONS  120u

struct model_entry {
        raft_term term;
        uint32_t stamp; // 0: a no-op
        uint32_t length;
};

struct model_state {
        struct raft_hard_state hard_state;
        raft_index base; // entries begin behind it
        raft_index last;
        struct model_entry entries[ENTRIES_MAX]; // by index
};

enum change_type { CHANGE_HARD_STATE, CHANGE_ENTRY, CHANGE_RESET };

struct change {
        enum change_type type;
        struct raft_hard_state hard_state;
        raft_index index;
        struct model_entry entry;
};

struct model {
        uint64_t seed;
        struct disk *disk;
        struct model_state durable;
        struct change changes[CHANGES_MAX]; // since
        size_t change_count;
        struct model_state now;
        raft_index keep_from; // as asked for last
        raft_index snapshot_index;
        raft_term snapshot_term;
        raft_term term;
        uint32_t stamp;
};

static void apply(struct model_state *state, const struct change *change)
{
        switch (change->type) {
        case CHANGE_HARD_STATE:
                state->hard_state = change->hard_state;
                break;
        case CHANGE_ENTRY:
                state->entries[change->index] = change->entry;
                state->last = change->index;
                break;
        case CHANGE_RESET:
                state->base = change->index;
                state->last = change->index;
                break;
        }
}

static void note(struct model *m, const struct change *change)
{
        cr_assert_lt(m->change_count, CHANGES_MAX);
        m->changes[m->change_count++] = *change;
        apply(&m->now, change);
}

static uint8_t payload_byte(uint32_t stamp, uint32_t i)
{
        return (uint8_t)((stamp * 2654435761u + i * 40503u) >> 13);
}

static bool same_entry(const struct raft_entry *entry, const struct model_entry *expected)
{
        if (entry->term != expected->term)
                return false;
        if (expected->stamp == 0)
                return entry->type == RAFT_ENTRY_NOOP && entry->data == NULL;
        if (entry->type != RAFT_ENTRY_COMMAND || entry->data->length != expected->length)
                return false;
        for (uint32_t i = 0; i < expected->length; i++)
                if (entry->data->bytes[i] != payload_byte(expected->stamp, i))
                        return false;
        return true;
}

// What opening makes of a log that the snapshot has overtaken.
static void fit(struct model_state *state, const struct model *m)
{
        raft_index index = m->snapshot_index;

        if (index > state->base &&
            (index > state->last || state->entries[index].term != m->snapshot_term)) {
                state->base = index;
                state->last = index;
        }
}

static bool same_state(const struct wal_restored *restored, const struct model_state *state,
                       const struct model *m)
{
        if (restored->hard_state.term != state->hard_state.term ||
            restored->hard_state.vote != state->hard_state.vote ||
            restored->base_index + restored->entry_count != state->last ||
            restored->base_index < state->base || restored->base_index > m->snapshot_index)
                return false;
        for (size_t i = 0; i < restored->entry_count; i++) {
                const struct raft_entry *entry = &restored->entries[i];

                if (entry->index != restored->base_index + 1 + i ||
                    !same_entry(entry, &state->entries[entry->index]))
                        return false;
        }
        return true;
}

// Find the moment between the last sync and the crash that the disk remembers.
static void check_restored(struct model *m, const struct wal_restored *restored)
{
        static struct model_state state, fitted;

        state = m->durable;
        for (size_t i = 0;; i++) {
                fitted = state;
                fit(&fitted, m);
                if (same_state(restored, &fitted, m))
                        break;
                cr_assert_lt(i, m->change_count,
                             "seed %llu: %zu entries behind %llu are no state the log ever had",
                             (unsigned long long)m->seed, restored->entry_count,
                             (unsigned long long)restored->base_index);
                apply(&state, &m->changes[i]);
        }
        m->durable = fitted;
        m->now = fitted;
        m->change_count = 0;
}

static void note_synced(struct model *m)
{
        m->durable = m->now;
        m->change_count = 0;
}

static int step_append(struct model *m, struct wal *wal)
{
        struct raft_entry entries[BATCH_MAX];
        struct raft_hard_state hard_state = {.term = m->term, .vote = disk_random(m->disk, 4)};
        size_t count = (size_t)disk_random(m->disk, BATCH_MAX + 1);
        bool with_state = disk_random(m->disk, 3) == 0;
        raft_index first = m->now.last + 1;
        int ret;

        // Now and then a new leader replaces the end, but nothing that is in a snapshot.
        if (disk_random(m->disk, 6) == 0 && m->now.last >= m->keep_from) {
                first = m->keep_from + disk_random(m->disk, m->now.last - m->keep_from + 1);
                hard_state.term = ++m->term;
                with_state = true;
                count += count == 0;
        }
        cr_assert_lt(first + count, ENTRIES_MAX);
        if (with_state)
                note(m, &(struct change){.type = CHANGE_HARD_STATE, .hard_state = hard_state});
        for (size_t i = 0; i < count; i++) {
                struct change c = {.type = CHANGE_ENTRY, .index = first + i};
                uint8_t bytes[PAYLOAD_MAX];

                c.entry.term = m->term;
                if (disk_random(m->disk, 8) != 0) {
                        c.entry.stamp = ++m->stamp;
                        c.entry.length = (uint32_t)disk_random(m->disk, PAYLOAD_MAX);
                }
                for (uint32_t k = 0; k < c.entry.length; k++)
                        bytes[k] = payload_byte(c.entry.stamp, k);
                entries[i] = (struct raft_entry){
                    .index = c.index,
                    .term = m->term,
                    .type = c.entry.stamp ? RAFT_ENTRY_COMMAND : RAFT_ENTRY_NOOP,
                    .data = c.entry.stamp ? raft_buffer_create(bytes, c.entry.length) : NULL};
                note(m, &c);
        }
        ret = wal_append(wal, with_state ? &hard_state : NULL, entries, count);
        for (size_t i = 0; i < count; i++)
                raft_buffer_unref(entries[i].data);
        return ret;
}

static int step_trim(struct model *m, struct wal *wal)
{
        raft_index index;

        if (m->now.last < m->keep_from)
                return 0;
        index = m->keep_from + disk_random(m->disk, m->now.last - m->keep_from + 1);
        m->snapshot_index = index;
        m->snapshot_term = m->now.entries[index].term;
        m->keep_from = index + 1;
        return wal_trim(wal, m->keep_from);
}

static int step_reset(struct model *m, struct wal *wal)
{
        raft_index index = m->keep_from + disk_random(m->disk, 20);
        int ret;

        m->snapshot_index = index;
        m->snapshot_term = ++m->term;
        m->keep_from = index + 1;
        note(m, &(struct change){.type = CHANGE_RESET, .index = index});
        ret = wal_reset(wal, index, m->snapshot_term);
        if (ret == 0)
                note_synced(m);
        return ret;
}

static int step(struct model *m, struct wal *wal)
{
        uint64_t what = disk_random(m->disk, 100);
        int ret;

        if (what < 50)
                return step_append(m, wal);
        if (what < 85) {
                ret = wal_sync(wal);
                if (ret == 0)
                        note_synced(m);
                return ret;
        }
        if (what < 93)
                return step_trim(m, wal);
        if (what < 96)
                return step_reset(m, wal);
        return wal_prepare(wal);
}

static void live(struct model *m, bool first)
{
        struct wal_options options = {.segment_bytes = 4096u << disk_random(m->disk, 2),
                                      .files = &m->disk->files,
                                      .must_exist = !first,
                                      .snapshot_index = m->snapshot_index,
                                      .snapshot_term = m->snapshot_term};
        char error[WAL_ERROR_MAX];
        struct wal_restored restored;
        struct wal *wal;
        int ret = wal_open(FOLDER, &options, &wal, &restored, error);

        if (ret < 0) {
                cr_assert(m->disk->crashed, "seed %llu: %s", (unsigned long long)m->seed, error);
                return;
        }
        check_restored(m, &restored);
        wal_restored_fini(&restored);
        for (unsigned i = 0; i < STEPS && ret == 0; i++)
                ret = step(m, wal);
        if (ret < 0) {
                cr_assert(m->disk->crashed, "seed %llu: %s", (unsigned long long)m->seed,
                          wal_error_text(wal));
                // Only making a spare may fail without an end to everything.
                if (wal_error_text(wal)[0] != '\0')
                        cr_assert_lt(wal_sync(wal), 0, "an error is final");
        }
        wal_close(wal);
}

static void run(struct model *m, uint64_t seed)
{
        memset(m, 0, sizeof(*m));
        m->seed = seed;
        m->disk = disk_create(seed);
        m->term = 1;
        m->keep_from = 1;
        m->disk->short_writes = seed % 2 == 0;
        live(m, true);
        for (unsigned i = 1; i < LIVES; i++) {
                if (disk_random(m->disk, 3) == 0)
                        disk_kill(m->disk);
                else
                        disk_restart(m->disk);
                m->disk->crash_at = m->disk->operations + 1 + disk_random(m->disk, OPERATIONS);
                live(m, false);
        }
        disk_restart(m->disk);
        live(m, false);
        disk_destroy(m->disk);
}

Test(raft_wal_model, after_any_crash_the_log_is_as_it_was_at_or_after_its_last_sync)
{
        static struct model model;

        for (uint64_t seed = 1; seed <= SEEDS; seed++)
                run(&model, seed);
}

// Every boundary in turn, for one history.
Test(raft_wal_model, no_operation_is_a_bad_moment_to_crash)
{
        static struct model model;

        for (uint64_t at = 1; at <= 150; at++) {
                struct model *m = &model;

                memset(m, 0, sizeof(*m));
                m->seed = at;
                m->disk = disk_create(7);
                m->term = 1;
                m->keep_from = 1;
                m->disk->crash_at = at;
                live(m, true);
                disk_restart(m->disk);
                // The folder may not have been made yet.
                live(m, true);
                disk_restart(m->disk);
                live(m, false);
                disk_destroy(m->disk);
        }
}
