#include "control/subscribe/settings_codec.h"

#include <jansson.h>
#include <string.h>

#include "control/grpc/protobuf.h"
#include "control/text/duration.h"

#define DEPTH_MAX 32u
#define NS_PER_S  1000000000

enum setting_kind {
        SETTING_TEXT,
        SETTING_TEXTS,
        SETTING_INT,
        SETTING_BOOL,
        SETTING_DURATION, // google.protobuf.Duration
        SETTING_MESSAGE,
        SETTING_MESSAGES, // a list of them
        SETTING_HEADERS,  // a map to lists of texts
        SETTING_STRUCT    // google.protobuf.Struct
};

struct setting {
        const char *name;
        enum setting_kind kind;
        uint8_t number;
        const struct setting *fields; // of a message; the last has no name
};

static const struct setting mesh_gateway[] = {{"Mode", SETTING_TEXT, 1, NULL}, {0}};

static const struct setting expose_path[] = {
    {"ListenerPort", SETTING_INT, 1, NULL},     {"Path", SETTING_TEXT, 2, NULL},
    {"LocalPathPort", SETTING_INT, 3, NULL},    {"Protocol", SETTING_TEXT, 4, NULL},
    {"ParsedFromCheck", SETTING_BOOL, 5, NULL}, {0}};

static const struct setting expose[] = {
    {"Checks", SETTING_BOOL, 1, NULL}, {"Paths", SETTING_MESSAGES, 2, expose_path}, {0}};

static const struct setting transparent_proxy[] = {
    {"OutboundListenerPort", SETTING_INT, 1, NULL}, {"DialedDirectly", SETTING_BOOL, 2, NULL}, {0}};

static const struct setting upstream[] = {{"DestinationType", SETTING_TEXT, 1, NULL},
                                          {"DestinationNamespace", SETTING_TEXT, 2, NULL},
                                          {"DestinationName", SETTING_TEXT, 3, NULL},
                                          {"Datacenter", SETTING_TEXT, 4, NULL},
                                          {"LocalBindAddress", SETTING_TEXT, 5, NULL},
                                          {"LocalBindPort", SETTING_INT, 6, NULL},
                                          {"Config", SETTING_STRUCT, 7, NULL},
                                          {"MeshGateway", SETTING_MESSAGE, 8, mesh_gateway},
                                          {"CentrallyConfigured", SETTING_BOOL, 9, NULL},
                                          {"LocalBindSocketPath", SETTING_TEXT, 10, NULL},
                                          {"LocalBindSocketMode", SETTING_TEXT, 11, NULL},
                                          {0}};

static const struct setting proxy[] = {{"DestinationServiceName", SETTING_TEXT, 1, NULL},
                                       {"DestinationServiceID", SETTING_TEXT, 2, NULL},
                                       {"LocalServiceAddress", SETTING_TEXT, 3, NULL},
                                       {"LocalServicePort", SETTING_INT, 4, NULL},
                                       {"Config", SETTING_STRUCT, 5, NULL},
                                       {"Upstreams", SETTING_MESSAGES, 6, upstream},
                                       {"MeshGateway", SETTING_MESSAGE, 7, mesh_gateway},
                                       {"Expose", SETTING_MESSAGE, 8, expose},
                                       {"Mode", SETTING_TEXT, 9, NULL},
                                       {"TransparentProxy", SETTING_MESSAGE, 10, transparent_proxy},
                                       {"LocalServiceSocketPath", SETTING_TEXT, 11, NULL},
                                       {0}};

static const struct setting service_connect[] = {{"Native", SETTING_BOOL, 1, NULL}, {0}};

static const struct setting definition[] = {
    {"HTTP", SETTING_TEXT, 1, NULL},
    {"TLSSkipVerify", SETTING_BOOL, 2, NULL},
    {"Header", SETTING_HEADERS, 3, NULL},
    {"Method", SETTING_TEXT, 4, NULL},
    {"TCP", SETTING_TEXT, 5, NULL},
    {"Interval", SETTING_DURATION, 6, NULL},
    {"Timeout", SETTING_DURATION, 7, NULL},
    {"DeregisterCriticalServiceAfter", SETTING_DURATION, 8, NULL},
    {"OutputMaxSize", SETTING_INT, 9, NULL},
    {"ScriptArgs", SETTING_TEXTS, 10, NULL},
    {"DockerContainerID", SETTING_TEXT, 11, NULL},
    {"Shell", SETTING_TEXT, 12, NULL},
    {"GRPC", SETTING_TEXT, 13, NULL},
    {"GRPCUseTLS", SETTING_BOOL, 14, NULL},
    {"AliasNode", SETTING_TEXT, 15, NULL},
    {"AliasService", SETTING_TEXT, 16, NULL},
    {"TTL", SETTING_DURATION, 17, NULL},
    {"Body", SETTING_TEXT, 18, NULL},
    {"TLSServerName", SETTING_TEXT, 19, NULL},
    {"H2PING", SETTING_TEXT, 20, NULL},
    {0}};

// --- google.protobuf.Struct, whose members nest as deep as they like.

enum value_field { VALUE_NULL = 1, VALUE_NUMBER, VALUE_TEXT, VALUE_BOOL, VALUE_STRUCT, VALUE_LIST };

// A container that is being written, and the messages that end with it.
struct level {
        json_t *container;
        size_t index; // of an array
        void *iter;   // of an object
        size_t begun[3];
        unsigned begun_count;
};

static void end_messages(struct byte_buffer *b, struct level *level)
{
        while (level->begun_count > 0)
                pb_end(b, level->begun[--level->begun_count]);
}

static void put_text(struct byte_buffer *b, uint32_t number, const json_t *value)
{
        pb_put_bytes(b, number, json_string_value(value), json_string_length(value));
}

// Writes a Value's field. returns  whether it is a container whose members are to follow.
static bool put_value(struct byte_buffer *b, json_t *value, bool may_nest, struct level *level)
{
        bool is_container = json_is_object(value) || json_is_array(value);

        if (is_container && may_nest) {
                level->container = value;
                level->iter = json_object_iter(value);
                level->begun[level->begun_count++] =
                    pb_begin(b, json_is_object(value) ? VALUE_STRUCT : VALUE_LIST);
                return true;
        }
        if (json_is_string(value))
                put_text(b, VALUE_TEXT, value);
        else if (json_is_number(value))
                pb_put_double(b, VALUE_NUMBER, json_number_value(value));
        else if (json_is_boolean(value))
                pb_put_any_uint(b, VALUE_BOOL, json_is_true(value));
        else
                pb_put_any_uint(b, VALUE_NULL, 0);
        return false;
}

// The next member, begun as a message of its own; NULL after the last.
static json_t *begin_member(struct byte_buffer *b, struct level *level, struct level *member)
{
        json_t *value;

        *member = (struct level){.begun_count = 0};
        if (json_is_array(level->container)) {
                value = json_array_get(level->container, level->index++);
        } else {
                value = json_object_iter_value(level->iter);
                if (value == NULL)
                        return NULL;
                member->begun[member->begun_count++] = pb_begin(b, 1);
                pb_put_text(b, 1, json_object_iter_key(level->iter));
                level->iter = json_object_iter_next(level->container, level->iter);
        }
        // An entry's value is its second field, a list's members are its first.
        if (value != NULL)
                member->begun[member->begun_count] = pb_begin(b, member->begun_count + 1);
        member->begun_count++;
        return value;
}

static void put_struct(struct byte_buffer *b, uint32_t number, json_t *object)
{
        struct level levels[DEPTH_MAX + 1];
        unsigned depth = 1;

        levels[0] = (struct level){.container = object,
                                   .iter = json_object_iter(object),
                                   .begun = {pb_begin(b, number)},
                                   .begun_count = 1};
        while (depth > 0) {
                struct level *member = &levels[depth];
                json_t *value = begin_member(b, &levels[depth - 1], member);

                if (value == NULL)
                        end_messages(b, &levels[--depth]);
                else if (put_value(b, value, depth < DEPTH_MAX, member))
                        depth++;
                else
                        end_messages(b, member);
        }
}

// --- Other members.

static void put_duration(struct byte_buffer *b, uint32_t number, const json_t *value)
{
        int64_t ns = 0;
        size_t begun;

        if (json_is_integer(value))
                ns = json_integer_value(value);
        else if (!json_is_string(value) || duration_parse(json_string_value(value), &ns) < 0)
                return;
        begun = pb_begin(b, number);
        pb_put_int(b, 1, ns / NS_PER_S);
        pb_put_int(b, 2, ns % NS_PER_S);
        pb_end(b, begun);
}

static void put_texts(struct byte_buffer *b, uint32_t number, const json_t *list)
{
        const json_t *item;
        size_t i;

        json_array_foreach(list, i, item)
        {
                if (json_is_string(item))
                        put_text(b, number, item);
        }
}

static void put_headers(struct byte_buffer *b, uint32_t number, json_t *headers)
{
        const char *name;
        json_t *values;

        json_object_foreach(headers, name, values)
        {
                size_t entry = pb_begin(b, number), value;

                pb_put_text(b, 1, name);
                value = pb_begin(b, 2);
                put_texts(b, 1, values);
                pb_end(b, value);
                pb_end(b, entry);
        }
}

// Writes what is no message of settings.
static void put_plain(struct byte_buffer *b, const struct setting *setting, json_t *value)
{
        if (setting->kind == SETTING_TEXT && json_is_string(value))
                put_text(b, setting->number, value);
        else if (setting->kind == SETTING_INT && json_is_number(value))
                pb_put_int(b, setting->number, (int64_t)json_number_value(value));
        else if (setting->kind == SETTING_BOOL)
                pb_put_uint(b, setting->number, json_is_true(value));
        else if (setting->kind == SETTING_TEXTS)
                put_texts(b, setting->number, value);
        else if (setting->kind == SETTING_DURATION)
                put_duration(b, setting->number, value);
        else if (setting->kind == SETTING_HEADERS)
                put_headers(b, setting->number, value);
        else if (setting->kind == SETTING_STRUCT && json_is_object(value))
                put_struct(b, setting->number, value);
}

// --- Messages within messages, no deeper than the tables.

#define MESSAGE_DEPTH_MAX 4u

struct message {
        const struct setting *fields;
        json_t *object;
        size_t at;    // of the fields
        size_t index; // of the messages of that field
        size_t begun;
};

// The next message within one, begun. returns  whether there is one.
static bool begin_message(struct byte_buffer *b, struct message *outer, struct message *inner)
{
        for (; outer->fields[outer->at].name != NULL; outer->at++, outer->index = 0) {
                const struct setting *setting = &outer->fields[outer->at];
                json_t *value = json_object_get(outer->object, setting->name);

                if (setting->kind == SETTING_MESSAGES)
                        value = json_array_get(value, outer->index);
                else if (setting->kind != SETTING_MESSAGE || outer->index > 0)
                        value = NULL;
                if (!json_is_object(value))
                        continue;
                outer->index++;
                *inner = (struct message){.fields = setting->fields,
                                          .object = value,
                                          .begun = pb_begin(b, setting->number)};
                return true;
        }
        return false;
}

static void put_plain_fields(struct byte_buffer *b, const struct message *message)
{
        for (const struct setting *setting = message->fields; setting->name != NULL; setting++) {
                json_t *value = json_object_get(message->object, setting->name);

                if (value != NULL)
                        put_plain(b, setting, value);
        }
}

static void put_settings(struct byte_buffer *b, const struct setting *fields, const char *json)
{
        json_t *object = *json != '\0' ? json_loads(json, 0, NULL) : NULL;
        struct message messages[MESSAGE_DEPTH_MAX];
        unsigned depth = 1;

        messages[0] = (struct message){.fields = fields, .object = object};
        put_plain_fields(b, &messages[0]);
        while (depth > 0) {
                if (depth < MESSAGE_DEPTH_MAX &&
                    begin_message(b, &messages[depth - 1], &messages[depth]))
                        put_plain_fields(b, &messages[depth++]);
                else if (--depth > 0)
                        pb_end(b, messages[depth].begun);
        }
        json_decref(object);
}

void settings_put_proxy(struct byte_buffer *b, const char *json)
{
        put_settings(b, proxy, json);
}

void settings_put_connect(struct byte_buffer *b, const char *json)
{
        put_settings(b, service_connect, json);
}

void settings_put_definition(struct byte_buffer *b, const char *json)
{
        put_settings(b, definition, json);
}
