#include "control/fsm/fsm.h"
#include "control/fsm/fsm_internal.h"
#include "control/store/memory.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct fsm *fsm_create(struct store *store)
{
        struct fsm *fsm = memory_get_zeroed(1, sizeof(*fsm));

        fsm->store = store;
        return fsm;
}

void fsm_destroy(struct fsm *fsm)
{
        if (fsm == NULL)
                return;
        fsm_forget_restore(fsm);
        arena_fini(&fsm->arena);
        free(fsm);
}

int fsm_name_failure(struct store_error *error, const char *what)
{
        struct store_error cause = *error;

        return store_error_set(error, "failed inserting %s: %.480s", what, cause.text);
}

static int name_failed_check(struct store_error *error, const char *node)
{
        struct store_error cause = *error;

        return store_error_set(error, "failed inserting check: %.200s on node \"%.200s\"",
                               cause.text, node);
}

static int apply_register(struct store *s, const struct command_register *reg,
                          struct store_error *error)
{
        bool known = store_node_get(s, reg->node.name) != NULL;

        if ((!known || !reg->skip_node_update) && store_set_node(s, &reg->node, error) < 0)
                return fsm_name_failure(error, "node");
        if (reg->has_service && store_set_service(s, &reg->service, error) < 0)
                return fsm_name_failure(error, "service");
        for (uint32_t i = 0; i < reg->check_count; i++)
                if (store_set_check(s, &reg->checks[i], error) < 0)
                        return name_failed_check(error, reg->checks[i].node);
        return 0;
}

static void apply_deregister(struct store *s, const struct command_deregister *dereg)
{
        if (*dereg->service_id)
                store_delete_service(s, dereg->node, dereg->service_id);
        else if (*dereg->check_id)
                store_delete_check(s, dereg->node, dereg->check_id);
        else
                store_delete_node(s, dereg->node);
}

static int refuse_unknown_query(struct store_error *error, const char *id)
{
        return store_error_set(error, "Cannot modify non-existent prepared query: '%.100s'", id);
}

static int apply_query_set(struct store *s, const struct command *command,
                           struct store_error *error)
{
        const struct catalog_query *query = &command->query_set.query;
        bool known = store_query_get(s, query->id) != NULL;

        if (command->query_set.create && known)
                return store_error_set(error, "prepared query '%.100s' already exists", query->id);
        if (!command->query_set.create && !known)
                return refuse_unknown_query(error, query->id);
        return store_set_query(s, query, error);
}

static int apply_session_create(struct store *s, const struct catalog_session *session,
                                struct store_error *error)
{
        struct store_error cause = {""};

        if (store_create_session(s, session, &cause) == 0)
                return 0;
        return store_error_set(error, "apply failed: %.480s", cause.text);
}

static void apply_setting(struct store *s, const struct command_setting *setting,
                          struct fsm_result *result)
{
        const struct setting_record *old = store_setting_get(s, setting->setting.name);

        if (setting->cas && setting->index != (old ? old->head.modify_index : 0))
                result->refused = true;
        else
                store_set_setting(s, &setting->setting);
}

static int apply_command(struct store *s, const struct command *command, struct fsm_result *result)
{
        switch (command->type) {
        case COMMAND_NOOP:
                return 0;
        case COMMAND_REGISTER:
                return apply_register(s, &command->reg, &result->error);
        case COMMAND_DEREGISTER:
                apply_deregister(s, &command->dereg);
                return 0;
        case COMMAND_TXN:
                fsm_run_txn(s, &command->txn, result);
                return result->txn_error_count ? -EINVAL : 0;
        case COMMAND_QUERY_SET:
                return apply_query_set(s, command, &result->error);
        case COMMAND_QUERY_DELETE:
                return store_delete_query(s, command->query_delete.id)
                           ? 0
                           : refuse_unknown_query(&result->error, command->query_delete.id);
        case COMMAND_KV:
                return fsm_apply_kv(s, &command->kv, result);
        case COMMAND_SESSION_CREATE:
                return apply_session_create(s, &command->session_create, &result->error);
        case COMMAND_SESSION_DESTROY:
                store_destroy_session(s, command->session_destroy);
                return 0;
        case COMMAND_TOMBSTONE_REAP:
                store_kv_reap(s, command->reap_index);
                return 0;
        case COMMAND_COORDINATES:
                for (uint32_t i = 0; i < command->coordinates.count; i++)
                        store_set_coordinate(s, &command->coordinates.items[i]);
                return 0;
        case COMMAND_SETTING:
                apply_setting(s, &command->setting, result);
                return 0;
        case COMMAND_RESTORE:
        case COMMAND_TYPE_COUNT:
                break;
        }
        return -EINVAL;
}

void fsm_apply(struct fsm *fsm, uint64_t index, const uint8_t *bytes, size_t len,
               struct fsm_result *result)
{
        struct command command;
        int ret;

        index += store_index_offset(fsm->store);
        fsm_result_init(result);
        result->index = index;
        fsm_expire_restore(fsm, index);
        ret = command_decode(bytes, len, &fsm->arena, &command);
        if (ret == 0 && command.type == COMMAND_RESTORE) {
                fsm_apply_restore(fsm, index, &command.restore, result);
                arena_reset(&fsm->arena);
                return;
        }
        store_begin(fsm->store, index);
        if (ret == -ENOTSUP)
                store_error_set(&result->error,
                                "log entry %llu has version %u and type %u, which are unknown",
                                (unsigned long long)index, bytes[0], bytes[1]);
        else if (ret < 0)
                store_error_set(&result->error, "log entry %llu is damaged",
                                (unsigned long long)index);
        else
                ret = apply_command(fsm->store, &command, result);
        if (ret < 0)
                store_abort(fsm->store);
        else
                store_commit(fsm->store);
        arena_reset(&fsm->arena);
}
