#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/consul/consul_internal.h"
#include "control/fsm/propose.h"
#include "control/leader/leader.h"
#include "control/server/server.h"

// A call that waits for its change.
struct proposing {
        struct consul_call *call; // NULL once it is cancelled
        void (*answer)(struct byte_buffer *b, const struct fsm_result *result, const char *id);
        char id[40];
};

static void forget_call(void *arg)
{
        struct proposing *proposing = arg;

        proposing->call = NULL;
}

static void on_applied(void *arg, const struct fsm_result *result)
{
        struct proposing *proposing = arg;
        struct consul_call *call = proposing->call;
        struct byte_buffer body = BYTE_BUFFER_INIT;

        if (call != NULL && result->error.text[0] != '\0') {
                consul_call_refuse(call, "%s", result->error.text);
        } else if (call != NULL) {
                if (proposing->answer != NULL)
                        proposing->answer(&body, result, proposing->id);
                else
                        pack_put_map(&body, 0);
                consul_call_answer(call, &body);
        }
        free(proposing);
}

void consul_propose(struct consul_call *call, struct command *command,
                    void (*answer)(struct byte_buffer *b, const struct fsm_result *result,
                                   const char *id),
                    const char *id)
{
        struct proposing *proposing = malloc(sizeof(*proposing));

        if (proposing == NULL) {
                consul_call_refuse(call, CONSUL_MEMORY_TEXT);
                return;
        }
        *proposing = (struct proposing){.call = call, .answer = answer};
        snprintf(proposing->id, sizeof(proposing->id), "%s", id);
        consul_call_on_cancel(call, forget_call, proposing);
        propose_command(call->service->agent->proposer, command, on_applied, proposing);
}

static const char *datacenter_of(const struct consul_call *call)
{
        return call->service->agent->config->datacenter;
}

void consul_register(struct consul_call *call, const void *what)
{
        struct arena arena = ARENA_INIT;
        struct command command;

        (void)what;
        if (consul_register_get(call->args, datacenter_of(call), &arena, &command) < 0)
                consul_call_refuse(call, CONSUL_UNREADABLE_TEXT);
        else
                consul_propose(call, &command, NULL, "");
        arena_fini(&arena);
}

void consul_deregister(struct consul_call *call, const void *what)
{
        struct arena arena = ARENA_INIT;
        struct command command;

        (void)what;
        if (consul_deregister_get(call->args, &arena, &command) < 0)
                consul_call_refuse(call, CONSUL_UNREADABLE_TEXT);
        else
                consul_propose(call, &command, NULL, "");
        arena_fini(&arena);
}

// --- What needs the store as it is now.

// A call that waits until the store may be read, with a copy of its arguments.
struct reading {
        struct consul_call *call; // NULL once it is cancelled
        void (*go_on)(struct consul_call *call);
        uint32_t args_len;
        uint8_t args[];
};

static void forget_reading(void *arg)
{
        struct reading *reading = arg;

        reading->call = NULL;
}

static void on_readable(void *arg, const char *error)
{
        struct reading *reading = arg;
        struct consul_call *call = reading->call;

        if (call != NULL && error != NULL) {
                consul_call_refuse(call, "%s", error);
        } else if (call != NULL) {
                consul_call_on_cancel(call, NULL, NULL);
                call->args = (struct pack_slice){reading->args, reading->args_len};
                reading->go_on(call);
        }
        free(reading);
}

static void when_readable(struct consul_call *call, enum server_consistency consistency,
                          void (*go_on)(struct consul_call *call))
{
        struct reading *reading = malloc(sizeof(*reading) + call->args.length);

        if (reading == NULL) {
                consul_call_refuse(call, CONSUL_MEMORY_TEXT);
                return;
        }
        *reading = (struct reading){.call = call, .go_on = go_on, .args_len = call->args.length};
        if (call->args.length > 0)
                memcpy(reading->args, call->args.bytes, call->args.length);
        consul_call_on_cancel(call, forget_reading, reading);
        server_read(call->service->agent->server, consistency, on_readable, reading);
}

// --- Keys.

static void answer_applied(struct byte_buffer *b, const struct fsm_result *result, const char *id)
{
        (void)id;
        pack_put_bool(b, !result->refused);
}

// Of what always applies Consul says nothing, which is false.
static void answer_false(struct byte_buffer *b, const struct fsm_result *result, const char *id)
{
        (void)result;
        (void)id;
        pack_put_bool(b, false);
}

// Whether an operation may be refused by what the key holds. returns  -EINVAL for other words.
static int is_conditional(enum txn_verb verb)
{
        switch (verb) {
        case TXN_SET:
        case TXN_DELETE:
        case TXN_DELETE_TREE:
                return 0;
        case TXN_CAS:
        case TXN_DELETE_CAS:
        case TXN_LOCK:
        case TXN_UNLOCK:
                return 1;
        default:
                return -EINVAL;
        }
}

static void apply_kvs(struct consul_call *call, struct command *command, const char *op)
{
        const struct txn_op *kv = &command->kv;
        struct byte_buffer body = BYTE_BUFFER_INIT;
        int conditional = is_conditional(kv->verb);

        if (kv->kv.key[0] == '\0' && kv->verb != TXN_DELETE_TREE) {
                consul_call_refuse(call, "Must provide key");
        } else if (conditional < 0) {
                consul_call_refuse(call, "Invalid KVS operation '%.60s'", op);
        } else if (kv->verb == TXN_LOCK &&
                   leader_delays_lock(call->service->agent->leader, kv->kv.key)) {
                pack_put_bool(&body, false);
                consul_call_answer(call, &body);
        } else {
                consul_propose(call, command, conditional ? answer_applied : answer_false, "");
        }
}

static void go_on_kvs(struct consul_call *call)
{
        struct arena arena = ARENA_INIT;
        struct command command;
        const char *op;

        if (consul_kvs_get(call->args, &arena, &command, &op) < 0)
                consul_call_refuse(call, CONSUL_UNREADABLE_TEXT);
        else
                apply_kvs(call, &command, op);
        arena_fini(&arena);
}

void consul_kvs_apply(struct consul_call *call, const void *what)
{
        struct arena arena = ARENA_INIT;
        struct command command;
        const char *op;

        (void)what;
        if (consul_kvs_get(call->args, &arena, &command, &op) < 0)
                consul_call_refuse(call, CONSUL_UNREADABLE_TEXT);
        else if (command.kv.verb == TXN_LOCK)
                // A follower may not know yet of the session whose end delays it.
                when_readable(call, SERVER_READ_DEFAULT, go_on_kvs);
        else
                apply_kvs(call, &command, op);
        arena_fini(&arena);
}

// --- Coordinates.

void consul_coordinate_update(struct consul_call *call, const void *what)
{
        struct command command = {.type = COMMAND_COORDINATES};
        struct byte_buffer body = BYTE_BUFFER_INIT;
        struct catalog_coordinate update;
        struct arena arena = ARENA_INIT;
        bool has;
        int ret = consul_coordinate_update_get(call->args, &arena, &update, &has);

        (void)what;
        command.coordinates.items = &update;
        command.coordinates.count = 1;
        if (ret == -EBADMSG) {
                consul_call_refuse(call, CONSUL_UNREADABLE_TEXT);
        } else if (ret < 0 || !has) {
                consul_call_refuse(call, "incompatible coordinate");
        } else if (!coordinate_is_valid(&update.at)) {
                consul_call_refuse(call, "invalid coordinate");
        } else if (update.node[0] == '\0') {
                // A node without a name is an unknown one, which is passed over.
                pack_put_map(&body, 0);
                consul_call_answer(call, &body);
        } else {
                consul_propose(call, &command, NULL, "");
        }
        arena_fini(&arena);
}

// --- Transactions.

static void answer_txn(struct byte_buffer *b, const struct fsm_result *result, const char *id)
{
        (void)id;
        consul_put_txn(b, result, NULL);
}

// Keys that may not be locked yet: as they would fail, so does the transaction.
static void find_delayed(const struct agent *agent, const struct command_txn *txn,
                         struct fsm_result *result)
{
        for (uint32_t i = 0; i < txn->op_count; i++) {
                const struct txn_op *op = &txn->ops[i];
                struct store_error error;

                if (op->kind != TXN_KV || op->verb != TXN_LOCK ||
                    !leader_delays_lock(agent->leader, op->kv.key))
                        continue;
                store_error_set(&error, "failed to lock key \"%.200s\" due to lock delay",
                                op->kv.key);
                fsm_result_add_error(result, i, &error);
        }
}

static bool get_txn(struct consul_call *call, struct arena *arena, struct command *command)
{
        int ret = consul_txn_get(call->args, datacenter_of(call), arena, command);

        if (ret == -E2BIG)
                consul_call_refuse(call, "a transaction has %d operations at most",
                                   COMMAND_TXN_MAX);
        else if (ret < 0)
                consul_call_refuse(call, CONSUL_UNREADABLE_TEXT);
        return ret == 0;
}

static void apply_txn(struct consul_call *call)
{
        struct byte_buffer body = BYTE_BUFFER_INIT;
        struct arena arena = ARENA_INIT;
        struct fsm_result delayed;
        struct command command;

        fsm_result_init(&delayed);
        if (get_txn(call, &arena, &command)) {
                find_delayed(call->service->agent, &command.txn, &delayed);
                if (delayed.txn_error_count > 0) {
                        consul_put_txn(&body, &delayed, NULL);
                        consul_call_answer(call, &body);
                } else {
                        consul_propose(call, &command, answer_txn, "");
                }
        }
        fsm_result_fini(&delayed);
        arena_fini(&arena);
}

void consul_txn_apply(struct consul_call *call, const void *what)
{
        (void)what;
        // See consul_kvs_apply(): it may lock keys.
        when_readable(call, SERVER_READ_DEFAULT, apply_txn);
}

static void carry_out(struct consul_call *call, const struct agent *agent, bool stale,
                      struct command *command)
{
        struct byte_buffer body = BYTE_BUFFER_INIT;
        struct fsm_result result;
        struct consul_meta meta;

        for (uint32_t i = 0; i < command->txn.op_count; i++) {
                if (!txn_op_is_read(&command->txn.ops[i])) {
                        consul_call_refuse(call, "a transaction that only reads cannot \"%.60s\"",
                                           command->txn.ops[i].verb_text);
                        return;
                }
        }
        fsm_result_init(&result);
        if (command_prepare(command, &result) == 0)
                fsm_read_txn(agent->fsm, &command->txn, &result);
        if (result.error.text[0] != '\0') {
                consul_call_refuse(call, "%s", result.error.text);
        } else {
                consul_meta_now(agent, stale, store_applied_index(agent->store), &meta);
                consul_put_txn(&body, &result, &meta);
                consul_call_answer(call, &body);
        }
        fsm_result_fini(&result);
}

static void read_txn(struct consul_call *call)
{
        struct arena arena = ARENA_INIT;
        struct consul_query query;
        struct command command;

        if (consul_query_get(call->args, &arena, &query) < 0)
                consul_call_refuse(call, CONSUL_UNREADABLE_TEXT);
        else if (get_txn(call, &arena, &command))
                carry_out(call, call->service->agent, query.stale, &command);
        arena_fini(&arena);
}

void consul_txn_read(struct consul_call *call, const void *what)
{
        enum server_consistency consistency = SERVER_READ_DEFAULT;
        struct arena arena = ARENA_INIT;
        struct consul_query query;
        int ret = consul_query_get(call->args, &arena, &query);

        (void)what;
        arena_fini(&arena);
        if (ret < 0) {
                consul_call_refuse(call, CONSUL_UNREADABLE_TEXT);
                return;
        }
        if (query.consistent || query.stale)
                consistency = query.consistent ? SERVER_READ_CONSISTENT : SERVER_READ_STALE;
        when_readable(call, consistency, read_txn);
}
