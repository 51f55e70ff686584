#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/consul/args.h"
#include "control/consul/relayed.h"

// Requests as msgpack for Python wrote them with the fields of Consul 1.10's structures.

static const char ssr_bytes[] =
    "\336\000\027\252Datacenter\243dc1\257NodeMetaFilters\201\242os\245linux\253ServiceName\243w"
    "eb\253ServiceKind\240\252ServiceTag\240\253ServiceTags\222\241a\241b\256ServiceAddress\240"
    "\251TagFilter\303\246Source\204\252Datacenter\243dc1\247Segment\240\244Node\242n1\242Ip\240"
    "\247Connect\302\247Ingress\302\245Token\240\255MinQueryIndex\316\000\001\021p\254MaxQueryTi"
    "me\317\000\000\000\213\262\311p\000\252AllowStale\303\261RequireConsistent\302\250UseCache"
    "\302\260MaxStaleDuration\000\246MaxAge\000\256MustRevalidate\302\254StaleIfError\000\246Fil"
    "ter\257Node.Node == n1\270AllowNotModifiedResponse\302";

static const char reg_bytes[] =
    "\215\252Datacenter\243dc1\242ID\332\000$11111111-2222-3333-4444-555555555555\244Node\242n1"
    "\247Address\25010.0.0.1\257TaggedAddresses\202\243wan\2471.2.3.4\243lan\25010.0.0.1\250Node"
    "Meta\202\241z\2411\241a\2412\247Service\336\000\020\244Kind\240\242ID\245web-1\247Service"
    "\243web\244Tags\221\242v1\247Address\240\257TaggedAddresses\201\243lan\202\247Address\25010"
    ".0.0.2\244PortQ\244Meta\300\244PortP\252SocketPath\240\247Weights\202\247Passing\012\247War"
    "ning\001\261EnableTagOverride\302\245Proxy\213\266DestinationServiceName\240\264Destination"
    "ServiceID\240\263LocalServiceAddress\240\260LocalServicePort\000\266LocalServiceSocketPath"
    "\240\244Mode\240\246Config\300\251Upstreams\300\253MeshGateway\201\244Mode\240\246Expose"
    "\202\246Checks\302\245Paths\300\260TransparentProxy\202\264OutboundListenerPort\000\256Dial"
    "edDirectly\302\247Connect\202\246Native\302\256SidecarService\300\272LocallyRegisteredAsSid"
    "ecar\302\253CreateIndex\000\253ModifyIndex\000\245Check\300\246Checks\221\336\000\020\244No"
    "de\242n1\247CheckID\250web-http\244Name\244http\246Status\247passing\245Notes\240\246Output"
    "\242ok\251ServiceID\245web-1\253ServiceName\243web\253ServiceTags\221\242v1\244Type\244http"
    "\250Interval\24310s\247Timeout\240\253ExposedPort\000\252Definition\336\000\024\244HTTP\251"
    "http://x/\255TLSServerName\240\255TLSSkipVerify\302\246Header\201\241A\222\241b\241c\246Met"
    "hod\240\244Body\240\243TCP\240\246H2PING\240\250Interval\317\000\000\000\002T\013\344\000"
    "\255OutputMaxSize\315\020\000\247Timeout\000\276DeregisterCriticalServiceAfter\317\000\000"
    "\000\015\370GX\000\252ScriptArgs\300\261DockerContainerID\240\245Shell\240\244GRPC\240\252G"
    "RPCUseTLS\302\251AliasNode\240\254AliasService\240\243TTL\000\253CreateIndex\000\253ModifyI"
    "ndex\000\256SkipNodeUpdate\302\245Token\240\253CreateIndex\000\253ModifyIndex\000";

static const char kvs_bytes[] =
    "\204\252Datacenter\243dc1\242Op\243cas\246DirEnt\207\251LockIndex\000\243Key\243a/b\245Flag"
    "s\317\377\377\377\377\377\377\377\377\245Value\243\000\377\001\247Session\240\253CreateInde"
    "x\000\253ModifyIndex\007\245Token\240";

static const char sess_bytes[] =
    "\204\252Datacenter\243dc1\242Op\246create\247Session\213\242ID\240\244Name\241s\244Node\242"
    "n1\251LockDelay\317\000\000\000\003~\021\326\000\250Behavior\246delete\243TTL\24330s\252Nod"
    "eChecks\221\252serfHealth\255ServiceChecks\221\202\242ID\242c1\251Namespace\240\246Checks"
    "\300\253CreateIndex\000\253ModifyIndex\000\245Token\240";

static const char coord_bytes[] =
    "\205\252Datacenter\243dc1\244Node\242n1\247Segment\240\245Coord\204\243Vec\230\313\077\340"
    "\000\000\000\000\000\000\000\000\000\000\000\000\313\277\364\000\000\000\000\000\000\245Err"
    "or\313\077\370\000\000\000\000\000\000\252Adjustment\313\277PbM\322\361\251\374\246Height"
    "\313>\344\370\265\210\343h\361\245Token\240";

static const char txn_bytes[] =
    "\203\252Datacenter\243dc1\243Ops\222\206\242KV\202\244Verb\243set\246DirEnt\207\251LockInde"
    "x\000\243Key\241k\245Flags\001\245Value\241v\247Session\240\253CreateIndex\000\253ModifyInd"
    "ex\000\244Node\300\247Service\300\245Check\300\247Session\300\251Intention\300\206\242KV"
    "\300\244Node\300\247Service\203\244Verb\243get\244Node\242n1\247Service\201\242ID\245web-1"
    "\245Check\300\247Session\300\251Intention\300\245Token\240";

#define SLICE(bytes)                                                                               \
        {                                                                                          \
                (const uint8_t *)(bytes), sizeof(bytes) - 1                                        \
        }

static const struct pack_slice service_specific = SLICE(ssr_bytes), registration = SLICE(reg_bytes),
                               change_of_key = SLICE(kvs_bytes), of_session = SLICE(sess_bytes),
                               of_coordinate = SLICE(coord_bytes), transaction = SLICE(txn_bytes);

Test(consul_args, a_request_about_a_service_is_read_with_its_options)
{
        struct arena arena = ARENA_INIT;
        struct consul_query query;

        cr_assert_eq(consul_query_get(service_specific, &arena, &query), 0);
        cr_expect_str_eq(query.datacenter, "dc1");
        cr_expect_str_eq(query.service_name, "web");
        cr_expect_eq(query.tags.count, 2);
        cr_expect_str_eq(query.tags.items[1], "b");
        cr_expect_str_eq(text_map_get(&query.node_meta, "os"), "linux");
        cr_expect_str_eq(query.source.node, "n1");
        cr_expect_str_eq(query.source.datacenter, "dc1");
        cr_expect_eq(query.min_index, 70000);
        cr_expect_eq(query.max_wait_ns, INT64_C(600000000000));
        cr_expect_str_eq(query.filter, "Node.Node == n1");
        cr_expect(query.tag_filter && query.stale && !query.consistent && !query.connect);
        cr_expect_str_eq(query.node, "");
        arena_fini(&arena);
}

Test(consul_args, a_registration_becomes_a_command)
{
        struct arena arena = ARENA_INIT;
        const struct catalog_service *service;
        const struct catalog_check *check;
        struct fsm_result result;
        struct command command;

        fsm_result_init(&result);
        cr_assert_eq(consul_register_get(registration, "here", &arena, &command), 0);
        service = &command.reg.service;
        check = &command.reg.checks[0];
        cr_expect_str_eq(command.reg.node.name, "n1");
        cr_expect_str_eq(command.reg.node.datacenter, "here");
        cr_expect_str_eq(command.reg.node.meta.pairs[0].key, "a", "maps are sorted");
        cr_expect_str_eq(text_map_get(&command.reg.node.tagged_addresses, "wan"), "1.2.3.4");
        cr_assert(command.reg.has_service);
        cr_expect_str_eq(service->name, "web");
        cr_expect_eq(service->port, 80);
        cr_expect_eq(service->weight_passing, 10);
        cr_expect_str_eq(service_address_get(&service->tagged_addresses, "lan"), "10.0.0.2");
        cr_expect_str_eq(service->proxy_json, "", "nothing of it is set");
        cr_expect_str_eq(service->connect_json, "");
        cr_assert_eq(command.reg.check_count, 1);
        cr_expect_str_eq(check->id, "web-http");
        cr_expect_str_eq(check->definition_json,
                         "{\"HTTP\":\"http://x/\",\"Header\":{\"A\":[\"b\",\"c\"]},"
                         "\"Interval\":\"10s\",\"OutputMaxSize\":4096,"
                         "\"DeregisterCriticalServiceAfter\":\"1m0s\"}");
        cr_expect_eq(command_prepare(&command, &result), 0, "%s", result.error.text);
        fsm_result_fini(&result);
        arena_fini(&arena);
}

Test(consul_args, a_change_of_a_key_keeps_every_bit)
{
        struct arena arena = ARENA_INIT;
        struct command command;
        const char *op;

        cr_assert_eq(consul_kvs_get(change_of_key, &arena, &command, &op), 0);
        cr_expect_eq(command.kv.verb, TXN_CAS);
        cr_expect_str_eq(op, "cas");
        cr_expect_eq(command.kv.index, 7);
        cr_expect_eq(command.kv.kv.flags, UINT64_MAX);
        cr_expect_eq(command.kv.kv.value_len, 3);
        cr_expect_arr_eq(command.kv.kv.value, "\0\377\1", 3);
        arena_fini(&arena);
}

Test(consul_args, a_session_keeps_what_was_given_and_what_was_not)
{
        struct arena arena = ARENA_INIT;
        struct catalog_session session;
        const char *op;

        cr_assert_eq(consul_session_request_get(of_session, &arena, &op, &session), 0);
        cr_expect_str_eq(op, "create");
        cr_expect_eq(session.lock_delay_ns, INT64_C(15000000000));
        cr_expect_str_eq(session.ttl, "30s");
        cr_expect_eq(session.node_checks.count, 1);
        cr_expect_not(session.node_checks_null);
        cr_expect(session.service_checks_given);
        cr_expect_str_eq(session.service_checks.items[0], "c1");
        arena_fini(&arena);
}

Test(consul_args, a_coordinate_is_read_to_the_last_bit)
{
        struct catalog_coordinate update;
        struct arena arena = ARENA_INIT;
        bool has;

        cr_assert_eq(consul_coordinate_update_get(of_coordinate, &arena, &update, &has), 0);
        cr_expect(has);
        cr_expect_eq(update.at.vec[7], -1.25);
        cr_expect_eq(update.at.height, 1e-5);
        cr_expect_str_eq(update.node, "n1");
        arena_fini(&arena);
}

Test(consul_args, a_transaction_has_its_operations_in_order)
{
        struct arena arena = ARENA_INIT;
        struct command command;

        cr_assert_eq(consul_txn_get(transaction, "here", &arena, &command), 0);
        cr_assert_eq(command.txn.op_count, 2);
        cr_expect_eq(command.txn.ops[0].kind, TXN_KV);
        cr_expect_eq(command.txn.ops[0].verb, TXN_SET);
        cr_expect_str_eq(command.txn.ops[0].kv.key, "k");
        cr_expect_eq(command.txn.ops[1].kind, TXN_SERVICE);
        cr_expect_eq(command.txn.ops[1].verb, TXN_GET);
        cr_expect_str_eq(command.txn.ops[1].service.node, "n1");
        arena_fini(&arena);
}

static int read_all(struct pack_slice args, size_t which)
{
        struct arena arena = ARENA_INIT;
        struct catalog_coordinate coordinate;
        struct catalog_session session;
        struct consul_query query;
        struct command command;
        const char *op;
        int ret;
        bool has;

        switch (which) {
        case 0:
                ret = consul_query_get(args, &arena, &query);
                break;
        case 1:
                ret = consul_register_get(args, "here", &arena, &command);
                break;
        case 2:
                ret = consul_kvs_get(args, &arena, &command, &op);
                break;
        case 3:
                ret = consul_session_request_get(args, &arena, &op, &session);
                break;
        case 4:
                ret = consul_coordinate_update_get(args, &arena, &coordinate, &has);
                break;
        default:
                ret = consul_txn_get(args, "here", &arena, &command);
                break;
        }
        arena_fini(&arena);
        return ret;
}

Test(consul_args, bytes_that_end_early_are_refused_wherever_they_end)
{
        const struct pack_slice all[] = {service_specific, registration,  change_of_key,
                                         of_session,       of_coordinate, transaction};

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                cr_expect_eq(read_all(all[i], i), 0);
                for (uint32_t length = 0; length < all[i].length; length++) {
                        // A copy that ends there, so that reading on is found out.
                        uint8_t *copy = malloc(length + 1);

                        memcpy(copy, all[i].bytes, length);
                        cr_expect_eq(read_all((struct pack_slice){copy, length}, i), -EBADMSG,
                                     "request %zu of %u bytes", i, length);
                        free(copy);
                }
        }
}

static const struct {
        const char *name, *bytes;
        uint32_t length;
        size_t which;
        int want;
} oddities[] = {
    {"an empty map is a request without wishes", "\x80", 1, 0, 0},
    {"so is nil", "\xc0", 1, 0, 0},
    {"unknown names are passed over", "\x82\xa3New\x93\1\2\3\xa4Node\xa1n", 16, 0, 0},
    {"a text with a NUL in it",
     "\x81\xa4Node\xa3"
     "a\0b",
     10, 0, -EBADMSG},
    {"a number where a text belongs", "\x81\xa4Node\x07", 7, 0, -EBADMSG},
    {"a negative index", "\x81\xadMinQueryIndex\xff", 16, 0, -EBADMSG},
    {"the second specification's texts", "\x81\xd9\4Node\xd9\1n", 10, 0, 0},
    {"an operation without an entry", "\x81\xa2Op\xa3set", 8, 2, 0},
    {"a coordinate of another world",
     "\x81\xa5"
     "Coord\x81\xa3Vec\x91\1",
     14, 4, -EINVAL},
    {"no coordinate",
     "\x81\xa5"
     "Coord\xc0",
     8, 4, 0},
    {"a transaction of nothing", "\x81\xa3Ops\xc0", 6, 5, 0},
    {"an operation of nothing", "\x81\xa3Ops\x91\x80", 7, 5, 0},
    {"more checks than bytes",
     "\x81\xa6"
     "Checks\xdd\xff\xff\xff\xff",
     13, 1, -EBADMSG},
};

Test(consul_args, odd_arguments_are_taken_as_go_takes_them_or_refused)
{
        for (size_t i = 0; i < sizeof(oddities) / sizeof(oddities[0]); i++)
                cr_expect_eq(read_all((struct pack_slice){(const uint8_t *)oddities[i].bytes,
                                                          oddities[i].length},
                                      oddities[i].which),
                             oddities[i].want, "%s", oddities[i].name);
}

Test(consul_args, a_nest_without_a_floor_is_refused)
{
        struct byte_buffer b = BYTE_BUFFER_INIT;
        struct msgpack_reader r;
        json_t *value;

        for (unsigned i = 0; i < 100000; i++)
                pack_put_array(&b, 1);
        pack_put_nil(&b);
        r = (struct msgpack_reader){b.bytes, b.bytes + b.len};
        cr_expect_eq(wire_get_json(&r, &value), -EBADMSG);
        cr_expect_null(value);
        byte_buffer_fini(&b);
}

Test(consul_args, a_call_and_its_outcome_survive_their_way_to_another_datacenter)
{
        const struct consul_relayed_call call = {pack_slice_of("KVS.Get"), service_specific,
                                                 pack_slice_of("dc1")};
        const struct consul_outcome refused = {.error = pack_slice_of("No cluster leader")};
        struct byte_buffer b = BYTE_BUFFER_INIT;
        struct consul_relayed_call again;
        struct consul_outcome outcome;

        consul_relayed_call_put(&b, &call);
        cr_assert_eq(consul_relayed_call_get((struct pack_slice){b.bytes, (uint32_t)b.len}, &again),
                     0);
        cr_expect(pack_slice_equal(again.method, call.method));
        cr_expect(pack_slice_equal(again.args, call.args));
        b.len = 0;
        consul_outcome_put(&b, &refused);
        cr_assert_eq(consul_outcome_get((struct pack_slice){b.bytes, (uint32_t)b.len}, &outcome),
                     0);
        cr_expect(pack_slice_equal(outcome.error, refused.error));
        b.len = 0;
        consul_outcome_put(&b, &(struct consul_outcome){.error = {NULL, 0}});
        cr_expect_eq(consul_outcome_get((struct pack_slice){b.bytes, (uint32_t)b.len}, &outcome),
                     -EBADMSG, "a success has a value");
        byte_buffer_fini(&b);
}

Test(consul_args, a_query_that_was_put_is_read)
{
        const char *tags[] = {"a", "b"};
        struct byte_buffer b = BYTE_BUFFER_INIT;
        struct arena arena = ARENA_INIT;
        struct consul_query in = CONSUL_QUERY_INIT, out;

        in.datacenter = "dc2";
        in.service_name = "web";
        in.tags = (struct text_list){tags, 2};
        in.tag_filter = in.stale = true;
        in.source = (struct consul_source){"dc1", "n1"};
        in.event_payload = pack_slice_of("bytes");
        in.min_index = UINT64_MAX;
        in.max_wait_ns = 5;
        in.token = "secret";
        consul_query_put(&b, &in);
        cr_assert_eq(consul_query_get((struct pack_slice){b.bytes, (uint32_t)b.len}, &arena, &out),
                     0);
        cr_expect_str_eq(out.datacenter, "dc2");
        cr_expect_str_eq(out.service_name, "web");
        cr_expect_eq(out.tags.count, 2);
        cr_expect_str_eq(out.source.node, "n1");
        cr_expect(pack_slice_equal(out.event_payload, in.event_payload));
        cr_expect_eq(out.min_index, UINT64_MAX);
        cr_expect_eq(out.max_wait_ns, 5);
        cr_expect_str_eq(out.token, "secret");
        cr_expect(out.tag_filter && out.stale && !out.consistent);
        byte_buffer_fini(&b);
        arena_fini(&arena);
}

Test(consul_args, a_registration_that_was_put_is_read)
{
        struct byte_buffer b = BYTE_BUFFER_INIT;
        struct arena arena = ARENA_INIT;
        struct command in, out;

        cr_assert_eq(consul_register_get(registration, "dc1", &arena, &in), 0);
        consul_register_put(&b, "dc1", &in.reg);
        cr_assert_eq(
            consul_register_get((struct pack_slice){b.bytes, (uint32_t)b.len}, "dc1", &arena, &out),
            0);
        cr_expect(catalog_node_equal(&in.reg.node, &out.reg.node));
        cr_assert(out.reg.has_service);
        cr_expect(catalog_service_equal(&in.reg.service, &out.reg.service));
        cr_assert_eq(out.reg.check_count, 1);
        cr_expect(catalog_check_equal(&in.reg.checks[0], &out.reg.checks[0]));
        cr_expect_eq(in.reg.skip_node_update, out.reg.skip_node_update);
        byte_buffer_fini(&b);
        arena_fini(&arena);
}
