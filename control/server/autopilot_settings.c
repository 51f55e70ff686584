#include <stdlib.h>
#include <string.h>

#include "control/server/autopilot_json.h"
#include "control/server/duties.h"
#include "control/store/store.h"

void server_autopilot_config(const struct server *server, struct autopilot_config *out)
{
        const struct setting_record *row =
            store_setting_get(server->options.store, SETTING_AUTOPILOT);
        const struct config_autopilot *initial = &server->options.config->cluster.autopilot;
        char error[JSON_SCHEMA_ERROR_MAX];

        if (row != NULL &&
            autopilot_config_parse(row->setting.value, strlen(row->setting.value), out, error) == 0)
                return;
        *out = (struct autopilot_config){
            .cleanup_dead_servers = initial->cleanup_dead_servers,
            .last_contact_threshold_ns = (int64_t)initial->last_contact_threshold_ms * 1000000,
            .server_stabilization_time_ns =
                (int64_t)initial->server_stabilization_time_ms * 1000000,
            .max_trailing_logs = initial->max_trailing_logs,
            .min_quorum = initial->min_quorum,
        };
}

static void on_settled(void *arg, const struct fsm_result *result)
{
        struct duties *duties = arg;

        (void)result;
        duties->setting_pending = false;
        duties_release(duties);
}

void duties_settle_autopilot(struct duties *duties)
{
        struct command command = {.type = COMMAND_SETTING, .setting.cas = true};
        struct autopilot_config config;
        struct json_writer w;
        char *text;
        size_t len;

        if (duties->setting_pending ||
            store_setting_get(duties->server->options.store, SETTING_AUTOPILOT) != NULL)
                return;
        server_autopilot_config(duties->server, &config);
        json_writer_init(&w, false);
        json_writer_begin_object(&w);
        autopilot_config_write(&config, &w);
        json_writer_end_object(&w);
        text = json_writer_take(&w, &len);
        if (text == NULL)
                return;
        command.setting.setting = (struct catalog_setting){SETTING_AUTOPILOT, text};
        duties->setting_pending = true;
        duties->reference_count++;
        propose_command(server_proposer(duties->server), &command, on_settled, duties);
        free(text);
}
