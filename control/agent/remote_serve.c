#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/agent/datacenters.h"
#include "control/agent/remote.h"
#include "control/agent/remote_request.h"
#include "control/consul/service.h"
#include "control/dns/responder.h"
#include "control/follow/feed.h"
#include "control/fsm/propose.h"
#include "control/relay/relay_server.h"
#include "control/rpc/demux.h"
#include "control/server/result_codec.h"
#include "control/server/server.h"
#include "control/store/store.h"
#include "control/store/store_write.h"

struct remote_serving {
        struct agent *agent;
        struct relay_server *server;
        struct feed *feed;
        struct dns_responder responder;
};

// A call that is being answered; incoming is NULL once nobody waits for it.
struct serving {
        struct agent *agent;
        struct relay_incoming *incoming;
};

static void forget(void *arg)
{
        struct serving *serving = arg;

        serving->incoming = NULL;
}

static struct serving *begin(struct agent *agent, struct relay_incoming *incoming)
{
        struct serving *serving = calloc(1, sizeof(*serving));

        if (serving == NULL)
                return NULL;
        serving->agent = agent;
        serving->incoming = incoming;
        relay_incoming_on_cancel(incoming, forget, serving);
        return serving;
}

// --- Changes.

static void answer_result(struct relay_incoming *incoming, const struct fsm_result *result)
{
        struct byte_buffer bytes = BYTE_BUFFER_INIT;

        fsm_result_encode(result, &bytes);
        relay_incoming_answer(incoming, &bytes);
}

static void on_proposed(void *arg, const struct fsm_result *result)
{
        struct serving *serving = arg;

        if (serving->incoming != NULL)
                answer_result(serving->incoming, result);
        free(serving);
}

static void serve_proposal(struct remote_serving *remote, struct relay_incoming *incoming,
                           const uint8_t *bytes, size_t len)
{
        struct serving *serving = begin(remote->agent, incoming);
        struct log_proposer *proposer = remote->agent->proposer;
        struct fsm_result result;
        int ret = -ENOMEM;

        if (serving != NULL)
                ret = proposer->propose(proposer, bytes, len, on_proposed, serving);
        if (ret == 0)
                return;
        fsm_result_init(&result);
        store_error_set(&result.error, "%s", strerror(-ret));
        relay_incoming_on_cancel(incoming, NULL, NULL);
        answer_result(incoming, &result);
        fsm_result_fini(&result);
        free(serving);
}

// --- How far the catalog has come.

static void on_readable(void *arg, const char *error)
{
        struct serving *serving = arg;
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        struct relay_index index = {.catalog_index = follow_catalog_index(serving->agent->store)};

        if (serving->incoming != NULL) {
                snprintf(index.error, sizeof(index.error), "%s", error != NULL ? error : "");
                relay_index_encode(&index, &bytes);
                relay_incoming_answer(serving->incoming, &bytes);
        }
        free(serving);
}

static void serve_index(struct remote_serving *remote, struct relay_incoming *incoming)
{
        struct serving *serving = begin(remote->agent, incoming);
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        const struct relay_index index = {.error = "out of memory"};

        if (serving != NULL) {
                server_read(remote->agent->server, SERVER_READ_DEFAULT, on_readable, serving);
                return;
        }
        relay_index_encode(&index, &bytes);
        relay_incoming_answer(incoming, &bytes);
}

// --- Those that follow a catalog.

static void serve_follower(struct remote_serving *remote, struct relay_incoming *incoming,
                           const uint8_t *bytes, size_t len)
{
        const struct agent *agent = remote->agent;
        struct follow_request request;

        if (follow_request_decode(bytes, len, &request) == 0 && request.datacenter[0] != '\0' &&
            strcasecmp(request.datacenter, agent->config->datacenter) != 0)
                datacenters_serve(agent->datacenters, request.datacenter, incoming, bytes, len);
        else
                feed_serve(remote->feed, incoming, bytes, len);
}

// --- Life.

static void handle(void *arg, struct relay_incoming *incoming, enum relay_kind kind,
                   const uint8_t *bytes, size_t len)
{
        struct remote_serving *remote = arg;
        struct byte_buffer nothing = BYTE_BUFFER_INIT;

        if (kind == RELAY_REQUEST)
                remote_request_serve(remote->agent->api, incoming, bytes, len);
        else if (kind == RELAY_PROPOSE)
                serve_proposal(remote, incoming, bytes, len);
        else if (kind == RELAY_INDEX)
                serve_index(remote, incoming);
        else if (kind == RELAY_FOLLOW)
                serve_follower(remote, incoming, bytes, len);
        else if (kind == RELAY_DNS)
                remote_dns_serve(remote->agent, &remote->responder, incoming, bytes, len);
        else if (kind == RELAY_CALL)
                consul_service_relayed(remote->agent->consul, incoming, bytes, len);
        else if (kind == RELAY_SUBSCRIBE)
                consul_service_subscribe(remote->agent->consul, incoming, bytes, len);
        else
                relay_incoming_answer(incoming, &nothing);
}

static void on_connection(void *arg, uv_tcp_t *take_connection, const char *peer)
{
        struct remote_serving *remote = arg;

        relay_server_accept(remote->server, take_connection, peer);
}

static void tell_contact(void *arg, struct feed_contact *out)
{
        const struct remote_serving *remote = arg;
        const struct server *server = remote->agent->server;
        struct raft_node_status status;
        struct server_contact contact;

        raft_node_status(server_raft_node(server), &status);
        server_contact(server, &contact);
        *out =
            (struct feed_contact){status.cluster_id, contact.last_contact_ms, contact.known_leader};
}

int remote_serve(struct agent *agent)
{
        struct remote_serving *remote;
        struct relay_server_options options = {
            .loop = &agent->loop, .log = agent->log, .handle = handle};
        struct feed_options feeding = {
            .loop = &agent->loop, .store = agent->store, .contact = tell_contact};

        if (agent->server == NULL)
                return 0;
        remote = calloc(1, sizeof(*remote));
        if (remote == NULL)
                return -ENOMEM;
        remote->agent = agent;
        options.arg = remote;
        remote->server = relay_server_create(&options);
        feeding.arg = remote;
        if (remote->server == NULL ||
            dns_responder_init(&remote->responder, agent->dataplane) < 0 ||
            feed_create(&remote->feed, &feeding) < 0) {
                relay_server_destroy(remote->server);
                free(remote);
                return -ENOMEM;
        }
        agent->serving = remote;
        demux_register(server_demux(agent->server), DEMUX_RELAY, on_connection, remote);
        return 0;
}

void remote_serve_stop(struct remote_serving *take_serving)
{
        if (take_serving == NULL)
                return;
        demux_register(server_demux(take_serving->agent->server), DEMUX_RELAY, NULL, NULL);
        relay_server_destroy(take_serving->server);
        feed_destroy(take_serving->feed);
        free(take_serving);
}

void remote_serve_stats(const struct remote_serving *serving, struct remote_serve_stats *out)
{
        relay_server_stats(serving->server, &out->calls);
        feed_stats(serving->feed, &out->feed);
}
