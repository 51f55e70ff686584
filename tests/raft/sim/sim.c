#include "tests/raft/sim/sim.h"
#include "lictor/random.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t sim_random(struct sim_random *random)
{
        return random_next(&random->state);
}

uint64_t sim_below(struct sim_random *random, uint64_t bound)
{
        return sim_random(random) % bound;
}

bool sim_one_in(struct sim_random *random, uint64_t n)
{
        return sim_below(random, n) == 0;
}

void sim_fail(struct sim *sim, const char *format, ...)
{
        va_list arguments;

        if (sim->failure != NULL)
                return;
        va_start(arguments, format);
        vsnprintf(sim->failure_text, sizeof(sim->failure_text), format, arguments);
        va_end(arguments);
        sim->failure = sim->failure_text;
}

struct raft_message *sim_message_copy(const struct raft_message *message)
{
        struct {
                struct raft_message message;
                struct raft_configuration configuration;
        } * copy;
        size_t entries = message->entry_count * sizeof(*message->entries);

        copy = malloc(sizeof(*copy) + entries + message->length);
        assert(copy != NULL);
        copy->message = *message;
        if (message->configuration != NULL) {
                copy->configuration = *message->configuration;
                copy->message.configuration = &copy->configuration;
        }
        if (entries > 0) {
                copy->message.entries = memcpy(copy + 1, message->entries, entries);
                for (unsigned i = 0; i < message->entry_count; i++)
                        raft_buffer_ref(message->entries[i].data);
        }
        if (message->length > 0)
                copy->message.bytes =
                    memcpy((uint8_t *)(copy + 1) + entries, message->bytes, message->length);
        return &copy->message;
}

void sim_message_free(struct raft_message *take_message)
{
        if (take_message == NULL)
                return;
        for (unsigned i = 0; i < take_message->entry_count; i++)
                raft_buffer_unref(take_message->entries[i].data);
        free(take_message);
}

static bool is_before(const struct sim_event *a, const struct sim_event *b)
{
        return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

void sim_schedule(struct sim *sim, uint64_t delay_us, enum sim_event_kind kind, unsigned server,
                  struct raft_message *take_message)
{
        struct sim_event event = {.at_us = sim->now_us + delay_us,
                                  .order = sim->event_order++,
                                  .kind = kind,
                                  .server = server,
                                  .message = take_message};
        size_t at = sim->event_count++;

        if (kind == SIM_TICK || kind == SIM_SYNC_DONE || kind == SIM_INSTALL)
                event.incarnation = sim->servers[server].incarnation;
        if (sim->event_count > sim->event_capacity) {
                sim->event_capacity = sim->event_capacity ? sim->event_capacity * 2 : 1024;
                sim->events = realloc(sim->events, sim->event_capacity * sizeof(*sim->events));
                assert(sim->events != NULL);
        }
        for (; at > 0 && is_before(&event, &sim->events[(at - 1) / 2]); at = (at - 1) / 2)
                sim->events[at] = sim->events[(at - 1) / 2];
        sim->events[at] = event;
}

static struct sim_event next_event(struct sim *sim)
{
        struct sim_event first = sim->events[0], last = sim->events[--sim->event_count];
        size_t at = 0, child;

        while ((child = 2 * at + 1) < sim->event_count) {
                if (child + 1 < sim->event_count &&
                    is_before(&sim->events[child + 1], &sim->events[child]))
                        child++;
                if (!is_before(&sim->events[child], &last))
                        break;
                sim->events[at] = sim->events[child];
                at = child;
        }
        sim->events[at] = last;
        return first;
}

void sim_send(struct sim *sim, const struct raft_message *message)
{
        unsigned copies = 1, from = (unsigned)(message->from - 1), to = (unsigned)(message->to - 1);

        sim_check_vote(sim, message);
        if (to >= sim->server_count || sim->cut[from][to] ||
            sim_below(&sim->random, 1000) < sim->loss_permille)
                return;
        if (sim_below(&sim->random, 1000) < sim->duplicate_permille)
                copies = 2;
        for (; copies > 0; copies--)
                sim_schedule(sim, 1 + sim_below(&sim->random, sim->delay_us[from][to]), SIM_DELIVER,
                             to, sim_message_copy(message));
}

static void handle(struct sim *sim, const struct sim_event *event)
{
        struct sim_server *server = &sim->servers[event->server];

        switch (event->kind) {
        case SIM_DELIVER:
                if (server->up)
                        sim_server_deliver(sim, server, event->message);
                sim_message_free(event->message);
                break;
        case SIM_TICK:
                if (server->up && server->incarnation == event->incarnation)
                        sim_server_tick(sim, server);
                break;
        case SIM_SYNC_DONE:
                if (server->up && server->incarnation == event->incarnation)
                        sim_server_sync_done(sim, server);
                break;
        case SIM_INSTALL:
                if (server->up && server->incarnation == event->incarnation)
                        sim_server_install(sim, server);
                break;
        case SIM_CLIENT:
                sim_client_run(sim, event->server);
                break;
        case SIM_CHAOS:
                sim_chaos(sim);
                break;
        case SIM_RESTART:
                if (!server->up && sim_server_start(sim, server, NULL) != 0)
                        sim_fail(sim, "server %u cannot start from its disk", event->server + 1);
                break;
        }
}

static void start_cluster(struct sim *sim)
{
        struct raft_configuration bootstrap = {0};
        unsigned voters;

        sim->adversary = sim_one_in(&sim->random, 8);
        sim->server_count = 1 + (unsigned)sim_below(&sim->random, SIM_SERVER_MAX);
        voters = 1 + (unsigned)sim_below(&sim->random, sim->server_count);
        if (sim->adversary)
                voters = sim->server_count = 3 + 2 * (unsigned)sim_below(&sim->random, 2);
        for (unsigned i = 0; i < voters; i++) {
                struct raft_server server = {.id = i + 1, .voter = true};

                snprintf(server.address, sizeof(server.address), "server-%u", i + 1);
                bootstrap.servers[bootstrap.server_count++] = server;
        }
        for (unsigned i = 0; i < sim->server_count; i++) {
                struct sim_server *server = &sim->servers[i];

                server->id = i + 1;
                server->disk.pending_end = &server->disk.pending;
                server->clock_skew_permille = (int)sim_below(&sim->random, 101) - 50;
                server->clock_offset_ms = sim_below(&sim->random, 100000);
                server->sync_us = 2000;
                // Those beyond the voters wait, empty, to be added.
                if (sim_server_start(sim, server, i < voters ? &bootstrap : NULL) != 0)
                        sim_fail(sim, "server %u cannot start", i + 1);
        }
}

static void finish(struct sim *sim)
{
        for (unsigned i = 0; i < sim->server_count; i++) {
                struct sim_disk *disk = &sim->servers[i].disk;

                sim_server_fini(&sim->servers[i]);
                for (size_t n = 0; n < disk->entry_count; n++)
                        raft_buffer_unref(disk->entries[n].data);
                free(disk->entries);
        }
        for (size_t i = 0; i < sim->event_count; i++)
                sim_message_free(sim->events[i].message);
        free(sim->events);
        history_fini(&sim->history);
        free(sim->truth);
        free(sim);
}

// Healed, a cluster must make progress: so many writes within so much time.
#define PROGRESS_WRITES 20u
#define PROGRESS_US     20000000u

static void run_until_progress(struct sim *sim)
{
        uint64_t writes = sim->writes_done, deadline_us = sim->now_us + PROGRESS_US;

        while (sim->failure == NULL && sim->writes_done < writes + PROGRESS_WRITES) {
                struct sim_event event = next_event(sim);

                sim->now_us = event.at_us;
                handle(sim, &event);
                sim->events_done++;
                if (sim->now_us > deadline_us)
                        sim_fail(sim, "no progress in %u s after healing", PROGRESS_US / 1000000);
        }
}

void sim_run(const struct sim_options *options, struct sim_outcome *out)
{
        struct sim *sim = calloc(1, sizeof(*sim));

        assert(sim != NULL);
        sim->options = *options;
        sim->random.state = options->seed;
        sim->truth = calloc(1, sizeof(*sim->truth));
        assert(sim->truth != NULL);
        start_cluster(sim);
        sim_calm(sim);
        sim->chaos_pause_us = 20000u << sim_below(&sim->random, 6);
        // Busy clusters and idle ones fail differently: an idle follower's log is soon up to date.
        sim->client_pause_us = 2000u << sim_below(&sim->random, 8);
        sim->crash_one_in = 500u << sim_below(&sim->random, 6);
        if (sim->adversary)
                sim->chaos_pause_us = 300000;
        for (unsigned i = 0; i < SIM_CLIENT_MAX; i++)
                sim_schedule(sim, 1000 * i, SIM_CLIENT, i, NULL);
        sim_schedule(sim, 100000, SIM_CHAOS, 0, NULL);
        while (sim->failure == NULL && sim->events_done < options->events) {
                struct sim_event event = next_event(sim);

                sim->now_us = event.at_us;
                handle(sim, &event);
                sim->events_done++;
        }
        sim_heal(sim);
        run_until_progress(sim);
        if (sim->failure == NULL)
                sim_check_end(sim);
        *out = (struct sim_outcome){.events = sim->events_done,
                                    .writes = sim->writes_done,
                                    .reads = sim->reads_done,
                                    .elections = sim->elections};
        snprintf(out->failure, sizeof(out->failure), "%s", sim->failure ? sim->failure : "");
        finish(sim);
}
