#include "control/upstream/change.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

// --- Arguments.

static const char *put_kv(struct byte_buffer *args, const char *datacenter, const struct txn_op *op,
                          enum upstream_answer *answer)
{
        // Of what always applies Consul tells nothing.
        bool conditional = op->verb == TXN_CAS || op->verb == TXN_DELETE_CAS ||
                           op->verb == TXN_LOCK || op->verb == TXN_UNLOCK;

        *answer = conditional ? UPSTREAM_APPLIED : UPSTREAM_NOTHING;
        pack_put_map(args, 3);
        wire_put_name(args, "Datacenter");
        pack_put_text(args, datacenter);
        wire_put_name(args, "Op");
        pack_put_text(args, txn_verb_word(op->verb));
        wire_put_name(args, "DirEnt");
        consul_put_new_kv(args, &op->kv, op->index);
        return "KVS.Apply";
}

static const char *put_session(struct byte_buffer *args, const char *datacenter, const char *op,
                               const struct catalog_session *session)
{
        pack_put_map(args, 3);
        wire_put_name(args, "Datacenter");
        pack_put_text(args, datacenter);
        wire_put_name(args, "Op");
        pack_put_text(args, op);
        wire_put_name(args, "Session");
        consul_put_new_session(args, session);
        return "Session.Apply";
}

static const char *put_end_of_session(struct byte_buffer *args, const char *datacenter,
                                      const char *id)
{
        struct catalog_session session = CATALOG_SESSION_INIT;

        session.id = id;
        return put_session(args, datacenter, "destroy", &session);
}

static const char *put_query(struct byte_buffer *args, const char *datacenter, const char *op,
                             json_t *definition)
{
        pack_put_map(args, 3);
        wire_put_name(args, "Datacenter");
        pack_put_text(args, datacenter);
        wire_put_name(args, "Op");
        pack_put_text(args, op);
        wire_put_name(args, "Query");
        wire_put_json(args, definition);
        json_decref(definition);
        return definition != NULL ? "PreparedQuery.Apply" : NULL;
}

static const char *put_query_set(struct byte_buffer *args, const char *datacenter,
                                 const struct command *command, enum upstream_answer *answer)
{
        json_t *definition = json_loads(command->query_set.query.raw_json, 0, NULL);
        bool create = command->query_set.create;

        *answer = create ? UPSTREAM_ID : UPSTREAM_NOTHING;
        // The server chooses the ID.
        if (create)
                json_object_del(definition, "ID");
        return put_query(args, datacenter, create ? "create" : "update", definition);
}

static const char *put_coordinates(struct byte_buffer *args, const char *datacenter,
                                   const struct command_coordinates *coordinates)
{
        // A call has one.
        if (coordinates->count != 1)
                return NULL;
        consul_coordinate_update_put(args, datacenter, &coordinates->items[0]);
        return "Coordinate.Update";
}

const char *upstream_change_put(struct byte_buffer *args, const char *datacenter,
                                const struct command *command, enum upstream_answer *answer)
{
        *answer = UPSTREAM_NOTHING;
        switch (command->type) {
        case COMMAND_REGISTER:
                consul_register_put(args, datacenter, &command->reg);
                return "Catalog.Register";
        case COMMAND_DEREGISTER:
                consul_deregister_put(args, datacenter, &command->dereg);
                return "Catalog.Deregister";
        case COMMAND_KV:
                return put_kv(args, datacenter, &command->kv, answer);
        case COMMAND_SESSION_CREATE:
                *answer = UPSTREAM_ID;
                return put_session(args, datacenter, "create", &command->session_create);
        case COMMAND_SESSION_DESTROY:
                return put_end_of_session(args, datacenter, command->session_destroy);
        case COMMAND_QUERY_SET:
                return put_query_set(args, datacenter, command, answer);
        case COMMAND_QUERY_DELETE:
                return put_query(args, datacenter, "delete",
                                 json_pack("{s:s}", "ID", command->query_delete.id));
        case COMMAND_COORDINATES:
                return put_coordinates(args, datacenter, &command->coordinates);
        case COMMAND_TXN:
                *answer = UPSTREAM_TXN;
                consul_txn_put(args, datacenter, &command->txn);
                return txn_only_reads(&command->txn) ? "Txn.Read" : "Txn.Apply";
        default:
                return NULL;
        }
}

// --- Answers.

static int get_id(struct pack_slice body, struct fsm_result *result)
{
        struct msgpack_reader r = pack_reader_of(body);
        struct pack_slice id;

        if (pack_get_raw(&r, &id) < 0 || id.length >= sizeof(result->given_id) ||
            memchr(id.bytes, '\0', id.length) != NULL)
                return -EBADMSG;
        memcpy(result->given_id, id.bytes, id.length);
        result->given_id[id.length] = '\0';
        return 0;
}

int upstream_change_get(enum upstream_answer answer, struct pack_slice body,
                        struct fsm_result *result)
{
        struct msgpack_reader r = pack_reader_of(body);
        bool applied = false;
        int ret;

        switch (answer) {
        case UPSTREAM_NOTHING:
                return 0;
        case UPSTREAM_APPLIED:
                ret = pack_get_bool(&r, &applied);
                result->refused = !applied;
                return ret;
        case UPSTREAM_ID:
                return get_id(body, result);
        case UPSTREAM_TXN:
                return consul_txn_result_get(body, result);
        }
        return -EBADMSG;
}
