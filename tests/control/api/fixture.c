#include "tests/control/api/fixture.h"
#include "control/event/events.h"
#include "control/leader/leader.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/member/members.h"
#include "control/server/server.h"

static void on_members_changed(void *arg, enum member_pool pool)
{
        struct fixture *f = arg;

        if (pool == MEMBER_LAN && f->agent.server != NULL)
                server_members_changed(f->agent.server);
}

static void on_event(void *arg, const struct event *event)
{
        struct fixture *f = arg;

        events_receive(f->agent.events, event);
}

static void on_failed(void *arg, const char *text)
{
        (void)arg;
        cr_assert_fail("%s", text);
}

static void start_members(struct fixture *f)
{
        const struct members_options options = {.loop = &f->agent.loop,
                                                .log = &f->log,
                                                .config = f->agent.config,
                                                .node_id = f->agent.node_id,
                                                .arg = f,
                                                .changed = on_members_changed,
                                                .event = on_event,
                                                .failed = on_failed};
        struct config_gossip *gossip = &f->agent.config->gossip;
        char error[512];

        free(gossip->lan.bind);
        free(gossip->wan.bind);
        gossip->lan.bind = strdup(f->agent.config->bind_address);
        gossip->wan.bind = strdup(f->agent.config->bind_address);
        cr_assert_eq(members_create(&f->agent.members, &options, error, sizeof(error)), 0, "%s",
                     error);
}

// A server that leads at once, in memory. Its port is one nobody else has: the number is told by
// the tests, so the address is not the usual one.
static void start_server(struct fixture *f)
{
        struct server_options options = {.loop = &f->agent.loop,
                                         .log = &f->log,
                                         .config = f->agent.config,
                                         .store = f->agent.store,
                                         .fsm = f->agent.fsm,
                                         .node_id = f->agent.node_id};
        unsigned pid = (unsigned)getpid();
        char error[512];

        free(f->agent.config->bind_address);
        cr_assert_geq(asprintf(&f->agent.config->bind_address, "127.%u.%u.%u", 1 + pid % 250,
                               pid / 250 % 250, 1 + pid / 62500 % 250),
                      0);
        start_members(f);
        options.members = f->agent.members;
        cr_assert_eq(server_create(&f->agent.server, &options, error, sizeof(error)), 0, "%s",
                     error);
        f->agent.proposer = server_proposer(f->agent.server);
}

void fixture_start(struct fixture *f, const char *settings)
{
        static const char base[] =
            "{\"node_name\":\"node1\",\"datacenter\":\"dc1\",\"bind_addr\":\"127.0.0.1\","
            "\"ports\":{\"http\":8500,\"dns\":8600,\"server\":8300}}";
        struct sockaddr_in *address;
        struct config_input input = {.dev_mode = true};
        struct config_report report;
        struct local_options options;
        struct leader_options leader;
        json_t *flags = json_loads(base, 0, NULL), *more = json_loads(settings, 0, NULL);
        char error[512];

        memset(f, 0, sizeof(*f));
        json_object_update(flags, more);
        input.flags = flags;
        cr_assert_eq(config_build(&input, &f->agent.config, &report), 0, "%s", report.error);
        config_report_fini(&report);
        json_decref(flags);
        json_decref(more);
        f->agent.config->http_listen.count = 1;
        memset(&f->agent.config->http_listen.addresses[0], 0, sizeof(struct sockaddr_storage));
        address = (struct sockaddr_in *)&f->agent.config->http_listen.addresses[0];
        address->sin_family = AF_INET;
        address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        f->log = (struct log){.stream = stderr, .level = LOG_LEVEL_ERROR};
        f->agent.log = &f->log;
        snprintf(f->agent.node_id, sizeof(f->agent.node_id), "%s",
                 "11111111-2222-3333-4444-555555555555");
        uv_loop_init(&f->agent.loop);
        f->agent.store = store_create();
        f->agent.fsm = fsm_create(f->agent.store);
        start_server(f);
        options = (struct local_options){.loop = &f->agent.loop,
                                         .proposer = f->agent.proposer,
                                         .log = &f->log,
                                         .node_id = f->agent.node_id};
        leader =
            (struct leader_options){&f->agent.loop, f->agent.store, f->agent.proposer, &f->log};
        cr_assert_eq(leader_create(&f->agent.leader, &leader), 0);
        leader_set(f->agent.leader, true);
        cr_assert_eq(local_create(&f->agent.local, &options), 0);
        cr_assert_eq(local_configure(f->agent.local, f->agent.config, error, sizeof(error)), 0,
                     "%s", error);
        f->agent.events = events_create(f->agent.config->node_name, f->agent.local);
        while (!server_is_registered(f->agent.server))
                uv_run(&f->agent.loop, UV_RUN_ONCE);
        cr_assert_eq(api_create(&f->agent.api, &f->agent, error, sizeof(error)), 0, "%s", error);
        f->port = api_port(f->agent.api, 0);
}

void fixture_stop(struct fixture *f)
{
        api_destroy(f->agent.api);
        events_destroy(f->agent.events);
        local_destroy(f->agent.local);
        leader_destroy(f->agent.leader);
        server_close(f->agent.server, NULL, NULL);
        members_destroy(f->agent.members);
        uv_run(&f->agent.loop, UV_RUN_DEFAULT);
        cr_expect_eq(uv_loop_close(&f->agent.loop), 0, "handles are left");
        fsm_destroy(f->agent.fsm);
        store_destroy(f->agent.store);
        config_destroy(f->agent.config);
}

void fixture_ask(struct fixture *f, const char *method, const char *target, const char *body,
                 struct exchange *out)
{
        exchange_request(&f->agent.loop, f->port, method, target, "", body, out);
}

void fixture_expect(struct fixture *f, const char *method, const char *target, const char *body,
                    unsigned status, const char *want)
{
        struct exchange got;
        json_t *have, *wanted;

        fixture_ask(f, method, target, body, &got);
        cr_expect_eq(got.status, status, "%s %s: %u %s", method, target, got.status, got.body);
        if (want != NULL && want[0] == '~') {
                cr_expect_not_null(strstr(got.body, want + 1), "%s %s: %s", method, target,
                                   got.body);
        } else if (want != NULL) {
                have = json_loads(got.body, JSON_DECODE_ANY, NULL);
                wanted = json_loads(want, JSON_DECODE_ANY, NULL);
                if (wanted != NULL)
                        cr_expect(json_equal(have, wanted), "%s %s: %s", method, target, got.body);
                else
                        cr_expect_str_eq(got.body, want, "%s %s: %s", method, target, got.body);
                json_decref(have);
                json_decref(wanted);
        }
        exchange_fini(&got);
}
