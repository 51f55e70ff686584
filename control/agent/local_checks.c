#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/agent/local_internal.h"

// What a run gave.
static void on_result(void *arg, void *owner, enum check_health health, const char *output)
{
        struct local_state *local = arg;
        struct local_check_entry *entry = owner;

        local->now_ms = uv_now(local->options.loop);
        local_note_state(local, entry, check_health_text(health), output, NULL, NULL);
}

int local_checks_open(struct local_state *local)
{
        const struct check_engine_options options = {
            .loop = local->options.loop,
            .log = local->options.log,
            .on_result = on_result,
            .arg = local,
            .seed = uv_hrtime() ^ (uint64_t)(uintptr_t)local,
        };

        return check_engine_create(&local->engine, &options);
}

void local_checks_close(struct local_state *local)
{
        for (size_t i = 0; i < local->check_count; i++) {
                check_stop(local->checks[i]->runner);
                local->checks[i]->runner = NULL;
        }
        check_engine_destroy(local->engine);
        local->engine = NULL;
}

// The agent's bound, or a smaller one of the check's own.
static size_t output_max(const struct local_state *local, const json_t *definition)
{
        json_int_t own = json_schema_int(definition, "OutputMaxSize");

        return own > 0 && (size_t)own < local->output_max ? (size_t)own : local->output_max;
}

void local_start_check(struct local_state *local, struct local_check_entry *entry)
{
        struct check_spec spec;
        int ret;

        entry->output_max = output_max(local, entry->definition);
        switch (definition_upkeep(entry->definition)) {
        case DEFINITION_RUN:
                definition_check_spec(entry->definition, &spec);
                spec.output_max = entry->output_max;
                ret = check_start(local->engine, &spec, entry, &entry->runner);
                if (ret < 0)
                        log_error(local->options.log, "agent",
                                  "cannot run check: check=%s error=\"%s\"", spec.id,
                                  strerror(-ret));
                break;
        case DEFINITION_ALIAS:
                local_start_alias(local, entry);
                break;
        case DEFINITION_TTL:
        case DEFINITION_NONE:
                break;
        }
}

void local_stop_check(struct local_state *local, struct local_check_entry *entry)
{
        check_stop(entry->runner);
        entry->runner = NULL;
        local_stop_alias(local, entry);
}
