#include "control/event/events.h"
#include "control/agent/local.h"
#include "control/event/event_filter.h"
#include "control/store/memory.h"
#include "control/store/watch.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct events {
        const char *node_name;
        const struct local_state *local;
        void (*send)(void *arg, const struct event *event);
        void *send_arg;
        const char *order_name; // NULL: all events are kept
        void (*order)(void *arg, const struct event *event);
        void *order_arg;
        struct watch_hub *watches;
        uint64_t clock;
        struct event *ring[EVENTS_MAX]; // one block each
        size_t first;
        size_t count;
};

struct events *events_create(const char *node_name, const struct local_state *local)
{
        struct events *events = memory_get_zeroed(1, sizeof(*events));

        events->node_name = node_name;
        events->local = local;
        events->watches = watch_hub_create(0);
        return events;
}

void events_destroy(struct events *take_events)
{
        if (take_events == NULL)
                return;
        for (size_t i = 0; i < EVENTS_MAX; i++)
                free(take_events->ring[i]);
        watch_hub_destroy(take_events->watches);
        free(take_events);
}

void events_set_carrier(struct events *events, void (*send)(void *arg, const struct event *event),
                        void *arg)
{
        events->send = send;
        events->send_arg = arg;
}

void events_set_orders(struct events *events, const char *name,
                       void (*order)(void *arg, const struct event *event), void *arg)
{
        events->order_name = name;
        events->order = order;
        events->order_arg = arg;
}

static char *put_bytes(char **at, const void *bytes, size_t len)
{
        char *to = *at;

        if (len > 0)
                memcpy(to, bytes, len);
        *at += len;
        return to;
}

static const char *put_text(char **at, const char *text)
{
        return put_bytes(at, text, strlen(text) + 1);
}

static struct event *copy_event(const struct event *e)
{
        size_t len = strlen(e->id) + strlen(e->name) + strlen(e->node_filter) +
                     strlen(e->service_filter) + strlen(e->tag_filter) + 5 + e->payload_len;
        struct event *copy = memory_get(sizeof(*copy) + len);
        char *at = (char *)(copy + 1);

        *copy = *e;
        copy->id = put_text(&at, e->id);
        copy->name = put_text(&at, e->name);
        copy->node_filter = put_text(&at, e->node_filter);
        copy->service_filter = put_text(&at, e->service_filter);
        copy->tag_filter = put_text(&at, e->tag_filter);
        copy->payload = (const uint8_t *)put_bytes(&at, e->payload, e->payload_len);
        return copy;
}

static bool has_service(const struct events *events, const struct event_filter *service,
                        const struct event_filter *tag)
{
        const struct catalog_service *next;
        size_t cursor = 0;

        while ((next = local_next_service(events->local, &cursor)) != NULL) {
                bool tagged = event_filter_is_open(tag);

                if (!event_filter_matches(service, next->id))
                        continue;
                for (uint32_t i = 0; i < next->tags.count && !tagged; i++)
                        tagged = event_filter_matches(tag, next->tags.items[i]);
                if (tagged)
                        return true;
        }
        return false;
}

static int compile_filters(const struct event *event, struct event_filter filters[3],
                           char error[EVENT_ERROR_MAX])
{
        const char *const texts[] = {event->node_filter, event->service_filter, event->tag_filter};
        static const char *const names[] = {"node", "service", "tag"};

        memset(filters, 0, 3 * sizeof(filters[0]));
        for (int i = 0; i < 3; i++) {
                char why[EVENT_ERROR_MAX - 40];

                if (event_filter_compile(texts[i], &filters[i], why, sizeof(why)) == 0)
                        continue;
                snprintf(error, EVENT_ERROR_MAX, "Invalid %s filter: %s", names[i], why);
                for (int n = 0; n < i; n++)
                        event_filter_fini(&filters[n]);
                return -EINVAL;
        }
        return 0;
}

static bool concerns(const struct events *events, const struct event *event)
{
        struct event_filter filters[3];
        char error[EVENT_ERROR_MAX];
        bool fits;

        if (compile_filters(event, filters, error) < 0)
                return false;
        fits = event_filter_matches(&filters[0], events->node_name) &&
               (event_filter_is_open(&filters[1]) || has_service(events, &filters[1], &filters[2]));
        for (int i = 0; i < 3; i++)
                event_filter_fini(&filters[i]);
        return fits;
}

void events_receive(struct events *events, const struct event *event)
{
        struct event **slot;

        if (event->lamport_time > events->clock)
                events->clock = event->lamport_time;
        if (!concerns(events, event))
                return;
        if (events->order_name != NULL && strcmp(event->name, events->order_name) == 0) {
                events->order(events->order_arg, event);
                return;
        }
        slot = &events->ring[(events->first + events->count) % EVENTS_MAX];
        if (events->count == EVENTS_MAX)
                events->first = (events->first + 1) % EVENTS_MAX;
        else
                events->count++;
        free(*slot);
        *slot = copy_event(event);
        watch_notify(events->watches, 0, "", 0);
}

// Lengths as gossip's msgpack has them: texts and bytes alike, a map's short keys before each.
static size_t raw_len(size_t len)
{
        return len + (len < 32 ? 1 : len <= UINT16_MAX ? 3 : 5);
}

static size_t text_field_len(size_t key_len, const char *value)
{
        return *value != '\0' ? raw_len(key_len) + raw_len(strlen(value)) : 0;
}

static size_t encoded_len(const struct event *e)
{
        size_t payload = e->payload_len > 0 ? raw_len(1) + raw_len(e->payload_len) : 0;

        return 1 + raw_len(2) + raw_len(strlen(e->id)) + raw_len(1) + raw_len(strlen(e->name)) +
               payload + text_field_len(2, e->node_filter) + text_field_len(2, e->service_filter) +
               text_field_len(2, e->tag_filter) + raw_len(1) + 1;
}

static int refuse(char error[EVENT_ERROR_MAX], const char *text)
{
        snprintf(error, EVENT_ERROR_MAX, "%s", text);
        return -EINVAL;
}

static int check_event(const struct event *event, char error[EVENT_ERROR_MAX])
{
        struct event_filter filters[3];
        size_t name_len = strlen("consul:event:") + strlen(event->name);

        if (*event->name == '\0')
                return refuse(error, "User event missing name");
        if (*event->tag_filter != '\0' && *event->service_filter == '\0')
                return refuse(error, "Cannot provide tag filter without service filter");
        if (compile_filters(event, filters, error) < 0)
                return -EINVAL;
        for (int i = 0; i < 3; i++)
                event_filter_fini(&filters[i]);
        if (name_len + encoded_len(event) > EVENT_SIZE_MAX) {
                snprintf(error, EVENT_ERROR_MAX,
                         "user event exceeds configured limit of %d bytes before encoding",
                         EVENT_SIZE_MAX);
                return -EINVAL;
        }
        return 0;
}

int events_fire(struct events *events, const struct event *event, char error[EVENT_ERROR_MAX])
{
        struct event timed = *event;

        if (check_event(event, error) < 0)
                return -EINVAL;
        timed.lamport_time = events->clock + 1;
        if (events->send != NULL)
                events->send(events->send_arg, &timed);
        else
                events_receive(events, &timed);
        return 0;
}

size_t events_count(const struct events *events)
{
        return events->count;
}

const struct event *events_at(const struct events *events, size_t i)
{
        assert(i < events->count);
        return events->ring[(events->first + i) % EVENTS_MAX];
}

struct watch_hub *events_watches(const struct events *events)
{
        return events->watches;
}

uint64_t event_index(const struct event *event)
{
        uint64_t half[2] = {0, 0};
        unsigned digit = 0;

        // The upper 64 bits of the UUID, exclusive-or the lower.
        for (const char *c = event->id; *c != '\0' && digit < 32; c++) {
                unsigned value = *c >= '0' && *c <= '9' ? (unsigned)(*c - '0')
                                                        : (unsigned)((*c | 0x20) - 'a' + 10);

                if (*c == '-')
                        continue;
                half[digit / 16] = half[digit / 16] << 4 | (value & 15);
                digit++;
        }
        return half[0] ^ half[1];
}
