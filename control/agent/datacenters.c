#include "control/agent/datacenters.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "control/agent/agent_internal.h"
#include "control/follow/feed.h"
#include "control/follow/follower.h"
#include "control/relay/relay_server.h"
#include "control/store/store.h"
#include "dataplane/plane/plane.h"

#define FOLLOWED_MAX   8u
#define LOOK_MS        1000u
#define ASKED_MIN      5u     /* questions in that time say that a datacenter is in use */
#define ASKED_MS       60000u /* fewer are forgotten */
#define AGE_MAX_MS     10000u /* older answers are fetched from there, or not given */
#define CLOSED_FREE_MS 60000u /* by then nobody encodes a snapshot of it any more */

static_assert(FOLLOWED_MAX <= PLANE_PEERS_MAX, "every datacenter followed may be published");

/* A catalog that is followed. */
struct copy {
        struct store *store;
        struct lictor_dataplane *plane;
        struct publisher *publisher;
        struct follower *follower;
        struct feed *feed; /* for this server's clients; NULL until one wants it */
        bool answered;     /* the workers do */
        uint64_t closed_ms;
        struct copy *next_closed;
};

struct datacenter {
        char name[64]; /* "": free */
        unsigned asked;
        uint64_t asked_since_ms, used_ms;
        struct copy *copy; /* NULL: not in use */
        struct datacenters *all;
};

struct datacenters {
        struct agent *agent;
        struct datacenter items[FOLLOWED_MAX];
        struct copy *closed; /* to be freed a while later */
        uv_timer_t timer;
};

static uint64_t now_ms(const struct datacenters *all)
{
        return uv_now(&all->agent->loop);
}

// --- What is published.

static void publish(struct datacenters *all)
{
        struct lictor_dataplane *planes[FOLLOWED_MAX];
        unsigned count = 0;

        for (unsigned i = 0; i < FOLLOWED_MAX; i++) {
                if (all->items[i].copy != NULL && all->items[i].copy->answered)
                        planes[count++] = all->items[i].copy->plane;
        }
        // Without memory names are looked up there, as before; what is closed must not stay.
        if (plane_set_peers(all->agent->dataplane, planes, count) < 0)
                plane_set_peers(all->agent->dataplane, NULL, 0);
}

static bool is_fresh(const struct datacenters *all, const struct copy *copy)
{
        const struct config_dns *dns = &all->agent->config->dns;
        struct follower_state state;

        follower_state(copy->follower, &state);
        return state.following && dns->allow_stale && state.age_ms <= dns->max_stale_ms &&
               state.age_ms <= AGE_MAX_MS;
}

static void check_copy(struct datacenter *datacenter)
{
        struct copy *copy = datacenter->copy;
        bool fresh = is_fresh(datacenter->all, copy);

        if (fresh == copy->answered)
                return;
        copy->answered = fresh;
        publish(datacenter->all);
        // Who follows it through this server is not to take it for fresh either.
        if (!fresh && copy->feed != NULL)
                feed_drop_all(copy->feed);
}

static int settings_of(const struct datacenter *datacenter, struct publisher_config *out)
{
        const struct config *config = datacenter->all->agent->config;
        struct ttl_rule *rules = calloc(config->dns.service_ttl_count + 1, sizeof(*rules));

        if (rules == NULL)
                return -ENOMEM;
        agent_publisher_settings(config, rules, out);
        out->zone.datacenter = datacenter->name;
        out->is_wan = config->translate_wan_addresses;
        return 0;
}

// --- Beginning and ending.

static void close_copy(struct datacenter *datacenter)
{
        struct copy *copy = datacenter->copy;
        struct datacenters *all = datacenter->all;

        datacenter->copy = NULL;
        publish(all);
        follower_destroy(copy->follower);
        feed_destroy(copy->feed);
        if (copy->publisher != NULL)
                publisher_destroy(copy->publisher);
        if (copy->plane != NULL)
                lictor_dataplane_destroy(copy->plane);
        copy->closed_ms = now_ms(all);
        copy->next_closed = all->closed;
        all->closed = copy;
}

static void free_closed(struct datacenters *all, bool now)
{
        for (struct copy **link = &all->closed; *link != NULL;) {
                struct copy *copy = *link;

                if (!now && now_ms(all) - copy->closed_ms < CLOSED_FREE_MS) {
                        link = &copy->next_closed;
                        continue;
                }
                *link = copy->next_closed;
                store_destroy(copy->store);
                free(copy);
        }
}

static void on_changed(void *arg)
{
        struct datacenter *datacenter = arg;

        if (datacenter->copy != NULL && datacenter->copy->follower != NULL)
                check_copy(datacenter);
}

static void open_copy(struct datacenter *datacenter)
{
        const struct agent *agent = datacenter->all->agent;
        struct follower_options following = {.loop = &datacenter->all->agent->loop,
                                             .log = agent->log,
                                             .relay = agent->relay,
                                             .arg = datacenter,
                                             .synced = on_changed,
                                             .lost = on_changed};
        struct copy *copy = calloc(1, sizeof(*copy));
        struct publisher_config settings;

        if (copy == NULL || settings_of(datacenter, &settings) < 0) {
                free(copy);
                return;
        }
        datacenter->copy = copy;
        copy->store = store_create();
        following.store = copy->store;
        following.datacenter = agent->server != NULL ? datacenter->name : "";
        following.followed = agent->server != NULL ? NULL : datacenter->name;
        if (lictor_dataplane_create(&settings.zone, &copy->plane) == 0 &&
            publisher_create(copy->store, copy->plane, &settings, &copy->publisher) == 0)
                copy->follower = follower_create(&following);
        free((void *)settings.service_ttl);
        if (copy->follower == NULL) {
                close_copy(datacenter);
                return;
        }
        log_info(agent->log, "agent", "following another datacenter: datacenter=%s",
                 datacenter->name);
}

// --- Who is in use.

static struct datacenter *find(struct datacenters *all, const char *name)
{
        for (unsigned i = 0; i < FOLLOWED_MAX; i++) {
                if (strcasecmp(all->items[i].name, name) == 0)
                        return &all->items[i];
        }
        return NULL;
}

// A place for one more: free, or of the one not followed that was asked for the longest ago.
static struct datacenter *claim(struct datacenters *all, const char *name)
{
        struct datacenter *oldest = NULL;

        for (unsigned i = 0; i < FOLLOWED_MAX; i++) {
                struct datacenter *item = &all->items[i];

                if (item->copy == NULL && (oldest == NULL || item->used_ms < oldest->used_ms))
                        oldest = item;
        }
        if (oldest == NULL || strlen(name) >= sizeof(oldest->name))
                return NULL;
        *oldest = (struct datacenter){.all = all, .asked_since_ms = now_ms(all)};
        snprintf(oldest->name, sizeof(oldest->name), "%s", name);
        return oldest;
}

static bool may_follow(const struct datacenters *all, const char *name)
{
        const struct agent *agent = all->agent;

        return *name != '\0' && agent->config->dns.datacenter_idle_ms > 0 &&
               agent->config->dns.allow_stale && agent->relay != NULL &&
               strcasecmp(name, agent->config->datacenter) != 0 &&
               (agent->server == NULL || agent_knows_datacenter(agent, name));
}

void datacenters_note(struct datacenters *datacenters, const char *name)
{
        struct datacenter *datacenter;

        if (datacenters == NULL || !may_follow(datacenters, name))
                return;
        datacenter = find(datacenters, name);
        if (datacenter == NULL)
                datacenter = claim(datacenters, name);
        if (datacenter == NULL)
                return;
        datacenter->used_ms = now_ms(datacenters);
        if (datacenter->copy != NULL)
                return;
        if (datacenter->used_ms - datacenter->asked_since_ms > ASKED_MS) {
                datacenter->asked_since_ms = datacenter->used_ms;
                datacenter->asked = 0;
        }
        if (++datacenter->asked >= ASKED_MIN)
                open_copy(datacenter);
}

static bool has_followers(const struct copy *copy)
{
        struct feed_stats stats = {0};

        if (copy->feed != NULL)
                feed_stats(copy->feed, &stats);
        return stats.followers > 0;
}

static void on_timer(uv_timer_t *timer)
{
        struct datacenters *all = timer->data;
        uint64_t idle_ms = all->agent->config->dns.datacenter_idle_ms;

        free_closed(all, false);
        for (unsigned i = 0; i < FOLLOWED_MAX; i++) {
                struct datacenter *item = &all->items[i];

                if (item->copy == NULL)
                        continue;
                if (plane_take_used(item->copy->plane) || has_followers(item->copy))
                        item->used_ms = now_ms(all);
                if (now_ms(all) - item->used_ms < idle_ms) {
                        check_copy(item);
                        continue;
                }
                log_info(all->agent->log, "agent",
                         "another datacenter is not in use any more: datacenter=%s", item->name);
                close_copy(item);
                item->asked = 0;
        }
}

// --- Serving clients.

static void tell_contact(void *arg, struct feed_contact *out)
{
        const struct datacenter *datacenter = arg;
        struct follower_state state;

        follower_state(datacenter->copy->follower, &state);
        *out = (struct feed_contact){state.cluster_id, state.age_ms, state.known_leader};
}

static bool make_feed(struct datacenter *datacenter)
{
        struct copy *copy = datacenter->copy;
        const struct feed_options options = {.loop = &datacenter->all->agent->loop,
                                             .store = copy->store,
                                             .arg = datacenter,
                                             .contact = tell_contact};

        return copy->feed != NULL || feed_create(&copy->feed, &options) == 0;
}

void datacenters_serve(struct datacenters *datacenters, const char *name,
                       struct relay_incoming *take_incoming, const uint8_t *bytes, size_t len)
{
        struct byte_buffer nothing = BYTE_BUFFER_INIT;
        struct datacenter *datacenter = NULL;

        if (datacenters != NULL && may_follow(datacenters, name)) {
                datacenter = find(datacenters, name);
                if (datacenter == NULL)
                        datacenter = claim(datacenters, name);
        }
        if (datacenter != NULL) {
                datacenter->used_ms = now_ms(datacenters);
                if (datacenter->copy == NULL)
                        open_copy(datacenter);
        }
        // Who asks too early tries again soon.
        if (datacenter == NULL || datacenter->copy == NULL || !datacenter->copy->answered ||
            !make_feed(datacenter))
                relay_incoming_answer(take_incoming, &nothing);
        else
                feed_serve(datacenter->copy->feed, take_incoming, bytes, len);
}

// --- Life.

void datacenters_configure(struct datacenters *datacenters)
{
        struct publisher_config settings;

        if (datacenters == NULL)
                return;
        for (unsigned i = 0; i < FOLLOWED_MAX; i++) {
                struct datacenter *item = &datacenters->items[i];

                if (item->copy == NULL || settings_of(item, &settings) < 0)
                        continue;
                // Without memory the old settings stay until the next time.
                (void)publisher_configure(item->copy->publisher, &settings);
                free((void *)settings.service_ttl);
                check_copy(item);
        }
}

struct datacenters *datacenters_start(struct agent *agent)
{
        struct datacenters *all = calloc(1, sizeof(*all));

        if (all == NULL)
                return NULL;
        all->agent = agent;
        uv_timer_init(&agent->loop, &all->timer);
        all->timer.data = all;
        uv_timer_start(&all->timer, on_timer, LOOK_MS, LOOK_MS);
        return all;
}

void datacenters_stop(struct datacenters *datacenters)
{
        if (datacenters == NULL)
                return;
        for (unsigned i = 0; i < FOLLOWED_MAX; i++) {
                if (datacenters->items[i].copy != NULL)
                        close_copy(&datacenters->items[i]);
        }
        uv_close((uv_handle_t *)&datacenters->timer, NULL);
}

void datacenters_free(struct datacenters *take_datacenters)
{
        if (take_datacenters == NULL)
                return;
        free_closed(take_datacenters, true);
        free(take_datacenters);
}

size_t datacenters_states(const struct datacenters *datacenters, struct datacenter_state out[],
                          size_t max)
{
        struct lictor_table_stats table;
        struct follower_state state;
        size_t count = 0;

        for (unsigned i = 0; datacenters != NULL && i < FOLLOWED_MAX; i++) {
                const struct datacenter *item = &datacenters->items[i];

                if (item->copy == NULL)
                        continue;
                follower_state(item->copy->follower, &state);
                lictor_table_stats(item->copy->plane, &table);
                if (count < max) {
                        out[count] = (struct datacenter_state){.answered = item->copy->answered,
                                                               .age_ms = state.age_ms,
                                                               .entries = table.entry_count};
                        snprintf(out[count].name, sizeof(out[count].name), "%s", item->name);
                }
                count++;
        }
        return count;
}
