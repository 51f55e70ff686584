#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/agent/local_internal.h"

static void arm(struct local_state *local, struct deadline *deadline, uint64_t at_ms)
{
        if (deadlines_set(&local->deadlines, deadline, at_ms) < 0)
                log_error(local->options.log, "agent", "out of memory: a check's time is not kept");
        local_rearm_timer(local);
}

void local_arm_ttl(struct local_state *local, struct local_check_entry *entry)
{
        int64_t ttl_ms = entry->view.ttl_ns / 1000000;

        if (entry->view.ttl_ns <= 0)
                deadlines_clear(&local->deadlines, &entry->ttl);
        else
                arm(local, &entry->ttl, local->now_ms + (uint64_t)(ttl_ms > 0 ? ttl_ms : 1));
}

void local_arm_reap(struct local_state *local, struct local_check_entry *entry)
{
        bool is_critical = strcmp(entry->record->check.status, "critical") == 0;
        int64_t after_ms = entry->reap_after_ms;

        if (after_ms <= 0 || !is_critical || entry->record->check.service_id[0] == '\0') {
                deadlines_clear(&local->deadlines, &entry->reap);
                return;
        }
        // It counts from when the check turned critical.
        if (entry->reap.slot != 0)
                return;
        if (after_ms < LOCAL_REAP_MIN_MS)
                after_ms = LOCAL_REAP_MIN_MS;
        arm(local, &entry->reap, local->now_ms + (uint64_t)after_ms);
}

static void expire(struct local_state *local, struct local_check_entry *entry)
{
        const struct catalog_check *check = &entry->record->check;
        char *output = NULL;

        log_warn(local->options.log, "agent", "Check missed TTL, is now critical: check=%s",
                 check->id);
        if (check->output[0] == '\0')
                output = strdup("TTL expired");
        else if (asprintf(&output, "TTL expired (last output before timeout follows): %s",
                          check->output) < 0)
                output = NULL;
        if (output != NULL && local_set_check_state(local, entry, "critical", output) == 0) {
                local_files_save_state(local, entry);
                local_push_check(local, entry, NULL, NULL);
        }
        free(output);
}

static void reap(struct local_state *local, struct local_check_entry *entry)
{
        struct local_service_entry *service =
            local_find_service(local, entry->record->check.service_id);

        if (service == NULL)
                return;
        log_info(local->options.log, "agent",
                 "check for service has been critical for too long; deregistered service: "
                 "service=%s check=%s",
                 service->record->service.id, entry->record->check.id);
        local_push_removal(local, service->record->service.id, "", NULL, NULL);
        local_forget_service(local, service);
}

static void run_one(struct local_state *local, const struct deadline *due)
{
        struct local_check_entry *entry = due->owner;

        switch ((enum local_deadline)due->kind) {
        case LOCAL_DEADLINE_TTL:
                expire(local, entry);
                break;
        case LOCAL_DEADLINE_REAP:
                reap(local, entry);
                break;
        case LOCAL_DEADLINE_PUSH:
                local_push_check(local, entry, NULL, NULL);
                break;
        case LOCAL_DEADLINE_ALIAS:
                local_run_alias(local, entry);
                break;
        case LOCAL_DEADLINE_ANSWER:
                local_push_answer(due->owner);
                break;
        }
}

void local_run_deadlines(struct local_state *local, uint64_t now_ms)
{
        local->now_ms = now_ms;
        for (unsigned i = 0; i < LOCAL_DEADLINE_BURST; i++) {
                struct deadline *due = deadlines_first(&local->deadlines);

                if (due == NULL || due->at_ms > now_ms)
                        return;
                deadlines_clear(&local->deadlines, due);
                run_one(local, due);
        }
}

static void on_timer(uv_timer_t *timer)
{
        struct local_state *local = timer->data;

        uv_update_time(local->options.loop);
        local_run_deadlines(local, uv_now(local->options.loop));
        local_rearm_timer(local);
}

void local_rearm_timer(struct local_state *local)
{
        const struct deadline *first = deadlines_first(&local->deadlines);
        uint64_t now_ms = uv_now(local->options.loop);

        if (local->closing || first == NULL)
                uv_timer_stop(&local->timer);
        else
                uv_timer_start(&local->timer, on_timer,
                               first->at_ms > now_ms ? first->at_ms - now_ms : 0, 0);
}
