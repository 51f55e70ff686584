#include "lictor/bytes.h"
#include "tests/control/fsm/machine.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define S1 "11111111-1111-1111-1111-111111111111"
#define S2 "22222222-2222-2222-2222-2222222222AB"

static const char *value_of(struct machine *m, const char *key)
{
        static char text[64];
        const struct kv_record *row = store_kv_get(m->store, key);

        if (row == NULL)
                return "none";
        snprintf(text, sizeof(text), "%.*s", (int)row->value_len,
                 (const char *)kv_record_value(row));
        return text;
}

static uint64_t index_of(struct machine *m, const char *key)
{
        const struct kv_record *row = store_kv_get(m->store, key);

        return row ? row->head.modify_index : 0;
}

Test(kv, writes_keep_what_they_do_not_change)
{
        const struct kv_record *row;
        struct machine m;

        machine_init(&m);
        cr_expect_str_eq(machine_kv(&m, TXN_SET, "a", "1", "", 0), "");
        cr_expect_str_eq(machine_kv(&m, TXN_SET, "a", "2", "", 0), "");
        row = store_kv_get(m.store, "a");
        cr_expect_eq(row->head.create_index, 1);
        cr_expect_eq(row->head.modify_index, 2);
        machine_kv(&m, TXN_SET, "a", "2", "", 0);
        cr_expect_eq(m.change_count, 0, "the same again is no change");
        cr_expect_eq(index_of(&m, "a"), 2);
        cr_expect_eq(store_table_index(m.store, STORE_KV), 2);
        machine_fini(&m);
}

Test(kv, check_and_set_looks_at_the_index)
{
        static const struct {
                const char *name;
                enum txn_verb verb;
                const char *key;
                uint64_t index;
                const char *want, *value;
        } rows[] = {
            {"0 makes a new key", TXN_CAS, "new", 0, "", "x"},
            {"0 leaves an old one", TXN_CAS, "old", 0, "refused", "1"},
            {"another index than the key's", TXN_CAS, "old", 7, "refused", "1"},
            {"the key's", TXN_CAS, "old", 1, "", "x"},
            {"an index for no key", TXN_CAS, "new", 1, "refused", "none"},
            {"deleting at another index", TXN_DELETE_CAS, "old", 7, "refused", "1"},
            {"deleting at index 0", TXN_DELETE_CAS, "old", 0, "refused", "1"},
            {"deleting at the key's", TXN_DELETE_CAS, "old", 1, "", "none"},
            {"deleting no key", TXN_DELETE_CAS, "new", 7, "", "none"},
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct machine m;

                machine_init(&m);
                machine_kv(&m, TXN_SET, "old", "1", "", 0);
                cr_expect_str_eq(machine_kv(&m, rows[i].verb, rows[i].key, "x", "", rows[i].index),
                                 rows[i].want, "%s", rows[i].name);
                cr_expect_str_eq(value_of(&m, rows[i].key), rows[i].value, "%s", rows[i].name);
                machine_fini(&m);
        }
}

Test(kv, a_lock_is_held_by_one_session)
{
        const struct kv_record *row;
        struct machine m;

        machine_init(&m);
        machine_node(&m, "n", "10.0.0.1");
        machine_session(&m, S1, "N", "release", "");
        machine_session(&m, S2, "n", "release", "");
        cr_expect_str_eq(machine_kv(&m, TXN_LOCK, "l", "1", S1, 0), "");
        cr_expect_str_eq(machine_kv(&m, TXN_LOCK, "l", "2", S2, 0), "refused");
        cr_expect_str_eq(machine_kv(&m, TXN_UNLOCK, "l", "2", S2, 0), "refused");
        cr_expect_str_eq(machine_kv(&m, TXN_LOCK, "l", "3", S1, 0), "");
        row = store_kv_get(m.store, "l");
        cr_expect_eq(row->lock_index, 1, "the holder's second lock does not count");
        machine_kv(&m, TXN_SET, "l", "4", "", 0);
        row = store_kv_get(m.store, "l");
        cr_expect_eq(row->lock_index, 0, "a plain write resets the count");
        cr_expect_str_eq(kv_record_session(row), S1, "and keeps the holder");
        cr_expect_str_eq(machine_kv(&m, TXN_UNLOCK, "l", "5", S1, 0), "");
        cr_expect_str_eq(machine_kv(&m, TXN_UNLOCK, "l", "5", S1, 0), "refused");
        cr_expect_str_eq(
            machine_kv(&m, TXN_LOCK, "l", "6", "22222222-2222-2222-2222-2222222222ab", 0), "",
            "sessions are found in any letter case");
        cr_expect_str_eq(kv_record_session(store_kv_get(m.store, "l")), S2);
        machine_fini(&m);
}

Test(kv, locking_wants_a_session_that_lives)
{
        static const struct {
                const char *session, *want;
        } rows[] = {
            {"", "missing session"},
            {S2, "invalid session \"" S2 "\""},
            {"abc", "failed session lookup: index error: UUID must be 36 characters"},
            {"1111-111-1111-1111-1111-111111111111",
             "failed session lookup: index error: UUID should have maximum of 4 \"-\"; got 5"},
            {"1111111g-1111-1111-1111-111111111111",
             "failed session lookup: index error: Invalid UUID: encoding/hex: invalid byte: "
             "U+0067 'g'"},
        };
        struct machine m;

        machine_init(&m);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                cr_expect_str_eq(machine_kv(&m, TXN_LOCK, "l", "", rows[i].session, 0),
                                 rows[i].want);
        cr_expect_eq(store_count(m.store, STORE_KV), 0);
        machine_fini(&m);
}

Test(session, ends_with_its_checks_service_or_node)
{
        static const struct {
                const char *name, *checks;
                const char *node, *service, *check, *status; /* what goes or changes */
                bool lives;
        } rows[] = {
            {"its check warns", "c", "n", "", "c", "warning", true},
            {"its check fails", "c", "n", "", "c", "critical", false},
            {"its check fails, spelt otherwise", "C", "n", "", "c", "critical", false},
            {"another check fails", "c", "n", "", "d", "critical", true},
            {"its check goes", "c", "n", "", "c", NULL, false},
            {"another check goes", "c", "n", "", "d", NULL, true},
            {"the service of its check goes", "d", "n", "w", "", NULL, false},
            {"a service goes", "c", "n", "w", "", NULL, true},
            {"its node goes", "", "n", "", "", NULL, false},
            {"another node goes", "", "o", "", "", NULL, true},
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct machine m;

                machine_init(&m);
                machine_node(&m, "n", "10.0.0.1");
                machine_node(&m, "o", "10.0.0.1");
                machine_service(&m, "n", "w", "w", NULL, "", 1);
                machine_check(&m, "n", "c", "", "passing");
                machine_check(&m, "n", "d", "w", "passing");
                cr_expect_str_eq(machine_session(&m, S1, "n", "release", rows[i].checks), "");
                machine_kv(&m, TXN_LOCK, "held", "", S1, 0);
                if (rows[i].status)
                        machine_check(&m, rows[i].node, rows[i].check, "", rows[i].status);
                else
                        machine_deregister(&m, rows[i].node, rows[i].service, rows[i].check);
                cr_expect_eq(store_session_get(m.store, S1) != NULL, rows[i].lives, "%s",
                             rows[i].name);
                cr_expect_eq(store_kv_get(m.store, "held")->session_len > 0, rows[i].lives, "%s",
                             rows[i].name);
                machine_fini(&m);
        }
}

Test(session, is_refused_without_sound_checks)
{
        struct machine m;

        machine_init(&m);
        machine_node(&m, "n", "10.0.0.1");
        machine_check(&m, "n", "bad", "", "critical");
        cr_expect_str_eq(machine_session(&m, S1, "ghost", "", ""),
                         "apply failed: Missing node registration");
        cr_expect_str_eq(machine_session(&m, S1, "n", "", "nope"),
                         "apply failed: Missing check 'nope' registration");
        cr_expect_str_eq(machine_session(&m, S1, "n", "", "bad"),
                         "apply failed: Check 'bad' is in critical state");
        cr_expect_str_eq(machine_session(&m, S1, "n", "explode", ""),
                         "Invalid Behavior setting 'explode'");
        cr_expect_eq(store_count(m.store, STORE_SESSIONS), 0);
        machine_fini(&m);
}

Test(session, gives_back_or_deletes_what_it_held)
{
        struct machine m;

        machine_init(&m);
        machine_node(&m, "n", "10.0.0.1");
        machine_session(&m, S1, "n", "release", "");
        machine_session(&m, S2, "n", "delete", "");
        machine_kv(&m, TXN_LOCK, "kept", "1", S1, 0);
        machine_kv(&m, TXN_LOCK, "gone/1", "2", S2, 0);
        machine_kv(&m, TXN_LOCK, "gone/2", "2", S2, 0);
        machine_destroy(&m, S1);
        cr_expect_str_eq(value_of(&m, "kept"), "1");
        cr_expect_eq(store_kv_get(m.store, "kept")->lock_index, 1);
        cr_expect_eq(store_kv_get(m.store, "kept")->session_len, 0);
        cr_expect_eq(index_of(&m, "kept"), store_applied_index(m.store));
        machine_destroy(&m, S2);
        cr_expect_str_eq(value_of(&m, "gone/1"), "none");
        cr_expect_str_eq(value_of(&m, "gone/2"), "none");
        cr_expect_eq(store_kv_prefix_index(m.store, "gone/"), store_applied_index(m.store));
        machine_destroy(&m, S2);
        cr_expect_eq(m.change_count, 0);
        machine_fini(&m);
}

Test(kv, deletions_move_the_index_of_their_prefix_until_they_are_reaped)
{
        struct machine m;

        machine_init(&m);
        cr_expect_eq(store_kv_prefix_index(m.store, "a/"), 0);
        machine_kv(&m, TXN_SET, "a/1", "", "", 0);
        machine_kv(&m, TXN_SET, "a/2", "", "", 0);
        machine_kv(&m, TXN_SET, "b/1", "", "", 0);
        cr_expect_eq(store_kv_prefix_index(m.store, "a/"), 2);
        machine_kv(&m, TXN_DELETE, "a/1", "", "", 0);
        machine_kv(&m, TXN_SET, "b/2", "", "", 0);
        cr_expect_eq(store_kv_prefix_index(m.store, "a/"), 4);
        cr_expect_eq(store_kv_prefix_index(m.store, "b/"), 5);
        cr_expect_eq(store_kv_prefix_index(m.store, "c/"), 5, "nothing there: the table's");
        cr_expect_eq(store_oldest_tombstone(m.store), 4);
        machine_reap(&m, 3);
        cr_expect_eq(store_count(m.store, STORE_TOMBSTONES), 1);
        machine_reap(&m, 4);
        cr_expect_eq(store_count(m.store, STORE_TOMBSTONES), 0);
        cr_expect_eq(store_kv_prefix_index(m.store, "a/"), 2);
        machine_kv(&m, TXN_DELETE_TREE, "", "", "", 0);
        cr_expect_eq(store_count(m.store, STORE_KV), 0);
        cr_expect_eq(store_count(m.store, STORE_TOMBSTONES), 3);
        machine_fini(&m);
}
