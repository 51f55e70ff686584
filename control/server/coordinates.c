#include <stdlib.h>
#include <string.h>

#include "control/server/duties.h"
#include "control/store/store.h"

// Where nodes are in the network, as this server measured it while it probed them: written to the
// catalog in batches, at no more than Consul's 64 a second.

#define PERIOD_MS  5000u
#define BATCH_MAX  320u
#define CYCLE_MS   15000u /* no node more often than that */
#define WRITES_MAX 2u

struct batch {
        struct catalog_coordinate items[BATCH_MAX];
        char names[BATCH_MAX][SERVER_NAME_MAX];
        uint32_t count;
};

static bool is_news(const struct store *store, const char *node, const struct coordinate *at)
{
        const struct coordinate_record *record;
        struct store_iter it;

        if (store_node_get(store, node) == NULL || !coordinate_is_valid(at))
                return false;
        store_coordinates_of_node(store, node, &it);
        while ((record = store_next_coordinate(&it)) != NULL) {
                const struct catalog_coordinate now = {record->coordinate.node, "", *at};

                if (record->coordinate.segment[0] == '\0')
                        return !catalog_coordinate_equal(&record->coordinate, &now);
        }
        return true;
}

static void add(struct batch *batch, const struct store *store, const struct serf *serf,
                const struct serf_member *member)
{
        const struct coordinate *at = serf_coordinate_of(serf, member->name);
        char *name = batch->names[batch->count];

        if (at == NULL || member->status != SERF_ALIVE || member->name.length >= SERVER_NAME_MAX)
                return;
        memcpy(name, member->name.bytes, member->name.length);
        name[member->name.length] = '\0';
        if (strlen(name) != member->name.length || !is_news(store, name, at))
                return;
        batch->items[batch->count++] =
            (struct catalog_coordinate){.node = name, .segment = "", .at = *at};
}

static void on_written(void *arg, const struct fsm_result *result)
{
        struct duties *duties = arg;

        if (!fsm_result_ok(result))
                log_warn(duties->server->options.log, "server",
                         "Batch coordinate update failed: error=\"%s\"", result->error.text);
        duties->coordinate_writes--;
        duties_release(duties);
}

void duties_tell_coordinates(struct duties *duties)
{
        const struct serf *serf = members_serf(duties->server->options.members, MEMBER_LAN);
        struct command command = {.type = COMMAND_COORDINATES};
        uint64_t now_ms = uv_now(duties->server->options.loop);
        size_t count = serf_member_count(serf);
        struct batch *batch;

        if (now_ms < duties->coordinate_next_ms || duties->coordinate_writes >= WRITES_MAX)
                return;
        duties->coordinate_next_ms = now_ms + PERIOD_MS;
        if (duties->coordinate_at >= count) {
                duties->coordinate_at = 0;
                if (now_ms < duties->coordinate_cycle_ms + CYCLE_MS)
                        return;
        }
        if (duties->coordinate_at == 0)
                duties->coordinate_cycle_ms = now_ms;
        batch = calloc(1, sizeof(*batch));
        if (batch == NULL)
                return;
        for (; duties->coordinate_at < count && batch->count < BATCH_MAX; duties->coordinate_at++)
                add(batch, duties->server->options.store, serf,
                    serf_member_at(serf, duties->coordinate_at));
        command.coordinates = (struct command_coordinates){batch->items, batch->count};
        if (batch->count > 0) {
                duties->coordinate_writes++;
                duties->reference_count++;
                propose_command(server_proposer(duties->server), &command, on_written, duties);
        }
        free(batch);
}
