#ifndef CONTROL_CONSUL_ARGS_H
#define CONTROL_CONSUL_ARGS_H

/**
 * The arguments of Consul's methods, and what is common to the answers. Go skips names it does not
 * know, and no name means two things in the requests that read, so that one structure serves all of
 * these. Pure; texts and arrays are an arena's.
 */

#include "control/consul/rows.h"

/* Where a question comes from: what distances are taken from. */
struct consul_source {
        const char *datacenter, *node;
};

/* DCSpecificRequest, NodeSpecificRequest, ServiceSpecificRequest, ChecksInStateRequest, KeyRequest,
   KeyListRequest, SessionSpecificRequest, ServiceDumpRequest, EventFireRequest and the prepared
   queries' requests that change nothing, each with its QueryOptions. */
struct consul_query {
        const char *datacenter;
        const char *node, *service_name, *service_kind, *service_address, *state;
        const char *key, *prefix, *separator, *session_id;
        const char *query_id, *query_id_or_name;
        const char *event_name, *config_kind;
        struct pack_slice event_payload; /* in the bytes read */
        struct text_list tags;           /* ServiceTags, or the one ServiceTag */
        struct text_map node_meta;
        struct consul_source source, agent;
        int64_t limit;
        bool tag_filter, connect, ingress, use_service_kind;

        uint64_t min_index;
        int64_t max_wait_ns, max_stale_ns;
        const char *filter, *token;
        bool stale, consistent, allow_not_modified;
};

/* One that asks nothing yet. */
#define CONSUL_QUERY_INIT                                                                          \
        {                                                                                          \
                .datacenter = "", .node = "", .service_name = "", .service_kind = "",              \
                .service_address = "", .state = "", .key = "", .prefix = "", .separator = "",      \
                .session_id = "", .query_id = "", .query_id_or_name = "", .event_name = "",        \
                .config_kind = "", .filter = "", .token = "", .source = {"", ""},                  \
                .agent = {"", ""},                                                                 \
        }

/** Append such a request: what it says, as one map. */
void consul_query_put(struct byte_buffer *b, const struct consul_query *query);

/** Read a request that changes nothing. returns  0 or -EBADMSG, as all below. */
int consul_query_get(struct pack_slice args, struct arena *arena, struct consul_query *out);

/** What a request says of where it is to be carried out; "" for here. */
int consul_datacenter_get(struct pack_slice args, struct arena *arena, const char **out);

/** Append requests that change something, for a datacenter. */
void consul_register_put(struct byte_buffer *b, const char *datacenter,
                         const struct command_register *reg);
void consul_deregister_put(struct byte_buffer *b, const char *datacenter,
                           const struct command_deregister *dereg);
void consul_coordinate_update_put(struct byte_buffer *b, const char *datacenter,
                                  const struct catalog_coordinate *coordinate);
void consul_txn_put(struct byte_buffer *b, const char *datacenter, const struct command_txn *txn);

/** Read requests that change something, as commands that are not prepared yet. */
int consul_register_get(struct pack_slice args, const char *datacenter, struct arena *arena,
                        struct command *out);
int consul_deregister_get(struct pack_slice args, struct arena *arena, struct command *out);
/** @op  the operation's word; the verb is TXN_VERB_UNKNOWN for one that is none. */
int consul_kvs_get(struct pack_slice args, struct arena *arena, struct command *out,
                   const char **op);
/** @op  "create" or "destroy", whose session is @session; or another word. */
int consul_session_request_get(struct pack_slice args, struct arena *arena, const char **op,
                               struct catalog_session *session);
/** returns  also -EINVAL for a coordinate of other dimensions; @has  whether there is one. */
int consul_coordinate_update_get(struct pack_slice args, struct arena *arena,
                                 struct catalog_coordinate *out, bool *has);
/** TxnRequest and TxnReadRequest. */
int consul_txn_get(struct pack_slice args, const char *datacenter, struct arena *arena,
                   struct command *out);

/* PreparedQueryRequest. */
struct consul_query_change {
        const char *op;
        json_t *query; /* the definition; a reference, NULL without one */
};
/** @out  its query is to be released, on success only. */
int consul_query_change_get(struct pack_slice args, struct arena *arena,
                            struct consul_query_change *out);

/* KeyringRequest. */
struct consul_keyring_request {
        const char *operation, *key;
        int64_t relay_factor;
        bool local_only;
};
int consul_keyring_get(struct pack_slice args, struct arena *arena,
                       struct consul_keyring_request *out);

/* RaftRemovePeerRequest: one of the two. */
struct consul_peer_request {
        const char *id, *address;
};
int consul_peer_get(struct pack_slice args, struct arena *arena, struct consul_peer_request *out);

/* What answers to reads tell beside what was asked for. */
struct consul_meta {
        uint64_t index;
        uint64_t last_contact_ms;
        bool known_leader;
        bool not_modified;
};

/** Pairs of it. */
#define CONSUL_META_PAIRS 6u

/** Append them, without the head of a map. */
void consul_put_meta(struct byte_buffer *b, const struct consul_meta *meta);

/** Read them in an answer. */
int consul_meta_get(struct pack_slice body, struct consul_meta *out);

/** A transaction's answer; @meta  of one that only reads, NULL otherwise. */
void consul_put_txn(struct byte_buffer *b, const struct fsm_result *result,
                    const struct consul_meta *meta);

/** Read one into an initialised result; the caller ends it with fsm_result_fini, also on failure.
 */
int consul_txn_result_get(struct pack_slice body, struct fsm_result *result);

#endif
