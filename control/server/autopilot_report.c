#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/server/duties.h"
#include "control/text/duration.h"
#include "control/text/json_writer.h"

#define NS_PER_MS INT64_C(1000000)

static const char *life_of(const struct autopilot_sight *sight)
{
        static const char *const words[] = {
            [SERVER_ALIVE] = "alive", [SERVER_LEFT] = "left", [SERVER_FAILED] = "failed"};

        if (sight->leader)
                return words[SERVER_ALIVE];
        return sight->known ? words[sight->life] : "none";
}

static void put_time(struct json_writer *w, const char *key, int64_t unix_ms)
{
        time_t seconds = (time_t)(unix_ms / 1000);
        char text[40], whole[48];
        struct tm utc;

        gmtime_r(&seconds, &utc);
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
        snprintf(whole, sizeof(whole), "%s.%03dZ", text, (int)(unix_ms % 1000));
        json_writer_put_string(w, key, whole);
}

static const struct server_info *info_of(const struct server *server, const char *node_id)
{
        const struct server_member *members;
        size_t count;

        members = server_members(server, &count);
        for (size_t i = 0; i < count; i++) {
                if (strcmp(members[i].info.node_id, node_id) == 0)
                        return &members[i].info;
        }
        return NULL;
}

static void put_server(const struct duties *duties, struct json_writer *w,
                       const struct autopilot_server *seen, const char *status_key)
{
        const struct server *server = duties->server;
        const struct autopilot_sight *sight = &seen->sight;
        const struct server_info *info = info_of(server, sight->node_id);
        const char *name = server_name_of(server, sight->node_id);
        struct raft_node_status status;
        char text[DURATION_TEXT_MAX];
        const char *address = info != NULL ? info->address : "";

        raft_node_status(raft_log_node(server->log), &status);
        json_writer_put_string(w, "ID", sight->node_id);
        json_writer_put_string(w, "Name", name != NULL ? name : "(unknown)");
        json_writer_put_string(w, "Address", address);
        json_writer_put_string(w, status_key, life_of(sight));
        json_writer_put_string(w, "Version", info != NULL ? info->version : "");
        if (strcmp(status_key, "SerfStatus") == 0)
                json_writer_put_bool(w, "Leader", sight->leader);
        json_writer_put_string(w, "LastContact",
                               duration_format((int64_t)sight->last_contact_ms * NS_PER_MS, text));
        json_writer_put_uint(w, "LastTerm", sight->last_index > 0 ? status.term : 0);
        json_writer_put_uint(w, "LastIndex", sight->leader ? status.last_index : sight->last_index);
        json_writer_put_bool(w, "Healthy", seen->healthy);
        if (strcmp(status_key, "SerfStatus") == 0)
                json_writer_put_bool(w, "Voter", sight->voter);
        put_time(w, "StableSince", seen->stable_since_ms + duties->autopilot.unix_offset_ms);
}

static void write_health(const struct duties *duties, struct json_writer *w)
{
        const struct autopilot *autopilot = &duties->autopilot;

        json_writer_begin_object(w);
        json_writer_put_bool(w, "Healthy", autopilot->healthy);
        json_writer_put_uint(w, "FailureTolerance", autopilot->failure_tolerance);
        json_writer_key(w, "Servers");
        json_writer_begin_array(w);
        for (unsigned i = 0; i < autopilot->server_count; i++) {
                json_writer_begin_object(w);
                put_server(duties, w, &autopilot->servers[i], "SerfStatus");
                json_writer_end_object(w);
        }
        json_writer_end_array(w);
        json_writer_end_object(w);
}

static void write_state(const struct duties *duties, struct json_writer *w)
{
        const struct autopilot *autopilot = &duties->autopilot;

        json_writer_begin_object(w);
        json_writer_put_bool(w, "Healthy", autopilot->healthy);
        json_writer_put_uint(w, "FailureTolerance", autopilot->failure_tolerance);
        json_writer_put_uint(w, "OptimisticFailureTolerance", autopilot->failure_tolerance);
        json_writer_key(w, "Servers");
        json_writer_begin_object(w);
        for (unsigned i = 0; i < autopilot->server_count; i++) {
                const struct autopilot_sight *sight = &autopilot->servers[i].sight;

                json_writer_key(w, sight->node_id);
                json_writer_begin_object(w);
                put_server(duties, w, &autopilot->servers[i], "NodeStatus");
                json_writer_put_bool(w, "ReadReplica", false);
                json_writer_put_string(w, "Status",
                                       sight->leader  ? "leader"
                                       : sight->voter ? "voter"
                                                      : "non-voter");
                json_writer_put_null(w, "Meta");
                json_writer_put_string(w, "NodeType", "voter");
                json_writer_end_object(w);
        }
        json_writer_end_object(w);
        json_writer_put_string(w, "Leader", duties->server->own.node_id);
        json_writer_key(w, "Voters");
        json_writer_begin_array(w);
        for (unsigned i = 0; i < autopilot->server_count; i++) {
                if (autopilot->servers[i].sight.voter)
                        json_writer_string(w, autopilot->servers[i].sight.node_id);
        }
        json_writer_end_array(w);
        json_writer_end_object(w);
}

void duties_report(struct duties *duties, const struct operator_request *request,
                   operator_done_fn done, void *arg)
{
        struct operator_answer answer = {.status = 200, .is_json = true};
        struct json_writer w;
        char *text;
        size_t len = 0;

        duties_judge(duties);
        json_writer_init(&w, request->pretty);
        if (request->action == OPERATOR_HEALTH) {
                write_health(duties, &w);
                // Consul's: monitoring looks at the status alone.
                answer.status = duties->autopilot.healthy ? 200 : 429;
        } else {
                write_state(duties, &w);
        }
        text = json_writer_take(&w, &len);
        if (text == NULL) {
                operator_answer_text(done, arg, 500, "out of memory");
                return;
        }
        answer.body = text;
        answer.body_len = len;
        done(arg, &answer);
        free(text);
}
