#ifndef CONTROL_CONSUL_CONSUL_INTERNAL_H
#define CONTROL_CONSUL_CONSUL_INTERNAL_H

#include <sys/queue.h>
#include <uv.h>

#include "control/agent/agent.h"
#include "control/api/shape.h"
#include "control/consul/args.h"
#include "control/consul/service.h"
#include "control/query/nearest.h"
#include "control/rpc/rpc_call.h"
#include "control/store/store_write.h"

struct filter;

#define CONSUL_UNREADABLE_TEXT "the arguments cannot be read"
#define CONSUL_MEMORY_TEXT     "out of memory"

LIST_HEAD(consul_calls, consul_call);
LIST_HEAD(consul_followings, following);
LIST_HEAD(consul_snapshots, snapshot_link);

struct consul_service {
        struct agent *agent;
        uint64_t random;           // state of the jitter's generator
        struct consul_calls calls; // not ended yet
        size_t kept;               // bytes of long arguments that waiting calls hold
        struct grpc_method subscribe;
        struct grpc_server *grpc;
        struct subscriptions *subscriptions;
        struct consul_followings followings; // calls of it, not ended yet
        struct consul_snapshots snapshots;   // connections
        unsigned snapshot_count;
};

// --- call.c: a call, whichever way it came. It ends with its answer, its refusal or its being
// cancelled.

struct consul_call;

struct consul_method {
        struct rpc_method rpc; // its name, and consul_serve
        void (*serve)(struct consul_call *call, const void *what);
        const void *what;
        bool anywhere; // answered here whatever datacenter it names
};

struct consul_call {
        struct consul_service *service;
        const struct consul_method *method;
        struct pack_slice args; // until serve returns
        struct rpc_call *rpc;   // where it came from: one of the two
        struct relay_incoming *incoming;
        void (*cancelled)(void *arg);
        void *arg;
        LIST_ENTRY(consul_call) entry; // of the service
};

// Serves a call. @take_rpc, @take_incoming  one is NULL.
void consul_call_serve(struct consul_service *service, const struct consul_method *method,
                       struct pack_slice args, struct rpc_call *take_rpc,
                       struct relay_incoming *take_incoming);
// Ends one whose service ends.
void consul_call_stop(struct consul_call *take_call);
// The body, one value, is emptied.
void consul_call_answer(struct consul_call *take_call, struct byte_buffer *take_body);
void consul_call_refuse(struct consul_call *take_call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// Who forgets the call when nobody waits for it any more.
void consul_call_on_cancel(struct consul_call *call, void (*cancelled)(void *arg), void *arg);

// --- read.c: methods that read.

#define CONSUL_WATCHES_MAX 3

struct consul_waiting;

// One reading of the store for a call.
struct consul_read {
        struct consul_service *service;
        const struct store *store;
        struct consul_query query;
        struct filter *filter;
        struct consul_waiting *waiting;
};

struct consul_read_kind {
        // What is wrong with the arguments, or NULL. May be NULL.
        const char *(*check)(const struct consul_query *query);
        // Says in @error why it cannot be answered, if so. May be NULL.
        void (*refuse)(const struct consul_read *read, struct store_error *error);
        uint64_t (*index)(const struct consul_read *read);
        // Waits for what the index depends on, with consul_next_watch().
        void (*watch)(const struct consul_read *read);
        // The pairs beside those of the meta data.
        void (*write)(const struct consul_read *read, struct byte_buffer *b);
        uint32_t pair_count;
        const char *const *selectors; // fields a filter may name; NULL: no filter
        const char *unmodified;       // the pair that may be nil when nothing has changed, or NULL
};

void consul_read_serve(struct consul_call *call, const void *kind);
struct watch *consul_next_watch(const struct consul_read *read);
// Whether a node has the metadata asked for.
bool consul_node_matches(const struct consul_read *read, const char *node_name);
// Meta data of an answer given at this moment.
void consul_meta_now(const struct agent *agent, bool stale, uint64_t index,
                     struct consul_meta *out);

// Items of a list: filtered, in the order of distance if asked for.
struct consul_items {
        const struct consul_read *read;
        struct byte_buffer *b;
        api_item_fn shape; // as a filter sees it
        void (*put)(const struct consul_items *items, const void *record);
        struct nearest list;
        size_t at;
        uint32_t count;
};

void consul_items_begin(struct consul_items *items, const struct consul_read *read,
                        struct byte_buffer *b, api_item_fn shape,
                        void (*put)(const struct consul_items *items, const void *record));
void consul_items_add(struct consul_items *items, const char *node, const void *record);
void consul_items_end(struct consul_items *items);

// Of one service's instances, or of those that take its mesh's traffic.
void consul_walk_service(const struct consul_read *read, struct store_iter *it);
void consul_watch_service(const struct consul_read *read);
void consul_watch_node(const struct consul_read *read);
uint64_t consul_service_index(const struct consul_read *read);
uint64_t consul_node_index(const struct consul_read *read);
const char *consul_needs_node(const struct consul_query *query);
// Whether an instance is one that is asked for: of the name, or its mesh's, with all tags, on a
// node with the metadata.
bool consul_is_wanted(const struct consul_read *read, const struct service_record *service);
// The largest index of what catalogs show; and its watches.
uint64_t consul_dump_index(const struct consul_read *read);
void consul_watch_dump(const struct consul_read *read);

extern const struct consul_read_kind consul_list_nodes, consul_list_services, consul_service_list,
    consul_service_nodes, consul_node_services, consul_node_service_list, consul_checks_in_state,
    consul_node_checks, consul_service_checks, consul_health_nodes, consul_kvs_read,
    consul_kvs_list, consul_kvs_keys, consul_session_get, consul_session_list,
    consul_session_of_node, consul_coordinates, consul_node_coordinates, consul_node_info,
    consul_node_dump, consul_service_dump, consul_query_get_kind, consul_query_list;

// --- change.c: methods that change something.

// Proposes a command. @answer  writes the body when it is applied; NULL: an empty structure.
void consul_propose(struct consul_call *call, struct command *command,
                    void (*answer)(struct byte_buffer *b, const struct fsm_result *result,
                                   const char *id),
                    const char *id);
void consul_register(struct consul_call *call, const void *what);
void consul_deregister(struct consul_call *call, const void *what);
void consul_kvs_apply(struct consul_call *call, const void *what);
void consul_coordinate_update(struct consul_call *call, const void *what);
void consul_txn_apply(struct consul_call *call, const void *what);
void consul_txn_read(struct consul_call *call, const void *what);

void consul_session_apply(struct consul_call *call, const void *what);
void consul_session_renew(struct consul_call *call, const void *what);

// --- through_api.c: methods that the HTTP API carries out.

void consul_datacenters(struct consul_call *call, const void *what);
void consul_coordinate_datacenters(struct consul_call *call, const void *what);
void consul_raft_configuration(struct consul_call *call, const void *what);
void consul_remove_peer(struct consul_call *call, const void *what);
void consul_keyring(struct consul_call *call, const void *what);
void consul_query_apply(struct consul_call *call, const void *what);
void consul_query_execute(struct consul_call *call, const void *what);
void consul_query_explain(struct consul_call *call, const void *what);

struct consul_question {
        const char *method, *target;
        const json_t *content; // of the request; NULL: none
        unsigned or_status;    // that means success beside 200
        // Puts the answer into the form that Consul's agents expect; NULL: as it is.
        void (*put)(struct byte_buffer *b, const json_t *answer);
};

// Has the API answer the call.
void consul_ask(struct consul_call *call, const struct consul_question *question);

// --- autopilot.c

void consul_server_health(struct consul_call *call, const void *what);
void consul_autopilot_state(struct consul_call *call, const void *what);
void consul_autopilot_configuration(struct consul_call *call, const void *what);
void consul_autopilot_set(struct consul_call *call, const void *what);

// --- mesh.c: what is asked of the mesh.

extern const struct consul_read_kind consul_gateway_services, consul_gateway_dump,
    consul_gateway_intentions, consul_federation_states, consul_federation_state,
    consul_mesh_gateways;
void consul_service_topology(struct consul_call *call, const void *what);

// --- status.c: what needs no store.

void consul_ping(struct consul_call *call, const void *what);
void consul_leader(struct consul_call *call, const void *what);
void consul_peers(struct consul_call *call, const void *what);
void consul_event_fire(struct consul_call *call, const void *what);
// Refuses with the text.
void consul_refuse_with(struct consul_call *call, const void *text);
void consul_no_config_entry(struct consul_call *call, const void *what);
void consul_no_config_entries(struct consul_call *call, const void *what);
void consul_no_config_at_all(struct consul_call *call, const void *what);
void consul_no_service_config(struct consul_call *call, const void *what);

// --- subscribe.c: gRPC.

// returns  0 or a negative errno; to be stopped in any case.
int consul_subscribe_start(struct consul_service *service);
void consul_subscribe_stop(struct consul_service *service);

// --- snapshot.c: snapshots, a connection each.

void consul_snapshot_start(struct consul_service *service);
void consul_snapshot_stop(struct consul_service *service);

// --- methods.c

// Takes a call from the transport. @owner  the service, NULL once it has ended.
void consul_serve(void *owner, struct rpc_call *call);

extern const struct consul_method consul_methods[];
extern const size_t consul_method_count;
// By its name; NULL when there is none.
const struct consul_method *consul_find_method(struct pack_slice name);

// --- relay.c: calls for other datacenters.

// Passes a call on. It ends with that.
void consul_call_relay(struct consul_call *take_call, const char *datacenter);

#endif
