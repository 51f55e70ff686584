#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "build.h"
#include "lictor/bytes.h"

#define PORT "\"device\": \"net_null0\", \"addresses\": [\"10.99.0.2/24\"]"

// The block's inside, and what the operator is told.
static const struct {
        const char *block, *expected;
} refused[] = {
    {"\"drivr\": \"dpdk\"", "invalid config key dataplane.drivr"},
    {"\"driver\": \"dppk\"", "dataplane.driver cannot be \"dppk\""},
    {"\"driver\": 1", "'dataplane.driver' expected type 'string'"},
    {"\"idle\": \"lazy\"", "dataplane.idle cannot be \"lazy\""},
    {"\"lcores\": [\"0\"]", "'dataplane.lcores[0]' expected type 'int'"},
    {"\"lcores\": [-1]", "CPU -1 does not exist"},
    {"\"lcores\": [100000]", "CPU 100000 does not exist"},
    {"\"lcores\": [0, 0]", "CPU 0 is listed twice"},
    {"\"socket_workers\": 0", "dataplane.socket_workers cannot be 0"},
    {"\"driver\": \"dpdk\", \"ports\": [{" PORT "}]", "dataplane.lcores is empty"},
    {"\"driver\": \"dpdk\", \"lcores\": [0]", "dataplane.ports is empty"},
    {"\"ports\": [{" PORT "}]", "dataplane.ports needs \"driver\": \"dpdk\""},
    {"\"driver\": \"dpdk\", \"lcores\": [0], \"ports\": [{\"mac\": \"x\"}]",
     "dataplane.ports[0].device is missing"},
    {"\"driver\": \"dpdk\", \"lcores\": [0], \"ports\": [{" PORT ", \"mac\": \"02:00:00:00:00\"}]",
     "dataplane.ports[0].mac: invalid MAC address"},
    {"\"driver\": \"dpdk\", \"lcores\": [0], \"ports\": [{" PORT ", \"bogus\": 1}]",
     "invalid config key dataplane.ports[0].bogus"},
    {"\"driver\": \"dpdk\", \"lcores\": [0], \"ports\": [{" PORT ", \"queues\": 0}]",
     "dataplane.ports[0].queues cannot be 0"},
    {"\"driver\": \"dpdk\", \"lcores\": [0], \"ports\": [{" PORT ", \"gateway\": \"x\"}]",
     "dataplane.ports[0].gateway: invalid ip address: x"},
    {"\"driver\": \"dpdk\", \"lcores\": [0], \"ports\": [{" PORT
     ", \"exception\": \"abcdefghijklmnop\"}]",
     "is no interface name"},
    {"\"driver\": \"dpdk\", \"lcores\": [0], \"ports\": [{\"device\": \"d\"}]",
     "dataplane.ports[0].addresses is empty"},
    {"\"driver\": \"dpdk\", \"lcores\": [0], \"ports\": [{\"device\": \"d\", \"addresses\": "
     "[\"10.0.0.1\"]}]",
     "dataplane.ports[0].addresses[0]: invalid address with prefix length: \"10.0.0.1\""},
    {"\"driver\": \"dpdk\", \"lcores\": [0], \"ports\": [{\"device\": \"d\", \"addresses\": "
     "[\"10.0.0.1/33\"]}]",
     "dataplane.ports[0].addresses[0]"},
    {"\"driver\": \"dpdk\", \"lcores\": [0], \"ports\": [{\"device\": \"d\", \"addresses\": "
     "[\"10.0.0.1/+8\"]}]",
     "dataplane.ports[0].addresses[0]"},
};

Test(config_dataplane, mistakes_in_the_block_are_told_with_their_cure)
{
        for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
                char text[512];
                struct built b;

                snprintf(text, sizeof(text), "{\"dataplane\": {%s}}", refused[i].block);
                b = build_text(text);
                cr_expect_null(b.config, "%s", text);
                cr_expect(b.report.error != NULL &&
                              strstr(b.report.error, refused[i].expected) != NULL,
                          "%s: got \"%s\"", text, b.report.error);
                built_fini(&b);
        }
}

Test(config_dataplane, a_whole_block_becomes_the_runtimes_settings)
{
        struct built b = build_text(
            "{\"dataplane\": {\"driver\": \"dpdk\", \"eal\": [\"--no-pci\", \"-m\", \"512\"],"
            " \"lcores\": [0], \"idle\": \"poll\", \"ports\": [{\"device\": \"net_tap0\","
            " \"mac\": \"02:00:00:00:00:02\", \"addresses\": [\"10.99.0.2/24\", \"fd00::2/64\"],"
            " \"gateway\": \"10.99.0.1\", \"queues\": 2, \"exception\": \"lictor0\"}]}}");
        const struct runtime_config *d;

        cr_assert_not_null(b.config, "%s", b.report.error);
        d = &b.config->dataplane;
        cr_expect_eq(d->driver, RUNTIME_DPDK);
        cr_expect_eq(d->idle, RUNTIME_IDLE_POLL);
        cr_expect_eq(d->eal_argument_count, 3);
        cr_expect_str_eq(d->eal_arguments[2], "512");
        cr_expect_eq(d->lcore_count, 1);
        cr_assert_eq(d->port_count, 1);
        cr_expect_str_eq(d->ports[0].mac, "02:00:00:00:00:02");
        cr_expect_str_eq(d->ports[0].addresses[1], "fd00::2/64");
        cr_expect_eq(d->ports[0].queue_count, 2);
        cr_expect_str_eq(d->ports[0].exception, "lictor0");
        cr_expect_eq(d->dns_port, 8600);
        built_fini(&b);
}
