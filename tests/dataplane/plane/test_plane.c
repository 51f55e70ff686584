#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "dataplane/dns/dns_burst.h"
#include "dataplane/dns/dns_wire.h"
#include "dataplane/plane/plane.h"
#include "lictor/bytes.h"
#include "tests/dataplane/dns/dns_text.h"

static const struct lictor_zone consul = {
    .domain = "consul", .datacenter = "dc1", .soa = {.min_ttl_s = 1}, .udp_answer_limit = 3};
static const struct lictor_zone example = {
    .domain = "example", .datacenter = "dc1", .soa = {.min_ttl_s = 2}, .udp_answer_limit = 3};

static struct lictor_dataplane *dp;

static void open_plane(void)
{
        cr_assert_eq(lictor_dataplane_create(&consul, &dp), 0);
}

static void close_plane(void)
{
        lictor_dataplane_destroy(dp);
}

TestSuite(plane, .init = open_plane, .fini = close_plane);

// Ask as a worker does. Returns the rcode; the answer's last byte shows which record it was.
static enum dns_rcode ask(struct dns_random *random, const char *name, const char *type,
                          uint8_t *last)
{
        struct dns_text_query query = {.name = name, .type = dns_text_type(type)};
        uint8_t data[512];
        struct dns_message message = {.data = data, .capacity = sizeof(data)};
        struct dns_env env = {.zone = plane_zone(dp), .table = plane_table(dp), .random = random};

        plane_env_peers(dp, &env);
        message.length = (uint16_t)dns_text_encode(&query, data, sizeof(data));
        dns_respond_burst(&env, &message, 1);
        cr_assert_eq(message.verdict, DNS_ANSWERED);
        *last = data[message.length - 1];
        return (enum dns_rcode)message.rcode;
}

static enum dns_rcode ask_once(const char *name, const char *type)
{
        struct dns_random random = {1};
        enum dns_rcode rcode;
        uint8_t last;

        lictor_reader_register();
        rcode = ask(&random, name, type, &last);
        lictor_reader_unregister();
        return rcode;
}

static void set_web(uint8_t last)
{
        struct lictor_instance instance = {.node = "n", .ipv4 = {4, {10, 0, 0, last}}, .port = 1};
        struct lictor_service service = {
            .name = "web", .tag = "", .instances = &instance, .instance_count = 1};

        instance.any = instance.ipv4;
        cr_assert_eq(lictor_service_set(dp, &service), 0);
}

Test(plane, what_is_set_is_answered_and_what_is_removed_is_not)
{
        struct lictor_address address = {4, {10, 0, 0, 1}};
        struct lictor_node node = {.name = "n", .any = address};

        cr_expect_eq(ask_once("web.service.consul", "A"), DNS_NXDOMAIN);
        set_web(1);
        cr_expect_eq(lictor_node_set(dp, &node), 0);
        cr_expect_eq(lictor_reverse_set(dp, &address, "n.node.dc1.consul"), 0);
        cr_expect_eq(lictor_nameservers_set(dp, &node, 1), 0);
        lictor_commit(dp);
        cr_expect_eq(ask_once("web.service.consul", "A"), DNS_NOERROR);
        cr_expect_eq(ask_once("n.node.consul", "A"), DNS_NOERROR);
        cr_expect_eq(ask_once("1.0.0.10.in-addr.arpa", "PTR"), DNS_NOERROR);
        cr_expect_eq(lictor_service_remove(dp, LICTOR_SERVICE, "WEB", ""), 0);
        cr_expect_eq(lictor_service_remove(dp, LICTOR_SERVICE, "WEB", ""), -ENOENT);
        cr_expect_eq(lictor_service_remove(dp, LICTOR_QUERY, "web", ""), -ENOENT);
        cr_expect_eq(lictor_node_remove(dp, "N"), 0);
        cr_expect_eq(lictor_node_remove(dp, "n"), -ENOENT);
        cr_expect_eq(lictor_reverse_remove(dp, &address), 0);
        cr_expect_eq(lictor_reverse_remove(dp, &address), -ENOENT);
        lictor_commit(dp);
        cr_expect_eq(ask_once("web.service.consul", "A"), DNS_NXDOMAIN);
        cr_expect_eq(ask_once("n.node.consul", "A"), DNS_NXDOMAIN);
        cr_expect_eq(ask_once("1.0.0.10.in-addr.arpa", "PTR"), DNS_SERVFAIL);
}

Test(plane, statistics_count_the_entries)
{
        struct lictor_table_stats before, after;

        lictor_table_stats(dp, &before);
        set_web(1);
        lictor_table_stats(dp, &after);
        cr_expect_eq(after.entry_count, before.entry_count + 1);
        cr_expect_gt(after.entry_bytes, before.entry_bytes);
        cr_expect_geq(after.memory_bytes, after.entry_bytes);
}

Test(plane, a_bad_zone_leaves_the_old_one_in_force)
{
        struct lictor_zone bad = consul;
        struct lictor_dataplane *none = NULL;

        bad.domain = "a..b";
        cr_expect_eq(lictor_dataplane_create(&bad, &none), -EINVAL);
        cr_expect_null(none);
        set_web(1);
        cr_expect_eq(lictor_zone_set(dp, &bad), -EINVAL);
        cr_expect_eq(ask_once("web.service.consul", "A"), DNS_NOERROR);
        cr_expect_eq(lictor_zone_set(dp, &example), 0);
        cr_expect_eq(ask_once("web.service.consul", "A"), DNS_REFUSED);
        cr_expect_eq(ask_once("web.service.example", "A"), DNS_NOERROR);
}

struct reader {
        atomic_bool stop;
        atomic_uint rounds;
        unsigned wrong;
};

// Under either zone one of the names is answered, with the old address or the new one.
static void *read_on(void *argument)
{
        struct reader *reader = argument;
        struct dns_random random = {2};

        lictor_reader_register();
        while (!atomic_load(&reader->stop)) {
                uint8_t last;
                enum dns_rcode rcode = ask(&random, "web.service.consul", "A", &last);

                if (rcode != DNS_REFUSED && (rcode != DNS_NOERROR || (last != 1 && last != 2)))
                        reader->wrong++;
                atomic_fetch_add(&reader->rounds, 1);
                if (atomic_load(&reader->rounds) % 64 == 0) {
                        lictor_reader_offline();
                        lictor_reader_online();
                } else {
                        lictor_reader_quiescent();
                }
        }
        lictor_reader_unregister();
        return NULL;
}

Test(plane, readers_see_the_old_or_the_new_never_a_mixture)
{
        struct reader reader = {.wrong = 0};
        pthread_t thread;

        set_web(1);
        cr_assert_eq(pthread_create(&thread, NULL, read_on, &reader), 0);
        for (unsigned i = 0; i < 2000 || atomic_load(&reader.rounds) < 100; i++) {
                set_web((uint8_t)(1 + i % 2));
                if (i % 7 == 0)
                        cr_assert_eq(lictor_zone_set(dp, i % 2 == 0 ? &example : &consul), 0);
                lictor_commit(dp);
        }
        atomic_store(&reader.stop, true);
        pthread_join(thread, NULL);
        cr_expect_eq(reader.wrong, 0, "%u of %u", reader.wrong, atomic_load(&reader.rounds));
}

static struct lictor_dataplane *make_peer(const char *datacenter, uint8_t last)
{
        struct lictor_instance instance = {.node = "n", .ipv4 = {4, {10, 0, 0, last}}, .port = 1};
        struct lictor_service service = {
            .name = "web", .tag = "", .instances = &instance, .instance_count = 1};
        struct lictor_dataplane *peer;
        struct lictor_zone zone = consul;

        zone.datacenter = datacenter;
        instance.any = instance.ipv4;
        cr_assert_eq(lictor_dataplane_create(&zone, &peer), 0);
        cr_assert_eq(lictor_service_set(peer, &service), 0);
        lictor_commit(peer);
        return peer;
}

Test(plane, names_of_peers_are_answered_from_their_planes)
{
        struct lictor_dataplane *peers[] = {make_peer("dc2", 2), make_peer("dc3", 3)};

        set_web(1);
        cr_expect_eq(ask_once("web.service.dc2.consul", "A"), DNS_NXDOMAIN);
        cr_assert_eq(plane_set_peers(dp, peers, 2), 0);
        cr_expect_not(plane_take_used(peers[0]));
        cr_expect_eq(ask_once("web.service.dc2.consul", "A"), DNS_NOERROR);
        cr_expect_eq(ask_once("WEB.service.DC2.consul", "SRV"), DNS_NOERROR);
        cr_expect_eq(ask_once("none.service.dc2.consul", "A"), DNS_NXDOMAIN);
        cr_expect(plane_take_used(peers[0]));
        cr_expect_not(plane_take_used(peers[0]));
        cr_expect_not(plane_take_used(peers[1]));
        cr_expect_eq(ask_once("web.service.dc4.consul", "A"), DNS_NXDOMAIN);
        cr_expect_eq(ask_once("web.service.dc1.consul", "A"), DNS_NOERROR);
        cr_assert_eq(plane_set_peers(dp, &peers[1], 1), 0);
        lictor_dataplane_destroy(peers[0]);
        cr_expect_eq(ask_once("web.service.dc2.consul", "A"), DNS_NXDOMAIN);
        cr_expect_eq(ask_once("web.service.dc3.consul", "A"), DNS_NOERROR);
        cr_assert_eq(plane_set_peers(dp, NULL, 0), 0);
        lictor_dataplane_destroy(peers[1]);
}

static void *read_peer(void *argument)
{
        struct reader *reader = argument;
        struct dns_random random = {3};

        lictor_reader_register();
        while (!atomic_load(&reader->stop)) {
                uint8_t last;
                enum dns_rcode rcode = ask(&random, "web.service.dc2.consul", "A", &last);

                if (rcode != DNS_NXDOMAIN && (rcode != DNS_NOERROR || last < 2))
                        reader->wrong++;
                atomic_fetch_add(&reader->rounds, 1);
                lictor_reader_quiescent();
        }
        lictor_reader_unregister();
        return NULL;
}

Test(plane, peers_come_and_go_under_readers)
{
        struct reader reader = {.wrong = 0};
        pthread_t thread;

        cr_assert_eq(pthread_create(&thread, NULL, read_peer, &reader), 0);
        for (unsigned i = 0; i < 30 || atomic_load(&reader.rounds) < 100; i++) {
                struct lictor_dataplane *peer = make_peer("dc2", (uint8_t)(2 + i % 100));

                cr_assert_eq(plane_set_peers(dp, &peer, 1), 0);
                if (i % 3 == 0)
                        cr_assert_eq(plane_set_peers(dp, &peer, 1), 0);
                for (unsigned seen = atomic_load(&reader.rounds), n = 0;
                     atomic_load(&reader.rounds) < seen + 5 && n < 1000000; n++)
                        ;
                cr_assert_eq(plane_set_peers(dp, NULL, 0), 0);
                lictor_dataplane_destroy(peer);
        }
        atomic_store(&reader.stop, true);
        pthread_join(thread, NULL);
        cr_expect_eq(reader.wrong, 0, "%u of %u", reader.wrong, atomic_load(&reader.rounds));
}
