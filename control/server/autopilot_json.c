#include "control/server/autopilot_json.h"

#include <errno.h>
#include <stdio.h>

#include "control/text/duration.h"

static const struct json_field fields[] = {
    {"CleanupDeadServers", JSON_KIND_BOOL, NULL},
    {"LastContactThreshold", JSON_KIND_DURATION, NULL},
    {"MaxTrailingLogs", JSON_KIND_INT, NULL},
    {"MinQuorum", JSON_KIND_INT, NULL},
    {"ServerStabilizationTime", JSON_KIND_DURATION, NULL},
    {"RedundancyZoneTag", JSON_KIND_STRING, NULL},
    {"DisableUpgradeMigration", JSON_KIND_BOOL, NULL},
    {"UpgradeVersionTag", JSON_KIND_STRING, NULL},
    {"CreateIndex", JSON_KIND_INT, NULL},
    {"ModifyIndex", JSON_KIND_INT, NULL},
};
static const struct json_schema schema = JSON_SCHEMA(fields);

static int take_tag(const json_t *body, const char *name, char out[AUTOPILOT_TAG_MAX])
{
        int len = snprintf(out, AUTOPILOT_TAG_MAX, "%s", json_schema_string(body, name));

        return len < (int)AUTOPILOT_TAG_MAX ? 0 : -EINVAL;
}

int autopilot_config_parse(const char *text, size_t len, struct autopilot_config *out,
                           char error[JSON_SCHEMA_ERROR_MAX])
{
        json_t *body = NULL;
        int ret = json_schema_parse(&schema, 0, text, len, 0, &body, error);

        if (ret < 0)
                return -EINVAL;
        *out = (struct autopilot_config){
            .cleanup_dead_servers = json_schema_bool(body, "CleanupDeadServers"),
            .disable_upgrade_migration = json_schema_bool(body, "DisableUpgradeMigration"),
            .last_contact_threshold_ns = json_schema_int(body, "LastContactThreshold"),
            .server_stabilization_time_ns = json_schema_int(body, "ServerStabilizationTime"),
        };
        if (json_schema_int(body, "MaxTrailingLogs") < 0 || json_schema_int(body, "MinQuorum") < 0)
                ret = -EINVAL;
        out->max_trailing_logs = (uint64_t)json_schema_int(body, "MaxTrailingLogs");
        out->min_quorum = (uint64_t)json_schema_int(body, "MinQuorum");
        if (ret == 0)
                ret = take_tag(body, "RedundancyZoneTag", out->redundancy_zone_tag);
        if (ret == 0)
                ret = take_tag(body, "UpgradeVersionTag", out->upgrade_version_tag);
        if (ret < 0)
                snprintf(error, JSON_SCHEMA_ERROR_MAX, "a number is negative or a tag too long");
        json_decref(body);
        return ret;
}

void autopilot_config_write(const struct autopilot_config *config, struct json_writer *w)
{
        char text[DURATION_TEXT_MAX];

        json_writer_put_bool(w, "CleanupDeadServers", config->cleanup_dead_servers);
        json_writer_put_string(w, "LastContactThreshold",
                               duration_format(config->last_contact_threshold_ns, text));
        json_writer_put_uint(w, "MaxTrailingLogs", config->max_trailing_logs);
        json_writer_put_uint(w, "MinQuorum", config->min_quorum);
        json_writer_put_string(w, "ServerStabilizationTime",
                               duration_format(config->server_stabilization_time_ns, text));
        json_writer_put_string(w, "RedundancyZoneTag", config->redundancy_zone_tag);
        json_writer_put_bool(w, "DisableUpgradeMigration", config->disable_upgrade_migration);
        json_writer_put_string(w, "UpgradeVersionTag", config->upgrade_version_tag);
}
