#ifndef CONTROL_SERVER_SERVER_H
#define CONTROL_SERVER_SERVER_H

/**
 * What makes an agent a server: the replicated log, the server port, the other servers, and, while
 * it leads, the leader's duties.
 *
 * context  the control thread.
 */

#include "control/config/config.h"
#include "control/fsm/propose.h"
#include "control/log/log.h"
#include "control/member/members.h"
#include "control/server/autopilot.h"
#include "control/server/discovery.h"
#include "control/server/forward_codec.h"
#include "control/server/leader_call.h"
#include "raft/node/node.h"

struct consul_rpc;
struct demux;
struct server;

struct server_options {
        uv_loop_t *loop; /* borrowed for the server's life, as all below */
        const struct log *log;
        const struct config *config;
        struct store *store;
        struct fsm *fsm;
        struct members *members; /* who there is; server_members_changed when that changes */
        const char *node_id;
        void *arg;
        /* This server leads and has applied all there was, or leads no more. May be NULL. */
        void (*leadership)(void *arg, bool leading);
        /* Give a session its full time again; this server leads. May be NULL. */
        void (*renew_session)(void *arg, const char *id);
        /* The process must end: a disk failed. May be NULL. */
        void (*failed)(void *arg, const char *text);
};

/**
 * Open the log and listen.
 * @error  on failure one line for the operator.
 * returns 0 or a negative errno.
 */
int server_create(struct server **out, const struct server_options *options, char *error,
                  size_t error_size);

/** Stop. @closed is called last, when the memory is gone; may be NULL. */
void server_close(struct server *take_server, void (*closed)(void *arg), void *arg);

/**
 * Go for good: hand leadership over, be removed from the cluster, tell the others. Bounded in time.
 * @done  then server_close is due.
 */
void server_leave(struct server *server, void (*done)(void *arg), void *arg);

/** Members of the datacenter came, changed or went. */
void server_members_changed(struct server *server);

/** Every change passes through it, wherever the leader is. */
struct log_proposer *server_proposer(struct server *server);

enum server_consistency { SERVER_READ_DEFAULT, SERVER_READ_CONSISTENT, SERVER_READ_STALE };

/**
 * Wait until the store may be read.
 * @done  called exactly once, perhaps before return; with an error when there is no leader to ask.
 */
void server_read(struct server *server, enum server_consistency consistency, leader_read_fn done,
                 void *arg);

/**
 * Whether a read that is not stale has been possible since the start. Before, the store is what the
 * disk held, perhaps nothing, and stale reads wait as default ones do.
 */
bool server_has_caught_up(const struct server *server);

/** Whether a default read would be allowed at once: this server leads and holds the lease. */
bool server_reads_at_once(const struct server *server);

/** Have the leader carry out an operator's request. @done  exactly once. */
void server_operate(struct server *server, const struct operator_request *request,
                    operator_done_fn done, void *arg);

struct server_contact {
        bool known_leader;
        uint64_t last_contact_ms; /* 0 on the leader */
};

/** What X-Consul-KnownLeader and X-Consul-LastContact tell. */
void server_contact(const struct server *server, struct server_contact *out);

/** Where the leader listens, "" when it is not known. Borrowed until the loop turns. */
const char *server_leader_address(const struct server *server);

/** Whether this server leads and has the leader's duties. */
bool server_leads(const struct server *server);

/** Whether the catalog here shows this server itself: a single one is ready then. */
bool server_is_registered(const struct server *server);

/** Autopilot's settings in force: the log's, or this server's files' while the log has none. */
void server_autopilot_config(const struct server *server, struct autopilot_config *out);

/** Where the latest configuration stands in the log, as far as this server saw it come. */
uint64_t server_configuration_index(const struct server *server);

/** The server port, for others' protocols; borrowed. */
struct demux *server_demux(const struct server *server);

/** The calls of Consul's agents, for more methods; borrowed. */
struct consul_rpc *server_rpc(const struct server *server);

/** The node below, for what it tells of itself; borrowed. */
struct raft_node *server_raft_node(const struct server *server);

/** Servers known, this one first. Borrowed until the loop turns. */
const struct server_member *server_members(const struct server *server, size_t *count);

/** A server's node name by its node id, or NULL. Borrowed until the loop turns. */
const char *server_name_of(const struct server *server, const char *node_id);

#endif
