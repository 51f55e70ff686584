#ifndef CONTROL_SERVER_SERVER_INTERNAL_H
#define CONTROL_SERVER_SERVER_INTERNAL_H

#include "control/rpc/consul_rpc.h"
#include "control/rpc/demux.h"
#include "control/server/bootstrap.h"
#include "control/server/introductions.h"
#include "control/server/server.h"

struct duties;

struct server {
        struct server_options options;
        struct raft_log *log;
        struct forward *forward;
        char leader_address[RAFT_ADDRESS_MAX]; /* the last one known; "" before */
        struct leader_calls *calls;
        struct demux *demux;
        struct consul_rpc *rpc;
        struct introductions *introductions;
        struct discovery *discovery;
        struct duties *duties;
        struct server_info own;
        struct raft_node_status status; /* refreshed by server_leader_address */
        uint64_t configuration_index;
        bool leading;
        bool closing;
        bool caught_up; /* a read as of the leader was possible since the start */
        unsigned parts_open;
        void (*closed)(void *arg);
        void *closed_arg;

        uv_timer_t leave_timer;
        bool leaving;
        bool alone;      /* nobody else votes */
        bool leave_told; /* the others know, or are being told */
        uint64_t leave_until_ms;
        void (*left)(void *arg);
        void *left_arg;
};

/** Make the server port and listen on it. @error as server_create's. */
int server_listen(struct server *server, char *error, size_t error_size);

/** Serve Consul's "Status" calls. returns 0 or -ENOMEM. */
int server_add_status_calls(struct server *server);

/** Begin a cluster with these voters, this server among them. */
void server_bootstrap(struct server *server, const struct founder founders[], unsigned count);

/** The voters this cluster began with, while nothing else is in the log. @arg  the server. */
unsigned server_founders(void *arg, struct founder out[FOUNDER_MAX]);

/** Another server began a cluster: do so too if this one is meant to be in it. @arg  the server. */
void server_take_offer(void *arg, const struct founder founders[], unsigned count);

/** Say what has changed of this server, and begin a cluster when all conditions are met. */
void server_refresh(struct server *server);

/** The leader's duties, on a timer of their own; they rest unless the server leads. */
struct duties *duties_create(struct server *server);
void duties_close(struct duties *take_duties, void (*closed)(void *arg), void *arg);

/** Leadership, members or the configuration changed: look soon. */
void duties_wake(struct duties *duties);

/** Carry out an operator's request; this server (arg) leads. */
void duties_operate(void *arg, const struct operator_request *request, operator_done_fn done,
                    void *done_arg);

/** Answer with a line of text. */
void operator_answer_text(operator_done_fn done, void *arg, uint16_t status, const char *format,
                          ...) __attribute__((format(printf, 4, 5)));

#endif
