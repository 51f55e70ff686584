#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "control/config/internal.h"
#include "lictor/bytes.h"

// One row a mistake: the text, and what the line for the operator must contain.
static const struct {
        const char *text, *expected;
} refused[] = {
    {"{", "0.json: 1:1: "},
    {"[]", "json: cannot unmarshal array"},
    {"{\"a\": 1, \"a\": 2}", "duplicate"},
    {"{\"bogus\": 1}", "invalid config key bogus"},
    {"{\"bogus\": 1, \"zork\": {}}",
     "2 errors occurred:\n\t* invalid config key bogus\n\t* invalid config key zork\n\n"},
    {"{\"ports\": {\"htp\": 1}}", "invalid config key ports.htp"},
    {"{\"dns_config\": {\"soa\": {\"x\": 1}}}", "invalid config key dns_config.soa.x"},
    {"{\"services\": [{\"name\": \"a\"}, {\"bogus\": 1}]}", "invalid config key services[1].bogus"},
    {"{\"service\": {\"checks\": [{\"bogus\": 1}]}}", "invalid config key service.checks[0].bogus"},
    {"{\"ports\": {\"http\": \"8500\"}}",
     "'ports.http' expected type 'int', got unconvertible type 'string', value: '8500'"},
    {"{\"ports\": {\"http\": {\"b\": [1, \"x y\"], \"a\": {\"c\": true}}}}",
     "'ports.http' expected type 'int', got unconvertible type 'map[string]interface {}', "
     "value: 'map[a:map[c:true] b:[1 x y]]'"},
    {"{\"dns_config\": {\"soa\": {\"retry\": \"1\"}}}",
     "'dns_config.soa.retry' expected type 'uint32', got unconvertible type 'string', value: '1'"},
    {"{\"limits\": {\"kv_max_value_size\": -1}}",
     "cannot parse 'limits.kv_max_value_size', -1.000000 overflows uint"},
    {"{\"connect\": {\"x\": 1}}", "invalid config key connect.x"},
    {"{\"auto_encrypt\": true}", "'auto_encrypt' expected a map, got 'bool'"},
    {"{\"service\": {\"name\": \"a\", \"proxy\": {\"upstreams\": [{\"q\": 1}]}}}",
     "invalid config key service.proxy.upstreams[0].q"},
    {"{\"watches\": [\"key\"]}", "'watches[0]' expected a map, got 'string'"},
    {"{\"check\": {\"name\": \"a\", \"ttl\": \"\"}}",
     "1 error occurred:\n\t* check[].ttl: invalid duration: \"\": time: invalid duration \"\"\n\n"},
    {"{\"cache\": {\"entry_fetch_rate\": -1}}",
     "cache.entry_fetch_rate must be strictly positive, was: -1"},
    {"{\"cache\": {\"entry_fetch_max_burst\": 0}}",
     "cache.entry_fetch_max_burst must be strictly positive, was: 0"},
    {"{\"ui_config\": {\"metrics_provider_options_json\": \"[]\"}}",
     "ui_config.metrics_provider_options_json must be empty or a string containing a valid JSON "
     "object. received: \"[]\""},
    {"{\"connect\": {\"ca_provider\": \"x\"}}", "x is not a valid CA provider"},
    {"{\"auto_encrypt\": {\"allow_tls\": true}}",
     "auto_encrypt.allow_tls can only be used on a server."},
    {"{\"gossip_lan\": {\"probe_timeout\": \"1\"}}",
     "gossip_lan..probe_timeout: invalid duration: \"1\": time: missing unit"},
    {"{\"dns_config\": {\"recursor_timeout\": \"x\"}}",
     "1 error occurred:\n\t* recursor_timeout: invalid duration: \"x\""},
    {"{\"addresses\": {\"grpc\": \"x\"}}",
     "1 error occurred:\n\t* addresses.grpc: invalid ip address: x\n\n"},
    {"{\"advertise_addr_ipv4\": \"::1\"}", "advertise_addr_ipv4 must be an ipv4 address"},
    {"{\"advertise_addr_wan_ipv6\": \"10.0.0.1\"}",
     "advertise_addr_wan_ipv6 must be an ipv6 address"},
    {"{\"advertise_addr\": \"x\"}",
     "2 errors occurred:\n\t* advertise_addr: invalid ip address: x\n\t* advertise_addr: invalid"},
    {"{\"serf_lan\": \"x\"}", "1 error occurred:\n\t* serf_lan: invalid ip address: x\n\n"},
    {"{\"segment\": \"a\"}", "Network segments are not supported in this version of Consul"},
    {"{\"server\": \"true\"}",
     "'server' expected type 'bool', got unconvertible type 'string', value: 'true'"},
    {"{\"datacenter\": 5}",
     "'datacenter' expected type 'string', got unconvertible type 'float64', value: '5'"},
    {"{\"ports\": 1}", "'ports' expected a map, got 'float64'"},
    {"{\"retry_join\": \"a\"}", "'retry_join': source data must be an array or slice, got string"},
    {"{\"retry_join\": [1]}", "'retry_join[0]' expected type 'string'"},
    {"{\"retry_interval\": 10}", "'retry_interval' expected type 'string'"},
    {"{\"node_meta\": {\"a\": 1}}", "'node_meta[a]' expected type 'string'"},
    {"{\"services\": {}}", "'services': source data must be an array or slice, got map"},
    {"{\"datacenter\": \"\"}", "datacenter cannot be empty"},
    {"{\"datacenter\": \"DC 1\"}", "received: \"dc 1\""},
    {"{\"bind_addr\": \"127.0.0.1 127.0.0.2\"}", "bind_addr cannot contain multiple addresses"},
    {"{\"bind_addr\": \"unix:///x\"}", "bind_addr cannot be a unix socket"},
    {"{\"bind_addr\": \"host\"}", "bind_addr cannot be empty"},
    {"{\"advertise_addr\": \"0.0.0.0\"}", "Advertise address cannot be 0.0.0.0, :: or [::]"},
    {"{\"client_addr\": \"notanip\"}", "client_addr: invalid ip address: notanip"},
    {"{\"client_addr\": \"1.2.3\"}", "client_addr: invalid ip address: 1.2.3"},
    {"{\"addresses\": {\"dns\": \"unix:///x\"}}", "DNS address cannot be a unix socket"},
    {"{\"bootstrap\": true}", "'bootstrap = true' requires 'server = true'"},
    {"{\"bootstrap_expect\": 1}", "'bootstrap = true' requires 'server = true'"},
    {"{\"bootstrap_expect\": 3}", "'bootstrap_expect > 0' requires 'server = true'"},
    {"{\"server\": true, \"bootstrap_expect\": -1}", "bootstrap_expect cannot be -1."},
    {"{\"server\": true, \"bootstrap_expect\": 3, \"bootstrap\": true}", "mutually exclusive"},
    {"{\"ports\": {\"http\": 65536}}", "ports.http: invalid port: 65536"},
    {"5", "json: cannot unmarshal number into Go value of type map[string]interface {}"},
    {"{\"ports\": {\"dns\": 8500, \"http\": 8500}}",
     "HTTP address 127.0.0.1:8500 already configured for DNS"},
    {"{\"ports\": {\"http\": 8500, \"https\": 8500}}",
     "HTTPS address 127.0.0.1:8500 already configured for HTTP"},
    {"{\"retry_interval\": \"10\", \"check_update_interval\": \"x\"}",
     "check_update_interval: invalid duration: \"x\": time: invalid duration \"x\""},
    {"{\"dns_config\": {\"node_ttl\": \"10\"}}", "dns_config.node_ttl: invalid duration: \"10\""},
    {"{\"dns_config\": {\"service_ttl\": {\"web\": \"5\"}}}",
     "dns_config.service_ttl[\"web\"]: invalid duration: \"5\""},
    {"{\"dns_config\": {\"udp_answer_limit\": -1}}", "dns_config.udp_answer_limit cannot be -1."},
    {"{\"http_config\": {\"allow_write_http_from\": [\"10.0.0.1\"]}}",
     "allow_write_http_from: invalid cidr: 10.0.0.1"},
    {"{\"serf_lan_allowed_cidrs\": [\"10.0.0.0/33\"]}",
     "serf_lan_allowed_cidrs: invalid cidr: 10.0.0.0/33"},
    {"{\"autopilot\": {\"max_trailing_logs\": -1}}", "autopilot.max_trailing_logs cannot be -1."},
    {"{\"check_output_max_size\": 0}", "check_output_max_size must be positive"},
    {"{\"ports\": {\"sidecar_min_port\": 2, \"sidecar_max_port\": 1}}",
     "sidecar_min_port must be less than sidecar_max_port"},
    {"{\"ports\": {\"expose_min_port\": 2, \"expose_max_port\": 1}}",
     "expose_min_port must be less than expose_max_port"},
    {"{\"tls_min_version\": \"x\"}", "tls_min_version: value x not supported"},
    {"{\"ui_config\": {\"content_path\": \"/a?b/\"}}", "received: \"/a?b/\""},
    {"{\"bind_addr\": \"{{ Bogus }}\"}", "function \"Bogus\" not defined"},
    {"{\"bind_addr\": \"{{ GetInterfaceIP \\\"nothing\\\" }}\"}",
     "bind_addr: no address of this host fits"},
    {"{\"encrypt\": \"notbase64\"}",
     "encrypt has invalid key: illegal base64 data at input byte 8"},
    {"{\"encrypt\": \"x\"}", "illegal base64 data at input byte 0"},
    {"{\"encrypt\": \"YWJjZA=\"}", "illegal base64 data at input byte 7"},
    {"{\"encrypt\": \"a b=\"}", "illegal base64 data at input byte 1"},
    {"{\"encrypt\": \"YWJjZ===\"}", "illegal base64 data at input byte 5"},
    {"{\"alt_domain\": \"service.x\"}",
     "alt_domain cannot start with {service,connect,node,query,addr,dc1}"},
    {"{\"alt_domain\": \"DC1.x\"}", "alt_domain cannot start with"},
    {"{\"node_meta\": {\"consul-x\": \"b\"}}",
     "Couldn't load metadata pair ('consul-x', 'b'): Key prefix 'consul-' is reserved"},
    {"{\"node_meta\": {\"a b\": \"c\"}}", "Key contains invalid characters"},
    {"{\"node_meta\": {\"\": \"c\"}}", "Key cannot be blank"},
    {"{\"raft_protocol\": 2}", "raft_protocol version 2 is not supported"},
    {"{\"performance\": {\"raft_multiplier\": 0}}", "Must be between 1 and 10"},
    {"{\"acl\": {\"tokens\": {\"bogus\": \"x\"}}}", "invalid config key acl.tokens.bogus"},
};

Test(config, what_is_wrong_is_told_in_the_operators_terms)
{
        for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
                struct built built = build_from(&refused[i].text, 1,
                                                strstr(refused[i].text, "bind_addr") != NULL
                                                    ? "{\"data_dir\": \"/nonexistent/d\"}"
                                                    : "{\"data_dir\": \"/nonexistent/d\", "
                                                      "\"bind_addr\": \"127.0.0.1\"}",
                                                false);

                cr_expect_null(built.config, "%s", refused[i].text);
                cr_expect(built.report.error != NULL &&
                              strstr(built.report.error, refused[i].expected) != NULL,
                          "%s: got \"%s\"", refused[i].text, built.report.error);
                built_fini(&built);
        }
}

Test(config, defaults_are_consuls)
{
        struct built b = build_text("{}");

        cr_assert_not_null(b.config, "%s", b.report.error);
        cr_expect_str_eq(b.config->datacenter, "dc1");
        cr_expect_str_eq(b.config->domain, "consul");
        cr_expect_eq(b.config->ports.dns, 8600);
        cr_expect_eq(b.config->ports.http, 8500);
        cr_expect_eq(b.config->ports.https, -1);
        cr_expect_eq(b.config->ports.server, 8300);
        cr_expect_not(b.config->server);
        cr_expect(b.config->leave_on_terminate);
        cr_expect_eq(b.config->dns.udp_answer_limit, 3);
        cr_expect_eq(b.config->dns.soa.refresh_s, 3600);
        cr_expect_eq(b.config->dns_listen.count, 1);
        cr_expect_eq(b.config->dataplane.driver, RUNTIME_SOCKET);
        cr_expect_eq(b.config->dataplane.listen_count, 1);
        cr_expect_eq(b.report.warning_count, 0);
        built_fini(&b);
}

Test(config, keys_match_in_any_letter_case_and_comments_are_skipped)
{
        struct built b = build_text("// one\n{ # two\n/* three\n */ \"NODE_NAME\": \"a//b#c/*d*/\","
                                    "\"Ports\": {\"HTTP\": 1}, \"server\": null }");

        cr_assert_not_null(b.config, "%s", b.report.error);
        cr_expect_str_eq(b.config->node_name, "a//b#c/*d*/");
        cr_expect_eq(b.config->ports.http, 1);
        built_fini(&b);
}

Test(config, of_a_key_in_two_spellings_the_later_wins)
{
        struct built b =
            build_text("{\"ports\": {\"http\": 1, \"dns\": 7}, \"PORTS\": {\"http\": 2},"
                       "\"service\": {\"name\": \"a\", \"check\": {\"ttl\": \"1s\"},"
                       "\"Check\": {\"ttl\": \"2s\"}}}");
        const json_t *service;

        cr_assert_not_null(b.config, "%s", b.report.error);
        cr_expect_eq(b.config->ports.http, 2);
        service = json_array_get(b.config->services, 0);
        cr_expect_str_eq(
            json_string_value(json_object_get(json_object_get(service, "check"), "ttl")), "2s");
        built_fini(&b);
}

Test(config, comments_keep_line_numbers)
{
        struct built b = build_text("/* a\n b */\n{ # c\n !");

        cr_assert_null(b.config);
        cr_expect(strstr(b.report.error, "0.json: 4:2: ") != NULL, "%s", b.report.error);
        built_fini(&b);
}

Test(config, later_files_win_lists_append_and_maps_merge)
{
        static const char *const files[] = {
            "{\"services\": [{\"name\": \"a\"}], \"node_meta\": {\"x\": \"1\", \"y\": \"1\"},"
            " \"dns_config\": {\"node_ttl\": \"5s\", \"service_ttl\": {\"a\": \"7s\"}}}",
            "{\"service\": {\"Name\": \"b\"}, \"check\": {\"name\": \"c\"},"
            " \"node_meta\": {\"y\": \"2\"}, \"dns_config\": {\"node_ttl\": \"1m30s\"}}",
        };
        struct built b = build_from(
            files, 2, "{\"data_dir\": \"/nonexistent/d\", \"node_meta\": {\"z\": \"f\"}}", false);

        cr_assert_not_null(b.config, "%s", b.report.error);
        cr_expect_eq(json_array_size(b.config->services), 2);
        cr_expect_eq(json_array_size(b.config->checks), 1);
        cr_expect_eq(b.config->node_meta_count, 3);
        cr_expect_eq(b.config->dns.node_ttl_s, 90);
        cr_expect_eq(b.config->dns.service_ttl_count, 1);
        cr_expect_eq(b.config->dns.service_ttls[0].ttl_s, 7);
        built_fini(&b);
}

Test(config, definition_keys_may_leave_out_underscores)
{
        struct built b = build_text("{\"service\": {\"EnableTagOverride\": true, \"check\":"
                                    " {\"CheckID\": \"x\", \"TLSSkipVerify\": true}}}");
        const json_t *service;

        cr_assert_not_null(b.config, "%s", b.report.error);
        service = json_array_get(b.config->services, 0);
        cr_expect(json_is_true(json_object_get(service, "enable_tag_override")));
        cr_expect(
            json_is_true(json_object_get(json_object_get(service, "check"), "tls_skip_verify")));
        built_fini(&b);
}

Test(config, known_settings_without_a_feature_warn_once)
{
        static const char *const files[] = {"{\"read_replica\": true}",
                                            "{\"read_replica\": false}"};
        struct built b = build_from(files, 2, "{\"data_dir\": \"/nonexistent/d\"}", false);

        cr_assert_not_null(b.config, "%s", b.report.error);
        cr_assert_eq(b.report.warning_count, 1);
        cr_expect(strstr(b.report.warnings[0], "read_replica") != NULL);
        built_fini(&b);
}

Test(config, recursors_are_addresses_with_or_without_a_port)
{
        static const char *const files[] = {
            "{\"recursors\": [\"192.0.2.1\", \"192.0.2.1:5353\"]}",
            "{\"recursors\": [\"2001:db8::1\", \"[2001:db8::1]:5353\"]}"};
        static const char *const want[] = {"192.0.2.1:53", "192.0.2.1:5353", "[2001:db8::1]:53",
                                           "[2001:db8::1]:5353"};
        static const char *const bad[] = {
            "{\"recursors\": [\"0.0.0.0\"]}", "{\"recursors\": [\"localhost\"]}",
            "{\"recursors\": [\"192.0.2.1:\"]}", "{\"recursors\": [\"192.0.2.1:70000\"]}",
            "{\"dns_config\": {\"recursor_strategy\": \"all\"}}"};
        struct built b = build_from(files, 2, "{\"data_dir\": \"/nonexistent/d\"}", false);
        char text[CONFIG_ADDRESS_TEXT_MAX];

        cr_assert_not_null(b.config, "%s", b.report.error);
        cr_assert_eq(b.config->recursor_count, 4);
        for (size_t i = 0; i < 4; i++)
                cr_expect_str_eq(config_address_text(&b.config->recursors[i], text), want[i]);
        cr_expect_eq(b.config->recursor_timeout_ms, 2000);
        built_fini(&b);
        for (size_t i = 0; i < 5; i++) {
                b = build_from(&bad[i], 1, "{\"data_dir\": \"/nonexistent/d\"}", false);
                cr_expect_null(b.config, "%s", bad[i]);
                built_fini(&b);
        }
}

Test(config, development_mode_is_a_server_on_loopback_without_a_directory)
{
        struct built b = build_from(NULL, 0, NULL, true);

        cr_assert_not_null(b.config, "%s", b.report.error);
        cr_expect(b.config->server);
        cr_expect_str_eq(b.config->data_dir, "");
        cr_expect_str_eq(b.config->advertise_address, "127.0.0.1");
        cr_expect_eq(b.config->log_level, LOG_LEVEL_DEBUG);
        built_fini(&b);
}

Test(config, several_client_addresses_are_listened_on)
{
        struct built b = build_text("{\"client_addr\": \"127.0.0.1  ::1\", \"addresses\":"
                                    " {\"http\": \"[::1] unix:///tmp/x\"}}");
        const struct sockaddr_in6 *v6;

        cr_assert_not_null(b.config, "%s", b.report.error);
        cr_assert_eq(b.config->dns_listen.count, 2);
        v6 = (const struct sockaddr_in6 *)&b.config->dns_listen.addresses[1];
        cr_expect_eq(v6->sin6_family, AF_INET6);
        cr_expect_eq(ntohs(v6->sin6_port), 8600);
        cr_assert_eq(b.config->http_listen.count, 2);
        cr_expect_eq(b.config->http_listen.addresses[1].ss_family, AF_UNIX);
        built_fini(&b);
}

Test(config, a_disabled_port_listens_nowhere)
{
        struct built b = build_text("{\"ports\": {\"dns\": -1, \"http\": 0}}");

        cr_assert_not_null(b.config, "%s", b.report.error);
        cr_expect_eq(b.config->dns_listen.count, 0);
        cr_expect_eq(b.config->http_listen.count, 0);
        cr_expect_eq(b.config->ports.http, -1);
        built_fini(&b);
}

Test(config, addresses_of_a_node_are_tagged_by_family)
{
        struct built b = build_text("{\"advertise_addr\": \"::1\", \"advertise_addr_wan\":"
                                    " \"10.0.0.1\", \"advertise_addr_ipv4\": \"10.0.0.9\"}");
        static const char *const expected[][2] = {{"lan", "::1"},
                                                  {"lan_ipv4", "10.0.0.9"},
                                                  {"lan_ipv6", "::1"},
                                                  {"wan", "10.0.0.1"},
                                                  {"wan_ipv4", "10.0.0.1"}};

        cr_assert_not_null(b.config, "%s", b.report.error);
        cr_assert_eq(b.config->tagged_address_count, ARRAY_LEN(expected));
        for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
                cr_expect_str_eq(b.config->tagged_addresses[i].key, expected[i][0]);
                cr_expect_str_eq(b.config->tagged_addresses[i].value, expected[i][1]);
        }
        built_fini(&b);
}

Test(config, a_reload_exchanges_what_may_change_and_can_be_undone)
{
        struct built running = build_text("{\"node_name\": \"a\", \"service\": {\"name\": \"x\"}}");
        struct built fresh = build_text("{\"node_name\": \"b\", \"log_level\": \"warn\"}");

        config_swap_reloadable(running.config, fresh.config);
        cr_expect_str_eq(running.config->node_name, "a");
        cr_expect_eq(json_array_size(running.config->services), 0);
        cr_expect_eq(running.config->log_level, LOG_LEVEL_WARN);
        config_swap_reloadable(running.config, fresh.config);
        cr_expect_eq(json_array_size(running.config->services), 1);
        built_fini(&running);
        built_fini(&fresh);
}

Test(config, files_that_cannot_be_read_are_named)
{
        static const struct {
                struct config_source source;
                const char *expected;
        } rows[] = {
            {{"/nonexistent/x.json"},
             "config: Open failed on /nonexistent/x.json. open /nonexistent/x.json: no such file"},
            {{"/nonexistent"}, "config: Open failed on /nonexistent. "},
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct config_input input = {.sources = &rows[i].source, .source_count = 1};
                struct built b;

                config_build(&input, &b.config, &b.report);
                cr_expect_null(b.config);
                cr_expect(b.report.error != NULL &&
                              strstr(b.report.error, rows[i].expected) != NULL,
                          "got \"%s\"", b.report.error);
                built_fini(&b);
        }
}

Test(config, deep_settings_are_merged_without_recursion)
{
        json_t *base = json_object(), *overlay = json_object();
        json_t *at_base = base, *at_overlay = overlay;

        for (int i = 0; i < 100; i++) {
                json_object_set_new(at_base, "k", json_object());
                json_object_set_new(at_overlay, "k", json_object());
                at_base = json_object_get(at_base, "k");
                at_overlay = json_object_get(at_overlay, "k");
        }
        cr_expect_lt(settings_merge(base, overlay), 0);
        json_decref(base);
        json_decref(overlay);
}

Test(config, what_consul_takes_is_taken)
{
        static const struct {
                const char *text, *warning;
        } cases[] = {
            {"{\"ports\": {\"http\": 8500.9}, \"performance\": {\"raft_multiplier\": 1.5}}", NULL},
            {"{\"node_name\": \"\", \"advertise_addr\": \"\", \"serf_wan\": \"\"}", NULL},
            {"{\"unix_sockets\": {\"mode\": \"9\", \"user\": \"no such user\"}}", NULL},
            {"{\"ae_interval\": \"x\", \"consul\": {\"raft\": {\"election_timeout\": \"1s\"}}}",
             "ae_interval: accepted"},
            {"{\"license_path\": \"x\"}",
             "\"license_path\" is a Consul Enterprise configuration and will have no effect"},
            {"{\"audit\": {\"enabled\": true}}", "\"audit\" is a Consul Enterprise configuration"},
            {"{\"enable_script_checks\": true}", "without allow_write_http_from is DANGEROUS"},
            {"", NULL},
            {"null", NULL},
            {"{\"ports\": {\"http\": -2}, \"alt_domain\": \"connect\"}", NULL},
            {"{\"server\": true, \"bootstrap_expect\": 2}",
             "tolerance. See https://www.consul.io/docs/internals/consensus.html#deployment-table"},
            {"{\"rpc\": {\"enable_streaming\": true}}",
             "rpc.enable_streaming = true has no effect"},
            {"{\"service\": {\"name\": \"a\", \"proxy\": {\"config\": {\"any\": [1]}}}}", NULL},
        };

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct built built = build_from(&cases[i].text, 1,
                                                "{\"data_dir\": \"/nonexistent/d\", "
                                                "\"bind_addr\": \"127.0.0.1\"}",
                                                false);
                bool warned = cases[i].warning == NULL;

                cr_expect_not_null(built.config, "%s: %s", cases[i].text, built.report.error);
                for (size_t k = 0; k < built.report.warning_count; k++)
                        warned = warned || strstr(built.report.warnings[k], cases[i].warning);
                cr_expect(warned, "%s", cases[i].text);
                built_fini(&built);
        }
}
