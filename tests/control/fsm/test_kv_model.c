// Random operations on keys and sessions, alone and in transactions, beside a plain table.

#include "lictor/bytes.h"
#include "lictor/random.h"
#include "tests/control/fsm/machine.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const char *const keys[] = {"a", "a/1", "a/2", "ab", "b", "b/1"};
static const char *const prefixes[] = {"a", "a/", "a/1", "b", "b/", "c"};
static const char *const sessions[] = {"11111111-1111-1111-1111-111111111111",
                                       "22222222-2222-2222-2222-222222222222",
                                       "33333333-3333-3333-3333-333333333333"};

#define KEYS     ARRAY_LEN(keys)
#define SESSIONS ARRAY_LEN(sessions)

struct key_model {
        bool there;
        char value;
        int holder; /* -1: nobody */
        uint64_t lock_index, create_index, modify_index, deleted_index;
};

struct model {
        struct key_model keys[KEYS];
        bool alive[SESSIONS];
        bool deletes[SESSIONS];
        uint64_t key_index; /* of the table */
        uint64_t index;     /* of the last command */
};

static void write_key(struct model *m, struct key_model *k, struct key_model to)
{
        if (k->there && to.value == k->value && to.holder == k->holder &&
            to.lock_index == k->lock_index)
                return;
        to.create_index = k->there ? k->create_index : m->index;
        to.modify_index = m->index;
        to.deleted_index = k->deleted_index;
        to.there = true;
        *k = to;
        m->key_index = m->index;
}

static void delete_key(struct model *m, struct key_model *k)
{
        if (!k->there)
                return;
        *k = (struct key_model){.deleted_index = m->index, .holder = -1};
        m->key_index = m->index;
}

static bool is_prefix(const char *prefix, const char *key)
{
        return strncmp(prefix, key, strlen(prefix)) == 0;
}

/* An operation on a key; false when it does not apply. */
static bool run_key(struct model *m, enum txn_verb verb, size_t key, char value, int session,
                    uint64_t index)
{
        struct key_model *k = &m->keys[key];
        int holder = k->there ? k->holder : -1;

        switch (verb) {
        case TXN_CAS:
                if ((k->there ? k->modify_index : 0) != index)
                        return false;
                write_key(m, k, (struct key_model){.value = value, .holder = holder});
                return true;
        case TXN_LOCK:
                if (!m->alive[session] || (holder >= 0 && holder != session))
                        return false;
                write_key(
                    m, k,
                    (struct key_model){.value = value,
                                       .holder = session,
                                       .lock_index = holder == session
                                                         ? k->lock_index
                                                         : (k->there ? k->lock_index : 0) + 1});
                return true;
        case TXN_UNLOCK:
                if (holder != session)
                        return false;
                write_key(
                    m, k,
                    (struct key_model){.value = value, .holder = -1, .lock_index = k->lock_index});
                return true;
        case TXN_DELETE_CAS:
                if (k->there && k->modify_index != index)
                        return false;
                delete_key(m, k);
                return true;
        case TXN_DELETE:
                delete_key(m, k);
                return true;
        case TXN_DELETE_TREE:
                for (size_t i = 0; i < KEYS; i++)
                        if (is_prefix(keys[key], keys[i]))
                                delete_key(m, &m->keys[i]);
                return true;
        default:
                write_key(m, k, (struct key_model){.value = value, .holder = holder});
                return true;
        }
}

static void end_session(struct model *m, size_t session)
{
        if (!m->alive[session])
                return;
        m->alive[session] = false;
        for (size_t i = 0; i < KEYS; i++) {
                struct key_model *k = &m->keys[i];

                if (!k->there || k->holder != (int)session)
                        continue;
                if (m->deletes[session])
                        delete_key(m, k);
                else
                        write_key(m, k,
                                  (struct key_model){.value = k->value,
                                                     .holder = -1,
                                                     .lock_index = k->lock_index});
        }
}

static uint64_t prefix_index(const struct model *m, const char *prefix)
{
        uint64_t largest = 0;

        for (size_t i = 0; i < KEYS; i++) {
                const struct key_model *k = &m->keys[i];

                if (!is_prefix(prefix, keys[i]))
                        continue;
                if (k->there && k->modify_index > largest)
                        largest = k->modify_index;
                if (k->deleted_index > largest)
                        largest = k->deleted_index;
        }
        return largest ? largest : m->key_index;
}

static void compare(const struct model *m, const struct store *s, uint64_t seed, unsigned step)
{
        for (size_t i = 0; i < KEYS; i++) {
                const struct key_model *k = &m->keys[i];
                const struct kv_record *row = store_kv_get(s, keys[i]);

                cr_assert_eq(row != NULL, k->there, "seed %lu step %u: %s", (unsigned long)seed,
                             step, keys[i]);
                if (row == NULL)
                        continue;
                cr_assert_eq(kv_record_value(row)[0], k->value);
                cr_assert_str_eq(kv_record_session(row), k->holder < 0 ? "" : sessions[k->holder]);
                cr_assert(row->lock_index == k->lock_index &&
                              row->head.create_index == k->create_index &&
                              row->head.modify_index == k->modify_index,
                          "seed %lu step %u: %s", (unsigned long)seed, step, keys[i]);
        }
        for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
                cr_assert_eq(store_kv_prefix_index(s, prefixes[i]), prefix_index(m, prefixes[i]),
                             "seed %lu step %u: %s", (unsigned long)seed, step, prefixes[i]);
        for (size_t i = 0; i < SESSIONS; i++)
                cr_assert_eq(store_session_get(s, sessions[i]) != NULL, m->alive[i]);
}

static struct txn_op random_op(uint64_t *state, const struct model *m, size_t *key, int *session)
{
        static const enum txn_verb verbs[] = {TXN_SET,    TXN_CAS,        TXN_LOCK,
                                              TXN_LOCK,   TXN_UNLOCK,     TXN_DELETE_CAS,
                                              TXN_DELETE, TXN_DELETE_TREE};
        static const char *const values[] = {"x", "y"};
        struct txn_op op = {.kind = TXN_KV, .kv = KV_ENTRY_INIT};

        *key = random_next(state) % KEYS;
        *session = (int)(random_next(state) % SESSIONS);
        op.verb = verbs[random_next(state) % ARRAY_LEN(verbs)];
        op.index = random_next(state) % 3 ? m->keys[*key].modify_index : random_next(state) % 50;
        op.kv.key = keys[*key];
        op.kv.session = sessions[*session];
        op.kv.value = (const uint8_t *)values[random_next(state) % 2];
        op.kv.value_len = 1;
        return op;
}

static void step_keys(struct machine *machine, struct model *m, uint64_t *state, bool in_txn)
{
        struct txn_op ops[4];
        uint32_t count = in_txn ? 1 + (uint32_t)(random_next(state) % 4) : 1;
        struct model before = *m;
        bool all = true;

        for (uint32_t i = 0; i < count; i++) {
                size_t key;
                int session;

                ops[i] = random_op(state, m, &key, &session);
                all =
                    run_key(m, ops[i].verb, key, (char)ops[i].kv.value[0], session, ops[i].index) &&
                    all;
        }
        if (in_txn) {
                const char *error = machine_txn(machine, ops, count);

                cr_assert_eq(*error == 0, all, "%s", error);
                // All or nothing.
                if (!all) {
                        before.index = m->index;
                        *m = before;
                }
        } else {
                struct command c = {.type = COMMAND_KV, .kv = ops[0]};
                const char *error = machine_run(machine, &c);

                cr_assert_eq(*error == 0 && !machine->last.refused, all, "%s", error);
        }
}

static void step_session(struct machine *machine, struct model *m, uint64_t *state)
{
        size_t i = random_next(state) % SESSIONS;

        if (random_next(state) % 2) {
                end_session(m, i);
                machine_destroy(machine, sessions[i]);
        } else if (!m->alive[i]) {
                m->alive[i] = true;
                m->deletes[i] = random_next(state) % 2;
                machine_session(machine, sessions[i], "n", m->deletes[i] ? "delete" : "release",
                                "");
        } else {
                m->index--;
        }
}

Test(kv_model, random_operations_agree_with_a_plain_table)
{
        for (uint64_t seed = 1; seed <= 60; seed++) {
                struct model m = {.index = 1};
                struct machine machine;
                uint64_t state = seed;

                for (size_t i = 0; i < KEYS; i++)
                        m.keys[i].holder = -1;
                machine_init(&machine);
                machine_node(&machine, "n", "10.0.0.1");
                for (unsigned step = 0; step < 300; step++) {
                        m.index++;
                        if (random_next(&state) % 5 == 0)
                                step_session(&machine, &m, &state);
                        else
                                step_keys(&machine, &m, &state, random_next(&state) % 2);
                        compare(&m, machine.store, seed, step);
                }
                machine_fini(&machine);
        }
}
