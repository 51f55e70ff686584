#include <stdlib.h>
#include <string.h>

#include "control/consul/args.h"
#include "control/consul/relayed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// The first byte chooses the request; what it becomes has to be fit for the log.
static void prepare(struct command *command)
{
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        struct arena arena = ARENA_INIT;
        struct fsm_result result;
        struct command again;

        fsm_result_init(&result);
        if (command_prepare(command, &result) == 0 && command_encode(command, &bytes) == 0 &&
            command_decode(bytes.bytes, bytes.len, &arena, &again) < 0)
                abort();
        fsm_result_fini(&result);
        byte_buffer_fini(&bytes);
        arena_fini(&arena);
}

static void read_query_change(struct pack_slice args, struct arena *arena)
{
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        struct consul_query_change change;

        if (consul_query_change_get(args, arena, &change) < 0)
                return;
        if (change.query != NULL) {
                wire_put_json(&bytes, change.query);
                if (!consul_is_value((struct pack_slice){bytes.bytes, (uint32_t)bytes.len}))
                        abort();
        }
        byte_buffer_fini(&bytes);
        json_decref(change.query);
}

static void read_relayed(struct pack_slice args)
{
        struct consul_relayed_call call;
        struct consul_outcome outcome;

        if (consul_relayed_call_get(args, &call) == 0 && call.args.length == 0)
                abort();
        if (consul_outcome_get(args, &outcome) == 0 && outcome.error.length == 0 &&
            outcome.body.length == 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct catalog_coordinate coordinate;
        struct consul_keyring_request keyring;
        struct consul_peer_request peer;
        struct arena arena = ARENA_INIT;
        struct catalog_session session;
        struct consul_query query;
        struct pack_slice args;
        struct command command;
        const char *text;
        bool has;

        if (size == 0)
                return 0;
        args = (struct pack_slice){data + 1, (uint32_t)(size - 1)};
        consul_datacenter_get(args, &arena, &text);
        switch (data[0]) {
        case 0:
                consul_query_get(args, &arena, &query);
                break;
        case 1:
                if (consul_register_get(args, "dc1", &arena, &command) == 0)
                        prepare(&command);
                break;
        case 2:
                if (consul_deregister_get(args, &arena, &command) == 0)
                        prepare(&command);
                break;
        case 3:
                if (consul_kvs_get(args, &arena, &command, &text) == 0 &&
                    command.kv.verb != TXN_VERB_UNKNOWN)
                        prepare(&command);
                break;
        case 4:
                consul_session_request_get(args, &arena, &text, &session);
                break;
        case 5:
                consul_coordinate_update_get(args, &arena, &coordinate, &has);
                break;
        case 6:
                if (consul_txn_get(args, "dc1", &arena, &command) == 0)
                        prepare(&command);
                break;
        case 7:
                read_query_change(args, &arena);
                break;
        case 8:
                consul_keyring_get(args, &arena, &keyring);
                consul_peer_get(args, &arena, &peer);
                break;
        default:
                read_relayed(args);
                break;
        }
        arena_fini(&arena);
        return 0;
}
