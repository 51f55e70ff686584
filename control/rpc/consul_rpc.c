#include "control/rpc/consul_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS_MAX 16384u
#define PER_SOURCE_MAX  100u
#define CALLS_MAX       32768u
#define KEPT_MAX        ((size_t)256 << 20)
#define ARGS_MAX        (4u << 20)
#define CALL_MS         60000u
#define KEEPALIVE_MS    30000u
#define TICK_MS         1000u
#define LOG_INTERVAL_MS 10000u

void consul_complain(struct consul_rpc *rpc, const char *source, const char *what)
{
        uint64_t suppressed = 0;

        if (rpc->options.log == NULL || rpc->is_closing ||
            !log_limit_allow(&rpc->log_limit, uv_now(rpc->options.loop), &suppressed))
                return;
        log_warn(rpc->options.log, "agent.server.rpc",
                 "refused what a connection brought: it %s: from=%s suppressed=%llu", what, source,
                 (unsigned long long)suppressed);
}

void consul_make_room(struct consul_rpc *rpc)
{
        struct consul_link *link, *largest = NULL;
        size_t going = 0;

        if (rpc->kept <= rpc->options.kept_max)
                return;
        LIST_FOREACH(link, &rpc->links, entry)
        {
                if (link->broken != NULL)
                        going += link->kept;
                else if (largest == NULL || link->kept > largest->kept)
                        largest = link;
        }
        if (largest != NULL && rpc->kept - going > rpc->options.kept_max)
                consul_link_break(largest, "sent more of calls than there is room for");
}

void consul_handle_closed(struct consul_rpc *rpc)
{
        void (*closed)(void *arg) = rpc->closed;
        void *arg = rpc->closed_arg;

        if (--rpc->handles_open > 0)
                return;
        rpc_methods_fini(&rpc->methods);
        byte_buffer_fini(&rpc->scratch);
        free(rpc->chunk);
        free(rpc);
        if (closed != NULL)
                closed(arg);
}

static void on_idle(uv_idle_t *idle)
{
        struct consul_rpc *rpc = idle->data;

        // Those that are touched meanwhile come with the next turn.
        for (unsigned i = rpc->dirty_count; i > 0 && !TAILQ_EMPTY(&rpc->dirty); i--) {
                struct consul_link *link = TAILQ_FIRST(&rpc->dirty);

                consul_link_untouch(link);
                consul_link_flush(link);
        }
        if (TAILQ_EMPTY(&rpc->dirty))
                uv_idle_stop(idle);
}

void consul_link_touch(struct consul_link *link)
{
        struct consul_rpc *rpc = link->rpc;

        if (link->is_dirty || link->is_closing)
                return;
        link->is_dirty = true;
        TAILQ_INSERT_TAIL(&rpc->dirty, link, dirty_entry);
        rpc->dirty_count++;
        uv_idle_start(&rpc->idle, on_idle);
}

void consul_link_untouch(struct consul_link *link)
{
        if (!link->is_dirty)
                return;
        link->is_dirty = false;
        TAILQ_REMOVE(&link->rpc->dirty, link, dirty_entry);
        link->rpc->dirty_count--;
}

static void on_tick(uv_timer_t *timer)
{
        struct consul_rpc *rpc = timer->data;
        struct consul_link *link;

        LIST_FOREACH(link, &rpc->links, entry)
        consul_link_tick(link, uv_now(rpc->options.loop));
        if (LIST_EMPTY(&rpc->links))
                uv_timer_stop(timer);
}

// --- Connections.

static unsigned count_of_source(const struct consul_rpc *rpc, uv_tcp_t *tcp)
{
        struct sockaddr_storage source;
        int length = sizeof(source);
        const struct consul_link *link;
        unsigned count = 0;

        if (uv_tcp_getpeername(tcp, (struct sockaddr *)&source, &length) != 0)
                return 0;
        LIST_FOREACH(link, &rpc->links, entry)
        count += address_same_host(&link->source, &source);
        return count;
}

static void free_tcp(uv_handle_t *tcp)
{
        free(tcp);
}

static void take_connection(struct consul_rpc *rpc, uv_tcp_t *take_tcp, const char *peer,
                            bool is_multiplexed)
{
        const char *refusal = NULL;

        if (rpc->counters.connections_open >= rpc->options.connections_max)
                refusal = "was one too many";
        else if (count_of_source(rpc, take_tcp) >= rpc->options.per_source_max)
                refusal = "was more than limits.rpc_max_conns_per_client allows";
        if (refusal != NULL) {
                rpc->counters.refused++;
                consul_complain(rpc, peer, refusal);
                uv_close((uv_handle_t *)take_tcp, free_tcp);
                return;
        }
        if (!uv_is_active((uv_handle_t *)&rpc->timer))
                uv_timer_start(&rpc->timer, on_tick, TICK_MS, TICK_MS);
        consul_link_start(rpc, take_tcp, peer, is_multiplexed);
}

static void on_single(void *arg, uv_tcp_t *take_tcp, const char *peer)
{
        take_connection(arg, take_tcp, peer, false);
}

static void on_multiplexed(void *arg, uv_tcp_t *take_tcp, const char *peer)
{
        take_connection(arg, take_tcp, peer, true);
}

// --- The service.

static void set_defaults(struct consul_rpc_options *options)
{
        if (options->connections_max == 0)
                options->connections_max = CONNECTIONS_MAX;
        if (options->per_source_max == 0)
                options->per_source_max = PER_SOURCE_MAX;
        if (options->calls_max == 0)
                options->calls_max = CALLS_MAX;
        if (options->args_max == 0)
                options->args_max = ARGS_MAX;
        if (options->kept_max == 0)
                options->kept_max = KEPT_MAX;
        if (options->call_ms == 0)
                options->call_ms = CALL_MS;
        if (options->keepalive_ms == 0)
                options->keepalive_ms = KEEPALIVE_MS;
}

int consul_rpc_create(const struct consul_rpc_options *options, struct consul_rpc **out)
{
        struct consul_rpc *rpc = calloc(1, sizeof(*rpc));

        if (rpc == NULL)
                return -ENOMEM;
        rpc->chunk = malloc(CONSUL_CHUNK_SIZE);
        if (rpc->chunk == NULL) {
                free(rpc);
                return -ENOMEM;
        }
        rpc->options = *options;
        set_defaults(&rpc->options);
        rpc->log_limit.interval_ms = LOG_INTERVAL_MS;
        LIST_INIT(&rpc->links);
        TAILQ_INIT(&rpc->dirty);
        uv_timer_init(options->loop, &rpc->timer);
        uv_idle_init(options->loop, &rpc->idle);
        rpc->timer.data = rpc->idle.data = rpc;
        rpc->handles_open = 2;
        demux_register(options->demux, DEMUX_CONSUL_RPC, on_single, rpc);
        demux_register(options->demux, DEMUX_CONSUL_YAMUX, on_multiplexed, rpc);
        *out = rpc;
        return 0;
}

int consul_rpc_add(struct consul_rpc *rpc, const struct rpc_method methods[], size_t method_count,
                   void *owner)
{
        int ret = 0;

        for (size_t i = 0; i < method_count && ret == 0; i++)
                ret = rpc_methods_add(&rpc->methods, &methods[i], owner);
        return ret;
}

void consul_rpc_counters(const struct consul_rpc *rpc, struct consul_rpc_counters *out)
{
        *out = rpc->counters;
}

static void on_handle_closed(uv_handle_t *handle)
{
        consul_handle_closed(handle->data);
}

void consul_rpc_close(struct consul_rpc *take_rpc, void (*closed)(void *arg), void *arg)
{
        take_rpc->is_closing = true;
        take_rpc->closed = closed;
        take_rpc->closed_arg = arg;
        demux_register(take_rpc->options.demux, DEMUX_CONSUL_RPC, NULL, NULL);
        demux_register(take_rpc->options.demux, DEMUX_CONSUL_YAMUX, NULL, NULL);
        while (!LIST_EMPTY(&take_rpc->links))
                consul_link_close(LIST_FIRST(&take_rpc->links));
        uv_close((uv_handle_t *)&take_rpc->timer, on_handle_closed);
        uv_close((uv_handle_t *)&take_rpc->idle, on_handle_closed);
}
