#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/api/upstream_internal.h"
#include "control/text/duration.h"

// Answers printed as they came, but for what Go's structures show otherwise in JSON.

void upstream_refuse(struct upstream_reply *reply, struct json_writer *take_json)
{
        if (take_json != NULL)
                json_writer_fini(take_json);
        http_reply_text(reply->request, 500, "the server's answer cannot be read");
}

struct pack_slice upstream_member(struct upstream_reply *reply, const char *name)
{
        const struct wire_field fields[] = {{name, WIRE_VALUE, 0}};
        struct msgpack_reader r = pack_reader_of(reply->body), value;
        struct pack_slice found = {NULL, 0};

        if (wire_get(&r, fields, 1, &reply->arena, &found) < 0)
                return (struct pack_slice){NULL, 0};
        value = pack_reader_of(found);
        return found.length > 0 && pack_peek(&value) == PACK_IS_NIL ? (struct pack_slice){NULL, 0}
                                                                    : found;
}

static int write_json(struct json_writer *w, const json_t *value)
{
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

        if (text == NULL)
                return -ENOMEM;
        json_writer_raw(w, text, strlen(text));
        free(text);
        return 0;
}

int upstream_write_value(struct json_writer *w, struct pack_slice value)
{
        struct msgpack_reader r = pack_reader_of(value);
        json_t *json = NULL;
        int ret = wire_get_json(&r, &json);

        if (ret == 0)
                ret = write_json(w, json);
        json_decref(json);
        return ret;
}

static void print(struct upstream_reply *reply, struct pack_slice value, const char *otherwise)
{
        struct json_writer w;

        json_writer_init(&w, http_request_pretty(reply->request));
        if (value.length == 0)
                json_writer_raw(&w, otherwise, strlen(otherwise));
        else if (upstream_write_value(&w, value) < 0) {
                upstream_refuse(reply, &w);
                return;
        }
        http_reply_json(reply->request, 200, &w);
}

static struct pack_slice nil_as_nothing(struct pack_slice value)
{
        struct msgpack_reader r = pack_reader_of(value);

        return pack_peek(&r) == PACK_IS_NIL ? (struct pack_slice){NULL, 0} : value;
}

void upstream_print_value(struct upstream_reply *reply)
{
        print(reply, reply->body, "null");
}

void upstream_print_list(struct upstream_reply *reply)
{
        print(reply, nil_as_nothing(reply->body), "[]");
}

void upstream_print_services(struct upstream_reply *reply)
{
        struct pack_slice services = upstream_member(reply, "Services");
        struct msgpack_reader r = pack_reader_of(services);
        struct json_writer w;
        uint32_t count = 0;

        json_writer_init(&w, http_request_pretty(reply->request));
        json_writer_begin_object(&w);
        if (services.length > 0 && pack_get_map(&r, &count) < 0) {
                upstream_refuse(reply, &w);
                return;
        }
        for (; count > 0; count--) {
                struct text_list tags;
                const char *name;

                if (wire_get_text(&r, &reply->arena, &name) < 0 ||
                    wire_get_texts(&r, &reply->arena, &tags) < 0) {
                        upstream_refuse(reply, &w);
                        return;
                }
                api_put_list(&w, name, &tags);
        }
        json_writer_end_object(&w);
        http_reply_json(reply->request, 200, &w);
}

void upstream_print_keys(struct upstream_reply *reply)
{
        struct pack_slice keys = upstream_member(reply, "Keys");
        struct msgpack_reader r = pack_reader_of(keys);
        uint32_t count = 0;

        if (keys.length > 0 && pack_get_array(&r, &count) < 0)
                upstream_refuse(reply, NULL);
        else if (count == 0 && reply->name[0] != '\0')
                http_reply_empty(reply->request, 404);
        else
                print(reply, keys, "[]");
}

void upstream_print_queries(struct upstream_reply *reply)
{
        print(reply, upstream_member(reply, "Queries"), "[]");
}

void upstream_print_autopilot(struct upstream_reply *reply)
{
        static const char *const durations[] = {"LastContactThreshold", "ServerStabilizationTime"};
        struct msgpack_reader r = pack_reader_of(reply->body);
        char text[DURATION_TEXT_MAX];
        json_t *settings = NULL;
        struct json_writer w;

        json_writer_init(&w, http_request_pretty(reply->request));
        if (wire_get_json(&r, &settings) < 0 || !json_is_object(settings)) {
                upstream_refuse(reply, &w);
                json_decref(settings);
                return;
        }
        for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
                json_int_t ns = json_integer_value(json_object_get(settings, durations[i]));

                json_object_set_new(settings, durations[i], json_string(duration_format(ns, text)));
        }
        w.failed = write_json(&w, settings) < 0;
        http_reply_json(reply->request, 200, &w);
        json_decref(settings);
}
