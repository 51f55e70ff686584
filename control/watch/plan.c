#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/text/json_text.h"
#include "control/text/wide_json.h"
#include "control/watch/internal.h"
#include "lictor/bytes.h"

#define RETRY_S     5u
#define RETRY_MAX_S 180u

// What a type takes beside what all do, and what it cannot do without.
static const struct {
        const char *name;
        const char *params[3];
        const char *missing; // NULL: nothing has to be there; otherwise without the first of params
} types[] = {
    [WATCH_KEY] = {"key", {"key"}, "Must specify a single key to watch"},
    [WATCH_KEYPREFIX] = {"keyprefix", {"prefix"}, "Must specify a single prefix to watch"},
    [WATCH_SERVICES] = {"services", {NULL}, NULL},
    [WATCH_NODES] = {"nodes", {NULL}, NULL},
    [WATCH_SERVICE] = {"service",
                       {"service", "tag", "passingonly"},
                       "Must specify a single service to watch"},
    [WATCH_CHECKS] = {"checks", {"service", "state"}, NULL},
    [WATCH_EVENT] = {"event", {"name"}, NULL},
    [WATCH_AGENT_SERVICE] = {"agent_service",
                             {"service_id"},
                             "Must specify a single service ID to watch"},
};

const char *watch_param(const struct watch_plan *plan, const char *name)
{
        const char *text = json_string_value(json_object_get(plan->params, name));

        return text != NULL ? text : "";
}

static bool is_known(enum watch_kind kind, const char *name)
{
        static const char *const common[] = {"type", "datacenter", "token", "stale"};

        for (size_t i = 0; i < ARRAY_LEN(common); i++) {
                if (strcmp(name, common[i]) == 0)
                        return true;
        }
        for (size_t i = 0; i < ARRAY_LEN(types[kind].params); i++) {
                if (types[kind].params[i] != NULL && strcmp(name, types[kind].params[i]) == 0)
                        return true;
        }
        return false;
}

// returns  whether there are any, and then tells them.
static bool has_strangers(const struct watch_plan *plan, char *error, size_t error_size)
{
        size_t used = (size_t)snprintf(error, error_size, "Invalid parameters: [");
        const char *name, *separator = "";
        json_t *value;
        bool any = false;

        json_object_foreach(plan->params, name, value)
        {
                if (is_known(plan->kind, name) || used >= error_size)
                        continue;
                used += (size_t)snprintf(error + used, error_size - used, "%s%s", separator, name);
                separator = " ";
                any = true;
        }
        if (any && used < error_size)
                snprintf(error + used, error_size - used, "]");
        return any;
}

static bool is_tag(const json_t *tag)
{
        for (size_t i = 0; i < json_array_size(tag); i++) {
                if (!json_is_string(json_array_get(tag, i)))
                        return false;
        }
        return tag == NULL || json_is_string(tag) || json_is_array(tag);
}

static const char *check(const struct watch_plan *plan)
{
        static const char *const texts[] = {"key",  "prefix",     "service",    "state",
                                            "name", "service_id", "datacenter", "token"};
        static const char *const flags[] = {"stale", "passingonly"};
        const char *missing = types[plan->kind].missing;

        if (missing != NULL && *watch_param(plan, types[plan->kind].params[0]) == '\0')
                return missing;
        if (plan->kind == WATCH_CHECKS && *watch_param(plan, "service") != '\0' &&
            *watch_param(plan, "state") != '\0')
                return "Cannot specify service and state";
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                const json_t *value = json_object_get(plan->params, texts[i]);

                if (value != NULL && !json_is_string(value))
                        return "a watch's parameters have to be strings";
        }
        for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
                const json_t *value = json_object_get(plan->params, flags[i]);

                if (value != NULL && !json_is_boolean(value))
                        return "stale and passingonly have to be true or false";
        }
        return is_tag(json_object_get(plan->params, "tag")) ? NULL
                                                            : "tag has to be a string or a list";
}

static int settle(struct watch_plan *plan, char *error, size_t error_size)
{
        const char *type = watch_param(plan, "type"), *problem;

        if (*type == '\0') {
                snprintf(error, error_size, "Watch type must be specified");
                return -EINVAL;
        }
        for (size_t i = 0; i < ARRAY_LEN(types); i++) {
                if (strcmp(type, types[i].name) != 0)
                        continue;
                plan->kind = (enum watch_kind)i;
                problem = check(plan);
                if (problem != NULL)
                        snprintf(error, error_size, "%s", problem);
                return problem != NULL || has_strangers(plan, error, error_size) ? -EINVAL : 0;
        }
        snprintf(error, error_size, "Unsupported watch type: %s", type);
        return -EINVAL;
}

int watch_plan_create(const json_t *params, struct watch_plan **out, char *error, size_t error_size)
{
        struct watch_plan *plan = calloc(1, sizeof(*plan));
        int ret = -ENOMEM;

        *out = NULL;
        snprintf(error, error_size, "out of memory");
        if (plan != NULL)
                plan->params = json_deep_copy(params);
        if (plan != NULL && plan->params != NULL)
                ret = settle(plan, error, error_size);
        if (ret < 0)
                watch_plan_destroy(plan);
        else
                *out = plan;
        return ret;
}

void watch_plan_destroy(struct watch_plan *take_plan)
{
        if (take_plan == NULL)
                return;
        json_decref(take_plan->params);
        free(take_plan->last);
        free(take_plan);
}

const char *watch_plan_type(const struct watch_plan *plan)
{
        return types[plan->kind].name;
}

const char *watch_plan_token(const struct watch_plan *plan)
{
        return watch_param(plan, "token");
}

// Keeps what the handler gets, to see the next time whether it is something else.
static int remember(struct watch_plan *plan, const json_t *answer, long status, uint64_t seen,
                    bool *changed)
{
        char *text = NULL;
        size_t length;
        int ret = watch_result_text(plan, status, answer, seen, false, &text, &length);

        if (ret < 0)
                return ret;
        *changed = plan->last == NULL || strcmp(plan->last, text) != 0;
        free(plan->last);
        plan->last = text;
        return 0;
}

int watch_plan_take(struct watch_plan *plan, long status, const char *body, size_t length,
                    uint64_t index, bool pretty, struct watch_news *out)
{
        uint64_t seen = plan->index;
        bool first = !plan->answered, changed = false;
        json_t *answer;
        int ret;

        // Without its service an agent answers at once, so asking again has to wait.
        if (plan->kind == WATCH_AGENT_SERVICE && status == 404)
                return -EPROTO;
        plan->failures = 0;
        if (!first && index == plan->index && plan->kind != WATCH_AGENT_SERVICE)
                return 0;
        answer = status == 200 ? wide_json_load(body, length) : NULL;
        if (plan->kind == WATCH_AGENT_SERVICE)
                snprintf(plan->hash, sizeof(plan->hash), "%s", json_text(answer, "ContentHash"));
        // An index that goes back means that the servers started afresh.
        plan->index = index < plan->index && plan->kind != WATCH_EVENT ? 0 : index;
        plan->answered = true;
        ret = remember(plan, answer, status, first ? 0 : seen, &changed);
        if (ret == 0 && changed) {
                out->index = index;
                ret = watch_result_text(plan, status, answer, first ? 0 : seen, pretty, &out->text,
                                        &out->length);
                ret = ret < 0 ? ret : 1;
        }
        json_decref(answer);
        return ret;
}

unsigned watch_plan_fail(struct watch_plan *plan)
{
        unsigned wait_s;

        if (plan->failures < RETRY_MAX_S)
                plan->failures++;
        // Ask at once, but for events: those heard before would be told again.
        if (plan->kind != WATCH_EVENT)
                plan->index = 0;
        plan->hash[0] = '\0';
        wait_s = RETRY_S * plan->failures * plan->failures;
        return wait_s < RETRY_MAX_S ? wait_s : RETRY_MAX_S;
}
