#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/cli/lock.h"
#include "control/text/base64.h"
#include "control/text/json_text.h"
#include "control/text/wide_json.h"

// Marks keys that semaphores are made of, in every client of Consul.
#define SEMAPHORE_FLAGS 16210313421097356768ull

/**
 * What is below a semaphore's prefix: a key for each contender, locked by its session, and the one
 * that lists the holders: {"Limit":2,"Holders":{"SESSION":true}}.
 */
struct state {
        json_t *pairs;         // owned; NULL for none
        json_t *holders;       // owned; an object of sessions, living ones only
        uint64_t modify_index; // of the list of holders; 0 when it is not there
        uint64_t flags;
        int limit;
};

static void state_fini(struct state *state)
{
        json_decref(state->pairs);
        json_decref(state->holders);
}

static json_t *decode_list(const char *text)
{
        size_t length = strlen(text), bad_at;
        uint8_t *bytes = malloc(length + 1);
        long size = bytes != NULL ? base64_decode(text, length, bytes, &bad_at) : -1;
        json_t *list = size > 0 ? json_loadb((char *)bytes, (size_t)size, 0, NULL) : NULL;

        free(bytes);
        return list;
}

static bool is_contender(const struct lock *lock, const json_t *pairs, const char *session)
{
        const json_t *pair;
        size_t i;

        json_array_foreach(pairs, i, pair)
        {
                if (strcmp(json_text(pair, "Key"), lock->key) != 0 &&
                    strcmp(json_text(pair, "Session"), session) == 0)
                        return true;
        }
        return false;
}

// Sessions of the list whose contender's key is locked no more are dead.
static void take_list(const struct lock *lock, const json_t *pair, struct state *state)
{
        json_t *list = decode_list(json_text(pair, "Value")), *value;
        const char *session;

        state->flags = (uint64_t)json_integer_value(json_object_get(pair, "Flags"));
        state->modify_index = (uint64_t)json_integer_value(json_object_get(pair, "ModifyIndex"));
        state->limit = (int)json_integer_value(json_object_get(list, "Limit"));
        json_object_foreach(json_object_get(list, "Holders"), session, value)
        {
                if (json_is_true(value) && is_contender(lock, state->pairs, session))
                        json_object_set_new(state->holders, session, json_true());
        }
        json_decref(list);
}

static bool read_state(const struct lock *lock, const struct client_reply *reply,
                       struct state *state)
{
        const json_t *pair;
        size_t i;

        *state = (struct state){.holders = json_object(), .limit = lock->limit};
        if (reply->status == 200)
                state->pairs = wide_json_load(reply->body, reply->length);
        json_array_foreach(state->pairs, i, pair)
        {
                if (strcmp(json_text(pair, "Key"), lock->key) == 0)
                        take_list(lock, pair, state);
        }
        return state->holders != NULL && (reply->status == 404 || json_is_array(state->pairs));
}

static int ask_state(struct lock *lock, const char *query, struct state *state, uint64_t *index)
{
        struct pending pending = {0};
        char folder[1024];
        int ret;

        *state = (struct state){0};
        snprintf(folder, sizeof(folder), "%s/", lock->prefix);
        ret = lock_ask(lock, "GET", folder, query, NULL, &pending);
        if (ret == 0 && !read_state(lock, &pending.reply, state)) {
                snprintf(lock->holder->error, sizeof(lock->holder->error),
                         "the answer is no list of keys");
                ret = -EPROTO;
        }
        *index = pending.reply.index;
        calls_forget(lock->holder->calls, &pending);
        if (ret < 0) {
                state_fini(state);
                return lock_failed(lock, "failed to read prefix", ret);
        }
        if (state->modify_index != 0 && state->flags != SEMAPHORE_FLAGS) {
                snprintf(lock->holder->error, sizeof(lock->holder->error),
                         "Existing key does not match semaphore use");
                ret = -EEXIST;
        } else if (state->limit != lock->limit) {
                snprintf(lock->holder->error, sizeof(lock->holder->error),
                         "semaphore limit conflict (lock: %d, local: %d)", state->limit,
                         lock->limit);
                ret = -EEXIST;
        }
        if (ret < 0)
                state_fini(state);
        return ret;
}

static int write_list(struct lock *lock, const struct state *state, bool *done)
{
        json_t *list = json_pack("{s:i, s:O}", "Limit", lock->limit, "Holders", state->holders);
        char *body = json_dumps(list, JSON_COMPACT), query[96];
        int ret = -ENOMEM;

        *done = false;
        snprintf(query, sizeof(query), "flags=%llu&cas=%llu", SEMAPHORE_FLAGS,
                 (unsigned long long)state->modify_index);
        if (body != NULL)
                ret = lock_change(lock, "PUT", lock->key, query, body, done);
        free(body);
        json_decref(list);
        return ret;
}

static void contender_key(const struct lock *lock, char *out, size_t size)
{
        snprintf(out, size, "%s/%s", lock->prefix, lock->holder->session);
}

static int make_contender(struct lock *lock)
{
        char key[1024], query[160];
        bool made;
        int ret;

        contender_key(lock, key, sizeof(key));
        snprintf(query, sizeof(query), "flags=%llu&acquire=%s", SEMAPHORE_FLAGS,
                 lock->holder->session);
        ret = lock_change(lock, "PUT", key, query, "", &made);
        if (ret == 0 && !made) {
                snprintf(lock->holder->error, sizeof(lock->holder->error),
                         "the key is locked already");
                ret = -EEXIST;
        }
        return ret < 0 ? lock_failed(lock, "failed to make contender entry", ret) : 0;
}

static int acquire(struct lock *lock)
{
        uint64_t started_ms = holder_now_ms(), wait_ms, index = 0;
        struct state state;
        char query[96];
        int ret = make_contender(lock);

        for (unsigned attempt = 0; ret == 0; attempt++) {
                bool held, full, set = false;

                if (!lock_time_left(lock, started_ms, &wait_ms) && attempt > 0)
                        return -ETIMEDOUT;
                if (lock->holder->session_gone)
                        return lock_lost_session(lock);
                snprintf(query, sizeof(query), "recurse=&consistent=&index=%llu&wait=%llums",
                         (unsigned long long)index, (unsigned long long)wait_ms);
                ret = ask_state(lock, query, &state, &index);
                if (ret < 0)
                        return ret;
                held = json_object_get(state.holders, lock->holder->session) != NULL;
                full = json_object_size(state.holders) >= (size_t)lock->limit;
                if (!held && !full) {
                        json_object_set_new(state.holders, lock->holder->session, json_true());
                        ret = write_list(lock, &state, &set);
                        index = 0;
                        if (ret == -EAGAIN)
                                ret = holder_pause(lock->holder, 1000);
                }
                state_fini(&state);
                if (held || set)
                        return 0;
        }
        return ret == -EINTR ? ret : lock_failed(lock, "failed to update lock", ret);
}

static void watch(struct lock *lock, uint64_t index, struct pending *pending)
{
        char folder[1024];

        snprintf(folder, sizeof(folder), "%s/", lock->prefix);
        lock_begin_watch(lock, folder, true, index, pending);
}

static bool is_held(const struct lock *lock, const struct client_reply *reply)
{
        struct state state;
        bool held = read_state(lock, reply, &state) &&
                    json_object_get(state.holders, lock->holder->session) != NULL;

        state_fini(&state);
        return held;
}

static int take_off_list(struct lock *lock)
{
        bool done = false;
        uint64_t index;
        struct state state;
        int ret = 0;

        for (unsigned failures = 0; !done;) {
                ret = ask_state(lock, "recurse=&consistent=", &state, &index);
                if (ret < 0)
                        return ret;
                if (json_object_del(state.holders, lock->holder->session) < 0)
                        done = true; // lost before
                else
                        ret = write_list(lock, &state, &done);
                state_fini(&state);
                if (ret == -EAGAIN && failures++ < lock->holder->retries_max)
                        ret = holder_pause(lock->holder, 1000);
                if (ret < 0)
                        return lock_failed(lock, "failed to update lock", ret);
        }
        return 0;
}

static int release(struct lock *lock)
{
        char key[1024];
        bool done;
        int ret = take_off_list(lock);

        if (ret < 0)
                return ret;
        contender_key(lock, key, sizeof(key));
        ret = lock_change(lock, "DELETE", key, "", NULL, &done);
        return ret < 0 ? lock_failed(lock, "failed to remove contender entry", ret) : 0;
}

static int cleanup(struct lock *lock)
{
        struct state state;
        uint64_t index;
        char query[64];
        bool removed;
        int ret = ask_state(lock, "recurse=&consistent=", &state, &index);

        if (ret < 0)
                return ret;
        if (state.modify_index == 0) {
                state_fini(&state);
                return 0;
        }
        if (json_object_size(state.holders) > 0) {
                state_fini(&state);
                return -EBUSY;
        }
        snprintf(query, sizeof(query), "cas=%llu", (unsigned long long)state.modify_index);
        state_fini(&state);
        ret = lock_change(lock, "DELETE", lock->key, query, NULL, &removed);
        if (ret < 0)
                return lock_failed(lock, "failed to remove semaphore entry", ret);
        return removed ? 0 : -EBUSY;
}

const struct lock_kind lock_semaphore = {acquire, watch, is_held, release, cleanup};
