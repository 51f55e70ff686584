#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/agent/agent_internal.h"
#include "control/agent/remote.h"
#include "control/fsm/propose.h"
#include "control/server/server.h"
#include "control/store/store.h"

#define CATCH_UP_MS 100u
/* How long a server that is alone waits for the next step towards leading before it answers. */
#define ALONE_TIMEOUT_MS 3000u

static void on_turn(uv_timer_t *timer)
{
        (void)timer;
}

int agent_start_registry(struct agent *agent, char *error, size_t error_size)
{
        agent->store = store_create();
        agent->fsm = fsm_create(agent->store);
        if (agent->store == NULL || agent->fsm == NULL) {
                snprintf(error, error_size, "out of memory");
                return -ENOMEM;
        }
        return 0;
}

int agent_start_publisher(struct agent *agent, char *error, size_t error_size)
{
        size_t rule_count = agent->config->dns.service_ttl_count;
        struct ttl_rule *rules = calloc(rule_count + 1, sizeof(*rules));
        struct publisher_config settings;
        int ret = -ENOMEM;

        if (rules == NULL)
                return ret;
        agent_publisher_settings(agent->config, rules, &settings);
        settings.zone.unready = true;
        ret = lictor_dataplane_create(&settings.zone, &agent->dataplane);
        if (ret == 0)
                ret =
                    publisher_create(agent->store, agent->dataplane, &settings, &agent->publisher);
        free(rules);
        if (ret == 0)
                publisher_hold(agent->publisher);
        if (ret < 0)
                snprintf(error, error_size,
                         "cannot set up the zone: domain \"%s\", alt_domain \"%s\" and datacenter "
                         "\"%s\" must be DNS names: %s",
                         agent->config->domain, agent->config->alt_domain,
                         agent->config->datacenter, strerror(-ret));
        return ret;
}

// A server that needs nobody else has its whole state, and itself in it, before it serves.
int agent_await_registry(struct agent *agent, char *error, size_t error_size)
{
        const struct config *config = agent->config;
        uint64_t deadline_ms = uv_now(&agent->loop) + ALONE_TIMEOUT_MS, applied = 0;
        bool alone = config->dev_mode || config->bootstrap || config->bootstrap_expect == 1;
        uv_timer_t turn;

        (void)error;
        (void)error_size;
        if (agent->server == NULL || !alone)
                return 0;
        // The loop must not sleep past the deadline.
        uv_timer_init(&agent->loop, &turn);
        uv_timer_start(&turn, on_turn, 1, 1);
        // It leads once it has applied what its log holds.
        while (!agent->stopping && uv_now(&agent->loop) < deadline_ms &&
               !(server_leads(agent->server) && server_is_registered(agent->server))) {
                uv_run(&agent->loop, UV_RUN_ONCE);
                if (store_applied_index(agent->store) > applied) {
                        applied = store_applied_index(agent->store);
                        deadline_ms = uv_now(&agent->loop) + ALONE_TIMEOUT_MS;
                }
        }
        uv_close((uv_handle_t *)&turn, NULL);
        uv_run(&agent->loop, UV_RUN_NOWAIT);
        return 0;
}

static void on_caught_up(void *arg, const char *error)
{
        struct agent *agent = arg;

        agent->catching_up = false;
        if (error != NULL || agent->stopping)
                return;
        publisher_set_ready(agent->publisher);
        uv_timer_stop(&agent->catch_up_timer);
}

// A store that has seen nothing of its cluster yet, or only what the disk held, cannot tell that
// something does not exist.
static void on_catch_up(uv_timer_t *timer)
{
        struct agent *agent = timer->data;

        // Somebody else's read may have been the first.
        if (agent->server != NULL && server_has_caught_up(agent->server)) {
                on_caught_up(agent, NULL);
                return;
        }
        if (agent->catching_up)
                return;
        agent->catching_up = true;
        remote_wait(agent, on_caught_up, agent);
}

// What the store was filled with meanwhile, before anybody can ask for it.
int agent_publish(struct agent *agent, char *error, size_t error_size)
{
        struct lictor_table_stats stats;

        (void)error;
        (void)error_size;
        publisher_release(agent->publisher);
        uv_timer_start(&agent->catch_up_timer, on_catch_up, CATCH_UP_MS, CATCH_UP_MS);
        on_catch_up(&agent->catch_up_timer);
        // The first question takes the longest.
        lictor_table_stats(agent->dataplane, &stats);
        return 0;
}
