#include <stdio.h>
#include <string.h>

#include "control/api/api_internal.h"
#include "control/member/members.h"

// Gossip's members, as Consul shows Serf's.

static int status_number(enum serf_status status)
{
        switch (status) {
        case SERF_ALIVE:
                return 1;
        case SERF_LEAVING:
                return 2;
        case SERF_LEFT:
                return 3;
        case SERF_FAILED:
                return 4;
        }
        return 0;
}

static void put_slice(struct json_writer *w, struct pack_slice text)
{
        json_writer_string_len(w, text.length > 0 ? (const char *)text.bytes : "", text.length);
}

static void write_tags(struct json_writer *w, struct pack_slice meta)
{
        struct tag_reader reader;
        char name[256];
        struct tag tag;

        json_writer_begin_object(w);
        if (tags_open(meta, &reader) == 0) {
                while (tags_next(&reader, &tag)) {
                        snprintf(name, sizeof(name), "%.*s",
                                 (int)(tag.name.length < 255 ? tag.name.length : 255),
                                 tag.name.length > 0 ? (const char *)tag.name.bytes : "");
                        json_writer_key(w, name);
                        put_slice(w, tag.value);
                }
        }
        json_writer_end_object(w);
}

static void write_member(struct json_writer *w, const struct serf_member *member)
{
        static const char *const versions[GOSSIP_VERSION_COUNT] = {"ProtocolMin", "ProtocolMax",
                                                                   "ProtocolCur", "DelegateMin",
                                                                   "DelegateMax", "DelegateCur"};
        struct sockaddr_storage address;
        char ip[INET6_ADDRSTRLEN] = "";

        pool_address_to(&member->address, &address);
        uv_ip_name((const struct sockaddr *)&address, ip, sizeof(ip));
        json_writer_begin_object(w);
        json_writer_key(w, "Name");
        put_slice(w, member->name);
        json_writer_put_string(w, "Addr", ip);
        json_writer_put_uint(w, "Port", member->address.port);
        json_writer_key(w, "Tags");
        write_tags(w, member->meta);
        json_writer_put_int(w, "Status", status_number(member->status));
        for (int i = 0; i < GOSSIP_VERSION_COUNT; i++)
                json_writer_put_uint(w, versions[i], member->versions[i]);
        json_writer_end_object(w);
}

void api_write_self(const struct api *api, struct json_writer *w)
{
        const struct serf *serf = members_serf(api->agent->members, MEMBER_LAN);

        if (serf != NULL)
                write_member(w, serf_self(serf));
        else
                json_writer_null(w);
}

static bool has_flag(const struct http_request *request, const char *name)
{
        const char *value = http_request_param(request, name);

        return value != NULL && value[0] != '\0';
}

void api_agent_members(struct http_request *request, void *app)
{
        const struct api *api = app;
        const struct serf *serf =
            members_serf(api->agent->members, has_flag(request, "wan") ? MEMBER_WAN : MEMBER_LAN);
        const char *segment = http_request_param(request, "segment");
        bool is_one = segment != NULL && *segment != '\0' && strcmp(segment, "_all") != 0;
        struct json_writer w;

        if (is_one && has_flag(request, "wan")) {
                http_reply_text(request, 400, "Cannot provide a segment with wan=true");
                return;
        }
        if (is_one) {
                http_reply_text(request, 500,
                                "Network segments are not supported in this version of Consul");
                return;
        }
        json_writer_init(&w, http_request_pretty(request));
        json_writer_begin_array(&w);
        for (size_t i = 0; serf != NULL && i < serf_member_count(serf); i++)
                write_member(&w, serf_member_at(serf, i));
        json_writer_end_array(&w);
        http_reply_json(request, 200, &w);
}

static void put_number(struct json_writer *w, const char *key, uint64_t value)
{
        char text[24];

        snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
        json_writer_put_string(w, key, text);
}

static void write_pool_stats(const struct api *api, struct json_writer *w, enum member_pool pool)
{
        const struct serf *serf = members_serf(api->agent->members, pool);
        struct serf_statistics statistics;

        if (serf == NULL)
                return;
        serf_statistics(serf, &statistics);
        json_writer_key(w, pool == MEMBER_LAN ? "serf_lan" : "serf_wan");
        json_writer_begin_object(w);
        put_number(w, "coordinate_resets", statistics.coordinate_resets);
        json_writer_put_string(w, "encrypted",
                               members_encrypted(api->agent->members, pool) ? "true" : "false");
        put_number(w, "event_queue", statistics.event_queue);
        put_number(w, "event_time", statistics.event_clock);
        put_number(w, "failed", statistics.failed);
        put_number(w, "health_score", statistics.health_score);
        put_number(w, "intent_queue", statistics.intent_queue);
        put_number(w, "left", statistics.left);
        put_number(w, "member_time", statistics.member_clock);
        put_number(w, "members", serf_member_count(serf));
        put_number(w, "query_queue", statistics.query_queue);
        put_number(w, "query_time", statistics.query_clock);
        json_writer_end_object(w);
}

void api_write_gossip_stats(const struct api *api, struct json_writer *w)
{
        write_pool_stats(api, w, MEMBER_LAN);
        write_pool_stats(api, w, MEMBER_WAN);
}
