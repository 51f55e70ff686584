#include "tests/dataplane/dns/dns_world.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <urcu-qsbr.h>

struct lictor_zone world_defaults(void)
{
        return (struct lictor_zone){
            .domain = "consul",
            .datacenter = "dc1",
            .soa = {.refresh_s = 3600, .retry_s = 600, .expire_s = 86400, .min_ttl_s = 0},
            .udp_answer_limit = 3,
            .node_meta_txt = true,
        };
}

void world_open(struct world *w, const struct lictor_zone *zone)
{
        memset(w, 0, sizeof(*w));
        rcu_register_thread();
        cr_assert_eq(svc_table_create(64, &w->table), 0);
        cr_assert_eq(dns_zone_create(zone, &w->zone), 0);
        w->random.state = 1;
        w->capacity = UINT16_MAX;
        w->text = malloc(DNS_TEXT_MAX);
        w->env = (struct dns_env){
            .zone = w->zone,
            .table = w->table,
            .random = &w->random,
            .now_s = WORLD_NOW_S,
        };
}

void world_set_zone(struct world *w, const struct lictor_zone *zone)
{
        dns_zone_destroy(w->zone);
        cr_assert_eq(dns_zone_create(zone, &w->zone), 0);
        w->env.zone = w->zone;
}

void world_close(struct world *w)
{
        free(w->last.data);
        free(w->text);
        rcu_unregister_thread();
        svc_table_destroy(w->table);
        dns_zone_destroy(w->zone);
}

struct lictor_address world_address(const char *text)
{
        struct lictor_address address = {0};

        if (inet_pton(AF_INET, text, address.bytes) == 1)
                address.family = 4;
        else if (inet_pton(AF_INET6, text, address.bytes) == 1)
                address.family = 6;
        return address;
}

struct lictor_instance world_instance(const char *node, const char *address, uint16_t port)
{
        struct lictor_instance instance = {
            .node = node, .any = world_address(address), .port = port, .weight = 1};

        if (instance.any.family == 4)
                instance.ipv4 = instance.any;
        else
                instance.ipv6 = instance.any;
        return instance;
}

void world_add_service(struct world *w, const char *name, const char *tag, uint32_t ttl_s,
                       const struct lictor_instance instances[], size_t count)
{
        struct lictor_service service = {.kind = LICTOR_SERVICE,
                                         .name = name,
                                         .tag = tag,
                                         .ttl_s = ttl_s,
                                         .instances = instances,
                                         .instance_count = count};

        cr_assert_eq(dns_compile_service(w->table, w->zone, &service), 0, "%s", name);
}

void world_add_node(struct world *w, const char *name, const char *address,
                    const struct lictor_meta meta[], size_t meta_count)
{
        struct lictor_node node = {
            .name = name, .any = world_address(address), .meta = meta, .meta_count = meta_count};

        if (node.any.family == 4)
                node.ipv4 = node.any;
        else
                node.ipv6 = node.any;
        cr_assert_eq(dns_compile_node(w->table, w->zone, &node), 0, "%s", name);
}

enum dns_verdict world_respond(struct world *w, const uint8_t *message, size_t length)
{
        free(w->last.data);
        // The exact size, so that ASan sees what goes beyond it.
        w->last = (struct dns_message){.data = malloc(w->capacity),
                                       .length = (uint16_t)length,
                                       .capacity = w->capacity,
                                       .verdict = DNS_VERDICT_COUNT};
        memset(w->last.data, 0xa5, w->capacity);
        memcpy(w->last.data, message, length);
        dns_respond_burst(&w->env, &w->last, 1);
        return (enum dns_verdict)w->last.verdict;
}

const char *world_ask_with(struct world *w, const struct dns_text_query *query)
{
        static const char *const verdicts[] = {"", "[punt]", "[short]", "[not a query]",
                                               "[no room]"};
        uint8_t message[1024];
        size_t length = dns_text_encode(query, message, sizeof(message));
        enum dns_verdict verdict = world_respond(w, message, length);

        if (verdict == DNS_PUNT)
                cr_assert_eq(memcmp(w->last.data, message, length), 0, "a punt changed %s",
                             query->name);
        if (verdict != DNS_ANSWERED)
                return verdicts[verdict];
        cr_assert_eq(load_be16(w->last.data), DNS_TEXT_ID);
        cr_assert_eq(w->last.data[3] & 15, w->last.rcode);
        cr_assert(dns_text_decode(w->last.data, w->last.length, w->text, DNS_TEXT_MAX), "%s: %s",
                  query->name, w->text);
        return w->text;
}

const char *world_ask(struct world *w, const char *name, const char *type)
{
        struct dns_text_query query = {.name = name, .type = dns_text_type(type)};

        return world_ask_with(w, &query);
}

unsigned world_count(const struct world *w, char sign)
{
        unsigned count = 0;

        for (const char *line = w->text; line != NULL; line = strchr(line, '\n')) {
                line += *line == '\n';
                count += *line == sign;
        }
        return count;
}

void world_check(struct world *w, const struct world_case cases[], size_t count)
{
        for (size_t i = 0; i < count; i++) {
                char want[4096];
                const char *got = world_ask(w, cases[i].name, cases[i].type);

                snprintf(want, sizeof(want), "%s", cases[i].want);
                if (want[0] != '[')
                        dns_text_sort(want);
                cr_expect_str_eq(got, want, "%s %s:\n%s\nbut wanted\n%s", cases[i].name,
                                 cases[i].type, got, want);
        }
}
