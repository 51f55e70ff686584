#ifndef CONTROL_API_UPSTREAM_INTERNAL_H
#define CONTROL_API_UPSTREAM_INTERNAL_H

// The HTTP API of an agent whose servers are Consul's: requests become calls of its RPC
// (upstream.c), by a table (upstream_table.c), and the answers what the API prints
// (upstream_answer.c, upstream_rows.c, upstream_state.c).

#include "control/api/api_internal.h"
#include "control/consul/args.h"

// An answer that is being printed.
struct upstream_reply {
        struct api *api;
        struct http_request *request;
        struct pack_slice body;
        struct arena arena;
        const char *name;         // what the path names
        struct consul_meta *meta; // NULL where there is none
};

// An endpoint and the call that answers it.
struct upstream_read {
        const char *pattern; // the route's
        const char *method;
        size_t name_offset; // of the query's member that has what the path names; NO_NAME: none
        void (*print)(struct upstream_reply *reply); // replies
        const char *missing;   // what to say when the path names nothing; NULL: that is fine
        const char *param;     // only with it; NULL: without regard to parameters
        const char *ending;    // only when the path's name ends so, which is cut off; or NULL
        enum http_method verb; // 0: HTTP_GET
        bool connect;
        bool plain; // the answer has no index, so that nothing is waited for
};

#define UPSTREAM_NO_NAME SIZE_MAX

// The call that answers a request; NULL when there is none.
const struct upstream_read *upstream_find(const struct http_request *request,
                                          const struct http_route *route);

// One of the body's pairs; empty when it is missing or nil.
struct pack_slice upstream_member(struct upstream_reply *reply, const char *name);
// Says that the answer cannot be read.
void upstream_refuse(struct upstream_reply *reply, struct json_writer *take_json);
// Writes one value as it is. returns  0 or -EBADMSG.
int upstream_write_value(struct json_writer *w, struct pack_slice value);

// Writes the next of a list's items. returns  0 or -EBADMSG.
typedef int (*upstream_item_fn)(struct upstream_reply *reply, struct msgpack_reader *r,
                                struct json_writer *w);
// Replies with a list, one item after the other.
void upstream_print_items(struct upstream_reply *reply, struct pack_slice list,
                          upstream_item_fn item);
// Whether there is nothing in a list.
bool upstream_is_empty(struct pack_slice list);

// upstream_answer.c: answers that need no records.
void upstream_print_value(struct upstream_reply *reply);     // the whole body
void upstream_print_list(struct upstream_reply *reply);      // likewise, a list
void upstream_print_services(struct upstream_reply *reply);  // names and their tags
void upstream_print_keys(struct upstream_reply *reply);      // of the key/value store
void upstream_print_queries(struct upstream_reply *reply);   // definitions
void upstream_print_autopilot(struct upstream_reply *reply); // its settings
// upstream_rows.c: those of the catalog.
void upstream_print_nodes(struct upstream_reply *reply);
void upstream_print_checks(struct upstream_reply *reply);
void upstream_print_instances(struct upstream_reply *reply);
void upstream_print_service_nodes(struct upstream_reply *reply);
void upstream_print_node(struct upstream_reply *reply);
void upstream_print_node_services(struct upstream_reply *reply);
void upstream_print_executed(struct upstream_reply *reply);
// upstream_state.c: those of keys, sessions and coordinates.
void upstream_print_key(struct upstream_reply *reply);
void upstream_print_sessions(struct upstream_reply *reply);
void upstream_print_renewed(struct upstream_reply *reply);
void upstream_print_coordinates(struct upstream_reply *reply);
void upstream_print_coordinate(struct upstream_reply *reply);

#endif
