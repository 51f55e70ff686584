#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/consul/consul_internal.h"
#include "control/text/duration.h"

// Autopilot's methods: the HTTP API carries them out; its answers are put into the shape of
// Consul's structures.

#define CONFIGURATION_PATH "/v1/operator/autopilot/configuration"

// --- Texts that Go carries as something else.

// Go's binary form of a time: a version, seconds since the year 1, nanoseconds, no time zone.
static void put_time(struct byte_buffer *b, const char *text)
{
        const uint64_t epoch = UINT64_C(62135596800);
        uint8_t bytes[15] = {1, [13] = 0xff, [14] = 0xff};
        struct tm tm = {0};
        const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
        uint64_t seconds = rest != NULL ? epoch + (uint64_t)timegm(&tm) : 0;
        uint32_t ns = rest != NULL && *rest == '.' ? (uint32_t)(strtod(rest, NULL) * 1e9) : 0;

        for (unsigned i = 0; i < 8; i++)
                bytes[1 + i] = (uint8_t)(seconds >> (56 - 8 * i));
        for (unsigned i = 0; i < 4; i++)
                bytes[9 + i] = (uint8_t)(ns >> (24 - 8 * i));
        pack_put_raw(b, (struct pack_slice){bytes, sizeof(bytes)});
}

static void put_duration(struct byte_buffer *b, const char *text)
{
        int64_t ns = 0;

        pack_put_int(b, duration_parse(text, &ns) == 0 ? ns : 0);
}

// serf.MemberStatus
static void put_status(struct byte_buffer *b, const char *text)
{
        static const char *const names[] = {"none", "alive", "leaving", "left", "failed"};
        uint64_t status = 0;

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                if (strcmp(names[i], text) == 0)
                        status = i;
        }
        pack_put_uint(b, status);
}

static const char *text_of(const json_t *object, const char *name)
{
        const char *text = json_string_value(json_object_get(object, name));

        return text != NULL ? text : "";
}

// A member of the answer; its absence reads as a zero.
static void put_member(struct byte_buffer *b, const json_t *object, const char *name)
{
        wire_put_name(b, name);
        if (strcmp(name, "StableSince") == 0)
                put_time(b, text_of(object, name));
        else if (strcmp(name, "LastContact") == 0)
                put_duration(b, text_of(object, name));
        else if (strcmp(name, "SerfStatus") == 0)
                put_status(b, text_of(object, name));
        else
                wire_put_json(b, json_object_get(object, name));
}

static void put_members(struct byte_buffer *b, const json_t *object, const char *const names[],
                        size_t count)
{
        for (size_t i = 0; i < count; i++)
                put_member(b, object, names[i]);
}

#define COUNT(names)                  (sizeof(names) / sizeof((names)[0]))
#define PUT_MEMBERS(b, object, names) put_members(b, object, names, COUNT(names))

// --- Health.

static void put_health(struct byte_buffer *b, const json_t *answer)
{
        static const char *const totals[] = {"Healthy", "FailureTolerance"};
        static const char *const names[] = {"ID",        "Name",    "Address",     "SerfStatus",
                                            "Version",   "Leader",  "LastContact", "LastTerm",
                                            "LastIndex", "Healthy", "Voter",       "StableSince"};
        const json_t *servers = json_object_get(answer, "Servers"), *server;
        size_t i;

        pack_put_map(b, COUNT(totals) + 1);
        PUT_MEMBERS(b, answer, totals);
        wire_put_name(b, "Servers");
        pack_put_array(b, (uint32_t)json_array_size(servers));
        json_array_foreach(servers, i, server)
        {
                pack_put_map(b, COUNT(names));
                PUT_MEMBERS(b, server, names);
        }
}

void consul_server_health(struct consul_call *call, const void *what)
{
        (void)what;
        // A cluster that is not healthy is told of with a status of its own.
        consul_ask(call, &(struct consul_question){.method = "GET",
                                                   .target = "/v1/operator/autopilot/health",
                                                   .or_status = 429,
                                                   .put = put_health});
}

// --- State.

static void put_server_state(struct byte_buffer *b, const json_t *server, const char *leader)
{
        static const char *const own[] = {"ID",      "Name", "Address", "NodeStatus",
                                          "Version", "Meta", "NodeType"};
        static const char *const stats[] = {"LastContact", "LastTerm", "LastIndex"};
        static const char *const health[] = {"Healthy", "StableSince"};

        pack_put_map(b, 4);
        wire_put_name(b, "Server");
        pack_put_map(b, COUNT(own) + 2);
        PUT_MEMBERS(b, server, own);
        wire_put_name(b, "RaftVersion");
        pack_put_uint(b, 3);
        wire_put_name(b, "IsLeader");
        pack_put_bool(b, strcmp(text_of(server, "ID"), leader) == 0);
        wire_put_name(b, "State");
        pack_put_text(b, text_of(server, "Status"));
        wire_put_name(b, "Stats");
        pack_put_map(b, COUNT(stats));
        PUT_MEMBERS(b, server, stats);
        wire_put_name(b, "Health");
        pack_put_map(b, COUNT(health));
        PUT_MEMBERS(b, server, health);
}

static void put_state(struct byte_buffer *b, const json_t *answer)
{
        static const char *const totals[] = {"Healthy", "FailureTolerance", "Leader", "Voters"};
        json_t *servers = json_object_get(answer, "Servers"), *server;
        const char *id;

        pack_put_map(b, COUNT(totals) + 1);
        PUT_MEMBERS(b, answer, totals);
        wire_put_name(b, "Servers");
        pack_put_map(b, (uint32_t)json_object_size(servers));
        json_object_foreach(servers, id, server)
        {
                pack_put_text(b, id);
                put_server_state(b, server, text_of(answer, "Leader"));
        }
}

void consul_autopilot_state(struct consul_call *call, const void *what)
{
        (void)what;
        consul_ask(call, &(struct consul_question){.method = "GET",
                                                   .target = "/v1/operator/autopilot/state",
                                                   .put = put_state});
}

// --- Configuration.

// Durations are numbers on the wire and text in the API.
static void put_configuration(struct byte_buffer *b, const json_t *answer)
{
        static const char *const durations[] = {"LastContactThreshold", "ServerStabilizationTime"};
        json_t *copy = json_copy((json_t *)(uintptr_t)answer);

        for (size_t i = 0; i < COUNT(durations); i++) {
                int64_t ns;

                if (duration_parse(text_of(copy, durations[i]), &ns) == 0)
                        json_object_set_new(copy, durations[i], json_integer(ns));
        }
        wire_put_json(b, copy);
        json_decref(copy);
}

void consul_autopilot_configuration(struct consul_call *call, const void *what)
{
        (void)what;
        consul_ask(call, &(struct consul_question){.method = "GET",
                                                   .target = CONFIGURATION_PATH,
                                                   .put = put_configuration});
}

static json_t *body_of(const json_t *configuration)
{
        static const char *const durations[] = {"LastContactThreshold", "ServerStabilizationTime"};
        json_t *body = json_copy((json_t *)(uintptr_t)configuration);

        json_object_del(body, "CreateIndex");
        json_object_del(body, "ModifyIndex");
        for (size_t i = 0; i < COUNT(durations); i++) {
                const json_t *ns = json_object_get(body, durations[i]);
                char text[DURATION_TEXT_MAX];

                if (json_is_integer(ns))
                        json_object_set_new(
                            body, durations[i],
                            json_string(duration_format(json_integer_value(ns), text)));
        }
        return body;
}

void consul_autopilot_set(struct consul_call *call, const void *what)
{
        struct msgpack_reader r = pack_reader_of(call->args);
        char target[128] = CONFIGURATION_PATH;
        const json_t *configuration;
        json_t *args, *body;

        (void)what;
        if (wire_get_json(&r, &args) < 0) {
                consul_call_refuse(call, CONSUL_UNREADABLE_TEXT);
                return;
        }
        configuration = json_object_get(args, "Config");
        if (!json_is_object(configuration)) {
                consul_call_refuse(call, CONSUL_UNREADABLE_TEXT);
                json_decref(args);
                return;
        }
        if (json_is_true(json_object_get(args, "CAS")))
                snprintf(
                    target, sizeof(target), CONFIGURATION_PATH "?cas=%lld",
                    (long long)json_integer_value(json_object_get(configuration, "ModifyIndex")));
        body = body_of(configuration);
        consul_ask(call,
                   &(struct consul_question){.method = "PUT", .target = target, .content = body});
        json_decref(body);
        json_decref(args);
}
