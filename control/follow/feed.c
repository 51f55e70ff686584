#include "control/follow/feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What is remembered for those who were away: a few seconds of a busy registry. */
#define KEPT_COUNT_MAX 16384u
#define KEPT_BYTES_MAX ((size_t)16 << 20)
/* A follower with more unread than this begins anew when it comes again. */
#define BACKLOG_MAX ((size_t)64 << 20)
#define BEAT_MS     1000u

/* One command's changes, as they are sent. */
struct delta {
        uint64_t index;
        struct byte_buffer item;
};

struct subscriber {
        struct feed *feed;
        struct subscriber *next, **prev;
        struct relay_incoming *incoming;
        bool waits; /* for a snapshot */
};

struct snapshot_job {
        uv_work_t work;
        struct feed *feed; /* NULL: gone */
        struct store_snapshot *snapshot;
        struct byte_buffer item;
        uint64_t restores; /* of the store, when it was gathered */
        int error;
};

struct feed {
        struct feed_options options;
        struct delta *kept; /* a ring of KEPT_COUNT_MAX, the oldest first */
        size_t first, count, bytes;
        uint64_t base_index; /* all changes after it are kept */
        uint64_t restores;
        struct subscriber *subscribers;
        struct snapshot_job *job;
        uv_timer_t *beat;
        struct feed_stats stats;
};

static void contact_of(const struct feed *feed, struct feed_contact *out)
{
        *out = (struct feed_contact){0};
        feed->options.contact(feed->options.arg, out);
}

// --- What is kept.

static struct delta *kept_at(const struct feed *feed, size_t i)
{
        return &feed->kept[(feed->first + i) % KEPT_COUNT_MAX];
}

static void forget_oldest(struct feed *feed)
{
        struct delta *oldest = kept_at(feed, 0);

        feed->base_index = oldest->index;
        feed->bytes -= oldest->item.len;
        byte_buffer_fini(&oldest->item);
        feed->first = (feed->first + 1) % KEPT_COUNT_MAX;
        feed->count--;
}

static void forget_all(struct feed *feed, uint64_t index)
{
        while (feed->count > 0)
                forget_oldest(feed);
        feed->base_index = index;
}

static const struct delta *keep(struct feed *feed, uint64_t index, struct byte_buffer *take_item)
{
        struct delta *delta;

        while (feed->count > 0 &&
               (feed->count == KEPT_COUNT_MAX || feed->bytes + take_item->len > KEPT_BYTES_MAX))
                forget_oldest(feed);
        delta = kept_at(feed, feed->count++);
        *delta = (struct delta){index, *take_item};
        feed->bytes += take_item->len;
        return delta;
}

// --- Followers.

static void remove_subscriber(struct subscriber *take_subscriber)
{
        *take_subscriber->prev = take_subscriber->next;
        if (take_subscriber->next != NULL)
                take_subscriber->next->prev = take_subscriber->prev;
        take_subscriber->feed->stats.followers--;
        free(take_subscriber);
}

static void on_cancel(void *arg)
{
        remove_subscriber(arg);
}

static void drop_subscriber(struct subscriber *subscriber)
{
        struct byte_buffer nothing = BYTE_BUFFER_INIT;
        struct relay_incoming *incoming = subscriber->incoming;

        subscriber->feed->stats.dropped++;
        remove_subscriber(subscriber);
        relay_incoming_on_cancel(incoming, NULL, NULL);
        relay_incoming_answer(incoming, &nothing);
}

void feed_drop_all(struct feed *feed)
{
        while (feed->subscribers != NULL)
                drop_subscriber(feed->subscribers); // NOLINT(clang-analyzer-unix.Malloc)
}

// returns  false when the subscriber is gone.
static bool send_delta(struct subscriber *subscriber, const struct delta *delta)
{
        subscriber->feed->stats.deltas++;
        if (relay_incoming_backlog(subscriber->incoming) < BACKLOG_MAX &&
            relay_incoming_item(subscriber->incoming, delta->item.bytes, delta->item.len) == 0)
                return true;
        drop_subscriber(subscriber);
        return false;
}

static void send_after(struct subscriber *subscriber, uint64_t index)
{
        const struct feed *feed = subscriber->feed;

        for (size_t i = 0; i < feed->count; i++) {
                if (kept_at(feed, i)->index > index && !send_delta(subscriber, kept_at(feed, i)))
                        return;
        }
}

static void send_beat(struct subscriber *subscriber)
{
        const struct feed *feed = subscriber->feed;
        struct follow_item beat = {.kind = FOLLOW_BEAT,
                                   .index = store_applied_index(feed->options.store)};
        struct byte_buffer item = BYTE_BUFFER_INIT;
        struct feed_contact contact;

        contact_of(feed, &contact);
        beat.contact_ms = contact.contact_ms;
        beat.known_leader = contact.known_leader;
        follow_item_encode(&beat, &item);
        relay_incoming_item_buffer(subscriber->incoming, &item);
}

static bool anybody_waits(const struct feed *feed)
{
        for (const struct subscriber *s = feed->subscribers; s != NULL; s = s->next) {
                if (s->waits)
                        return true;
        }
        return false;
}

static void start_snapshot(struct feed *feed);

static void on_beat(uv_timer_t *timer)
{
        struct feed *feed = timer->data;

        for (struct subscriber *s = feed->subscribers; s != NULL; s = s->next)
                send_beat(s);
        if (anybody_waits(feed))
                start_snapshot(feed);
}

// --- Snapshots.

static int append_bytes(void *arg, const uint8_t *bytes, size_t len)
{
        struct byte_buffer *item = arg;

        if (item->len + len > RELAY_ANSWER_MAX)
                return -E2BIG;
        byte_buffer_append(item, bytes, len);
        return 0;
}

static void on_encode(uv_work_t *work)
{
        struct snapshot_job *job = (struct snapshot_job *)work;

        job->error = store_snapshot_encode_catalog(job->snapshot, append_bytes, &job->item);
}

static void send_snapshot(struct feed *feed, const struct snapshot_job *job)
{
        uint64_t index = store_snapshot_index(job->snapshot);
        struct subscriber *next;

        for (struct subscriber *s = feed->subscribers; s != NULL; s = next) {
                next = s->next;
                if (!s->waits)
                        continue;
                s->waits = false;
                feed->stats.snapshots++;
                if (relay_incoming_item(s->incoming, job->item.bytes, job->item.len) < 0) {
                        drop_subscriber(s);
                        continue;
                }
                send_after(s, index);
        }
}

// Changes come so fast that some are forgotten already, or there is another state: once more.
static void on_encoded(uv_work_t *work, int status)
{
        struct snapshot_job *job = (struct snapshot_job *)work;
        struct feed *feed = job->feed;
        struct subscriber *next;

        (void)status;
        if (feed != NULL) {
                feed->job = NULL;
                if (job->error == 0 && job->restores == feed->restores &&
                    store_snapshot_index(job->snapshot) >= feed->base_index)
                        send_snapshot(feed, job);
                for (struct subscriber *s = feed->subscribers; job->error < 0 && s != NULL;
                     s = next) {
                        next = s->next;
                        if (s->waits)
                                drop_subscriber(s);
                }
        }
        store_snapshot_release(job->snapshot);
        byte_buffer_fini(&job->item);
        free(job);
        if (feed != NULL && anybody_waits(feed))
                start_snapshot(feed);
}

static void start_snapshot(struct feed *feed)
{
        struct follow_item head = {.kind = FOLLOW_SNAPSHOT};
        struct snapshot_job *job;
        struct feed_contact contact;

        if (feed->job != NULL)
                return;
        job = calloc(1, sizeof(*job));
        if (job == NULL)
                return;
        contact_of(feed, &contact);
        job->feed = feed;
        job->restores = feed->restores;
        job->snapshot = store_snapshot_gather(feed->options.store);
        head.cluster_id = contact.cluster_id;
        head.index = store_snapshot_index(job->snapshot);
        follow_item_encode(&head, &job->item);
        feed->job = job;
        if (uv_queue_work(feed->options.loop, &job->work, on_encode, on_encoded) == 0)
                return;
        feed->job = NULL;
        store_snapshot_release(job->snapshot);
        byte_buffer_fini(&job->item);
        free(job);
}

void feed_serve(struct feed *feed, struct relay_incoming *take_incoming, const uint8_t *bytes,
                size_t len)
{
        struct subscriber *subscriber = calloc(1, sizeof(*subscriber));
        struct byte_buffer nothing = BYTE_BUFFER_INIT;
        struct follow_request request;
        struct feed_contact contact;

        if (subscriber == NULL || follow_request_decode(bytes, len, &request) < 0) {
                free(subscriber);
                relay_incoming_answer(take_incoming, &nothing);
                return;
        }
        *subscriber = (struct subscriber){.feed = feed,
                                          .next = feed->subscribers,
                                          .prev = &feed->subscribers,
                                          .incoming = take_incoming};
        if (subscriber->next != NULL)
                subscriber->next->prev = &subscriber->next;
        feed->subscribers = subscriber;
        feed->stats.followers++;
        relay_incoming_on_cancel(take_incoming, on_cancel, subscriber);
        contact_of(feed, &contact);
        send_beat(subscriber);
        subscriber->waits = request.index == 0 || request.index < feed->base_index ||
                            contact.cluster_id == 0 || request.cluster_id != contact.cluster_id;
        if (subscriber->waits)
                start_snapshot(feed);
        else
                send_after(subscriber, request.index);
}

// --- Changes.

static void on_changes(void *arg, uint64_t index, const struct store_change changes[], size_t count)
{
        struct feed *feed = arg;
        uint64_t restores = store_restore_count(feed->options.store);
        const struct follow_item head = {
            .kind = FOLLOW_DELTA,
            .before = feed->count > 0 ? kept_at(feed, feed->count - 1)->index : feed->base_index,
            .index = index};
        struct byte_buffer item = BYTE_BUFFER_INIT;
        const struct delta *delta;
        struct subscriber *next;

        if (restores != feed->restores) {
                feed->restores = restores;
                forget_all(feed, store_applied_index(feed->options.store));
                for (struct subscriber *s = feed->subscribers; s != NULL; s = s->next)
                        s->waits = true;
                // Not from within the telling.
                uv_timer_start(feed->beat, on_beat, 0, BEAT_MS);
                return;
        }
        // Followers get the new state as a whole.
        if (store_is_settling(feed->options.store))
                return;
        follow_item_encode(&head, &item);
        if (follow_rows_encode(changes, count, &item) == 0) {
                byte_buffer_fini(&item);
                return;
        }
        delta = keep(feed, index, &item);
        for (struct subscriber *s = feed->subscribers; s != NULL; s = next) {
                next = s->next;
                if (!s->waits)
                        send_delta(s, delta);
        }
}

int feed_create(struct feed **out, const struct feed_options *options)
{
        struct feed *feed = calloc(1, sizeof(*feed));
        int ret = -ENOMEM;

        if (feed == NULL)
                return ret;
        feed->options = *options;
        feed->kept = calloc(KEPT_COUNT_MAX, sizeof(*feed->kept));
        feed->beat = malloc(sizeof(*feed->beat));
        if (feed->kept == NULL || feed->beat == NULL)
                goto free_feed;
        feed->base_index = store_applied_index(options->store);
        feed->restores = store_restore_count(options->store);
        ret = store_listen(options->store, on_changes, feed);
        if (ret < 0)
                goto free_feed;
        uv_timer_init(options->loop, feed->beat);
        feed->beat->data = feed;
        uv_timer_start(feed->beat, on_beat, BEAT_MS, BEAT_MS);
        *out = feed;
        return 0;
free_feed:
        free(feed->kept);
        free(feed->beat);
        free(feed);
        return ret;
}

static void free_timer(uv_handle_t *handle)
{
        free(handle);
}

void feed_destroy(struct feed *take_feed)
{
        if (take_feed == NULL)
                return;
        store_unlisten(take_feed->options.store, on_changes, take_feed);
        while (take_feed->subscribers != NULL)
                remove_subscriber(take_feed->subscribers); // NOLINT(clang-analyzer-unix.Malloc)
        if (take_feed->job != NULL)
                take_feed->job->feed = NULL;
        forget_all(take_feed, 0);
        uv_close((uv_handle_t *)take_feed->beat, free_timer);
        free(take_feed->kept);
        free(take_feed);
}

void feed_stats(const struct feed *feed, struct feed_stats *out)
{
        *out = feed->stats;
}
