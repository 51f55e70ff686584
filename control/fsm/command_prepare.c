#include "control/fsm/command.h"
#include "control/fsm/fsm_internal.h"
#include "control/store/address.h"
#include "control/store/memory.h"
#include "lictor/bytes.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const verbs[] = {[TXN_GET] = "get",
                                    [TXN_SET] = "set",
                                    [TXN_CAS] = "cas",
                                    [TXN_DELETE] = "delete",
                                    [TXN_DELETE_CAS] = "delete-cas",
                                    [TXN_LOCK] = "lock",
                                    [TXN_UNLOCK] = "unlock",
                                    [TXN_GET_TREE] = "get-tree",
                                    [TXN_DELETE_TREE] = "delete-tree",
                                    [TXN_CHECK_INDEX] = "check-index",
                                    [TXN_CHECK_SESSION] = "check-session",
                                    [TXN_CHECK_NOT_EXISTS] = "check-not-exists"};

bool txn_only_reads(const struct command_txn *txn)
{
        for (uint32_t i = 0; i < txn->op_count; i++) {
                if (!txn_op_is_read(&txn->ops[i]))
                        return false;
        }
        return true;
}

const char *txn_verb_word(enum txn_verb verb)
{
        return verbs[verb];
}

enum txn_verb txn_verb_of(const char *word)
{
        for (int i = 0; i < TXN_VERB_COUNT; i++)
                if (strcmp(verbs[i], word) == 0)
                        return (enum txn_verb)i;
        return TXN_VERB_UNKNOWN;
}

bool txn_op_is_possible(const struct txn_op *op)
{
        if (op->verb >= TXN_VERB_COUNT)
                return false;
        if (op->kind == TXN_KV)
                return true;
        if (op->kind == TXN_SESSION)
                return op->verb == TXN_DELETE;
        return op->verb < TXN_LOCK;
}

bool txn_op_is_read(const struct txn_op *op)
{
        if (op->kind != TXN_KV)
                return op->verb == TXN_GET;
        switch (op->verb) {
        case TXN_GET:
        case TXN_GET_TREE:
        case TXN_CHECK_INDEX:
        case TXN_CHECK_SESSION:
        case TXN_CHECK_NOT_EXISTS:
        case TXN_VERB_UNKNOWN:
                return true;
        default:
                return false;
        }
}

static bool is_uuid(const char *text)
{
        for (int i = 0; i < 36; i++) {
                bool dash = i == 8 || i == 13 || i == 18 || i == 23;

                if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
                        return false;
        }
        return text[36] == 0;
}

static int prepare_node(const struct catalog_node *node, bool need_address,
                        struct store_error *error)
{
        if (*node->name == 0)
                return store_error_set(error, "Must provide node");
        if (*node->address == 0 && need_address)
                return store_error_set(error, "Must provide address if SkipNodeUpdate is not set");
        if (*node->id && !is_uuid(node->id))
                return store_error_set(error, "Bad node ID: %s",
                                       strlen(node->id) != 36 ? "uuid string is wrong length"
                                                              : "uuid is improperly formatted");
        return 0;
}

static const char *meta_problem(const char *kind, const char *key, const char *value)
{
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789-_";

        if (*key == 0)
                return "Key cannot be blank";
        if (key[strspn(key, allowed)] != 0)
                return "Key contains invalid characters";
        if (strlen(key) > 128)
                return "Key is too long (limit: 128 characters)";
        if (strncmp(key, "consul-", 7) == 0 &&
            (strcmp(kind, "mesh-gateway") != 0 || strcmp(key, "consul-wan-federation") != 0))
                return "Key prefix 'consul-' is reserved for internal use";
        return strlen(value) > 512 ? "Value is too long (limit: 512 characters)" : NULL;
}

static int check_service_meta(const struct catalog_service *service, struct store_error *error)
{
        if (service->meta.count > 64)
                return store_error_set(error,
                                       "Invalid Service Meta for node %.100s and serviceID %.100s: "
                                       "Node metadata cannot contain more than 64 key/value pairs",
                                       service->node, service->id);
        for (uint32_t i = 0; i < service->meta.count; i++) {
                const struct text_pair *pair = &service->meta.pairs[i];
                const char *problem = meta_problem(service->kind, pair->key, pair->value);

                if (problem)
                        return store_error_set(
                            error,
                            "Invalid Service Meta for node %.100s and serviceID %.100s: Couldn't "
                            "load metadata pair ('%.60s', '%.60s'): %s",
                            service->node, service->id, pair->key, pair->value, problem);
        }
        return 0;
}

static int prepare_service(struct catalog_service *service, struct store_error *error)
{
        if (*service->id == 0)
                service->id = service->name;
        if (*service->id && *service->name == 0)
                return store_error_set(error, "Must provide service name with ID");
        if (*service->name == 0)
                return store_error_set(error, "Must provide service name");
        if (strcmp(service->address, "0.0.0.0") == 0 || strcmp(service->address, "::") == 0 ||
            strcmp(service->address, "[::]") == 0)
                return store_error_set(error, "Invalid service address");
        if (service->weight_passing == 0 && service->weight_warning == 0) {
                service->weight_passing = 1;
                service->weight_warning = 1;
        }
        return 0;
}

static int prepare_check(struct catalog_check *check, struct store_error *error)
{
        if (*check->id == 0)
                check->id = check->name;
        if (*check->id == 0)
                return store_error_set(error, "Must provide check name or ID");
        if (*check->status == 0)
                check->status = "critical";
        return 0;
}

static int prepare_register(struct command_register *reg, struct store_error *error)
{
        const char *node = reg->node.name;

        if (prepare_node(&reg->node, !reg->skip_node_update, error) < 0)
                return -EINVAL;
        if (reg->has_service) {
                reg->service.node = node;
                if (prepare_service(&reg->service, error) < 0)
                        return -EINVAL;
                if (check_service_meta(&reg->service, error) < 0)
                        return fsm_name_failure(error, "service");
        }
        if (reg->check_count > COMMAND_CHECKS_MAX)
                return store_error_set(error, "Too many checks (%u > %d)", reg->check_count,
                                       COMMAND_CHECKS_MAX);
        for (uint32_t i = 0; i < reg->check_count; i++) {
                struct catalog_check *check = &reg->checks[i];

                if (*check->node && strcmp(check->node, node) != 0)
                        return store_error_set(
                            error, "check node \"%.100s\" does not match node \"%.100s\"",
                            check->node, node);
                check->node = node;
                if (prepare_check(check, error) < 0)
                        return -EINVAL;
        }
        return 0;
}

static int prepare_op(struct txn_op *op, struct store_error *error)
{
        bool writes = op->verb == TXN_SET || op->verb == TXN_CAS;

        if (op->kind >= TXN_KIND_COUNT)
                return store_error_set(error, "unknown operation");
        if (!txn_op_is_possible(op))
                return fsm_refuse_verb(op, error);
        switch (op->kind) {
        case TXN_NODE:
                return prepare_node(&op->node, false, error);
        case TXN_SERVICE:
                if (*op->service.node == 0)
                        return store_error_set(error, "Must provide node");
                if (op->verb == TXN_GET)
                        return 0;
                if (prepare_service(&op->service, error) < 0)
                        return -EINVAL;
                return writes ? check_service_meta(&op->service, error) : 0;
        case TXN_CHECK:
                if (*op->check.node == 0)
                        return store_error_set(error, "Must provide node");
                return prepare_check(&op->check, error);
        case TXN_KV:
                return *op->kv.key || op->verb == TXN_DELETE_TREE
                           ? 0
                           : store_error_set(error, "Must provide key");
        case TXN_SESSION:
                return *op->session_id ? 0 : store_error_set(error, "Must provide ID");
        case TXN_KIND_COUNT:
                break;
        }
        return store_error_set(error, "unknown operation");
}

int fsm_refuse_verb(const struct txn_op *op, struct store_error *error)
{
        static const char *const kinds[] = {[TXN_NODE] = "Node",
                                            [TXN_SERVICE] = "Service",
                                            [TXN_CHECK] = "Check",
                                            [TXN_KV] = "KV",
                                            [TXN_SESSION] = "Session"};

        return store_error_set(error, "unknown %s verb \"%.100s\"", kinds[op->kind],
                               op->verb_text ? op->verb_text : "");
}

static int prepare_session(struct catalog_session *session, struct store_error *error)
{
        if (*session->id == 0)
                return store_error_set(error, "Must provide ID");
        if (*session->node == 0)
                return store_error_set(error, "Must provide Node");
        if (*session->behavior == 0)
                session->behavior = "release";
        if (strcmp(session->behavior, "release") != 0 && strcmp(session->behavior, "delete") != 0)
                return store_error_set(error, "Invalid Behavior setting '%.100s'",
                                       session->behavior);
        return 0;
}

static int prepare_txn(struct command_txn *txn, struct fsm_result *result)
{
        if (txn->op_count > COMMAND_TXN_MAX)
                return store_error_set(&result->error,
                                       "Transaction contains too many operations (%u > %d)",
                                       txn->op_count, COMMAND_TXN_MAX);
        for (uint32_t i = 0; i < txn->op_count; i++) {
                struct store_error error = {""};

                if (prepare_op(&txn->ops[i], &error) < 0)
                        fsm_result_add_error(result, i, &error);
        }
        return result->txn_error_count ? -EINVAL : 0;
}

int command_prepare(struct command *command, struct fsm_result *result)
{
        struct store_error *error = &result->error;

        switch (command->type) {
        case COMMAND_NOOP:
                return 0;
        case COMMAND_REGISTER:
                return prepare_register(&command->reg, error);
        case COMMAND_DEREGISTER:
                return *command->dereg.node ? 0 : store_error_set(error, "Must provide node");
        case COMMAND_TXN:
                return prepare_txn(&command->txn, result);
        case COMMAND_QUERY_SET:
                if (*command->query_set.query.id == 0)
                        return store_error_set(error, "Must provide a query ID");
                if (*command->query_set.query.service == 0)
                        return store_error_set(
                            error, "Invalid prepared query: Must provide a Service name "
                                   "to query");
                return 0;
        case COMMAND_QUERY_DELETE:
                return *command->query_delete.id
                           ? 0
                           : store_error_set(error, "Must provide a query ID");
        case COMMAND_KV:
                return prepare_op(&command->kv, error);
        case COMMAND_SESSION_CREATE:
                return prepare_session(&command->session_create, error);
        case COMMAND_SESSION_DESTROY:
                return *command->session_destroy ? 0 : store_error_set(error, "Must provide ID");
        case COMMAND_SETTING:
                return *command->setting.setting.name &&
                               strlen(command->setting.setting.value) <= SETTING_VALUE_MAX
                           ? 0
                           : store_error_set(error, "a setting needs a name and a short value");
        case COMMAND_TOMBSTONE_REAP:
        case COMMAND_COORDINATES:
        case COMMAND_RESTORE:
                return 0;
        case COMMAND_TYPE_COUNT:
                break;
        }
        return store_error_set(error, "unknown command type %d", (int)command->type);
}

void fsm_result_init(struct fsm_result *r)
{
        memset(r, 0, sizeof(*r));
}

void fsm_result_fini(struct fsm_result *r)
{
        for (uint32_t i = 0; i < r->txn_row_count; i++)
                record_release(r->txn_rows[i].row.record);
        free(r->txn_rows);
        free(r->txn_errors);
        fsm_result_init(r);
}

void fsm_result_add_error(struct fsm_result *r, uint32_t op_index, const struct store_error *error)
{
        r->txn_errors =
            memory_resize(r->txn_errors, (r->txn_error_count + 1) * sizeof(*r->txn_errors));
        r->txn_errors[r->txn_error_count++] = (struct txn_error){op_index, *error};
}
