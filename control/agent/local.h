#ifndef CONTROL_AGENT_LOCAL_H
#define CONTROL_AGENT_LOCAL_H

// What this agent itself has to say: its node, the services and checks registered with it over HTTP
// or in its configuration, and whether their TTLs are kept. It is pushed to the catalog as it
// changes and remembered in the data directory. Control thread only.

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "control/agent/local_catalog.h"
#include "control/config/config.h"
#include "control/fsm/propose.h"
#include "control/log/log.h"
#include "control/store/records.h"

struct local_state;
struct watch_hub;

/* Kinds of watches: a service by its id. */
enum local_watch_kind { LOCAL_WATCH_SERVICE };

struct local_options {
        uv_loop_t *loop;
        struct log_proposer *proposer; // borrowed for the state's life, as all below
        const struct log *log;
        const char *node_id;
        struct local_catalog *catalog; // to compare with; NULL: everything is pushed as it changes
};

/**
 * Create an empty local state.
 * returns  0 or a negative errno.
 */
int local_create(struct local_state **out, const struct local_options *options);

/** Stop its timers and free it; memory goes with the loop's next turns. NULL is let pass. */
void local_destroy(struct local_state *take_local);

/**
 * Take over a configuration: the node's name, address and metadata, the definitions of services and
 * checks in it and, the first time, what the data directory remembers. Definitions of an earlier
 * configuration that are gone are deregistered. Called at the start and on each reload.
 * @config  read until return, but for data_dir and the node's name, which must not change.
 * @error   on failure one line for the operator; nothing has changed then.
 * returns  0 or a negative errno.
 */
int local_configure(struct local_state *local, const struct config *config, char *error,
                    size_t error_size);

/** Compare with the catalog now, and push what differs. Done by the clock otherwise. */
void local_sync(struct local_state *local);

// How a call ended: what the HTTP API says about it.
struct local_result {
        unsigned status; // HTTP status; 200 on success
        char text[512];  // "" on success
};

/** @result  borrowed until return. Called exactly once, perhaps before the call returns. */
typedef void (*local_done_fn)(void *arg, const struct local_result *result);

/**
 * Register a service or a check.
 * @definition  as a request's body, keys in canonical form (local_service_schema and
 *              local_check_schema); borrowed.
 * @replace_checks  remove checks of the service that the definition does not have.
 * @done        called when the catalog has it, or soon without that, or with the refusal; may be
 *              NULL.
 */
void local_register_service(struct local_state *local, const json_t *definition,
                            bool replace_checks, local_done_fn done, void *arg);
/** See local_register_service(). */
void local_register_check(struct local_state *local, const json_t *definition, local_done_fn done,
                          void *arg);

/** Remove a service with its checks; success also when there was none. */
void local_deregister_service(struct local_state *local, const char *id, local_done_fn done,
                              void *arg);
/** Remove a check; success also when there was none. */
void local_deregister_check(struct local_state *local, const char *id, local_done_fn done,
                            void *arg);

/** Set a TTL check's state and start its time afresh. @status "passing", "warning", "critical". */
void local_update_ttl(struct local_state *local, const char *check_id, const char *status,
                      const char *output, local_done_fn done, void *arg);

/** Enter (with a reason, "" for the usual one) or leave maintenance; service_id "" is the node. */
void local_set_maintenance(struct local_state *local, const char *service_id, bool enable,
                           const char *reason, local_done_fn done, void *arg);

// What a listing shows of a check beside the catalog's part.
struct local_check {
        struct catalog_check check;
        bool from_config;
        int64_t ttl_ns; // 0: not a TTL check
};

/** Walk services, by id. @cursor starts at 0. returns NULL at the end; borrowed until a change. */
const struct catalog_service *local_next_service(const struct local_state *local, size_t *cursor);
/** Walk checks, by id; as local_next_service(). */
const struct local_check *local_next_check(const struct local_state *local, size_t *cursor);
/** One service or NULL; borrowed until a change. */
const struct catalog_service *local_service(const struct local_state *local, const char *id);
/** One check or NULL; borrowed until a change. */
const struct local_check *local_check(const struct local_state *local, const char *id);
/** Numbers of services, checks and TTL checks. */
void local_counts(const struct local_state *local, size_t *services, size_t *checks, size_t *ttls);

/** Tell how many nodes the cluster has: the more, the less often each compares itself. */
void local_set_cluster_size(struct local_state *local, size_t node_count);

/** The token a service or a check was registered with, "" for none; borrowed until a change. */
const char *local_service_token(const struct local_state *local, const char *id);
/** See local_service_token(); a check without one has its service's. */
const char *local_check_token(const struct local_state *local, const char *id);

/** Watches of the state; they fire after a change, with what is new in place. */
struct watch_hub *local_watches(const struct local_state *local);

/** The node as the catalog knows it; borrowed until the next local_configure(). */
const struct catalog_node *local_node(const struct local_state *local);

#endif
