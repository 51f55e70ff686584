#include "control/upstream/query_feed.h"

#include <stdlib.h>

#include "control/upstream/queries.h"

#define RETRY_MS 5000u
#define REST_MS  20u

struct query_feed {
        struct upstream *upstream;
        struct store *store;
        struct upstream_call *call; // NULL: it is to be asked again
        uint64_t index;             // of the latest answer; 0: none
        uv_timer_t again;
};

static void ask(struct query_feed *feed);

static void on_again(uv_timer_t *timer)
{
        struct query_feed *feed = timer->data;

        if (feed->call == NULL)
                ask(feed);
}

static void on_answer(void *arg, const char *error, struct pack_slice body)
{
        struct query_feed *feed = arg;

        feed->call = NULL;
        feed->index = 0;
        // Who may not see queries goes without.
        if (error != NULL || upstream_queries_apply(feed->store, body, &feed->index) < 0) {
                uv_timer_start(&feed->again, on_again, RETRY_MS, 0);
                return;
        }
        // Only then it is waited for.
        if (feed->index == 0)
                feed->index = 1;
        uv_timer_start(&feed->again, on_again, REST_MS, 0);
}

static void ask(struct query_feed *feed)
{
        const struct upstream_question question = {.method = "PreparedQuery.List",
                                                   .repeatable = true,
                                                   .unlimited = true,
                                                   .timeout_ms =
                                                       feed->index == 0 ? UPSTREAM_ANSWER_MS : 0,
                                                   .done = on_answer,
                                                   .arg = feed};
        struct consul_query query = CONSUL_QUERY_INIT;

        query.datacenter = upstream_datacenter(feed->upstream);
        query.min_index = feed->index;
        feed->call = upstream_query(feed->upstream, &query, &question);
        if (feed->call == NULL)
                uv_timer_start(&feed->again, on_again, RETRY_MS, 0);
}

void query_feed_wake(struct query_feed *feed)
{
        if (feed->call == NULL)
                uv_timer_start(&feed->again, on_again, 0, 0);
}

struct query_feed *query_feed_create(uv_loop_t *loop, struct upstream *upstream,
                                     struct store *store)
{
        struct query_feed *feed = calloc(1, sizeof(*feed));

        if (feed == NULL)
                return NULL;
        feed->upstream = upstream;
        feed->store = store;
        uv_timer_init(loop, &feed->again);
        feed->again.data = feed;
        return feed;
}

static void on_closed(uv_handle_t *handle)
{
        free(handle->data);
}

void query_feed_destroy(struct query_feed *take_feed)
{
        if (take_feed == NULL)
                return;
        if (take_feed->call != NULL)
                upstream_cancel(take_feed->call);
        uv_close((uv_handle_t *)&take_feed->again, on_closed);
}
