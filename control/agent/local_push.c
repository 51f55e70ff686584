#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/agent/local_internal.h"

// One proposal on its way; what it was about is found again by id when the answer comes.
struct push {
        struct local_state *local;
        char *service_id;
        char *check_id;
        uint32_t generation; // nothing newer than this is in the catalog
        local_done_fn done;  // NULL when nobody waits, or no more
        void *arg;
        struct deadline patience;
};

// What the catalog does not take now is done all the same: the agent has it, and offers it again.
static void answer(struct push *push)
{
        const struct local_result outcome = {.status = 200};
        local_done_fn done = push->done;

        push->done = NULL;
        if (done != NULL)
                done(push->arg, &outcome);
}

void local_push_answer(void *push)
{
        answer(push);
}

static void finish(struct push *push)
{
        answer(push);
        deadlines_clear(&push->local->deadlines, &push->patience);
        local_release(push->local);
        free(push->service_id);
        free(push->check_id);
        free(push);
}

// The refusal may be due to what the catalog has lost, so it is read again.
static void on_retry(uv_timer_t *timer)
{
        local_sync(timer->data);
}

// Whether the catalog has it now; if not, it is offered again later. @failed  for the log.
static bool note_result(struct push *push, const struct fsm_result *result, const char *failed)
{
        struct local_state *local = push->local;

        if (fsm_result_ok(result)) {
                local->retry_ms = LOCAL_RETRY_MS;
                return true;
        }
        log_warn(local->options.log, "agent", "%s: error=\"%s\"", failed, result->error.text);
        // One wait for all that fails together.
        if (!local->closing && !uv_is_active((uv_handle_t *)&local->retry_timer))
                uv_timer_start(&local->retry_timer, on_retry, local_retry_delay_ms(local), 0);
        return false;
}

// Without memory the caller of done hears of it, and NULL is returned.
static struct push *make_push(struct local_state *local, const char *service_id,
                              const char *check_id, local_done_fn done, void *arg)
{
        const struct local_result no_memory = {.status = 500, .text = "out of memory"};
        struct push *push = calloc(1, sizeof(*push));

        if (push == NULL)
                goto refuse;
        *push = (struct push){.local = local,
                              .service_id = strdup(service_id),
                              .check_id = strdup(check_id),
                              .generation = local->generation,
                              .done = done,
                              .arg = arg};
        push->patience = (struct deadline){.kind = LOCAL_DEADLINE_ANSWER, .owner = push};
        if (push->service_id == NULL || push->check_id == NULL ||
            (done != NULL && deadlines_set(&local->deadlines, &push->patience,
                                           local->now_ms + LOCAL_ANSWER_MS) < 0))
                goto free_push;
        local_rearm_timer(local);
        local->reference_count++;
        return push;
free_push:
        free(push->service_id);
        free(push->check_id);
        free(push);
refuse:
        if (done != NULL)
                done(arg, &no_memory);
        return NULL;
}

// Newer than what was already known; older answers may overtake newer ones.
static void mark(uint32_t *pushed, uint32_t entry_generation, uint32_t push_generation)
{
        if (entry_generation <= push_generation)
                *pushed = entry_generation;
}

// Not what is in the catalog already, nor what is to follow later.
static bool goes_with_service(const struct local_check_entry *entry)
{
        return entry->pushed != entry->generation && entry->push.slot == 0;
}

static void on_service_pushed(void *arg, const struct fsm_result *result)
{
        struct push *push = arg;
        struct local_state *local = push->local;

        if (note_result(push, result, "Syncing service failed.")) {
                struct local_service_entry *service = local_find_service(local, push->service_id);

                if (service != NULL)
                        mark(&service->pushed, service->generation, push->generation);
                for (struct local_check_entry *entry = service != NULL ? service->checks : NULL;
                     entry != NULL; entry = entry->next_of_service)
                        if (goes_with_service(entry))
                                mark(&entry->pushed, entry->generation, push->generation);
        }
        finish(push);
}

static void on_check_pushed(void *arg, const struct fsm_result *result)
{
        struct push *push = arg;

        if (note_result(push, result, "Syncing check failed.")) {
                struct local_check_entry *entry = local_find_check(push->local, push->check_id);

                if (entry != NULL)
                        mark(&entry->pushed, entry->generation, push->generation);
        }
        finish(push);
}

static void begin_register(const struct local_state *local, struct command *command)
{
        *command = (struct command){.type = COMMAND_REGISTER};
        command->reg.node = local->node->node;
        // Until the node's row is known to be this agent's, the catalog is to compare it.
        command->reg.skip_node_update = local->node_pushed;
        command->reg.service = (struct catalog_service)CATALOG_SERVICE_INIT;
}

static size_t count_checks(const struct local_service_entry *service)
{
        size_t count = 0;

        for (const struct local_check_entry *entry = service->checks; entry != NULL;
             entry = entry->next_of_service)
                count++;
        return count;
}

void local_push_service(struct local_state *local, const struct local_service_entry *entry,
                        local_done_fn done, void *arg)
{
        struct push *push = make_push(local, entry->record->service.id, "", done, arg);
        struct catalog_check *checks = calloc(count_checks(entry) + 1, sizeof(*checks));
        struct command command;

        if (push == NULL || checks == NULL) {
                if (push != NULL)
                        finish(push);
                free(checks);
                return;
        }
        begin_register(local, &command);
        command.reg.has_service = true;
        command.reg.service = entry->record->service;
        command.reg.checks = checks;
        for (const struct local_check_entry *check = entry->checks; check != NULL;
             check = check->next_of_service)
                if (goes_with_service(check))
                        checks[command.reg.check_count++] = check->record->check;
        propose_command(local->options.proposer, &command, on_service_pushed, push);
        free(checks);
}

void local_push_check(struct local_state *local, const struct local_check_entry *entry,
                      local_done_fn done, void *arg)
{
        struct catalog_check check = entry->record->check;
        struct push *push = make_push(local, "", check.id, done, arg);
        struct command command;

        if (push == NULL)
                return;
        begin_register(local, &command);
        command.reg.checks = &check;
        command.reg.check_count = 1;
        propose_command(local->options.proposer, &command, on_check_pushed, push);
}

static int remember_removal(struct local_state *local, const char *service_id, const char *check_id)
{
        struct local_removal removal;

        if (local->removal_count == local->removal_capacity) {
                size_t capacity = local->removal_capacity > 0 ? 2 * local->removal_capacity : 8;
                struct local_removal *removals =
                    realloc(local->removals, capacity * sizeof(*removals));

                if (removals == NULL)
                        return -ENOMEM;
                local->removals = removals;
                local->removal_capacity = capacity;
        }
        removal = (struct local_removal){strdup(service_id), strdup(check_id)};
        if (removal.service_id == NULL || removal.check_id == NULL) {
                free(removal.service_id);
                free(removal.check_id);
                return -ENOMEM;
        }
        local->removals[local->removal_count++] = removal;
        return 0;
}

static void on_removal_pushed(void *arg, const struct fsm_result *result)
{
        struct push *push = arg;

        // What has been registered again meanwhile must not be removed later.
        if (!note_result(push, result, "Deregistering failed.") &&
            local_find_service(push->local, push->service_id) == NULL &&
            local_find_check(push->local, push->check_id) == NULL &&
            remember_removal(push->local, push->service_id, push->check_id) < 0)
                log_error(push->local->options.log, "agent",
                          "out of memory: a removal is not repeated");
        finish(push);
}

void local_push_removal(struct local_state *local, const char *service_id, const char *check_id,
                        local_done_fn done, void *arg)
{
        struct push *push = make_push(local, service_id, check_id, done, arg);
        struct command command = {.type = COMMAND_DEREGISTER};

        if (push == NULL)
                return;
        if (local->row_is_anothers) {
                finish(push);
                return;
        }
        command.dereg = (struct command_deregister){
            .node = local->node->node.name,
            .service_id = push->service_id,
            .check_id = push->check_id,
        };
        propose_command(local->options.proposer, &command, on_removal_pushed, push);
}

static void on_node_pushed(void *arg, const struct fsm_result *result)
{
        struct push *push = arg;
        struct local_state *local = push->local;

        local->node_in_flight = false;
        local->node_pushed = note_result(push, result, "Syncing node info failed.");
        if (local->node_pushed) {
                // What its last owner had goes.
                if (local->row_is_anothers)
                        local_sync_soon(local);
                local->row_is_anothers = false;
                local_push_all(local);
        }
        finish(push);
}

void local_push_node(struct local_state *local)
{
        struct push *push = make_push(local, "", "", NULL, NULL);
        struct command command;

        if (push == NULL)
                return;
        begin_register(local, &command);
        command.reg.skip_node_update = false;
        local->node_in_flight = true;
        propose_command(local->options.proposer, &command, on_node_pushed, push);
}

static void push_removals(struct local_state *local)
{
        struct local_removal *removals = local->removals;
        size_t count = local->removal_count;

        // Those that fail again come back into a list of their own.
        local->removals = NULL;
        local->removal_count = local->removal_capacity = 0;
        for (size_t i = 0; i < count; i++) {
                if (local_find_service(local, removals[i].service_id) == NULL &&
                    local_find_check(local, removals[i].check_id) == NULL)
                        local_push_removal(local, removals[i].service_id, removals[i].check_id,
                                           NULL, NULL);
                free(removals[i].service_id);
                free(removals[i].check_id);
        }
        free(removals);
}

void local_push_all(struct local_state *local)
{
        if (local->closing)
                return;
        // A node of this name that is another's stays as it is, with all it has.
        if (!local->node_pushed) {
                if (!local->node_in_flight)
                        local_push_node(local);
                return;
        }
        push_removals(local);
        for (size_t i = 0; i < local->service_count; i++) {
                if (local->services[i]->pushed != local->services[i]->generation)
                        local_push_service(local, local->services[i], NULL, NULL);
        }
        for (size_t i = 0; i < local->check_count; i++) {
                if (local->checks[i]->pushed != local->checks[i]->generation)
                        local_push_check(local, local->checks[i], NULL, NULL);
        }
}
