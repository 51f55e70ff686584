#include "control/publisher/publisher.h"
#include "control/store/msgpack.h"
#include "lictor/bytes.h"
#include "lictor/random.h"
#include "tests/control/fsm/machine.h"
#include "tests/control/publisher/fake_dataplane.h"
#include "tests/control/quoted_json.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define expect_ok(got) cr_expect_str_eq((got), "")

struct bench {
        struct machine m;
        struct lictor_dataplane *dp;
        struct publisher *publisher;
        struct publisher_config config;
};

static void bench_init(struct bench *b)
{
        memset(b, 0, sizeof(*b));
        b->config.zone.domain = "Consul.";
        b->config.zone.datacenter = "dc1";
        machine_init(&b->m);
        cr_assert_eq(lictor_dataplane_create(&b->config.zone, &b->dp), 0);
        cr_assert_eq(publisher_create(b->m.store, b->dp, &b->config, &b->publisher), 0);
}

static void bench_fini(struct bench *b)
{
        publisher_destroy(b->publisher);
        lictor_dataplane_destroy(b->dp);
        machine_fini(&b->m);
}

static void expect_entry(const struct bench *b, const char *key, const char *want)
{
        const char *got = fake_get(b->dp, key);

        if (want == NULL)
                cr_expect_null(got, "%s: %s", key, got);
        else
                cr_expect(got && strcmp(got, want) == 0, "%s: got %s, want %s", key,
                          got ? got : "nothing", want);
}

struct addresses {
        const char *name;
        const char *node, *node_v4, *node_v6;
        const char *service, *service_v4, *service_v6;
        const char *want;
};

static void register_addresses(struct bench *b, const struct addresses *a)
{
        struct text_pair tagged[3] = {{"wan", "198.51.100.1"}};
        struct service_address own[3] = {{"wan", "198.51.100.5", 8080}};
        struct command c = {.type = COMMAND_REGISTER};
        uint32_t tagged_count = 1, own_count = 1;

        if (a->node_v4)
                tagged[tagged_count++] = (struct text_pair){"lan_ipv4", a->node_v4};
        if (a->node_v6)
                tagged[tagged_count++] = (struct text_pair){"lan_ipv6", a->node_v6};
        if (a->service_v4)
                own[own_count++] = (struct service_address){"lan_ipv4", a->service_v4, 80};
        if (a->service_v6)
                own[own_count++] = (struct service_address){"lan_ipv6", a->service_v6, 80};
        c.reg.node = (struct catalog_node)CATALOG_NODE_INIT;
        c.reg.node.name = "n";
        c.reg.node.address = a->node;
        c.reg.node.tagged_addresses = (struct text_map){tagged, tagged_count};
        c.reg.has_service = true;
        c.reg.service = (struct catalog_service)CATALOG_SERVICE_INIT;
        c.reg.service.name = "web";
        c.reg.service.port = 80;
        c.reg.service.address = a->service;
        c.reg.service.tagged_addresses = (struct service_address_map){own, own_count};
        expect_ok(machine_run(&b->m, &c));
}

Test(publisher, names_for_other_datacenters_have_the_addresses_tagged_for_the_wan)
{
        static const struct addresses cases[] = {
            {"plain tag", "10.0.1.1", 0, 0, "", 0, 0, "a=198.51.100.5 any=198.51.100.5 addr"},
            {"IPv6 tag of the LAN", "10.0.1.1", 0, 0, "10.5.0.1", 0, "2001:db8:5::1",
             "a=198.51.100.5 aaaa=2001:db8:5::1 any=2001:db8:5::1 addr"},
        };
        static const struct publisher_name asked[] = {{PUBLISHER_SERVICE, "web", ""},
                                                      {PUBLISHER_NODE, "n", ""}};
        struct lictor_dataplane *plane;
        struct publisher *idle;
        struct bench b;

        bench_init(&b);
        b.config.is_wan = true;
        cr_assert_eq(lictor_dataplane_create(&b.config.zone, &plane), 0);
        cr_assert_eq(publisher_create_idle(b.m.store, plane, &b.config, &idle), 0);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                char want[256];
                const char *got;

                register_addresses(&b, &cases[i]);
                cr_expect_null(fake_get(plane, "service web"));
                publisher_publish_name(idle, &asked[0]);
                snprintf(want, sizeof(want), "ttl=0 n:8080 w=1 %s", cases[i].want);
                got = fake_get(plane, "service web");
                cr_expect(got && strcmp(got, want) == 0, "%s: got %s, want %s", cases[i].name, got,
                          want);
                publisher_withdraw_name(idle, &asked[0]);
                cr_expect_null(fake_get(plane, "service web"));
        }
        publisher_publish_name(idle, &asked[1]);
        cr_expect_not_null(strstr(fake_get(plane, "node n"), "a=198.51.100.1"));
        publisher_destroy(idle);
        lictor_dataplane_destroy(plane);
        bench_fini(&b);
}

Test(publisher, addresses_follow_tags_service_and_node_as_consul_chooses)
{
        static const struct addresses cases[] = {
            {"node only", "10.0.1.1", 0, 0, "", 0, 0, "a=10.0.1.1 any=10.0.1.1"},
            {"dual node", "10.0.1.1", "10.0.1.1", "2001:db8::1", "", 0, 0,
             "a=10.0.1.1 aaaa=2001:db8::1 any=2001:db8::1 addr"},
            {"IPv6 node with IPv4", "2001:db8::2", "10.0.1.2", "2001:db8::2", "", 0, 0,
             "a=10.0.1.2 aaaa=2001:db8::2 any=2001:db8::2"},
            {"own address", "10.0.1.1", 0, 0, "10.5.0.1", 0, 0, "a=10.5.0.1 any=10.5.0.1 addr"},
            {"own IPv6 address hides the node's IPv4", "10.0.1.1", 0, 0, "2001:db8::7", 0, 0,
             "aaaa=2001:db8::7 any=2001:db8::7 addr"},
            {"own address with tags", "10.0.1.1", 0, 0, "10.5.0.1", "10.5.0.1", "2001:db8:5::1",
             "a=10.5.0.1 aaaa=2001:db8:5::1 any=2001:db8:5::1 addr"},
            {"node's tags do not reach an own address", "10.0.1.1", 0, "2001:db8::1", "10.5.0.1", 0,
             0, "a=10.5.0.1 any=10.5.0.1 addr"},
            {"external node", "www.example.org", 0, 0, "", 0, 0, "cname=www.example.org"},
            {"external service", "10.0.1.1", 0, 0, "mx.example.net", 0, 0,
             "cname=mx.example.net a=10.0.1.1 any=10.0.1.1"},
        };
        struct bench b;

        bench_init(&b);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                char want[256];
                const char *got;

                register_addresses(&b, &cases[i]);
                snprintf(want, sizeof(want), "ttl=0 n:80 w=1 %s", cases[i].want);
                got = fake_get(b.dp, "service web");
                cr_expect(got && strcmp(got, want) == 0, "%s: got %s, want %s", cases[i].name, got,
                          want);
        }
        bench_fini(&b);
}

Test(publisher, node_entries_follow_their_tags_and_hold_metadata)
{
        const struct text_pair meta[] = {{"role", "db"}, {"a", "b"}};
        const struct text_pair tagged[] = {{"lan_ipv6", "2001:db8::1"}};
        struct command c = {.type = COMMAND_REGISTER};
        struct bench b;

        bench_init(&b);
        c.reg.node = (struct catalog_node)CATALOG_NODE_INIT;
        c.reg.node.name = "Mixed.Name";
        c.reg.node.address = "10.0.0.1";
        c.reg.node.meta = (struct text_map){meta, 2};
        c.reg.node.tagged_addresses = (struct text_map){tagged, 1};
        expect_ok(machine_run(&b.m, &c));
        expect_entry(&b, "node mixed.name",
                     "ttl=0 a=10.0.0.1 aaaa=2001:db8::1 any=2001:db8::1 a:b role:db");
        expect_ok(machine_node(&b.m, "Mixed.Name", "www.example.org"));
        expect_entry(&b, "node mixed.name", "ttl=0 cname=www.example.org");
        expect_entry(&b, "reverse 10.0.0.1", NULL);
        expect_ok(machine_deregister(&b.m, "mixed.name", "", ""));
        expect_entry(&b, "node mixed.name", NULL);
        bench_fini(&b);
}

Test(publisher, tags_come_and_go_and_names_merge_whatever_their_case)
{
        struct bench b;

        bench_init(&b);
        expect_ok(machine_node(&b.m, "a", "10.0.0.1"));
        expect_ok(machine_node(&b.m, "b", "10.0.0.2"));
        expect_ok(machine_service(&b.m, "a", "1", "Web", "V1,v1,primary", "", 80));
        expect_ok(machine_service(&b.m, "b", "1", "weB", "v1", "", 81));
        expect_entry(&b, "service web",
                     "ttl=0 a:80 w=1 a=10.0.0.1 any=10.0.0.1; b:81 w=1 a=10.0.0.2 any=10.0.0.2");
        expect_entry(&b, "service web v1",
                     "ttl=0 a:80 w=1 a=10.0.0.1 any=10.0.0.1; b:81 w=1 a=10.0.0.2 any=10.0.0.2");
        expect_entry(&b, "service web primary", "ttl=0 a:80 w=1 a=10.0.0.1 any=10.0.0.1");
        expect_ok(machine_service(&b.m, "a", "1", "web", "v2", "", 80));
        expect_entry(&b, "service web v1", "ttl=0 b:81 w=1 a=10.0.0.2 any=10.0.0.2");
        expect_entry(&b, "service web primary", NULL);
        expect_entry(&b, "service web v2", "ttl=0 a:80 w=1 a=10.0.0.1 any=10.0.0.1");
        expect_ok(machine_service(&b.m, "a", "1", "db", "v2", "", 80));
        expect_entry(&b, "service web v2", NULL);
        expect_entry(&b, "service db v2", "ttl=0 a:80 w=1 a=10.0.0.1 any=10.0.0.1");
        expect_ok(machine_deregister(&b.m, "b", "", ""));
        expect_entry(&b, "service web", NULL);
        bench_fini(&b);
}

static void register_weighted(struct bench *b)
{
        struct command c = {.type = COMMAND_REGISTER};

        c.reg.node = (struct catalog_node)CATALOG_NODE_INIT;
        c.reg.node.name = "n";
        c.reg.node.address = "10.0.0.1";
        c.reg.has_service = true;
        c.reg.service = (struct catalog_service)CATALOG_SERVICE_INIT;
        c.reg.service.name = "web";
        c.reg.service.weight_passing = 10;
        c.reg.service.weight_warning = 3;
        expect_ok(machine_run(&b->m, &c));
}

Test(publisher, health_decides_who_is_answered_and_with_which_weight)
{
        static const struct {
                const char *own, *node;
                int weight, weight_only_passing; // -1: left out
        } cases[] = {
            {"passing", "passing", 10, 10},  {"warning", "passing", 3, -1},
            {"passing", "warning", 3, -1},   {"critical", "passing", -1, -1},
            {"passing", "critical", -1, -1}, {"odd", "passing", 1, -1},
        };
        struct bench b;

        bench_init(&b);
        register_weighted(&b);
        for (int only_passing = 0; only_passing < 2; only_passing++) {
                b.config.only_passing = only_passing;
                cr_assert_eq(publisher_configure(b.publisher, &b.config), 0);
                for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                        int weight = only_passing ? cases[i].weight_only_passing : cases[i].weight;
                        char want[128];

                        expect_ok(machine_check(&b.m, "n", "own", "web", cases[i].own));
                        expect_ok(machine_check(&b.m, "n", "host", "", cases[i].node));
                        snprintf(want, sizeof(want), "ttl=0 n:0 w=%d a=10.0.0.1 any=10.0.0.1",
                                 weight);
                        expect_entry(&b, "service web", weight < 0 ? NULL : want);
                        cr_expect_not_null(fake_get(b.dp, "node n"));
                }
        }
        bench_fini(&b);
}

Test(publisher, reverse_names_prefer_nodes_then_the_first_service)
{
        struct bench b;

        bench_init(&b);
        expect_ok(machine_node(&b.m, "beta", "10.9.9.8"));
        expect_ok(machine_service(&b.m, "beta", "s", "shared", NULL, "10.9.9.9", 80));
        expect_entry(&b, "reverse 10.9.9.9", "shared.service.dc1.consul");
        expect_ok(machine_node(&b.m, "alpha", "10.9.9.9"));
        expect_entry(&b, "reverse 10.9.9.9", "alpha.node.dc1.consul");
        expect_ok(machine_service(&b.m, "alpha", "a", "Another", NULL, "10.9.9.9", 80));
        expect_ok(machine_deregister(&b.m, "alpha", "", ""));
        expect_entry(&b, "reverse 10.9.9.9", "shared.service.dc1.consul");
        expect_ok(machine_service(&b.m, "beta", "a", "Another", NULL, "10.9.9.9", 80));
        expect_entry(&b, "reverse 10.9.9.9", "Another.service.dc1.consul");
        expect_ok(machine_deregister(&b.m, "beta", "", ""));
        expect_entry(&b, "reverse 10.9.9.9", NULL);
        bench_fini(&b);
}

Test(publisher, name_servers_are_the_nodes_of_the_passing_consul_service)
{
        struct bench b;

        bench_init(&b);
        expect_entry(&b, "nameservers", "");
        expect_ok(machine_node(&b.m, "n1", "10.0.0.1"));
        expect_ok(machine_node(&b.m, "n2", "10.0.0.2"));
        expect_ok(machine_service(&b.m, "n1", "consul", "consul", NULL, "", 8300));
        expect_ok(machine_service(&b.m, "n2", "consul", "consul", NULL, "", 8300));
        expect_entry(&b, "nameservers", "n1 a=10.0.0.1 any=10.0.0.1; n2 a=10.0.0.2 any=10.0.0.2");
        expect_ok(machine_check(&b.m, "n1", "serfHealth", "", "critical"));
        expect_entry(&b, "nameservers", "n2 a=10.0.0.2 any=10.0.0.2");
        expect_ok(machine_node(&b.m, "n2", "10.0.0.3"));
        expect_entry(&b, "nameservers", "n2 a=10.0.0.3 any=10.0.0.3");
        bench_fini(&b);
}

static void set_query(struct bench *b, const char *name, const char *tags[], uint32_t tag_count,
                      int32_t ttl_s, const char *template_type)
{
        struct command c = {.type = COMMAND_QUERY_SET};

        c.query_set.create = store_query_get(b->m.store, "q-1") == NULL;
        c.query_set.query = (struct catalog_query)CATALOG_QUERY_INIT;
        c.query_set.query.id = "q-1";
        c.query_set.query.name = name;
        c.query_set.query.service = "web";
        c.query_set.query.tags = (struct text_list){tags, tag_count};
        c.query_set.query.dns_ttl_s = ttl_s;
        c.query_set.query.template_type = template_type;
        expect_ok(machine_run(&b->m, &c));
}

Test(publisher, prepared_queries_follow_their_service_and_definition)
{
        static const struct ttl_rule rules[] = {{"web", 9}};
        const char *tags[] = {"!v1"};
        struct bench b;

        bench_init(&b);
        b.config.service_ttl = rules;
        b.config.service_ttl_count = 1;
        cr_assert_eq(publisher_configure(b.publisher, &b.config), 0);
        expect_ok(machine_node(&b.m, "a", "10.0.0.1"));
        set_query(&b, "webq", NULL, 0, -1, "");
        expect_entry(&b, "query webq", NULL);
        expect_ok(machine_service(&b.m, "a", "1", "web", "v1", "", 80));
        expect_ok(machine_service(&b.m, "a", "2", "web", "v2", "", 81));
        expect_entry(&b, "query webq",
                     "ttl=9 a:80 w=1 a=10.0.0.1 any=10.0.0.1; a:81 w=1 a=10.0.0.1 any=10.0.0.1");
        cr_expect_not_null(fake_get(b.dp, "query q-1"));
        set_query(&b, "other", tags, 1, 180, "");
        expect_entry(&b, "query webq", NULL);
        expect_entry(&b, "query other", "ttl=180 a:81 w=1 a=10.0.0.1 any=10.0.0.1");
        expect_ok(machine_check(&b.m, "a", "c", "2", "critical"));
        expect_entry(&b, "query other", NULL);
        expect_ok(machine_check(&b.m, "a", "c", "2", "passing"));
        set_query(&b, "other", NULL, 0, 180, "name_prefix_match");
        expect_entry(&b, "query other", NULL);
        expect_entry(&b, "query q-1", NULL);
        set_query(&b, "other", NULL, 0, -1, "");
        cr_expect_not_null(fake_get(b.dp, "query other"));
        expect_ok(machine_run(
            &b.m, &(struct command){.type = COMMAND_QUERY_DELETE, .query_delete = {"q-1"}}));
        expect_entry(&b, "query other", NULL);
        expect_entry(&b, "query q-1", NULL);
        bench_fini(&b);
}

Test(publisher, what_a_query_selected_elsewhere_is_answered_for_a_moment)
{
        static const struct ttl_rule rules[] = {{"web", 9}};
        static const struct {
                const char *json, *want;
        } cases[] = {
            {"{'Service':'web','Datacenter':'dc2','Nodes':[{'Node':{'Node':'n','Address':'10.2.0.9'"
             "},"
             "'Service':{'Service':'web','Port':80,'Weights':{'Passing':7,'Warning':3}}}]}",
             "ttl=9 dc=dc2 n:80 w=7 a=10.2.0.9 any=10.2.0.9"},
            {"{'Service':'web','DNS':{'TTL':'1m'},'Nodes':[{'Node':{'Node':'n','Address':'10.2.0.9'"
             ","
             "'Meta':{'rack':'1'}},'Service':{'Port':80,'Address':'10.2.0.1',"
             "'Weights':{'Passing':7,'Warning':3},'TaggedAddresses':{'lan_ipv6':"
             "{'Address':'2001:db8::1'}}},'Checks':[{'Status':'passing'},{'Status':'warning'}]}]}",
             "ttl=60 n:80 w=3 a=10.2.0.1 aaaa=2001:db8::1 any=2001:db8::1 addr rack:1"},
            {"{'Nodes':[]}", NULL},
            {"{}", NULL},
            {"[1]", NULL},
            {"{'Nodes':[1,null,{'Node':3,'Service':[],'Checks':{}}],'DNS':7}", "ttl=0 :0 w=1"},
        };
        struct bench b;

        bench_init(&b);
        b.config.service_ttl = rules;
        b.config.service_ttl_count = 1;
        cr_assert_eq(publisher_configure(b.publisher, &b.config), 0);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                json_t *answer = quoted_json(cases[i].json);

                cr_expect_eq(publisher_publish_answer(b.publisher, "webq", answer),
                             cases[i].want != NULL, "%s", cases[i].json);
                json_decref(answer);
                if (cases[i].want == NULL || i < 2)
                        expect_entry(&b, "query webq", cases[i].want);
                publisher_withdraw_template(b.publisher, "webq");
                expect_entry(&b, "query webq", NULL);
        }
        bench_fini(&b);
}

Test(publisher, times_to_live_match_exactly_then_by_the_longest_prefix)
{
        static const struct ttl_rule rules[] = {{"*", 5},  {"db*", 30},   {"web", 60},
                                                {"Up", 7}, {"db-m*", 31}, {"db-master", 150},
                                                {"U*", 8}};
        static const struct {
                const char *service;
                uint32_t want, as_spelled;
        } cases[] = {
            {"web", 60, 60},      {"WEB", 60, 5},      {"webmail", 5, 5},       {"db", 30, 30},
            {"db-slave", 30, 30}, {"db-main", 31, 31}, {"db-master", 150, 150}, {"other", 5, 5},
            {"", 5, 5},           {"Up", 5, 7},        {"Upper", 5, 8},         {"up", 5, 5}};
        struct publisher_config config = {.service_ttl = rules,
                                          .service_ttl_count = ARRAY_LEN(rules)};

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                cr_expect_eq(publisher_service_ttl_s(&config, cases[i].service, true),
                             cases[i].want, "%s", cases[i].service);
                cr_expect_eq(publisher_service_ttl_s(&config, cases[i].service, false),
                             cases[i].as_spelled, "%s", cases[i].service);
        }
        config.service_ttl_count = 0;
        cr_expect_eq(publisher_service_ttl_s(&config, "web", true), 0);
}

Test(publisher, each_command_is_one_commit_and_output_alone_is_none_of_dns)
{
        struct catalog_check check = CATALOG_CHECK_INIT;
        struct command c = {.type = COMMAND_REGISTER};
        struct bench b;
        unsigned commits;

        bench_init(&b);
        expect_ok(machine_node(&b.m, "a", "10.0.0.1"));
        expect_ok(machine_service(&b.m, "a", "1", "web", "v1", "", 80));
        expect_ok(machine_check(&b.m, "a", "c", "1", "passing"));
        commits = fake_commits(b.dp);
        fake_take_writes(b.dp);
        expect_ok(machine_service(&b.m, "a", "1", "web", "v2", "", 80));
        cr_expect_eq(fake_commits(b.dp), commits + 1);
        // The name, the tag that came and the one that went; nothing else of the table.
        cr_expect_eq(fake_take_writes(b.dp), 3);
        expect_ok(machine_node(&b.m, "z", "10.0.0.9"));
        fake_take_writes(b.dp);
        check.name = "c";
        check.service_id = "1";
        check.status = "passing";
        check.output = "another";
        c.reg.node = (struct catalog_node)CATALOG_NODE_INIT;
        c.reg.node.name = "a";
        c.reg.skip_node_update = true;
        c.reg.checks = &check;
        c.reg.check_count = 1;
        expect_ok(machine_run(&b.m, &c));
        cr_expect_eq(b.m.change_count, 1);
        cr_expect_eq(fake_take_writes(b.dp), 0);
        bench_fini(&b);
}

Test(publisher, a_bad_domain_changes_nothing)
{
        struct publisher_stats stats;
        struct bench b;

        bench_init(&b);
        expect_ok(machine_node(&b.m, "a", "10.0.0.1"));
        expect_ok(machine_service(&b.m, "a", "1", "dots.in.name", NULL, "", 80));
        publisher_stats(b.publisher, &stats);
        cr_expect_eq(stats.entries_refused, 1);
        b.config.zone.domain = "not a domain";
        cr_expect_eq(publisher_configure(b.publisher, &b.config), -EINVAL);
        expect_ok(machine_node(&b.m, "b", "10.0.0.2"));
        expect_entry(&b, "reverse 10.0.0.2", "b.node.dc1.consul");
        bench_fini(&b);
}

// What incremental publishing made must be what publishing everything afresh makes.
static void compare_with_fresh(struct bench *b, uint64_t seed, unsigned at)
{
        struct lictor_dataplane *dp;
        struct publisher *fresh;
        char *got, *want;

        cr_assert_eq(lictor_dataplane_create(&b->config.zone, &dp), 0);
        cr_assert_eq(publisher_create(b->m.store, dp, &b->config, &fresh), 0);
        got = fake_dump(b->dp);
        want = fake_dump(dp);
        cr_assert_str_eq(got, want, "seed %llu, step %u\ngot:\n%s\nwant:\n%s",
                         (unsigned long long)seed, at, got, want);
        free(got);
        free(want);
        publisher_destroy(fresh);
        lictor_dataplane_destroy(dp);
}

static const char *pick(uint64_t *state, const char *const from[], size_t count)
{
        return from[random_next(state) % count];
}

#define PICK(...)                                                                                  \
        pick(state, (const char *const[]){__VA_ARGS__},                                            \
             ARRAY_LEN(((const char *const[]){__VA_ARGS__})))

static void random_command(struct bench *b, uint64_t *state)
{
        const char *node = PICK("a", "B", "b", "c", "d");
        const char *id = PICK("1", "2", "3", "consul");
        const char *address = PICK("10.0.0.1", "10.0.0.2", "2001:db8::1", "www.example.org");
        const char *status = PICK("passing", "warning", "critical");
        const char *query = PICK("q1", "q2");

        switch (random_next(state) % 8) {
        case 0:
                machine_node(&b->m, node, address);
                break;
        case 1:
        case 2:
        case 3:
                machine_service(&b->m, node, id, PICK("web", "Web", "db", "consul"),
                                PICK("", "v1", "V1,v2", "v2,x"),
                                PICK("", "", "10.0.0.1", "10.0.0.3", "mx.example.net"), 80);
                break;
        case 4:
        case 5:
                machine_check(&b->m, node, PICK("c1", "c2"), PICK("", "1", "2", "3"), status);
                break;
        case 6:
                machine_deregister(&b->m, node, PICK("", "1", "2", "3"), PICK("", "c1", "c2"));
                break;
        default:
                machine_query(&b->m, query, PICK("n1", "n2", "N1"), PICK("web", "DB"),
                              store_query_get(b->m.store, query) == NULL);
        }
}

Test(publisher, publishing_changes_gives_what_publishing_everything_gives)
{
        for (uint64_t seed = 1; seed <= 8; seed++) {
                uint64_t state = seed;
                struct bench b;

                bench_init(&b);
                for (unsigned i = 0; i < 300; i++) {
                        random_command(&b, &state);
                        compare_with_fresh(&b, seed, i);
                }
                b.config.only_passing = true;
                cr_assert_eq(publisher_configure(b.publisher, &b.config), 0);
                compare_with_fresh(&b, seed, 300);
                bench_fini(&b);
        }
}

static int append_bytes(void *arg, const uint8_t *bytes, size_t len)
{
        byte_buffer_append(arg, bytes, len);
        return 0;
}

static void adopt(struct store *s, const struct byte_buffer *bytes)
{
        struct store_state *state;

        cr_assert_eq(store_state_decode(bytes->bytes, bytes->len, &state), 0);
        store_adopt(s, state);
}

Test(publisher, a_state_that_replaces_another_gives_what_publishing_everything_gives)
{
        for (uint64_t seed = 1; seed <= 20; seed++) {
                struct byte_buffer other = BYTE_BUFFER_INIT;
                uint64_t state = seed;
                struct bench b;

                bench_init(&b);
                for (unsigned i = 0; i < 120; i++)
                        random_command(&b, &state);
                cr_assert_eq(store_snapshot_write(b.m.store, append_bytes, &other), 0);
                for (unsigned i = 0; i < 120; i++)
                        random_command(&b, &state);
                adopt(b.m.store, &other);
                while (store_is_settling(b.m.store))
                        store_settle(b.m.store);
                compare_with_fresh(&b, seed, 240);
                byte_buffer_fini(&other);
                bench_fini(&b);
        }
}

Test(publisher, what_was_published_is_answered_until_it_is_replaced_some_at_a_time)
{
        struct byte_buffer empty = BYTE_BUFFER_INIT;
        unsigned turns = 0;
        char name[32];
        struct bench b;

        bench_init(&b);
        cr_assert_eq(store_snapshot_write(b.m.store, append_bytes, &empty), 0);
        for (int i = 0; i < 700; i++) {
                snprintf(name, sizeof(name), "n%03d", i);
                expect_ok(machine_node(&b.m, name, "10.0.0.1"));
                expect_ok(machine_service(&b.m, name, "1", name, NULL, "", 80));
        }
        adopt(b.m.store, &empty);
        expect_entry(&b, "node n000", "ttl=0 a=10.0.0.1 any=10.0.0.1");
        cr_expect_null(store_node_get(b.m.store, "n000"), "the store has the new state at once");
        for (; store_is_settling(b.m.store); turns++)
                store_settle(b.m.store);
        cr_expect_gt(turns, 10);
        expect_entry(&b, "node n000", NULL);
        expect_entry(&b, "service n699", NULL);
        byte_buffer_fini(&empty);
        bench_fini(&b);
}

Test(publisher, what_comes_while_it_is_held_is_published_at_its_release)
{
        static const struct addresses web = {"node only", "10.0.1.1", 0, 0,
                                             "",          0,          0, "a=10.0.1.1 any=10.0.1.1"};
        struct bench b;

        bench_init(&b);
        publisher_hold(b.publisher);
        register_addresses(&b, &web);
        expect_entry(&b, "service web", NULL);
        publisher_release(b.publisher);
        expect_entry(&b, "service web", "ttl=0 n:80 w=1 a=10.0.1.1 any=10.0.1.1");
        register_addresses(&b, &(struct addresses){.node = "10.0.1.2", .service = ""});
        expect_entry(&b, "service web", "ttl=0 n:80 w=1 a=10.0.1.2 any=10.0.1.2");
        bench_fini(&b);
}

Test(publisher, keys_cost_no_commit)
{
        struct command c = {.type = COMMAND_KV};
        struct publisher_stats before, after;
        struct bench b;

        bench_init(&b);
        publisher_stats(b.publisher, &before);
        c.kv = (struct txn_op){.kind = TXN_KV, .verb = TXN_SET, .kv = KV_ENTRY_INIT};
        c.kv.kv.key = "config/a";
        expect_ok(machine_run(&b.m, &c));
        publisher_stats(b.publisher, &after);
        cr_expect_eq(after.commits, before.commits);
        bench_fini(&b);
}
