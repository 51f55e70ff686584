#include <errno.h>
#include <string.h>

#include "control/api/api_internal.h"
#include "control/leader/leader.h"

// As many as Consul 1.10 takes; the log has room for COMMAND_TXN_MAX.
#define OPERATIONS_MAX 64

static void write_errors(struct json_writer *w, const struct fsm_result *result)
{
        if (result->txn_error_count == 0) {
                json_writer_put_null(w, "Errors");
                return;
        }
        json_writer_key(w, "Errors");
        json_writer_begin_array(w);
        for (uint32_t i = 0; i < result->txn_error_count; i++) {
                json_writer_begin_object(w);
                json_writer_put_uint(w, "OpIndex", result->txn_errors[i].op_index);
                json_writer_put_string(w, "What", result->txn_errors[i].error.text);
                json_writer_end_object(w);
        }
        json_writer_end_array(w);
}

static void write_row(const struct api *api, struct json_writer *w,
                      const struct txn_result_row *row)
{
        static const struct {
                const char *key;
                api_item_fn write;
        } kinds[] = {
            [TXN_NODE] = {"Node", api_write_node},
            [TXN_SERVICE] = {"Service", api_write_kept_service},
            [TXN_CHECK] = {"Check", api_write_kept_check},
        };

        json_writer_begin_object(w);
        if (row->kind == TXN_KV) {
                json_writer_key(w, "KV");
                api_write_kv(w, row->row.kv, !row->without_value);
        } else {
                json_writer_key(w, kinds[row->kind].key);
                kinds[row->kind].write(api, w, row->row.record);
        }
        json_writer_end_object(w);
}

static void write_results(const struct api *api, struct json_writer *w,
                          const struct fsm_result *result)
{
        if (result->txn_error_count > 0) {
                json_writer_put_null(w, "Results");
                return;
        }
        json_writer_key(w, "Results");
        json_writer_begin_array(w);
        for (uint32_t i = 0; i < result->txn_row_count; i++)
                write_row(api, w, &result->txn_rows[i]);
        json_writer_end_array(w);
}

static void reply(const struct api *api, struct http_request *request,
                  const struct fsm_result *result, bool is_read)
{
        uint64_t last_contact_ms;
        struct json_writer w;
        bool known_leader;

        api_contact(api, request, &known_leader, &last_contact_ms);
        json_writer_init(&w, http_request_pretty(request));
        json_writer_begin_object(&w);
        write_results(api, &w, result);
        write_errors(&w, result);
        if (is_read) {
                // Of a state that others have the index is not told.
                json_writer_put_uint(
                    &w, "Index",
                    api->agent->server != NULL ? store_applied_index(api->agent->store) : 1);
                json_writer_put_uint(&w, "LastContact", last_contact_ms * 1000000);
                json_writer_put_bool(&w, "KnownLeader", known_leader);
                json_writer_put_string(&w, "ConsistencyLevel", "");
                json_writer_put_bool(&w, "NotModified", false);
                json_writer_put_uint(&w, "Backend", 0);
                api_reply_contact(api, request);
        }
        json_writer_end_object(&w);
        http_reply_json(request, result->txn_error_count > 0 ? 409 : 200, &w);
}

static void answer_write(const struct api *api, struct http_request *request,
                         const struct fsm_result *result)
{
        reply(api, request, result, false);
}

static void answer_read(const struct api *api, struct http_request *request,
                        const struct fsm_result *result)
{
        reply(api, request, result, true);
}

// Keys that may not be locked yet: as they would fail, so does the transaction.
static bool is_delayed(const struct api *api, const struct txn_op *op)
{
        return op->kind == TXN_KV && op->verb == TXN_LOCK &&
               leader_delays_lock(api->agent->leader, op->kv.key);
}

static bool refuse_delayed(const struct api *api, struct http_request *request,
                           struct command *command)
{
        struct fsm_result result;
        bool refused;

        fsm_result_init(&result);
        for (uint32_t i = 0; i < command->txn.op_count; i++) {
                struct store_error error;

                if (!is_delayed(api, &command->txn.ops[i]))
                        continue;
                store_error_set(&error, "failed to lock key \"%.200s\" due to lock delay",
                                command->txn.ops[i].kv.key);
                fsm_result_add_error(&result, i, &error);
        }
        refused = result.txn_error_count > 0;
        if (refused)
                reply(api, request, &result, false);
        fsm_result_fini(&result);
        return refused;
}

static void run(struct api *api, struct http_request *request, struct command *command)
{
        bool is_read = txn_only_reads(&command->txn);
        struct fsm_result result;

        // Without the state itself others have to be asked.
        if (!is_read || api->agent->server == NULL) {
                if (!refuse_delayed(api, request, command))
                        api_propose(api, request, command, is_read ? answer_read : answer_write);
                return;
        }
        fsm_result_init(&result);
        if (command_prepare(command, &result) == 0)
                fsm_read_txn(api->agent->fsm, &command->txn, &result);
        if (result.error.text[0] != '\0')
                http_reply_text(request, 500, "%s", result.error.text);
        else
                reply(api, request, &result, true);
        fsm_result_fini(&result);
}

static bool check_sizes(const struct api *api, struct http_request *request,
                        const struct command_txn *txn)
{
        uint64_t limit = api->agent->config->kv_max_value_bytes;

        for (uint32_t i = 0; i < txn->op_count; i++) {
                const struct txn_op *op = &txn->ops[i];

                if (op->kind != TXN_KV || op->kv.value_len <= limit)
                        continue;
                http_reply_text(request, 413,
                                "Value for key \"%.200s\" is too large (%u > %llu bytes)",
                                op->kv.key, op->kv.value_len, (unsigned long long)limit);
                return false;
        }
        return true;
}

bool api_txn_only_reads(const struct api *api, const struct http_request *request)
{
        struct scratch *scratch = scratch_create();
        char error[JSON_SCHEMA_ERROR_MAX];
        struct command command;
        json_t *body = NULL;
        int ret = -ENOMEM;
        const char *text;
        size_t len;
        bool reads;

        text = http_request_body(request, &len);
        if (scratch != NULL)
                ret = api_parse_txn(text, len, &body, error);
        if (ret == 0)
                ret =
                    api_decode_txn(body, api->agent->config->datacenter, scratch, &command, error);
        // What cannot be read will be refused.
        reads = ret == -EINVAL || (ret == 0 && txn_only_reads(&command.txn));
        json_decref(body);
        scratch_destroy(scratch);
        return reads;
}

static void decode_and_run(struct api *api, struct http_request *request, const json_t *body)
{
        struct scratch *scratch = scratch_create();
        char error[JSON_SCHEMA_ERROR_MAX];
        struct command command;
        int ret = scratch == NULL ? -ENOMEM
                                  : api_decode_txn(body, api->agent->config->datacenter, scratch,
                                                   &command, error);

        if (ret == -EINVAL)
                http_reply_text(request, 400, "Failed to parse body: %s", error);
        else if (ret < 0)
                http_reply_text(request, 500, "out of memory");
        else if (check_sizes(api, request, &command.txn) &&
                 (!txn_only_reads(&command.txn) || api_check_read(api, request)) &&
                 api_check_datacenter(api, request))
                run(api, request, &command);
        scratch_destroy(scratch);
}

void api_txn(struct http_request *request, void *app)
{
        char error[JSON_SCHEMA_ERROR_MAX];
        json_t *body;
        size_t len;
        const char *text = http_request_body(request, &len);

        if (api_parse_txn(text, len, &body, error) < 0) {
                http_reply_text(request, 400, "Failed to parse body: %s", error);
                return;
        }
        if (json_array_size(body) > OPERATIONS_MAX)
                http_reply_text(request, 413, "Transaction contains too many operations (%zu > %d)",
                                json_array_size(body), OPERATIONS_MAX);
        else
                decode_and_run(app, request, body);
        json_decref(body);
}
