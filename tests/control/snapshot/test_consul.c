#include "control/pack/pack.h"
#include "control/snapshot/consul.h"
#include "control/store/store.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SESSION "adf4238a-882b-9ddc-4a9d-5b6758e4159e"
#define QUERY   "8f246b77-f3e1-ff88-5b48-8ec93abf3e05"

static int append(void *arg, const uint8_t *bytes, size_t len)
{
        byte_buffer_append(arg, bytes, len);
        return 0;
}

static void put_type(struct byte_buffer *b, uint8_t type)
{
        byte_buffer_append(b, &type, 1);
}

static void put_text(struct byte_buffer *b, const char *key, const char *value)
{
        pack_put_text(b, key);
        pack_put_text(b, value);
}

static void put_number(struct byte_buffer *b, const char *key, uint64_t value)
{
        pack_put_text(b, key);
        pack_put_uint(b, value);
}

static void put_indexes(struct byte_buffer *b, uint64_t create, uint64_t modify)
{
        put_number(b, "CreateIndex", create);
        put_number(b, "ModifyIndex", modify);
}

static void begin(struct byte_buffer *b, uint64_t last_index)
{
        pack_put_map(b, 1);
        put_number(b, "LastIndex", last_index);
}

static void put_node(struct byte_buffer *b, const char *part)
{
        put_type(b, 0);
        pack_put_map(b, 8 + (*part != '\0'));
        put_text(b, "Datacenter", "dc1");
        put_text(b, "ID", "");
        put_text(b, "Node", "web1");
        put_text(b, "Address", "10.1.1.1");
        pack_put_text(b, "TaggedAddresses");
        pack_put_map(b, 2);
        put_text(b, "wan", "1.2.3.4");
        put_text(b, "lan", "10.1.1.1");
        pack_put_text(b, "Check");
        if (strcmp(part, "Check") == 0) {
                pack_put_map(b, 8);
                put_text(b, "Node", "web1");
                put_text(b, "CheckID", "http");
                put_text(b, "Name", "HTTP");
                put_text(b, "Status", "passing");
                put_text(b, "ServiceID", "w");
                put_text(b, "ServiceName", "web");
                put_indexes(b, 5, 9);
        } else {
                pack_put_nil(b);
        }
        put_indexes(b, 2, 3);
        if (strcmp(part, "Service") == 0) {
                pack_put_text(b, "Service");
                pack_put_map(b, 7);
                put_text(b, "ID", "w");
                put_text(b, "Service", "web");
                put_number(b, "Port", 80);
                pack_put_text(b, "Tags");
                pack_put_array(b, 1);
                pack_put_text(b, "v1");
                pack_put_text(b, "Weights");
                pack_put_map(b, 2);
                put_number(b, "Passing", 10);
                put_number(b, "Warning", 1);
                put_indexes(b, 4, 6);
        } else if (*part != '\0') {
                pack_put_text(b, "Service");
                pack_put_nil(b);
        }
}

static void put_session(struct byte_buffer *b, const char *node)
{
        put_type(b, 3);
        pack_put_map(b, 7);
        put_text(b, "ID", SESSION);
        put_text(b, "Node", node);
        put_text(b, "Behavior", "release");
        put_number(b, "LockDelay", 15000000000u);
        pack_put_text(b, "NodeChecks");
        pack_put_array(b, 1);
        pack_put_text(b, "serfHealth");
        put_indexes(b, 7, 7);
}

static void put_key(struct byte_buffer *b, uint8_t type, const char *key, const char *session)
{
        put_type(b, type);
        pack_put_map(b, 7);
        put_number(b, "LockIndex", *session ? 1 : 0);
        put_text(b, "Key", key);
        put_number(b, "Flags", UINT64_MAX);
        put_text(b, "Value", "v");
        put_text(b, "Session", session);
        put_indexes(b, 8, 9);
}

static void put_query(struct byte_buffer *b)
{
        put_type(b, 7);
        pack_put_map(b, 6);
        put_text(b, "ID", QUERY);
        put_text(b, "Name", "near");
        pack_put_text(b, "Service");
        pack_put_map(b, 2);
        put_text(b, "Service", "web");
        pack_put_text(b, "OnlyPassing");
        pack_put_bool(b, true);
        pack_put_text(b, "DNS");
        pack_put_map(b, 1);
        put_text(b, "TTL", "7s");
        put_indexes(b, 3, 4);
}

static void put_coordinate(struct byte_buffer *b)
{
        put_type(b, 6);
        pack_put_array(b, 1);
        pack_put_map(b, 2);
        put_text(b, "Node", "web1");
        pack_put_text(b, "Coord");
        pack_put_map(b, 4);
        pack_put_text(b, "Vec");
        pack_put_array(b, 8);
        for (int i = 0; i < 8; i++)
                pack_put_float(b, i / 10.0);
        pack_put_text(b, "Error");
        pack_put_float(b, 1.5);
        pack_put_text(b, "Adjustment");
        pack_put_float(b, 0);
        pack_put_text(b, "Height");
        pack_put_float(b, 0.01);
}

static void put_autopilot(struct byte_buffer *b)
{
        put_type(b, 9);
        pack_put_map(b, 4);
        pack_put_text(b, "CleanupDeadServers");
        pack_put_bool(b, true);
        put_number(b, "LastContactThreshold", 200000000);
        put_number(b, "MaxTrailingLogs", 250);
        put_number(b, "ServerStabilizationTime", 10000000000u);
}

static struct store *convert(const struct byte_buffer *in, char left_out[SNAPSHOT_LEFT_OUT_MAX])
{
        struct byte_buffer out = BYTE_BUFFER_INIT;
        struct store *s = store_create();
        char error[SNAPSHOT_ERROR_MAX] = "";

        cr_assert_eq(
            snapshot_consul_convert(in->bytes, in->len, "dc1", append, &out, left_out, error), 0,
            "%s", error);
        cr_assert_eq(store_snapshot_read(s, out.bytes, out.len), 0);
        byte_buffer_fini(&out);
        return s;
}

Test(consul, every_kind_with_a_place_is_taken_with_its_indexes)
{
        struct byte_buffer in = BYTE_BUFFER_INIT;
        char left_out[SNAPSHOT_LEFT_OUT_MAX];
        const struct coordinate_record *near;
        struct store_iter it;
        struct store *s;

        begin(&in, 100);
        put_node(&in, "");
        put_node(&in, "Service");
        put_node(&in, "Check");
        put_coordinate(&in);
        put_session(&in, "web1");
        put_key(&in, 2, "app/lock", SESSION);
        put_key(&in, 2, "app/free", "");
        put_key(&in, 5, "app/gone", "");
        put_query(&in);
        put_autopilot(&in);
        put_type(&in, 16);
        pack_put_map(&in, 2);
        put_text(&in, "Key", "kvs");
        put_number(&in, "Value", 42);
        s = convert(&in, left_out);
        cr_expect_str_eq(left_out, "");
        cr_expect_eq(store_applied_index(s), 100);
        cr_expect_eq(store_node_get(s, "web1")->head.modify_index, 3);
        cr_expect_eq(store_node_get(s, "web1")->node.tagged_addresses.count, 2);
        cr_expect_eq(store_service_get(s, "web1", "w")->head.create_index, 4);
        cr_expect_eq(store_service_get(s, "web1", "w")->service.weight_passing, 10);
        cr_expect_eq(store_service_get(s, "web1", "w")->service.tags.count, 1);
        cr_expect_eq(store_check_get(s, "web1", "http")->head.modify_index, 9);
        cr_expect_eq(store_session_get(s, SESSION)->session.lock_delay_ns, 15000000000);
        cr_expect_str_eq(kv_record_session(store_kv_get(s, "app/lock")), SESSION);
        cr_expect_eq(store_kv_get(s, "app/free")->flags, UINT64_MAX);
        cr_expect_eq(store_kv_get(s, "app/free")->head.create_index, 8);
        cr_expect_eq(store_count(s, STORE_TOMBSTONES), 1);
        cr_expect_eq(store_oldest_tombstone(s), 9);
        cr_expect_eq(store_query_find(s, "near")->query.dns_ttl_s, 7);
        cr_expect(store_query_find(s, "near")->query.only_passing);
        cr_expect(strstr(store_setting_get(s, "autopilot")->setting.value, "200ms") != NULL);
        cr_expect_eq(store_table_index(s, STORE_KV), 42);
        cr_expect_eq(store_table_index(s, STORE_NODES), 100);
        store_coordinates(s, &it);
        near = store_next_coordinate(&it);
        cr_assert_not_null(near);
        cr_expect_eq(near->coordinate.at.vec[0], 0);
        cr_expect_eq(near->coordinate.at.vec[3], 0.3);
        store_destroy(s);
        byte_buffer_fini(&in);
}

Test(consul, what_has_no_place_is_reported_by_type_and_count)
{
        struct byte_buffer in = BYTE_BUFFER_INIT;
        char left_out[SNAPSHOT_LEFT_OUT_MAX];
        struct store *s;

        begin(&in, 10);
        for (int i = 0; i < 3; i++) {
                put_type(&in, 17);
                pack_put_map(&in, 1);
                put_text(&in, "SecretID", "x");
        }
        put_type(&in, 200);
        pack_put_array(&in, 0);
        put_session(&in, "unknown");
        put_key(&in, 2, "k", SESSION);
        put_key(&in, 2, "k2", "");
        s = convert(&in, left_out);
        // The key whose session is not there is kept, its lock is not.
        cr_expect_str_eq(left_out, "KVS 1, Session 1, ACLToken 3, type 200 1");
        cr_expect_eq(store_count(s, STORE_KV), 2);
        cr_expect_str_eq(kv_record_session(store_kv_get(s, "k")), "");
        store_destroy(s);
        byte_buffer_fini(&in);
}

Test(consul, every_truncation_is_refused_or_ends_between_records)
{
        struct byte_buffer in = BYTE_BUFFER_INIT;
        size_t taken = 0;

        begin(&in, 100);
        put_node(&in, "");
        put_node(&in, "Service");
        put_key(&in, 2, "k", "");
        put_query(&in);
        for (size_t len = 0; len <= in.len; len++) {
                char left_out[SNAPSHOT_LEFT_OUT_MAX], error[SNAPSHOT_ERROR_MAX] = "";
                struct byte_buffer out = BYTE_BUFFER_INIT;
                int ret =
                    snapshot_consul_convert(in.bytes, len, "dc1", append, &out, left_out, error);

                taken += ret == 0;
                cr_expect(ret == 0 || (ret == -EBADMSG && *error), "%zu", len);
                byte_buffer_fini(&out);
        }
        cr_expect_eq(taken, 5);
        byte_buffer_fini(&in);
}
