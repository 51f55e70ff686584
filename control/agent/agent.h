#ifndef LICTOR_AGENT_H
#define LICTOR_AGENT_H

/**
 * The agent: every part of one process, built in order, stopped in reverse. Composition root; all
 * members belong to the control thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "control/agent/local_catalog.h"
#include "control/ask/ask.h"
#include "control/config/config.h"
#include "control/log/log.h"

struct store;
struct fsm;
struct relay;
struct remote_serving;
struct wan_names;
struct consul_service;
struct follower;
struct consul_servers;
struct server;
struct members;
struct log_proposer;
struct publisher;
struct leader;
struct local_state;
struct api;
struct drop_report;
struct loop_meter;
struct events;
struct dns_tcp;
struct dns_slow;
struct dns_resolver;
struct dns_freshness;
struct datacenters;
struct shared_failover;
struct runtime;
struct watches;
struct remote_exec;
struct lictor_dataplane;

/* Where a reload reads its settings from again. */
struct agent_options {
        struct config_input input; /* borrowed for the agent's life */
        struct config *config;     /* the first build's result; ownership passes to the agent */
        struct log *log;           /* borrowed for the agent's life */
};

struct agent {
        uv_loop_t loop;
        struct config_input input;
        struct config *config; /* the settings in force; replaced by a reload */
        struct log *log;

        struct store *store;
        struct fsm *fsm;
        struct members *members;               /* gossip */
        struct server *server;                 /* NULL for a client */
        struct follower *follower;             /* the copy of the catalog; NULL for a server */
        struct relay *relay;                   /* calls to servers elsewhere */
        struct consul_servers *consul_servers; /* a client's side of Consul's; NULL for a server */
        struct remote_serving *serving;        /* of others' calls; NULL for a client */
        struct wan_names *wan_names;           /* NULL until another datacenter wants one */
        struct consul_service *consul;         /* Consul's RPC; NULL for a client */
        struct log_proposer *proposer;         /* every change goes through it */
        struct lictor_dataplane *dataplane;
        struct publisher *publisher;
        struct runtime *runtime;
        struct leader *leader;                    /* timers of sessions and tombstones */
        struct local_store_catalog local_catalog; /* what local compares itself with */
        struct local_state *local;
        struct events *events;
        struct api *api;
        struct dns_tcp *dns_tcp;
        struct dns_slow *dns_slow;
        struct dns_resolver *dns_resolver;
        struct dns_freshness *dns_freshness;
        struct shared_failover *shared_failover;
        struct datacenters *datacenters; /* others that are in use */
        struct ask_target own_api;       /* where its HTTP API is; an empty URL without one */
        struct asker *asker;             /* requests of its own */
        struct watches *watches;         /* `watches` of the configuration */
        struct remote_exec *remote_exec;

        char node_id[37];  /* UUID text */
        uint64_t start_ms; /* uv_now at start */
        int64_t start_unix_s;
        int data_dir_lock; /* descriptor; -1 without data_dir */
        int exit_status;
        bool leaving;  /* agent_leave was called */
        bool stopping; /* agent_shutdown was called */
        void (*left)(void *arg);
        void *left_arg;
        bool loop_open;
        bool handles_open; /* the signals and the timers */
        bool pid_file_written;
        uv_signal_t signals[4]; /* SIGHUP, SIGTERM, SIGINT, SIGUSR1 */
        uv_timer_t report_timer, end_timer, catch_up_timer;
        bool catching_up; /* it has been asked whether the store has caught up */
        struct drop_report *drop_report;
        struct loop_meter *loop_meter;
};

/**
 * Take the first configuration, open the data directory and settle the node's ID.
 * @options  its configuration changes hands in any case.
 * @error    on failure one line for the operator.
 * returns   0 or a negative errno, and then there is nothing to stop.
 */
int agent_prepare(struct agent *agent, const struct agent_options *options, char *error,
                  size_t error_size);

/**
 * Start every part. agent_stop is due afterwards, also on failure.
 * @error  on failure one line for the operator.
 * returns  0 or a negative errno.
 */
int agent_start(struct agent *agent, char *error, size_t error_size);

/** Run until a signal or agent_shutdown. returns  the process's exit status. */
int agent_run(struct agent *agent);

/** Stop what was started, in reverse order, and free everything, the configuration included. */
void agent_stop(struct agent *agent);

/** End agent_run from inside the loop with this exit status. */
void agent_shutdown(struct agent *agent, int exit_status);

/**
 * Leave the cluster for good, then end agent_run with status 0.
 * @left    told before the end, with time for an answer to go out; may be NULL.
 * returns  0, or -EALREADY and @left will not be called.
 */
int agent_leave(struct agent *agent, void (*left)(void *arg), void *arg);

/**
 * Read the configuration again and take over what may change while running: services and checks,
 * dns_config, node_meta, log_level. A failure changes nothing.
 * @error  on failure the text Consul's reload endpoint would answer.
 * returns  0 or a negative errno.
 */
int agent_reload(struct agent *agent, char *error, size_t error_size);

/** Whether servers of a datacenter are known that calls may be sent to. */
bool agent_knows_datacenter(const struct agent *agent, const char *datacenter);

/** Whether servers of a datacenter are known, failed ones included. */
bool agent_remembers_datacenter(const struct agent *agent, const char *datacenter);

/** The address /v1/status/leader names, "127.0.0.1:8300"; "" while there is no leader. */
const char *agent_leader_address(const struct agent *agent);

#endif
