#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/cli/lock.h"
#include "control/text/wide_json.h"

// Marks keys that locks are made of, in every client of Consul.
#define LOCK_FLAGS 3304740253564472344ull

// What follows a session's end: nobody gets the lock for a while.
#define LOCK_DELAY_PAUSE_MS 1000

struct entry {
        bool exists;
        uint64_t flags, modify_index;
        char session[64]; // "" when free
};

static bool read_entry(const struct client_reply *reply, struct entry *out)
{
        json_t *pairs = wide_json_load(reply->body, reply->length);
        const json_t *pair = json_array_get(pairs, 0);
        const char *session = json_string_value(json_object_get(pair, "Session"));
        bool readable = reply->status == 404 || json_is_object(pair);

        *out = (struct entry){
            .exists = reply->status == 200,
            .flags = (uint64_t)json_integer_value(json_object_get(pair, "Flags")),
            .modify_index = (uint64_t)json_integer_value(json_object_get(pair, "ModifyIndex"))};
        if (session != NULL)
                snprintf(out->session, sizeof(out->session), "%s", session);
        json_decref(pairs);
        return readable;
}

static int read_key(struct lock *lock, const char *query, struct entry *out, uint64_t *index)
{
        struct pending pending = {0};
        int ret = lock_ask(lock, "GET", lock->key, query, NULL, &pending);

        if (ret == 0 && !read_entry(&pending.reply, out)) {
                snprintf(lock->holder->error, sizeof(lock->holder->error),
                         "the answer is no list of keys");
                ret = -EPROTO;
        }
        *index = pending.reply.index;
        calls_forget(lock->holder->calls, &pending);
        return ret < 0 ? lock_failed(lock, "failed to read lock", ret) : 0;
}

static int conflict(struct lock *lock)
{
        snprintf(lock->holder->error, sizeof(lock->holder->error),
                 "Existing key does not match lock use");
        return -EEXIST;
}

static int try_to_acquire(struct lock *lock, bool *held)
{
        char query[160];
        int ret;

        snprintf(query, sizeof(query), "flags=%llu&acquire=%s", LOCK_FLAGS, lock->holder->session);
        ret = lock_change(lock, "PUT", lock->key, query, "", held);
        // Whether it was done after all is seen by reading the key.
        return ret == -EAGAIN ? 0 : ret;
}

static int acquire(struct lock *lock)
{
        uint64_t started_ms = holder_now_ms(), wait_ms, index = 0;
        struct entry entry;
        char query[96];
        int ret = 0;

        for (unsigned attempt = 0;; attempt++) {
                bool held = false;

                if (!lock_time_left(lock, started_ms, &wait_ms) && attempt > 0)
                        return -ETIMEDOUT;
                if (lock->holder->session_gone)
                        return lock_lost_session(lock);
                snprintf(query, sizeof(query), "consistent=&index=%llu&wait=%llums",
                         (unsigned long long)index, (unsigned long long)wait_ms);
                ret = read_key(lock, query, &entry, &index);
                if (ret < 0)
                        return ret;
                if (entry.exists && entry.flags != LOCK_FLAGS)
                        return conflict(lock);
                if (entry.exists && strcmp(entry.session, lock->holder->session) == 0)
                        return 0;
                if (entry.session[0] != '\0')
                        continue;
                ret = try_to_acquire(lock, &held);
                if (ret < 0)
                        return lock_failed(lock, "failed to acquire lock", ret);
                if (held)
                        return 0;
                index = 0;
                ret = read_key(lock, "consistent=", &entry, &index);
                if (ret < 0)
                        return ret;
                if (entry.session[0] == '\0') {
                        index = 0;
                        ret = holder_pause(lock->holder, LOCK_DELAY_PAUSE_MS);
                } else if (strcmp(entry.session, lock->holder->session) == 0) {
                        return 0;
                }
                if (ret < 0)
                        return ret;
        }
}

static void watch(struct lock *lock, uint64_t index, struct pending *pending)
{
        lock_begin_watch(lock, lock->key, false, index, pending);
}

static bool is_held(const struct lock *lock, const struct client_reply *reply)
{
        struct entry entry;

        return read_entry(reply, &entry) && entry.exists &&
               strcmp(entry.session, lock->holder->session) == 0;
}

static int release(struct lock *lock)
{
        char query[160];
        bool done;
        int ret;

        snprintf(query, sizeof(query), "flags=%llu&release=%s", LOCK_FLAGS, lock->holder->session);
        for (unsigned attempt = 0;; attempt++) {
                ret = lock_change(lock, "PUT", lock->key, query, "", &done);
                if (ret != -EAGAIN || attempt >= lock->holder->retries_max ||
                    holder_pause(lock->holder, 1000) < 0)
                        break;
        }
        return ret < 0 ? lock_failed(lock, "failed to release lock", ret) : 0;
}

static int cleanup(struct lock *lock)
{
        struct entry entry;
        uint64_t index;
        char query[64];
        bool removed;
        int ret = read_key(lock, "", &entry, &index);

        if (ret < 0 || !entry.exists)
                return ret;
        if (entry.flags != LOCK_FLAGS)
                return conflict(lock);
        if (entry.session[0] != '\0')
                return -EBUSY;
        snprintf(query, sizeof(query), "cas=%llu", (unsigned long long)entry.modify_index);
        ret = lock_change(lock, "DELETE", lock->key, query, NULL, &removed);
        if (ret < 0)
                return lock_failed(lock, "failed to remove lock entry", ret);
        return removed ? 0 : -EBUSY;
}

const struct lock_kind lock_mutex = {acquire, watch, is_held, release, cleanup};
