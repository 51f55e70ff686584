#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "dataplane/runtime/runtime.h"
#include "lictor/bytes.h"

// A working configuration that each row spoils in one place.
struct fixture {
        struct runtime_config config;
        struct runtime_port_config ports[2]; // the second is not counted
        const char *addresses[17];
        const char *eal[4];
        unsigned lcores[RUNTIME_LCORE_MAX + 1];
        struct sockaddr_storage listen[RUNTIME_LISTEN_MAX + 1];
};

static unsigned some_cpu(void)
{
        cpu_set_t cpus;
        unsigned cpu = 0;

        CPU_ZERO(&cpus);
        cr_assert_eq(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
        while (!CPU_ISSET(cpu, &cpus))
                cpu++;
        return cpu;
}

static void fixture_init(struct fixture *f)
{
        memset(f, 0, sizeof(*f));
        f->addresses[0] = "10.99.0.2/24";
        f->eal[0] = "--no-huge";
        f->eal[1] = "--no-pci";
        f->eal[2] = "-m";
        f->eal[3] = "32";
        f->lcores[0] = some_cpu();
        f->ports[0] = (struct runtime_port_config){
            .device = "net_null0",
            .addresses = f->addresses,
            .address_count = 1,
            .queue_count = 1,
        };
        f->ports[1] = f->ports[0];
        f->config = (struct runtime_config){
            .driver = RUNTIME_DPDK,
            .dns_port = 8600,
            .eal_arguments = f->eal,
            .eal_argument_count = 4,
            .lcores = f->lcores,
            .lcore_count = 1,
            .ports = f->ports,
            .port_count = 1,
            .listen = f->listen,
            .socket_worker_count = 1,
        };
}

static void no_change(struct fixture *f)
{
        (void)f;
}
static void no_lcores(struct fixture *f)
{
        f->config.lcore_count = 0;
}
static void many_lcores(struct fixture *f)
{
        f->config.lcore_count = RUNTIME_LCORE_MAX + 1;
}
static void absent_lcore(struct fixture *f)
{
        f->lcores[0] = 1000;
}
static void impossible_lcore(struct fixture *f)
{
        f->lcores[0] = 4000000000u;
}
static void double_lcore(struct fixture *f)
{
        f->lcores[1] = f->lcores[0];
        f->config.lcore_count = 2;
}
static void no_ports(struct fixture *f)
{
        f->config.port_count = 0;
}
static void many_ports(struct fixture *f)
{
        f->config.port_count = RUNTIME_PORT_MAX + 1;
}
static void double_device(struct fixture *f)
{
        f->ports[0].device = "net_null0,size=64";
        f->config.port_count = 2;
}
static void double_interface(struct fixture *f)
{
        f->ports[0].exception = "lictorx0";
        f->ports[1].exception = "lictorx0";
        f->ports[1].device = "net_null1";
        f->config.port_count = 2;
}
static void group_address(struct fixture *f)
{
        f->addresses[0] = "224.0.0.1/24";
}
static void no_device(struct fixture *f)
{
        f->ports[0].device = "";
}
static void no_queues(struct fixture *f)
{
        f->ports[0].queue_count = 0;
}
static void too_many_queues(struct fixture *f)
{
        f->ports[0].queue_count = 17;
}
static void no_addresses(struct fixture *f)
{
        f->ports[0].address_count = 0;
}
static void bad_address(struct fixture *f)
{
        f->addresses[0] = "10.99.0.2/40";
}
static void many_addresses(struct fixture *f)
{
        for (unsigned i = 0; i < 9; i++)
                f->addresses[i] = "10.99.0.2/24";
        f->ports[0].address_count = 9;
}
static void bad_mac(struct fixture *f)
{
        f->ports[0].mac = "02:00:00:00:00";
}
static void group_mac(struct fixture *f)
{
        f->ports[0].mac = "01:00:5e:00:00:01";
}
static void bad_gateway(struct fixture *f)
{
        f->ports[0].exception = "lictorx0";
        f->ports[0].gateway = "the router";
}
static void bad_interface_name(struct fixture *f)
{
        f->ports[0].exception = "much-too-long-a-name";
}
static void taken_interface_name(struct fixture *f)
{
        f->ports[0].exception = "lo";
}
static void absent_device(struct fixture *f)
{
        f->ports[0].device = "net_nonsense0";
}
static void bad_devargs(struct fixture *f)
{
        f->ports[0].device = "net_null0,nonsense=1";
}
static void absent_pci(struct fixture *f)
{
        f->ports[0].device = "0000:7f:1f.7";
}
static void bad_eal_option(struct fixture *f)
{
        f->eal[1] = "--nonsense";
}
static void much_memory(struct fixture *f)
{
        f->eal[3] = "99999999";
}
static void little_memory(struct fixture *f)
{
        f->eal[3] = "2";
}
static void help_of_eal(struct fixture *f)
{
        f->eal[1] = "-h";
}
static void long_help_of_eal(struct fixture *f)
{
        f->eal[1] = "--hel";
}
static void secondary_process(struct fixture *f)
{
        f->eal[1] = "--proc-type=secondary";
}
static void nothing_to_listen_on(struct fixture *f)
{
        f->config.driver = RUNTIME_SOCKET;
}
static void no_socket_workers(struct fixture *f)
{
        f->config.driver = RUNTIME_SOCKET;
        f->listen[0].ss_family = AF_INET;
        f->config.listen_count = 1;
        f->config.socket_worker_count = 0;
}
static void too_much_to_listen_on(struct fixture *f)
{
        f->config.listen_count = RUNTIME_LISTEN_MAX + 1;
}
static void odd_family(struct fixture *f)
{
        f->listen[0].ss_family = AF_UNIX;
        f->config.listen_count = 1;
}

static const struct {
        const char *name;
        void (*spoil)(struct fixture *f);
        const char *says; // what is wrong, and where there is one, the cure
} cases[] = {
    {"no lcores", no_lcores, "add \"lcores\""},
    {"too many lcores", many_lcores, "at most 64"},
    {"an lcore that does not exist", absent_lcore, "lcore 1000: no such CPU"},
    {"an lcore beyond any set", impossible_lcore, "lcore 4000000000: no such CPU"},
    {"an lcore twice", double_lcore, "listed twice"},
    {"no ports", no_ports, "add \"ports\""},
    {"too many ports", many_ports, "at most 16"},
    {"a device twice", double_device, "device net_null0 is given to two ports"},
    {"a kernel interface twice", double_interface, "exception interface lictorx0; give each"},
    {"an address of a group", group_address, "\"224.0.0.1/24\" is no address of one host"},
    {"EAL asked for help", help_of_eal, "-h would print"},
    {"EAL asked for help at length", long_help_of_eal, "--hel would print"},
    {"a secondary process", secondary_process, "always a primary"},
    {"no device", no_device, "no \"device\""},
    {"no queues", no_queues, "\"queues\" must be at least 1"},
    {"more queues than an lcore polls", too_many_queues, "at most 16"},
    {"no addresses", no_addresses, "add one"},
    {"bad address", bad_address, "\"10.99.0.2/40\" is no address"},
    {"too many addresses", many_addresses, "more than 8 IPv4"},
    {"bad MAC", bad_mac, "\"02:00:00:00:00\" is no MAC"},
    {"group MAC", group_mac, "\"01:00:5e:00:00:01\" is no MAC"},
    {"bad gateway", bad_gateway, "gateway \"the router\""},
    {"bad interface name", bad_interface_name, "is no interface name"},
    {"interface name in use", taken_interface_name, "lo exists already"},
    {"absent device", absent_device, "port net_nonsense0: no such device"},
    {"bad devargs", bad_devargs, "net_null0,nonsense=1"},
    {"absent PCI device", absent_pci, "0000:7f:1f.7: no such device"},
    {"nothing to listen on", nothing_to_listen_on, "no address to listen on"},
    {"no socket workers", no_socket_workers, "0 socket workers"},
    {"too many listen addresses", too_much_to_listen_on, "at most 8"},
    {"a listen address of no family", odd_family, "neither IPv4 nor IPv6"},
};

static void expect_refused(const char *name, void (*spoil)(struct fixture *f), const char *says)
{
        struct runtime *rt = NULL;
        char error[512] = "";
        struct fixture f;

        fixture_init(&f);
        spoil(&f);
        cr_expect_lt(runtime_start(&f.config, NULL, &rt, error, sizeof(error)), 0, "%s", name);
        cr_expect_null(rt, "%s", name);
        cr_expect_neq(strstr(error, says), NULL, "%s: \"%s\" lacks \"%s\"", name, error, says);
        cr_expect_null(strchr(error, '\n'), "%s: more than one line: %s", name, error);
}

Test(runtime_config, mistakes_get_one_line_with_the_cure)
{
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
                expect_refused(cases[i].name, cases[i].spoil, cases[i].says);
}

// EAL starts once in a process, so each way to start it wrongly is a test of its own.
Test(runtime_config, an_unknown_eal_option_is_named)
{
        expect_refused("bad EAL option", bad_eal_option, "unrecognized option '--nonsense'");
}

Test(runtime_config, too_much_memory_for_eal_says_how_to_do_with_less)
{
        expect_refused("too much memory", much_memory, "do without");
}

Test(runtime_config, too_little_memory_for_a_port_says_to_give_more)
{
        expect_refused("too little memory", little_memory, "\"-m\"");
}

Test(runtime_config, a_failed_eal_stays_failed)
{
        expect_refused("bad EAL option", bad_eal_option, "unrecognized option");
        expect_refused("the second try", no_change, "restart");
}

Test(runtime_config, an_error_is_cut_to_the_callers_buffer)
{
        struct runtime *rt = NULL;
        struct fixture f;
        char error[8];

        fixture_init(&f);
        no_ports(&f);
        cr_expect_lt(runtime_start(&f.config, NULL, &rt, error, sizeof(error)), 0);
        cr_expect_eq(strlen(error), sizeof(error) - 1);
        cr_expect_lt(runtime_start(&f.config, NULL, &rt, NULL, 0), 0);
}
