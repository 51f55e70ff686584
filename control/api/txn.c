#include <errno.h>
#include <string.h>

#include "control/api/api_internal.h"

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
            [TXN_SERVICE] = {"Service", api_write_service},
            [TXN_CHECK] = {"Check", api_write_check},
        };

        json_writer_begin_object(w);
        json_writer_key(w, kinds[row->kind].key);
        kinds[row->kind].write(api, w, row->row.record);
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
        struct json_writer w;

        json_writer_init(&w, http_request_pretty(request));
        json_writer_begin_object(&w);
        write_results(api, &w, result);
        write_errors(&w, result);
        if (is_read) {
                json_writer_put_uint(&w, "Index", store_applied_index(api->agent->store));
                json_writer_put_uint(&w, "LastContact", 0);
                json_writer_put_bool(&w, "KnownLeader", true);
                json_writer_put_string(&w, "ConsistencyLevel", "");
                json_writer_put_bool(&w, "NotModified", false);
                json_writer_put_uint(&w, "Backend", 0);
                http_reply_header(request, "X-Consul-KnownLeader", "true");
                http_reply_header(request, "X-Consul-LastContact", "0");
        }
        json_writer_end_object(&w);
        http_reply_json(request, result->txn_error_count > 0 ? 409 : 200, &w);
}

static void answer_write(const struct api *api, struct http_request *request,
                         const struct fsm_result *result)
{
        reply(api, request, result, false);
}

static bool only_gets(const struct command_txn *txn)
{
        for (uint32_t i = 0; i < txn->op_count; i++) {
                if (txn->ops[i].verb != TXN_GET)
                        return false;
        }
        return true;
}

static void run(struct api *api, struct http_request *request, struct command *command)
{
        struct fsm_result result;

        if (!only_gets(&command->txn)) {
                api_propose(api, request, command, answer_write);
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

void api_txn(struct http_request *request, void *app)
{
        struct api *api = app;
        struct scratch *scratch;
        struct command command;
        char error[128];
        json_t *body;
        int ret;

        if (!api_parse_body(request, &api_txn_schema, 0, true, &body))
                return;
        if (json_array_size(body) > COMMAND_TXN_MAX) {
                http_reply_text(request, 413, "Transaction contains too many operations (%zu > %d)",
                                json_array_size(body), COMMAND_TXN_MAX);
                json_decref(body);
                return;
        }
        scratch = scratch_create();
        ret = scratch == NULL
                  ? -ENOMEM
                  : api_decode_txn(body, api->agent->config->datacenter, scratch, &command, error);
        if (ret == -EINVAL)
                http_reply_text(request, 400, "Bad request: %s", error);
        else if (ret < 0)
                http_reply_text(request, 500, "out of memory");
        else if (api_check_datacenter(api, request))
                run(api, request, &command);
        scratch_destroy(scratch);
        json_decref(body);
}
