#include <string.h>

#include "control/api/api_internal.h"
#include "control/event/events.h"

static void write_event(struct json_writer *w, const struct event *event)
{
        json_writer_begin_object(w);
        json_writer_put_string(w, "ID", event->id);
        json_writer_put_string(w, "Name", event->name);
        json_writer_key(w, "Payload");
        if (event->payload_len > 0)
                json_writer_base64(w, event->payload, event->payload_len);
        else
                json_writer_null(w);
        json_writer_put_string(w, "NodeFilter", event->node_filter);
        json_writer_put_string(w, "ServiceFilter", event->service_filter);
        json_writer_put_string(w, "TagFilter", event->tag_filter);
        json_writer_put_uint(w, "Version", 1);
        json_writer_put_uint(w, "LTime", event->lamport_time);
        json_writer_end_object(w);
}

static const char *param(const struct http_request *request, const char *key)
{
        const char *value = http_request_param(request, key);

        return value != NULL ? value : "";
}

void api_event_fire(struct http_request *request, void *app)
{
        struct event event = {.name = http_request_rest(request),
                              .node_filter = param(request, "node"),
                              .service_filter = param(request, "service"),
                              .tag_filter = param(request, "tag")};
        char id[37], error[EVENT_ERROR_MAX];
        struct api *api = app;
        struct json_writer w;

        if (*event.name == '\0') {
                http_reply_text(request, 400, "Missing name");
                return;
        }
        if (!api_check_datacenter(api, request))
                return;
        if (!api_make_uuid(id)) {
                http_reply_text(request, 500, "no random numbers");
                return;
        }
        event.id = id;
        event.payload = (const uint8_t *)http_request_body(request, &event.payload_len);
        if (events_fire(api->agent->events, &event, error) < 0) {
                http_reply_text(request, 500, "%s", error);
                return;
        }
        json_writer_init(&w, http_request_pretty(request));
        write_event(&w, &event);
        http_reply_json(request, 200, &w);
}

// The newest that is listed, or NULL.
static const struct event *last_listed(const struct events *events, const char *name)
{
        for (size_t i = events_count(events); i > 0; i--) {
                const struct event *event = events_at(events, i - 1);

                if (*name == '\0' || strcmp(event->name, name) == 0)
                        return event;
        }
        return NULL;
}

static uint64_t listed_index(const struct api_read *read)
{
        const struct event *last = last_listed(read->api->agent->events, read->name);

        // Without one, an index that does not make clients ask again at once.
        return last != NULL ? event_index(last) : 1;
}

static bool has_other_index(const struct api_read *read)
{
        return read->min_index == 0 || listed_index(read) != read->min_index;
}

static void watch_events(struct api_read *read)
{
        read->hub = events_watches(read->api->agent->events);
        watch_add(read->hub, api_next_watch(read), 0, WATCH_EXACT, "", 0);
}

static void reply_events(const struct api_read *read)
{
        const struct events *events = read->api->agent->events;
        struct json_writer w;

        json_writer_init(&w, http_request_pretty(read->request));
        json_writer_begin_array(&w);
        for (size_t i = 0; i < events_count(events); i++) {
                const struct event *event = events_at(events, i);

                if (*read->name == '\0' || strcmp(event->name, read->name) == 0)
                        write_event(&w, event);
        }
        json_writer_end_array(&w);
        http_reply_header_uint(read->request, "X-Consul-Index", listed_index(read));
        http_reply_json(read->request, 200, &w);
}

void api_event_list(struct http_request *request, void *app)
{
        static const struct api_query query = {
            .has_changed = has_other_index, .watch = watch_events, .reply = reply_events};

        api_read(app, request, &query, param(request, "name"));
}
