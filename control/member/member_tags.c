#include "control/member/member_tags.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/text/duration.h"

#define TAGS_MAX  20u
#define NS_PER_MS INT64_C(1000000)

/* Consul's protocol, which this one is, and what it takes from others. */
#define PROTOCOL     "2"
#define PROTOCOL_MIN "2"
#define PROTOCOL_MAX "3"

struct tag_list {
        struct tag tags[TAGS_MAX];
        size_t count;
};

static void add(struct tag_list *list, const char *name, const char *value)
{
        list->tags[list->count++] = (struct tag){pack_slice_of(name), pack_slice_of(value)};
}

static void add_server(struct tag_list *list, const struct member_info *info, bool wan,
                       const char *port, const char *expect, const char *wan_port)
{
        if (info->bootstrap)
                add(list, "bootstrap", "1");
        if (info->expect > 0)
                add(list, "expect", expect);
        add(list, "ft_fs", "1");
        add(list, "ft_si", "1");
        if (info->nonvoter) {
                add(list, "nonvoter", "1");
                add(list, "read_replica", "1");
        }
        add(list, "port", port);
        add(list, "raft_vsn", "3");
        if (info->use_tls)
                add(list, "use_tls", "1");
        if (!wan && info->wan_join_port > 0)
                add(list, "wan_join_port", wan_port);
}

void member_tags_put(const struct member_info *info, bool wan, struct byte_buffer *out)
{
        struct tag_list list = {.count = 0};
        char port[8], expect[12], wan_port[8], kept[DURATION_TEXT_MAX];

        snprintf(port, sizeof(port), "%u", info->port);
        snprintf(expect, sizeof(expect), "%u", info->expect);
        snprintf(wan_port, sizeof(wan_port), "%u", info->wan_join_port);
        add(&list, "acls", "0");
        add(&list, "build", info->build);
        add(&list, "dc", info->datacenter);
        add(&list, "id", info->node_id);
        if (info->reconnect_timeout_ms > 0 && info->reconnect_timeout_ms <= INT64_MAX / NS_PER_MS)
                add(&list, "rc_tm",
                    duration_format((int64_t)info->reconnect_timeout_ms * NS_PER_MS, kept));
        add(&list, "role", info->role == MEMBER_SERVER ? "consul" : "node");
        add(&list, "segment", info->segment);
        add(&list, "vsn", PROTOCOL);
        add(&list, "vsn_max", PROTOCOL_MAX);
        add(&list, "vsn_min", PROTOCOL_MIN);
        if (info->role == MEMBER_SERVER)
                add_server(&list, info, wan, port, expect, wan_port);
        tags_put(out, list.tags, list.count);
}

static void copy_text(struct pack_slice value, char *out, size_t size)
{
        if (value.length >= size || memchr(value.bytes, '\0', value.length) != NULL)
                return;
        memcpy(out, value.bytes, value.length);
        out[value.length] = '\0';
}

static uint32_t number_of(struct pack_slice value, uint32_t max)
{
        char text[12] = "", *end;
        unsigned long number;

        copy_text(value, text, sizeof(text));
        if (text[0] < '0' || text[0] > '9')
                return 0;
        number = strtoul(text, &end, 10);
        return *end == '\0' && number <= max ? (uint32_t)number : 0;
}

static bool is_uuid(const char *text)
{
        if (strlen(text) != 36)
                return false;
        for (unsigned i = 0; i < 36; i++) {
                bool dash = i == 8 || i == 13 || i == 18 || i == 23;

                if (dash ? text[i] != '-' : strchr("0123456789abcdef", text[i]) == NULL)
                        return false;
        }
        return true;
}

static uint64_t duration_ms_of(struct pack_slice value)
{
        char text[32] = "";
        int64_t ns;

        copy_text(value, text, sizeof(text));
        return duration_parse(text, &ns) == 0 && ns > 0 ? (uint64_t)(ns / NS_PER_MS) : 0;
}

void member_tags_get(struct pack_slice meta, struct member_info *out)
{
        char role[8] = "";
        const struct {
                const char *name;
                char *text;
                size_t size;
        } texts[] = {
            {"role", role, sizeof(role)},
            {"dc", out->datacenter, sizeof(out->datacenter)},
            {"segment", out->segment, sizeof(out->segment)},
            {"id", out->node_id, sizeof(out->node_id)},
            {"build", out->build, sizeof(out->build)},
            {"raft_vsn", out->raft_version, sizeof(out->raft_version)},
        };
        struct pack_slice value;

        memset(out, 0, sizeof(*out));
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                if (tags_find(meta, texts[i].name, &value) && value.length > 0)
                        copy_text(value, texts[i].text, texts[i].size);
        }
        if (!is_uuid(out->node_id))
                out->node_id[0] = '\0';
        if (strcmp(role, "consul") == 0)
                out->role = MEMBER_SERVER;
        else if (strcmp(role, "node") == 0)
                out->role = MEMBER_CLIENT;
        if (tags_find(meta, "port", &value))
                out->port = (uint16_t)number_of(value, UINT16_MAX);
        if (tags_find(meta, "wan_join_port", &value))
                out->wan_join_port = (uint16_t)number_of(value, UINT16_MAX);
        if (tags_find(meta, "expect", &value))
                out->expect = number_of(value, INT32_MAX);
        if (tags_find(meta, "rc_tm", &value))
                out->reconnect_timeout_ms = duration_ms_of(value);
        out->bootstrap = tags_find(meta, "bootstrap", &value);
        out->use_tls = tags_find(meta, "use_tls", &value);
        out->nonvoter = tags_find(meta, "nonvoter", &value);
}

bool member_is_ours(const struct member_info *info)
{
        const char *revision = strchr(info->build, ':');

        return revision != NULL && strcmp(revision + 1, MEMBER_BUILD_REVISION) == 0;
}

void member_build_version(const struct member_info *info, char *out, size_t size)
{
        snprintf(out, size, "%.*s", (int)strcspn(info->build, ":"), info->build);
}
