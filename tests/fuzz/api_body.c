// Bodies of every endpoint that takes one, as far as the store's values and the definitions'
// checks.

#include <stdint.h>
#include <stdlib.h>

#include "control/agent/definition.h"
#include "control/api/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_catalog(const struct json_schema *schema, bool is_txn, const char *body,
                         size_t len)
{
        char error[JSON_SCHEMA_ERROR_MAX];
        struct scratch *scratch = scratch_create();
        struct command command;
        json_t *value;

        if (scratch != NULL &&
            (is_txn ? api_parse_txn(body, len, &value, error)
                    : json_schema_parse(schema, 0, body, len, 0, &value, error)) == 0) {
                if (is_txn)
                        api_decode_txn(value, "dc1", scratch, &command, error);
                else
                        api_decode_register(value, "dc1", scratch, &command);
                json_decref(value);
        }
        scratch_destroy(scratch);
}

static void fuzz_service(const char *body, size_t len)
{
        const struct definition_rules rules = {DEFINITION_REMOTE, false};
        char error[JSON_SCHEMA_ERROR_MAX];
        struct local_result refusal;
        json_t *value;

        if (json_schema_parse(&definition_service_body, 0, body, len, 0, &value, error) < 0)
                return;
        if (definition_check_service(value, &rules, &refusal) == 0) {
                struct service_record *record = definition_service_record(value, "node");

                record_release(&record->head);
                for (size_t i = 0; i < definition_check_count(value); i++)
                        json_decref(definition_service_check(value, i));
        }
        json_decref(value);
}

static void fuzz_check(const char *body, size_t len)
{
        const struct definition_check_context context = {
            .node = "node", .status = "", .output = ""};
        const struct definition_rules rules = {DEFINITION_REMOTE, false};
        char error[JSON_SCHEMA_ERROR_MAX];
        struct local_result refusal;
        json_t *value;

        if (json_schema_parse(&definition_check_body, 0, body, len, 0, &value, error) < 0)
                return;
        if (definition_check_check(value, &rules, &refusal) == 0) {
                struct check_record *record = definition_check_record(value, &context);

                record_release(&record->head);
        }
        json_decref(value);
}

// The first byte chooses the endpoint, the rest is the body.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *body = (const char *)data + 1;

        if (size == 0)
                return 0;
        switch (data[0] % 4) {
        case 0:
                fuzz_catalog(&api_register_schema, false, body, size - 1);
                break;
        case 1:
                fuzz_catalog(&api_txn_schema, true, body, size - 1);
                break;
        case 2:
                fuzz_service(body, size - 1);
                break;
        default:
                fuzz_check(body, size - 1);
        }
        return 0;
}
