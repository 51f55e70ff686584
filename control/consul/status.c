#include <stdio.h>
#include <string.h>

#include "control/api/api.h"
#include "control/consul/consul_internal.h"
#include "control/event/events.h"
#include "control/member/member_event.h"
#include "control/server/server.h"

void consul_ping(struct consul_call *call, const void *what)
{
        struct byte_buffer body = BYTE_BUFFER_INIT;

        (void)what;
        pack_put_map(&body, 0);
        consul_call_answer(call, &body);
}

void consul_leader(struct consul_call *call, const void *what)
{
        struct byte_buffer body = BYTE_BUFFER_INIT;

        (void)what;
        pack_put_text(&body, agent_leader_address(call->service->agent));
        consul_call_answer(call, &body);
}

void consul_peers(struct consul_call *call, const void *what)
{
        const struct raft_configuration *configuration =
            raft_node_configuration(server_raft_node(call->service->agent->server));
        struct byte_buffer body = BYTE_BUFFER_INIT;

        (void)what;
        pack_put_array(&body, configuration->server_count);
        for (unsigned i = 0; i < configuration->server_count; i++)
                pack_put_text(&body, configuration->servers[i].address);
        consul_call_answer(call, &body);
}

// --- User events: agents send the payload as it is to be gossiped.

// Fires one. @scratch  holds its texts. returns  whether it has been, or the call been refused.
static bool fire(struct consul_call *call, const struct consul_query *query,
                 struct byte_buffer *scratch)
{
        char name[sizeof(MEMBER_EVENT_PREFIX) + EVENT_SIZE_MAX], error[EVENT_ERROR_MAX];
        struct serf_user_event packed = {.payload = query->event_payload};
        struct event event;
        int len = snprintf(name, sizeof(name), "%s%s", MEMBER_EVENT_PREFIX, query->event_name);

        if (len < 0 || (size_t)len >= sizeof(name)) {
                consul_call_refuse(call, "the event's name is too long");
                return false;
        }
        packed.name = pack_slice_of(name);
        if (member_event_get(&packed, &event, scratch) < 0) {
                consul_call_refuse(call, "the event's payload cannot be read");
                return false;
        }
        if (events_fire(call->service->agent->events, &event, error) < 0) {
                consul_call_refuse(call, "%s", error);
                return false;
        }
        return true;
}

void consul_event_fire(struct consul_call *call, const void *what)
{
        struct byte_buffer scratch = BYTE_BUFFER_INIT, body = BYTE_BUFFER_INIT;
        struct arena arena = ARENA_INIT;
        struct consul_query query;
        struct consul_meta meta;

        (void)what;
        if (consul_query_get(call->args, &arena, &query) < 0) {
                consul_call_refuse(call, CONSUL_UNREADABLE_TEXT);
        } else if (fire(call, &query, &scratch)) {
                consul_meta_now(call->service->agent, query.stale, 0, &meta);
                pack_put_map(&body, CONSUL_META_PAIRS);
                consul_put_meta(&body, &meta);
                consul_call_answer(call, &body);
        }
        byte_buffer_fini(&scratch);
        arena_fini(&arena);
}

// --- What there is none of here: ACLs, mesh, central configuration.

void consul_refuse_with(struct consul_call *call, const void *text)
{
        consul_call_refuse(call, "%s", (const char *)text);
}

// Answers about configuration entries are encoded twice: the body is a text of bytes, which holds
// several values one after the other.
static void answer_packed(struct consul_call *call, struct byte_buffer *take_values)
{
        struct byte_buffer body = BYTE_BUFFER_INIT;

        pack_put_raw(&body, (struct pack_slice){take_values->bytes, (uint32_t)take_values->len});
        byte_buffer_fini(take_values);
        consul_call_answer(call, &body);
}

static void put_meta(const struct consul_call *call, struct byte_buffer *b, uint32_t more_pairs)
{
        struct consul_meta meta;

        consul_meta_now(call->service->agent, false, 1, &meta);
        pack_put_map(b, more_pairs + CONSUL_META_PAIRS);
        consul_put_meta(b, &meta);
}

void consul_no_config_entry(struct consul_call *call, const void *what)
{
        struct byte_buffer values = BYTE_BUFFER_INIT;

        (void)what;
        pack_put_text(&values, "");
        put_meta(call, &values, 0);
        answer_packed(call, &values);
}

void consul_no_config_entries(struct consul_call *call, const void *what)
{
        struct byte_buffer values = BYTE_BUFFER_INIT;
        struct arena arena = ARENA_INIT;
        struct consul_query query;

        (void)what;
        if (consul_query_get(call->args, &arena, &query) < 0) {
                consul_call_refuse(call, CONSUL_UNREADABLE_TEXT);
        } else if (*query.config_kind != '\0' &&
                   !api_is_entry_kind(query.config_kind, strlen(query.config_kind))) {
                consul_call_refuse(call, "invalid config entry kind: %.128s", query.config_kind);
        } else {
                pack_put_uint(&values, 0);
                pack_put_text(&values, query.config_kind);
                put_meta(call, &values, 2);
                wire_put_name(&values, "Kind");
                pack_put_text(&values, query.config_kind);
                wire_put_name(&values, "Entries");
                pack_put_array(&values, 0);
                answer_packed(call, &values);
        }
        arena_fini(&arena);
}

void consul_no_config_at_all(struct consul_call *call, const void *what)
{
        struct byte_buffer values = BYTE_BUFFER_INIT;

        (void)what;
        pack_put_uint(&values, 0);
        put_meta(call, &values, 0);
        answer_packed(call, &values);
}

void consul_no_service_config(struct consul_call *call, const void *what)
{
        struct byte_buffer values = BYTE_BUFFER_INIT;

        (void)what;
        put_meta(call, &values, 2);
        wire_put_name(&values, "ProxyConfig");
        pack_put_nil(&values);
        wire_put_name(&values, "UpstreamConfigs");
        pack_put_nil(&values);
        answer_packed(call, &values);
}
