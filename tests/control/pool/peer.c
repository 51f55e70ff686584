/*
 * A member of a gossip pool that prints what happens, and does what it reads:
 *
 *     peer NAME IP:PORT [key=BASE64] [TAG=VALUE...]
 *
 *     join IP:PORT | fire NAME PAYLOAD | ask NAME PAYLOAD | tag NAME VALUE | force NAME | leave |
 * members
 */
#include <gnutls/gnutls.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/gossip/tags.h"
#include "control/pool/pool.h"

struct peer {
        struct pool *pool;
        uv_loop_t loop;
        uv_pipe_t input;
        uv_timer_t leave_timer;
        struct keyring keyring;
        char line[4096];
        size_t line_length;
};

#define SLICE(s) (int)(s).length, (const char *)(s).bytes

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        vprintf(format, arguments);
        va_end(arguments);
        putchar('\n');
        fflush(stdout);
}

static const char *const status_names[] = {"alive", "leaving", "left", "failed"};

static void on_member(void *arg, enum serf_member_event event, const struct serf_member *m)
{
        static const char *const names[] = {"joined", "updated", "failed", "left", "reaped"};
        struct tag_reader reader;
        struct tag tag;

        (void)arg;
        printf("member %s %.*s", names[event], SLICE(m->name));
        if (tags_open(m->meta, &reader) == 0)
                while (tags_next(&reader, &tag))
                        printf(" %.*s=%.*s", SLICE(tag.name), SLICE(tag.value));
        say("%s", "");
}

static void on_event(void *arg, const struct serf_user_event *e)
{
        (void)arg;
        say("event %.*s %.*s", SLICE(e->name), SLICE(e->payload));
}

static void on_query(void *arg, const struct serf_query *query)
{
        struct peer *peer = arg;

        say("query %.*s %.*s", SLICE(query->name), SLICE(query->payload));
        (void)serf_respond(pool_serf(peer->pool), query, pack_slice_of("pong"),
                           pool_now_us(peer->pool));
}

static void on_answer(void *arg, uint32_t id, enum serf_answer kind, struct pack_slice from,
                      struct pack_slice payload)
{
        static const char *const names[] = {"ack", "response", "end"};

        (void)arg;
        (void)id;
        say("answer %s %.*s %.*s", names[kind], SLICE(from), SLICE(payload));
}

static void on_joined(void *arg, int status, const char *why)
{
        (void)arg;
        say("join %d %s", status, why);
}

static int address_of(const char *text, struct sockaddr_storage *out)
{
        char ip[64], *end;
        long port;
        const char *colon = strrchr(text, ':');

        if (colon == NULL || colon - text >= (long)sizeof(ip))
                return -1;
        snprintf(ip, sizeof(ip), "%.*s", (int)(colon - text), text);
        port = strtol(colon + 1, &end, 10);
        if (*end != 0 || port < 1 || port > UINT16_MAX)
                return -1;
        if (uv_ip4_addr(ip, (int)port, (struct sockaddr_in *)out) == 0)
                return 0;
        return uv_ip6_addr(ip, (int)port, (struct sockaddr_in6 *)out);
}

static void on_nothing_left(void *arg)
{
        uv_stop(&((struct peer *)arg)->loop);
}

static void on_leave_timer(uv_timer_t *timer)
{
        struct peer *peer = timer->data;

        if (!serf_has_left(pool_serf(peer->pool)))
                return;
        say("left");
        uv_timer_stop(timer);
        pool_stop(peer->pool, on_nothing_left, peer);
}

static void list_members(struct peer *peer)
{
        struct serf *serf = pool_serf(peer->pool);

        for (size_t i = 0; i < serf_member_count(serf); i++) {
                const struct serf_member *m = serf_member_at(serf, i);

                say("listed %.*s %s", SLICE(m->name), status_names[m->status]);
        }
        say("listed-end");
}

static void set_tag(struct peer *peer, const char *name, const char *value)
{
        struct tag tag = {pack_slice_of(name), pack_slice_of(value)};
        struct byte_buffer meta = BYTE_BUFFER_INIT;

        tags_put(&meta, &tag, 1);
        (void)serf_set_tags(pool_serf(peer->pool),
                            (struct pack_slice){meta.bytes, (uint32_t)meta.len},
                            pool_now_us(peer->pool));
        byte_buffer_fini(&meta);
}

static void obey(struct peer *peer, char *line)
{
        struct serf *serf = pool_serf(peer->pool);
        char *save = NULL, *verb = strtok_r(line, " ", &save), *a = strtok_r(NULL, " ", &save),
             *b = strtok_r(NULL, "", &save);
        uint64_t now_us = pool_now_us(peer->pool);
        struct sockaddr_storage address;
        uint32_t id;

        if (verb == NULL)
                return;
        if (strcmp(verb, "members") == 0)
                list_members(peer);
        else if (strcmp(verb, "leave") == 0) {
                serf_leave(serf, now_us);
                uv_timer_start(&peer->leave_timer, on_leave_timer, 20, 20);
        } else if (a == NULL)
                say("what?");
        else if (strcmp(verb, "join") == 0 && address_of(a, &address) == 0)
                (void)pool_join(peer->pool, (struct sockaddr *)&address, on_joined, peer);
        else if (strcmp(verb, "fire") == 0)
                (void)serf_fire(serf, pack_slice_of(a), pack_slice_of(b ? b : ""), false, now_us);
        else if (strcmp(verb, "ask") == 0)
                (void)serf_ask(serf,
                               &(struct serf_question){.name = pack_slice_of(a),
                                                       .payload = pack_slice_of(b ? b : ""),
                                                       .ack = true},
                               now_us, &id);
        else if (strcmp(verb, "tag") == 0)
                set_tag(peer, a, b ? b : "");
        else if (strcmp(verb, "force") == 0)
                (void)serf_force_leave(serf, pack_slice_of(a), false, now_us);
        pool_changed(peer->pool);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
        struct peer *peer = handle->data;

        (void)suggested;
        *out = uv_buf_init(peer->line + peer->line_length,
                           (unsigned)(sizeof(peer->line) - peer->line_length - 1));
}

static void on_input(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
        struct peer *peer = stream->data;
        char *end;

        (void)buffer;
        if (length < 0)
                exit(0);
        peer->line_length += (size_t)length;
        peer->line[peer->line_length] = 0;
        while ((end = strchr(peer->line, '\n')) != NULL) {
                *end = 0;
                obey(peer, peer->line);
                peer->line_length -= (size_t)(end + 1 - peer->line);
                memmove(peer->line, end + 1, peer->line_length + 1);
        }
}

static int use_key(struct peer *peer, const char *base64)
{
        gnutls_datum_t text = {(unsigned char *)base64, (unsigned)strlen(base64)}, bytes;
        struct keyring_key key;
        int ret;

        if (gnutls_base64_decode2(&text, &bytes) < 0)
                return -1;
        ret = keyring_key_make(bytes.data, bytes.size, &key);
        gnutls_free(bytes.data);
        return ret < 0 ? ret : keyring_install(&peer->keyring, &key);
}

static int configure(struct peer *peer, int argc, char **argv, struct pool_options *o,
                     struct byte_buffer *meta)
{
        struct tag tags[16];
        size_t tag_count = 0;

        for (int i = 3; i < argc && tag_count < 16; i++) {
                char *equals = strchr(argv[i], '=');

                if (strncmp(argv[i], "key=", 4) == 0) {
                        if (use_key(peer, argv[i] + 4) < 0)
                                return -1;
                } else if (equals) {
                        *equals = 0;
                        tags[tag_count++] =
                            (struct tag){pack_slice_of(argv[i]), pack_slice_of(equals + 1)};
                }
        }
        tags_put(meta, tags, tag_count);
        o->serf.swim.name = pack_slice_of(argv[1]);
        o->serf.swim.meta = (struct pack_slice){meta->bytes, (uint32_t)meta->len};
        o->serf.swim.seed = (uint64_t)uv_hrtime();
        memcpy(o->serf.swim.versions, "\1\5\2\2\5\4", GOSSIP_VERSION_COUNT);
        o->serf.keyring = &peer->keyring;
        return address_of(argv[2], &o->bind);
}

int main(int argc, char **argv)
{
        static struct peer peer;
        static struct log log;
        struct byte_buffer meta = BYTE_BUFFER_INIT;
        struct pool_options options;
        char error[256];

        log = (struct log){.stream = stderr, .level = LOG_LEVEL_DEBUG};
        if (argc < 3)
                return 2;
        uv_loop_init(&peer.loop);
        pool_options_lan(&options);
        options.loop = &peer.loop;
        options.log = &log;
        options.module = "peer";
        options.hooks = (struct serf_hooks){.arg = &peer,
                                            .member_event = on_member,
                                            .user_event = on_event,
                                            .query = on_query,
                                            .answer = on_answer};
        if (configure(&peer, argc, argv, &options, &meta) < 0)
                return 2;
        if (pool_start(&options, &peer.pool, error, sizeof(error)) < 0) {
                fprintf(stderr, "%s\n", error);
                return 1;
        }
        byte_buffer_fini(&meta);
        uv_timer_init(&peer.loop, &peer.leave_timer);
        uv_pipe_init(&peer.loop, &peer.input, 0);
        peer.leave_timer.data = peer.input.data = &peer;
        uv_pipe_open(&peer.input, 0);
        uv_read_start((uv_stream_t *)&peer.input, on_alloc, on_input);
        say("ready");
        return uv_run(&peer.loop, UV_RUN_DEFAULT) != 0;
}
