#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/text/uri.h"
#include "control/watch/internal.h"

// A request's path as it grows; NULL once memory ran out.
struct path {
        char *text;
        size_t length;
        bool has_query;
};

static void append(struct path *path, const char *text, size_t length)
{
        char *grown;

        if (path->text == NULL)
                return;
        grown = realloc(path->text, path->length + length + 1);
        if (grown == NULL) {
                free(path->text);
                path->text = NULL;
                return;
        }
        memcpy(grown + path->length, text, length);
        path->text = grown;
        path->length += length;
        grown[path->length] = '\0';
}

static void append_text(struct path *path, const char *text)
{
        append(path, text, strlen(text));
}

static void append_escaped(struct path *path, const char *text)
{
        char *escaped = uri_escape(text);

        if (escaped == NULL) {
                free(path->text);
                path->text = NULL;
                return;
        }
        append_text(path, escaped);
        free(escaped);
}

static void append_query(struct path *path, const char *name, const char *value)
{
        append_text(path, path->has_query ? "&" : "?");
        append_text(path, name);
        append_text(path, "=");
        append_escaped(path, value);
        path->has_query = true;
}

static void append_given(struct path *path, const struct watch_plan *plan, const char *name,
                         const char *param)
{
        const char *value = watch_param(plan, param);

        if (*value != '\0')
                append_query(path, name, value);
}

static void append_tags(struct path *path, const struct watch_plan *plan)
{
        const json_t *tags = json_object_get(plan->params, "tag"), *tag;
        size_t i;

        append_given(path, plan, "tag", "tag");
        json_array_foreach(tags, i, tag) append_query(path, "tag", json_string_value(tag));
        if (json_is_true(json_object_get(plan->params, "passingonly")))
                append_query(path, "passing", "1");
}

static void append_endpoint(struct path *path, const struct watch_plan *plan)
{
        const char *state = watch_param(plan, "state");

        switch (plan->kind) {
        case WATCH_KEY:
                append_text(path, "/v1/kv/");
                append_escaped(path, watch_param(plan, "key"));
                break;
        case WATCH_KEYPREFIX:
                append_text(path, "/v1/kv/");
                append_escaped(path, watch_param(plan, "prefix"));
                append_query(path, "recurse", "");
                break;
        case WATCH_SERVICES:
                append_text(path, "/v1/catalog/services");
                break;
        case WATCH_NODES:
                append_text(path, "/v1/catalog/nodes");
                break;
        case WATCH_SERVICE:
                append_text(path, "/v1/health/service/");
                append_escaped(path, watch_param(plan, "service"));
                append_tags(path, plan);
                break;
        case WATCH_CHECKS:
                if (*watch_param(plan, "service") != '\0') {
                        append_text(path, "/v1/health/checks/");
                        append_escaped(path, watch_param(plan, "service"));
                } else {
                        append_text(path, "/v1/health/state/");
                        append_escaped(path, *state != '\0' ? state : "any");
                }
                break;
        case WATCH_EVENT:
                append_text(path, "/v1/event/list");
                append_given(path, plan, "name", "name");
                break;
        case WATCH_AGENT_SERVICE:
                append_text(path, "/v1/agent/service/");
                append_escaped(path, watch_param(plan, "service_id"));
                if (plan->hash[0] != '\0')
                        append_query(path, "hash", plan->hash);
                break;
        }
}

char *watch_plan_path(const struct watch_plan *plan)
{
        struct path path = {.text = calloc(1, 1)};
        char number[24];

        append_endpoint(&path, plan);
        append_given(&path, plan, "dc", "datacenter");
        if (json_is_true(json_object_get(plan->params, "stale")))
                append_query(&path, "stale", "");
        if (plan->index != 0 && plan->kind != WATCH_AGENT_SERVICE) {
                snprintf(number, sizeof(number), "%llu", (unsigned long long)plan->index);
                append_query(&path, "index", number);
        }
        return path.text;
}
