#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/text/json_writer.h"
#include "control/watch/internal.h"
#include "lictor/bytes.h"

static void write_number(struct json_writer *w, const char *name, const json_t *pair)
{
        json_writer_put_uint(w, name, (uint64_t)json_integer_value(json_object_get(pair, name)));
}

// In the order of Consul's client, which is what handlers have always been given.
static void write_pair(struct json_writer *w, const json_t *pair)
{
        const char *value = json_string_value(json_object_get(pair, "Value"));
        const char *session = json_string_value(json_object_get(pair, "Session"));

        json_writer_begin_object(w);
        json_writer_put_string(w, "Key", json_string_value(json_object_get(pair, "Key")));
        write_number(w, "CreateIndex", pair);
        write_number(w, "ModifyIndex", pair);
        write_number(w, "LockIndex", pair);
        write_number(w, "Flags", pair);
        if (value != NULL)
                json_writer_put_string(w, "Value", value);
        else
                json_writer_put_null(w, "Value");
        json_writer_put_string(w, "Session", session != NULL ? session : "");
        json_writer_end_object(w);
}

static int pairs_text(bool all, const json_t *pairs, bool pretty, char **text, size_t *length)
{
        struct json_writer w;
        const json_t *pair;
        size_t i;

        json_writer_init(&w, pretty);
        if (all)
                json_writer_begin_array(&w);
        json_array_foreach(pairs, i, pair)
        {
                if (all || i == 0)
                        write_pair(&w, pair);
        }
        if (all)
                json_writer_end_array(&w);
        *text = json_writer_take(&w, length);
        return *text != NULL ? 0 : -ENOMEM;
}

// An event's place in the order of a watch: Consul's client makes it from the ID's digits.
static uint64_t event_index(const json_t *event)
{
        static const struct {
                size_t at, count;
        } parts[2][3] = {{{0, 8}, {9, 4}, {14, 4}}, {{19, 4}, {24, 12}, {0, 0}}};
        const char *id = json_string_value(json_object_get(event, "ID"));
        uint64_t index = 0;

        if (id == NULL || strlen(id) != 36)
                return 0;
        for (size_t half = 0; half < 2; half++) {
                char digits[17] = "";
                size_t used = 0;

                for (size_t i = 0; i < ARRAY_LEN(parts[half]); i++) {
                        memcpy(digits + used, id + parts[half][i].at, parts[half][i].count);
                        used += parts[half][i].count;
                }
                index ^= strtoull(digits, NULL, 16);
        }
        return index;
}

static json_t *events_since(const json_t *events, uint64_t seen)
{
        json_t *fresh = json_array();
        size_t from = 0;

        for (size_t i = 0; i < json_array_size(events) && seen != 0; i++) {
                if (event_index(json_array_get(events, i)) == seen)
                        from = i + 1;
        }
        for (size_t i = from; i < json_array_size(events); i++)
                json_array_append(fresh, json_array_get(events, i));
        return fresh;
}

static int dump(const json_t *value, bool sorted, bool pretty, char **text, size_t *length)
{
        size_t flags = JSON_ENCODE_ANY | (pretty ? JSON_INDENT(4) : (size_t)JSON_COMPACT) |
                       (sorted ? (size_t)JSON_SORT_KEYS : 0);

        *text = json_dumps(value, flags);
        if (*text == NULL)
                return -ENOMEM;
        *length = strlen(*text);
        return 0;
}

static int literal(const char *words, char **text, size_t *length)
{
        *length = strlen(words);
        *text = malloc(*length + 1);
        if (*text == NULL)
                return -ENOMEM;
        memcpy(*text, words, *length + 1);
        return 0;
}

int watch_result_text(const struct watch_plan *plan, long status, const json_t *answer,
                      uint64_t seen, bool pretty, char **text, size_t *length)
{
        bool is_map = plan->kind == WATCH_SERVICES || plan->kind == WATCH_AGENT_SERVICE;
        json_t *events;
        int ret;

        // Nothing there.
        if (status == 404 || json_is_null(answer))
                return literal("null", text, length);
        if (is_map ? !json_is_object(answer) : !json_is_array(answer))
                return -EPROTO;
        if (plan->kind == WATCH_KEY || plan->kind == WATCH_KEYPREFIX)
                return pairs_text(plan->kind == WATCH_KEYPREFIX, answer, pretty, text, length);
        if (plan->kind != WATCH_EVENT)
                return dump(answer, plan->kind == WATCH_SERVICES, pretty, text, length);
        events = events_since(answer, seen);
        if (events == NULL)
                return -ENOMEM;
        ret = dump(events, false, pretty, text, length);
        json_decref(events);
        return ret;
}
