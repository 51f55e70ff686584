#ifndef CONTROL_API_API_INTERNAL_H
#define CONTROL_API_API_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>

#include "control/agent/agent.h"
#include "control/agent/local.h"
#include "control/api/api.h"
#include "control/api/decode.h"
#include "control/api/shape.h"
#include "control/fsm/propose.h"
#include "control/http/http.h"
#include "control/query/nearest.h"
#include "control/store/store.h"
#include "control/text/json_schema.h"
#include "control/text/json_writer.h"

struct filter;
struct api_read;
struct api_cache;

struct api {
        struct agent *agent;
        struct http_server *http;
        struct http_header *headers; // of every answer; strings of the first configuration
        const char **blocked;
        struct http_route *routes; // the table with configured limits
        char *spool_dir;
        json_t *header_strings;
        json_t *blocked_strings;
        struct api_cache *cache;
        uint64_t random; // state of the jitter's generator
};

// --- read.c, wait.c: reads, answered at once or when something changes.

#define API_WATCHES_MAX 3

// One read. Lives on the stack unless it blocks.
struct api_read {
        struct api *api;
        struct http_request *request;
        const struct api_query *query;
        const char *name; // what the path names; may be ""
        struct filter *filter;
        uint64_t min_index;
        const char *hash;  // ?hash, "" without
        uint64_t restores; // of the store, when it began
        uv_timer_t timer;
        struct watch_hub *hub;
        struct watch watches[API_WATCHES_MAX];
        unsigned watch_count;
        watch_fn touched; // what its watches do instead of answering, with the read as their arg
};

// What makes a read: the index it watches and how it is written.
struct api_query {
        uint64_t (*index)(const struct store *store, const char *name);
        void (*write)(const struct api_read *read, struct json_writer *w);
        const char *const *selectors; // fields a filter may name; NULL: no filter
        // Waits for what the index depends on, with api_next_watch(). NULL: any row of any table.
        void (*watch)(struct api_read *read);
        // Of the agent's own state, which has hashes instead of indexes: whether the read's hash or
        // index is out of date. Its watches are those of local_watches().
        bool (*has_changed)(const struct api_read *read);
        // The whole answer, instead of api_reply_read(), which it may call; api_reply_index() adds
        // the usual headers.
        void (*reply)(const struct api_read *read);
        bool shows_consistency; // in a header: what is read of the catalog, and queries
        bool may_be_cached;     // ?cached counts
};

// Answer a read, or refuse it for its parameters.
void api_read(struct api *api, struct http_request *request, const struct api_query *query,
              const char *name);
// What `write` gives, with the index in the header.
void api_reply_read(const struct api_read *read);
void api_read_start(struct api *api);
// Headers with the read's index.
void api_reply_index(const struct api_read *read);
// Reads ?index, 0 without one, and ?wait; false when they have been refused.
bool api_parse_wait(struct api *api, struct http_request *request, uint64_t *min_index,
                    uint64_t *wait_ms);
// Refuses an unreadable ?wait or ?index where nothing waits.
bool api_check_wait(struct api *api, struct http_request *request);
// Refuses what api_read() refuses for its parameters, where nothing is read from the store.
bool api_check_read(struct api *api, struct http_request *request);
// One more of the read's watches, to be added to a hub at once; API_WATCHES_MAX at most.
struct watch *api_next_watch(struct api_read *read);

// --- relay.c: what servers answer, here or elsewhere.

// Passes a request on to a server, if that is to answer it. returns  whether it has.
bool api_relay(struct api *api, struct http_request *request, const struct http_route *route);
// Asks Consul's servers by their RPC, where they are this agent's. returns  whether it has, or has
// refused; otherwise the request's handler carries it out.
bool api_upstream(struct api *api, struct http_request *request, const struct http_route *route);
// Passes a request on to another datacenter. returns  false when no way there is known.
bool api_relay_to(const struct api *api, struct http_request *request, const char *datacenter);
// The node whose agent was asked: what ?near=_agent means.
const char *api_asking_node(const struct api *api, const struct http_request *request);

// --- translate.c: addresses of other datacenters (translate_wan_addrs).

// Whether what another agent answers to the request may have to be translated.
bool api_may_translate(const struct api *api, const struct http_request *request,
                       const struct http_route *route);
// An answer of another datacenter, or to a query. Answers to queries of our own stay.
void api_translate(const struct api *api, json_t *answer);
// 200 with a value.
void api_reply_value(struct http_request *request, json_t *take_value);

// --- cache.c: answers to reads, kept until what they show changes.

int api_cache_create(struct api *api);
void api_cache_destroy(struct api_cache *take_cache);
// Forget everything: for what changes answers without changing the store.
void api_cache_clear(struct api_cache *cache);
// Keep the answer just given to a read, if its like comes often and it may be kept. @size  of its
// body.
void api_cache_keep(const struct api_read *read, size_t size);
// Adds what a read with ?cached says of the cache: a miss the first time, a hit from then on.
void api_reply_cached(const struct api *api, struct http_request *request);
// http_server_config.recall
struct http_answer *api_cache_recall(void *app, const char *target, bool gzip);

uint64_t api_index_nodes(const struct store *store, const char *name);
uint64_t api_index_services(const struct store *store, const char *name);
uint64_t api_index_catalog(const struct store *store, const char *name);
uint64_t api_index_checks(const struct store *store, const char *name);
void api_watch_nodes(struct api_read *read);
void api_watch_services(struct api_read *read);
void api_watch_catalog(struct api_read *read);
void api_watch_checks(struct api_read *read);
// Nodes, services and checks: what a health entry is made of.
uint64_t api_index_health(const struct store *store, const char *name);
void api_watch_health(struct api_read *read);
// One node or service, the read's name.
void api_watch_node(struct api_read *read);
void api_watch_service(struct api_read *read);

// One item of a list or map (key not NULL), left out when a filter says so.
void api_write_item(const struct api_read *read, struct json_writer *w, const char *key,
                    api_item_fn write, const void *item);

// --- gate.c: whether the cluster's state may be read yet.

// Calls a route's handler, at once or when what it reads is as fresh as asked for.
void api_dispatch(struct http_request *request, const struct http_route *route, void *app);
// Whether a default read needs to ask nobody at this moment.
bool api_reads_at_once(const struct api *api);
// What a read says of its freshness, and the two headers for it.
void api_contact(const struct api *api, struct http_request *request, bool *known_leader,
                 uint64_t *last_contact_ms);
void api_reply_contact(const struct api *api, struct http_request *request);

// Whether what is shown may be old: ?stale, or ?max_stale with a time.
bool api_allows_stale(const struct http_request *request);
// "stale", "consistent" or "leader".
const char *api_consistency(const struct http_request *request);
// Refuses contradictory or unreadable wishes about staleness and caching.
bool api_check_consistency(struct http_request *request);

// Compile ?filter; false when the request has been refused.
bool api_compile_filter(struct http_request *request, const char *const *selectors,
                        struct filter **out);

// --- near.c: the items of a list, in the order ?near asks for.

struct api_near {
        const struct api_read *read;
        struct json_writer *w;
        api_item_fn write;
        struct nearest list; // without order items are written as they come
};

void api_near_begin(struct api_near *near, const struct api_read *read, struct json_writer *w,
                    api_item_fn write);
// One more item, of that node; borrowed until the end.
void api_near_put(struct api_near *near, const char *node, const void *item);
void api_near_end(struct api_near *near);

// Whether the node has all ?node-meta pairs, the service all ?tag's.
bool api_matches_node_meta(const struct http_request *request, const struct catalog_node *node);
bool api_node_matches(const struct api_read *read, const char *node_name);
bool api_matches_tags(const struct http_request *request, const struct catalog_service *service);

// Refuses changes whose body or query is for another datacenter, which cannot be carried out here.
bool api_is_own_datacenter(const struct api *api, struct http_request *request, const json_t *body);
// Refuses requests for other datacenters; true when it is ours.
bool api_check_datacenter(const struct api *api, struct http_request *request);

// --- write.c: changes, answered when they are applied.

typedef void (*api_answer_fn)(const struct api *api, struct http_request *request,
                              const struct fsm_result *result);

// Propose and answer with `answer` on success, else 500 with the refusal.
void api_propose(struct api *api, struct http_request *request, struct command *command,
                 api_answer_fn answer);
// Likewise, answering {"ID": id}; 36 characters at most.
void api_propose_with_id(struct api *api, struct http_request *request, struct command *command,
                         const char *id);
void api_answer_true(const struct api *api, struct http_request *request,
                     const struct fsm_result *result);

// A local_done_fn and its argument for a request: 200 without a body, or the refusal.
struct api_pending;
struct api_pending *api_pending_create(struct http_request *request);
void api_answer_local(void *pending, const struct local_result *result);

// Beside the flags of json_schema_parse(): a namespace is refused with the reason why.
#define API_EXPLAIN_NAMESPACE (1u << 16)

// Parse a body; false when it has been refused. List: of objects. *out is to be released.
bool api_parse_body(struct http_request *request, const struct json_schema *schema, unsigned flags,
                    bool list, json_t **out);

// Put the request's token into a definition that names none of its own.
void api_take_token(const struct http_request *request, json_t *definition);

// --- shape.c: records as Consul shows them.

void api_put_list(struct json_writer *w, const char *key, const struct text_list *list);
void api_put_map(struct json_writer *w, const char *key, const struct text_map *map, bool null);
void api_put_weights(struct json_writer *w, const char *key, const struct catalog_service *service);
void api_put_service_addresses(struct json_writer *w, const char *key,
                               const struct service_address_map *map);
void api_put_json(struct json_writer *w, const char *key, const char *json, const char *otherwise);
// A proxy's settings, with those that are always shown; "" for none.
void api_put_proxy(struct json_writer *w, const char *key, const char *json);
void api_put_indexes(struct json_writer *w, const struct record *head);

// --- Handlers, by area.

void api_root(struct http_request *request, void *app);
void api_ui(struct http_request *request, void *app);

// mesh.c: what there is of the service mesh: nothing.
void api_connect_disabled(struct http_request *request, void *app);
void api_connect_match(struct http_request *request, void *app);
void api_connect_pair(struct http_request *request, void *app);
void api_connect_authorize(struct http_request *request, void *app);
void api_discovery_chain(struct http_request *request, void *app);
void api_gateway_list(struct http_request *request, void *app);
void api_catalog_gateway_services(struct http_request *request, void *app);
void api_service_topology(struct http_request *request, void *app);
void api_metrics_proxy(struct http_request *request, void *app);
void api_config_get(struct http_request *request, void *app);
void api_config_put(struct http_request *request, void *app);
void api_config_delete(struct http_request *request, void *app);

void api_ui_nodes(struct http_request *request, void *app);
void api_ui_node(struct http_request *request, void *app);
void api_ui_services(struct http_request *request, void *app);
void api_acl_disabled(struct http_request *request, void *app);

void api_status_leader(struct http_request *request, void *app);
void api_status_peers(struct http_request *request, void *app);

void api_operator_raft_configuration(struct http_request *request, void *app);
void api_operator_raft_peer(struct http_request *request, void *app);
void api_operator_raft_transfer(struct http_request *request, void *app);
void api_operator_autopilot_configuration(struct http_request *request, void *app);
void api_operator_autopilot_set(struct http_request *request, void *app);
void api_operator_autopilot_health(struct http_request *request, void *app);
void api_operator_keyring(struct http_request *request, void *app);
// The keyring of this datacenter's pool, for another datacenter.
void api_keyring_remote(struct http_request *request, void *app);
void api_operator_keyring_change(struct http_request *request, void *app);
void api_operator_autopilot_state(struct http_request *request, void *app);

void api_agent_self(struct http_request *request, void *app);
void api_agent_members(struct http_request *request, void *app);
void api_agent_host(struct http_request *request, void *app);
void api_agent_version(struct http_request *request, void *app);
void api_agent_monitor(struct http_request *request, void *app);
void api_agent_join(struct http_request *request, void *app);
void api_agent_leave(struct http_request *request, void *app);
void api_agent_force_leave(struct http_request *request, void *app);
void api_agent_reload(struct http_request *request, void *app);
void api_agent_metrics(struct http_request *request, void *app);
// This agent as a member.
void api_write_self(const struct api *api, struct json_writer *w);
// Groups of figures, each pool's.
void api_write_gossip_stats(const struct api *api, struct json_writer *w);
void api_write_coordinate(struct json_writer *w, const struct coordinate *at);
void api_write_coordinate_of(struct json_writer *w, const char *node, const char *segment,
                             const struct coordinate *at);

void api_agent_services(struct http_request *request, void *app);
void api_agent_service(struct http_request *request, void *app);
void api_agent_service_register(struct http_request *request, void *app);
void api_agent_service_deregister(struct http_request *request, void *app);
void api_agent_service_maintenance(struct http_request *request, void *app);
void api_agent_maintenance(struct http_request *request, void *app);
// An agent's service as its own listings show it; with_hash adds ContentHash.
void api_write_agent_service(const struct api *api, struct json_writer *w,
                             const struct catalog_service *service, const char *hash);

void api_agent_checks(struct http_request *request, void *app);
void api_agent_check_register(struct http_request *request, void *app);
void api_agent_check_deregister(struct http_request *request, void *app);
void api_agent_check_pass(struct http_request *request, void *app);
void api_agent_check_warn(struct http_request *request, void *app);
void api_agent_check_fail(struct http_request *request, void *app);
void api_agent_check_update(struct http_request *request, void *app);

void api_agent_health_id(struct http_request *request, void *app);
void api_agent_health_name(struct http_request *request, void *app);

void api_catalog_register(struct http_request *request, void *app);
void api_catalog_deregister(struct http_request *request, void *app);
void api_catalog_datacenters(struct http_request *request, void *app);
void api_catalog_nodes(struct http_request *request, void *app);
void api_catalog_services(struct http_request *request, void *app);
void api_catalog_service(struct http_request *request, void *app);
void api_catalog_connect(struct http_request *request, void *app);
void api_catalog_node(struct http_request *request, void *app);
void api_catalog_node_services(struct http_request *request, void *app);

void api_coordinate_datacenters(struct http_request *request, void *app);
void api_coordinate_nodes(struct http_request *request, void *app);
void api_coordinate_node(struct http_request *request, void *app);
void api_coordinate_update(struct http_request *request, void *app);

void api_health_node(struct http_request *request, void *app);
void api_health_checks(struct http_request *request, void *app);
void api_health_service(struct http_request *request, void *app);
void api_health_connect(struct http_request *request, void *app);
void api_health_ingress(struct http_request *request, void *app);
void api_health_state(struct http_request *request, void *app);

void api_txn(struct http_request *request, void *app);
// Whether a transaction, which has not been looked at yet, changes nothing.
bool api_txn_only_reads(const struct api *api, const struct http_request *request);

void api_kv_get(struct http_request *request, void *app);
void api_kv_put(struct http_request *request, void *app);
void api_kv_delete(struct http_request *request, void *app);
// An instance with its node, which may be NULL, in one flat object.
void api_write_flat_instance(const struct api *api, struct json_writer *w,
                             const struct node_record *node, const struct service_record *record);
// Whether only instances are wanted whose checks all pass.
bool api_wants_passing(const struct http_request *request);
// A key's value as it is.
void api_reply_raw_kv(struct http_request *request, const struct kv_record *row);
void api_write_session(const struct api *api, struct json_writer *w, const void *session_record);
void api_write_kv(struct json_writer *w, const struct kv_record *row, bool with_value);

void api_snapshot_save(struct http_request *request, void *app);
void api_snapshot_restore(struct http_request *request, void *app);

void api_session_create(struct http_request *request, void *app);
void api_session_destroy(struct http_request *request, void *app);
void api_session_info(struct http_request *request, void *app);
void api_session_node(struct http_request *request, void *app);
void api_session_list(struct http_request *request, void *app);
void api_session_renew(struct http_request *request, void *app);

void api_event_fire(struct http_request *request, void *app);
void api_event_list(struct http_request *request, void *app);

void api_query_list(struct http_request *request, void *app);
void api_query_create(struct http_request *request, void *app);
void api_query_get(struct http_request *request, void *app);
void api_query_update(struct http_request *request, void *app);
void api_query_delete(struct http_request *request, void *app);

// A query's definition with the record's indexes.
void api_write_query(struct json_writer *w, const json_t *definition,
                     const struct query_record *record);
// query_execute.c: the query an ID or a name means, carried out or shown as it would be.
void api_query_execute(struct api *api, struct http_request *request, const char *name);
// Carries out a query that another datacenter has sent; its definition is the body.
void api_query_execute_remote(struct http_request *request, void *app);
// Has other datacenters carry out a query that selects nothing here. returns  whether one is asked.
bool api_query_failover(const struct api *api, struct http_request *request,
                        const json_t *definition, bool connect, size_t limit);
void api_query_explain(struct api *api, struct http_request *request, const char *name);

#endif
