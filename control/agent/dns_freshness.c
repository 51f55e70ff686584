#include "control/agent/dns_freshness.h"

#include <stdlib.h>
#include <uv.h>

#include "control/agent/agent.h"
#include "control/agent/remote.h"
#include "control/follow/follower.h"
#include "control/publisher/publisher.h"
#include "control/server/server.h"

#define LOOK_MIN_MS 50u
#define LOOK_MAX_MS 1000u

struct dns_freshness {
        struct agent *agent;
        uv_timer_t timer;
};

static bool is_stale(const struct agent *agent)
{
        const struct config_dns *dns = &agent->config->dns;
        struct follower_state copy;
        struct server_contact contact;

        if (agent->server != NULL) {
                server_contact(agent->server, &contact);
                return contact.last_contact_ms > dns->max_stale_ms ||
                       (!dns->allow_stale && !server_reads_at_once(agent->server));
        }
        remote_copy_state(agent, &copy);
        // Without a copy nothing is known, and the zone says so by itself.
        return copy.age_ms != UINT64_MAX && (!dns->allow_stale || copy.age_ms > dns->max_stale_ms);
}

// How soon it may be otherwise.
static uint64_t next_look_ms(const struct config_dns *dns)
{
        uint64_t tenth_ms = dns->allow_stale ? dns->max_stale_ms / 10 : 0;

        if (tenth_ms < LOOK_MIN_MS)
                return LOOK_MIN_MS;
        return tenth_ms < LOOK_MAX_MS ? tenth_ms : LOOK_MAX_MS;
}

static void on_timer(uv_timer_t *timer)
{
        dns_freshness_check(timer->data);
}

void dns_freshness_check(struct dns_freshness *freshness)
{
        if (freshness == NULL)
                return;
        publisher_set_stale(freshness->agent->publisher, is_stale(freshness->agent));
        uv_timer_start(&freshness->timer, on_timer, next_look_ms(&freshness->agent->config->dns),
                       0);
}

struct dns_freshness *dns_freshness_start(struct agent *agent)
{
        struct dns_freshness *freshness = calloc(1, sizeof(*freshness));

        if (freshness == NULL)
                return NULL;
        freshness->agent = agent;
        uv_timer_init(&agent->loop, &freshness->timer);
        freshness->timer.data = freshness;
        dns_freshness_check(freshness);
        return freshness;
}

static void on_closed(uv_handle_t *handle)
{
        free(handle->data);
}

void dns_freshness_stop(struct dns_freshness *take_freshness)
{
        if (take_freshness != NULL)
                uv_close((uv_handle_t *)&take_freshness->timer, on_closed);
}
