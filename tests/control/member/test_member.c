#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/member/keyring_file.h"
#include "control/member/member_snapshot.h"
#include "control/member/members_internal.h"
#include "lictor/bytes.h"

#define NODE_ID "11111111-2222-3333-4444-555555555555"

static struct pack_slice slice_of(const struct byte_buffer *b)
{
        return (struct pack_slice){b->bytes, (uint32_t)b->len};
}

static void expect_tag(struct pack_slice meta, const char *name, const char *want)
{
        struct pack_slice value;

        if (want == NULL) {
                cr_expect_not(tags_find(meta, name, &value), "%s", name);
                return;
        }
        cr_assert(tags_find(meta, name, &value), "%s is missing", name);
        cr_expect(pack_slice_equal(value, pack_slice_of(want)), "%s is %.*s", name,
                  (int)value.length, (const char *)value.bytes);
}

static const struct member_info server = {.role = MEMBER_SERVER,
                                          .datacenter = "dc1",
                                          .node_id = NODE_ID,
                                          .build = "1.10.12:",
                                          .port = 8300,
                                          .wan_join_port = 8302,
                                          .expect = 3};

Test(member_tags, a_server_has_those_consul_gives_it)
{
        static const struct {
                const char *name, *lan, *wan;
        } rows[] = {
            {"role", "consul", "consul"},
            {"dc", "dc1", "dc1"},
            {"segment", "", ""},
            {"id", NODE_ID, NODE_ID},
            {"port", "8300", "8300"},
            {"expect", "3", "3"},
            {"bootstrap", NULL, NULL},
            {"wan_join_port", "8302", NULL},
            {"vsn", "2", "2"},
            {"vsn_min", "2", "2"},
            {"vsn_max", "3", "3"},
            {"raft_vsn", "3", "3"},
            {"build", "1.10.12:", "1.10.12:"},
            {"acls", "0", "0"},
            {"ft_fs", "1", "1"},
            {"ft_si", "1", "1"},
            {"nonvoter", NULL, NULL},
            {"use_tls", NULL, NULL},
        };
        struct byte_buffer lan = BYTE_BUFFER_INIT, wan = BYTE_BUFFER_INIT;

        member_tags_put(&server, false, &lan);
        member_tags_put(&server, true, &wan);
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                expect_tag(slice_of(&lan), rows[i].name, rows[i].lan);
                expect_tag(slice_of(&wan), rows[i].name, rows[i].wan);
        }
        byte_buffer_fini(&lan);
        byte_buffer_fini(&wan);
}

Test(member_tags, our_servers_are_told_from_consul_s_by_their_build)
{
        static const struct {
                const char *build;
                bool is_ours;
        } rows[] = {{"1.10.12:lictor", true}, {"1.10.12:", false}, {"1.10.12:6c9e9d8b", false},
                    {"1.10.12", false},       {"lictor", false},   {"", false}};

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct member_info info = {.role = MEMBER_SERVER};

                snprintf(info.build, sizeof(info.build), "%s", rows[i].build);
                cr_expect_eq(member_is_ours(&info), rows[i].is_ours, "%s", rows[i].build);
        }
}

Test(member_tags, what_was_put_is_read)
{
        struct byte_buffer meta = BYTE_BUFFER_INIT;
        struct member_info in = server, out;
        char version[64];

        in.bootstrap = in.use_tls = in.nonvoter = true;
        snprintf(in.raft_version, sizeof(in.raft_version), "3");
        in.reconnect_timeout_ms = 15 * 60000;
        member_tags_put(&in, false, &meta);
        expect_tag(slice_of(&meta), "rc_tm", "15m0s");
        cr_expect_leq(meta.len, GOSSIP_META_MAX);
        member_tags_get(slice_of(&meta), &out);
        cr_expect_eq(out.role, MEMBER_SERVER);
        cr_expect_str_eq(out.datacenter, "dc1");
        cr_expect_str_eq(out.node_id, NODE_ID);
        cr_expect_eq(out.port, 8300);
        cr_expect_eq(out.wan_join_port, 8302);
        cr_expect_eq(out.expect, 3);
        cr_expect(out.bootstrap && out.use_tls && out.nonvoter);
        cr_expect_eq(out.reconnect_timeout_ms, 15 * 60000);
        cr_expect_str_eq(out.raft_version, "3");
        member_build_version(&out, version, sizeof(version));
        cr_expect_str_eq(version, "1.10.12");
        byte_buffer_fini(&meta);
}

Test(member_tags, what_cannot_be_counts_as_missing)
{
        static const struct {
                const char *name, *value;
        } rows[] = {
            {"port", "65536"}, {"port", "-1"},    {"port", "8300x"},  {"port", ""},
            {"expect", "1e9"}, {"id", "no-uuid"}, {"role", "server"}, {"expect", "99999999999"},
            {"rc_tm", "-5m"},  {"rc_tm", "soon"}, {"rc_tm", "0s"},
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct tag tag = {pack_slice_of(rows[i].name), pack_slice_of(rows[i].value)};
                struct byte_buffer meta = BYTE_BUFFER_INIT;
                struct member_info out;

                tags_put(&meta, &tag, 1);
                member_tags_get(slice_of(&meta), &out);
                cr_expect(out.role == MEMBER_STRANGER && out.port == 0 && out.expect == 0 &&
                              out.reconnect_timeout_ms == 0 && out.node_id[0] == '\0',
                          "%s=%s", rows[i].name, rows[i].value);
                byte_buffer_fini(&meta);
        }
}

Test(keyring_file, keeps_keys_for_the_owner_only)
{
        char path[] = "/tmp/lictor-keyring-XXXXXX", error[256];
        struct keyring ring = {0}, read;
        struct keyring_key key;
        struct stat stat_of;
        int file = mkstemp(path);

        cr_assert_geq(file, 0);
        close(file);
        cr_assert_eq(keyring_key_from_text("MDEyMzQ1Njc4OWFiY2RlZg==", 24, &key), 0);
        keyring_install(&ring, &key);
        cr_assert_eq(keyring_key_from_text("ZmVkY2JhOTg3NjU0MzIxMA==", 24, &key), 0);
        keyring_install(&ring, &key);
        cr_assert_eq(keyring_file_write(path, &ring), 0);
        cr_assert_eq(stat(path, &stat_of), 0);
        cr_expect_eq(stat_of.st_mode & 0777, 0600);
        cr_assert_eq(keyring_file_read(path, &read, error, sizeof(error)), 0, "%s", error);
        cr_assert_eq(read.key_count, 2);
        for (unsigned i = 0; i < 2; i++)
                cr_expect_arr_eq(read.keys[i].bytes, ring.keys[i].bytes, 16);
        unlink(path);
        cr_expect_eq(keyring_file_read(path, &read, error, sizeof(error)), -ENOENT);
        cr_expect_eq(keyring_file_write("/nonexistent/x", &ring), -ENOENT);
}

Test(keyring_file, other_texts_are_refused)
{
        static const char *const texts[] = {"",       "{}",         "[]",         "[1]",
                                            "[\"\"]", "[\"AA==\"]", "[\"!!!!\"]", "[\"AAAA\""};
        struct keyring ring;
        char error[128];

        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                cr_expect_eq(
                    keyring_from_json(texts[i], strlen(texts[i]), &ring, error, sizeof(error)),
                    -EINVAL, "%s", texts[i]);
}

Test(member_snapshot, what_was_written_is_read)
{
        struct member_snapshot in = {.clock = 7, .event_clock = 8, .query_clock = 9, .left = true};
        struct member_snapshot out;
        char *text;

        member_snapshot_add(&in, "node1", "127.0.0.1:8301");
        member_snapshot_add(&in, "a node", "[::1]:8301");
        member_snapshot_add(&in, "bad\nalive: x y", "127.0.0.1:1");
        member_snapshot_add(&in, "node1", "127.0.0.2:8301");
        text = member_snapshot_text(&in);
        member_snapshot_parse(text, strlen(text), &out);
        cr_expect_eq(out.clock, 7);
        cr_expect_eq(out.event_clock, 8);
        cr_expect_eq(out.query_clock, 9);
        cr_expect(out.left);
        cr_assert_eq(out.member_count, 2);
        cr_expect_str_eq(out.members[0].address, "127.0.0.2:8301");
        cr_expect_str_eq(out.members[1].name, "a node");
        free(text);
        member_snapshot_fini(&in);
        member_snapshot_fini(&out);
}

Test(member_snapshot, one_that_serf_wrote_is_read)
{
        static const char text[] = "alive: a 127.0.0.1:1\nclock: 3\nalive: b 127.0.0.1:2\n"
                                   "coordinate: {\"Vec\":[0]}\nnot-alive: a\nnonsense\n"
                                   "event-clock: x\nalive: torn 127.0.0";
        struct member_snapshot out;

        member_snapshot_parse(text, strlen(text), &out);
        cr_assert_eq(out.member_count, 1);
        cr_expect_str_eq(out.members[0].name, "b");
        cr_expect_eq(out.clock, 3);
        cr_expect_eq(out.event_clock, 0);
        cr_expect_not(out.left);
        member_snapshot_fini(&out);
}

Test(member_event, comes_out_as_it_went_in)
{
        const struct event in = {.id = NODE_ID,
                                 .name = "deploy",
                                 .payload = (const uint8_t *)"v1",
                                 .payload_len = 2,
                                 .node_filter = "^n",
                                 .service_filter = "",
                                 .tag_filter = ""};
        struct byte_buffer name = BYTE_BUFFER_INIT, payload = BYTE_BUFFER_INIT,
                           scratch = BYTE_BUFFER_INIT;
        struct serf_user_event heard = {.lamport = 5};
        struct event out;

        member_event_put(&in, &name, &payload);
        heard.name = slice_of(&name);
        heard.payload = slice_of(&payload);
        cr_expect(pack_slice_equal(heard.name, pack_slice_of("consul:event:deploy")));
        cr_assert_eq(member_event_get(&heard, &out, &scratch), 0);
        cr_expect_str_eq(out.id, in.id);
        cr_expect_str_eq(out.name, in.name);
        cr_expect_str_eq(out.node_filter, "^n");
        cr_expect_str_eq(out.tag_filter, "");
        cr_expect_eq(out.payload_len, 2);
        cr_expect_eq(out.lamport_time, 5);
        for (uint32_t length = 0; length < payload.len; length++) {
                heard.payload.length = length;
                cr_expect_eq(member_event_get(&heard, &out, &scratch), -EBADMSG, "cut to %u",
                             length);
        }
        heard.name = pack_slice_of("deploy");
        cr_expect_eq(member_event_get(&heard, &out, &scratch), -ENOENT);
        byte_buffer_fini(&name);
        byte_buffer_fini(&payload);
        byte_buffer_fini(&scratch);
}
