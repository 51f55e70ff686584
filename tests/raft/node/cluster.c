#include "tests/raft/node/cluster.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct command {
        uint64_t key;
        uint64_t value;
};

static void apply(void *arg, const struct raft_node_entry *entry)
{
        struct cluster_server *s = arg;
        struct command command;

        cr_assert_eq(entry->length, sizeof(command));
        cr_assert(entry->index > s->state.last_index, "in order, each once");
        memcpy(&command, entry->bytes, sizeof(command));
        s->state.value[command.key % CLUSTER_KEYS] = command.value;
        s->state.digest = (s->state.digest ^ command.value) * 0x100000001b3u + entry->index;
        s->state.count++;
        s->state.last_index = entry->index;
        if (entry->proposal != NULL)
                s->cluster->applied++;
}

struct gather {
        struct cluster_state state;
        uint32_t padding;
        bool slowly;
};

static void *snapshot_begin(void *arg)
{
        struct cluster_server *s = arg;
        struct gather *gather = malloc(sizeof(*gather));

        cr_assert_not_null(gather);
        *gather = (struct gather){s->state, s->padding, s->encode_slowly};
        s->snapshots_running++;
        return gather;
}

static int snapshot_encode(void *arg, raft_write_fn write, void *write_arg)
{
        const struct gather *gather = arg;
        uint64_t noise = gather->state.digest | 1, block[512];
        int ret = write(write_arg, &gather->state, sizeof(gather->state));

        // Noise, so that compression does not shrink it.
        for (uint32_t i = 0; i < gather->padding && ret == 0; i += (uint32_t)sizeof(block)) {
                for (unsigned k = 0; k < 512; k++)
                        block[k] = noise = noise * 6364136223846793005u + 1442695040888963407u;
                ret = write(write_arg, block, sizeof(block));
        }
        if (gather->slowly)
                usleep(700000);
        return ret;
}

static void snapshot_end(void *arg, void *take_gather)
{
        struct cluster_server *s = arg;

        s->snapshots_running--;
        free(take_gather);
}

static bool ready(void *arg, const struct raft_node_entry *entry)
{
        const struct cluster_server *s = arg;

        (void)entry;
        return !s->unready;
}

static int restore_decode(void *arg, const uint8_t *bytes, size_t length, void **state)
{
        struct cluster_state *copy;

        (void)arg;
        if (length < sizeof(*copy))
                return -EBADMSG;
        copy = malloc(sizeof(*copy));
        cr_assert_not_null(copy);
        memcpy(copy, bytes, sizeof(*copy));
        *state = copy;
        return 0;
}

static void restore_swap(void *arg, raft_index index, void *take_state)
{
        struct cluster_server *s = arg;

        cr_assert_not(s->unready);
        memcpy(&s->state, take_state, sizeof(s->state));
        free(take_state);
        cr_assert(s->state.last_index <= index);
        s->restores++;
}

static void restore_discard(void *arg, void *take_state)
{
        (void)arg;
        free(take_state);
}

static void on_leadership(void *arg, bool leading, raft_term term)
{
        struct cluster_server *s = arg;

        (void)term;
        cr_assert_neq(s->leading, leading);
        s->leading = leading;
        s->gained += leading;
        s->lost += !leading;
}

static void on_leader(void *arg, const struct raft_server *leader)
{
        struct cluster_server *s = arg;

        s->known_leader = leader != NULL ? leader->id : RAFT_NO_SERVER;
}

static void on_abandoned(void *arg, void *proposal)
{
        struct cluster_server *s = arg;

        (void)proposal;
        s->cluster->abandoned++;
}

static void on_fatal(void *arg, const char *text)
{
        struct cluster_server *s = arg;

        s->failed = true;
        fprintf(stderr, "server %u: %s\n", s->number, text);
}

static void on_log(void *arg, enum raft_log_level level, const char *text)
{
        struct cluster_server *s = arg;

        if (getenv("RAFT_TEST_LOG") != NULL)
                fprintf(stderr, "server %u: %d %s\n", s->number, level, text);
}

struct newcomer {
        uv_tcp_t tcp;
        struct cluster_server *server;
        char first;
};

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
        (void)suggested;
        *out = uv_buf_init(&((struct newcomer *)handle)->first, 1);
}

static void on_first_byte(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
        struct newcomer *newcomer = (struct newcomer *)stream;

        (void)buffer;
        if (count == 0)
                return;
        uv_read_stop(stream);
        if (count < 0 || newcomer->server->node == NULL ||
            newcomer->first != (char)RAFT_CONNECTION_BYTE)
                uv_close((uv_handle_t *)stream, (uv_close_cb)free);
        else
                raft_node_accept(newcomer->server->node, &newcomer->tcp);
}

static void on_connection(uv_stream_t *listener, int status)
{
        struct newcomer *newcomer = malloc(sizeof(*newcomer));

        cr_assert_eq(status, 0);
        cr_assert_not_null(newcomer);
        newcomer->server = listener->data;
        uv_tcp_init(listener->loop, &newcomer->tcp);
        cr_assert_eq(uv_accept(listener, (uv_stream_t *)&newcomer->tcp), 0);
        uv_read_start((uv_stream_t *)&newcomer->tcp, on_allocate, on_first_byte);
}

static void open_port(struct cluster_server *s)
{
        struct sockaddr_in address;
        int length = sizeof(address);

        s->listener = calloc(1, sizeof(*s->listener));
        cr_assert_not_null(s->listener);
        uv_tcp_init(&s->cluster->loop, s->listener);
        s->listener->data = s;
        uv_ip4_addr("127.0.0.1", 0, &address);
        cr_assert_eq(uv_tcp_bind(s->listener, (struct sockaddr *)&address, 0), 0);
        cr_assert_eq(uv_listen((uv_stream_t *)s->listener, 64, on_connection), 0);
        uv_tcp_getsockname(s->listener, (struct sockaddr *)&address, &length);
        snprintf(s->address, sizeof(s->address), "127.0.0.1:%u", ntohs(address.sin_port));
}

void cluster_init(struct cluster *c, unsigned count, bool on_disk)
{
        memset(c, 0, sizeof(*c));
        c->count = count;
        c->on_disk = on_disk;
        c->snapshot_threshold = 1u << 30;
        c->trailing_logs = 1u << 20;
        cr_assert_eq(uv_loop_init(&c->loop), 0);
        for (unsigned i = 0; i < count; i++) {
                struct cluster_server *s = &c->servers[i];

                s->cluster = c;
                s->number = i;
                snprintf(s->node_id, sizeof(s->node_id), "%08x-0000-4000-8000-00000000000%u",
                         0x1000 + i, i);
                if (on_disk) {
                        snprintf(s->dir, sizeof(s->dir), "%s/lictor-raft-XXXXXX",
                                 getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
                        cr_assert_not_null(mkdtemp(s->dir));
                }
                open_port(s);
        }
}

int cluster_try_start(struct cluster *c, unsigned server, char error[1024])
{
        struct cluster_server *s = &c->servers[server];
        struct raft_node_options options;

        raft_node_options_init(&options, 1);
        options.loop = &c->loop;
        options.dir = c->on_disk ? s->dir : NULL;
        options.files = s->files;
        options.node_id = s->node_id;
        options.address = s->address;
        options.seed = uv_hrtime() + server;
        options.snapshot_threshold = c->snapshot_threshold;
        options.trailing_logs = c->trailing_logs;
        if (c->log_bytes_max > 0)
                options.log_bytes_max = c->log_bytes_max;
        options.snapshot_interval_ms = 20;
        options.recover = c->recover;
        options.machine = (struct raft_state_machine){
            .arg = s,
            .apply = apply,
            .snapshot_begin = snapshot_begin,
            .snapshot_encode = snapshot_encode,
            .snapshot_end = snapshot_end,
            .ready = ready,
            .restore_decode = restore_decode,
            .restore_swap = restore_swap,
            .restore_discard = restore_discard,
        };
        options.events = (struct raft_node_events){
            s, on_leadership, on_leader, NULL, on_abandoned, on_fatal, on_log};
        memset(&s->state, 0, sizeof(s->state));
        s->leading = false;
        s->known_leader = RAFT_NO_SERVER;
        error[0] = 0;
        return raft_node_create(&options, &s->node, error, 1024);
}

void cluster_start(struct cluster *c, unsigned server)
{
        char error[1024];

        cr_assert_eq(cluster_try_start(c, server, error), 0, "%s", error);
}

static void on_closed(void *arg)
{
        *(bool *)arg = true;
}

void cluster_stop(struct cluster *c, unsigned server)
{
        struct cluster_server *s = &c->servers[server];
        struct raft_node *node = s->node;
        bool closed = false;

        s->node = NULL;
        s->leading = false;
        raft_node_close(node, on_closed, &closed);
        while (!closed)
                uv_run(&c->loop, UV_RUN_ONCE);
        cr_assert_eq(s->snapshots_running, 0);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
        (void)info;
        (void)type;
        (void)walk;
        return remove(path);
}

void cluster_wipe(struct cluster *c, unsigned server)
{
        cr_assert_eq(nftw(c->servers[server].dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void cluster_fini(struct cluster *c)
{
        for (unsigned i = 0; i < c->count; i++) {
                if (c->servers[i].node != NULL)
                        cluster_stop(c, i);
                uv_close((uv_handle_t *)c->servers[i].listener, (uv_close_cb)free);
                if (c->on_disk)
                        nftw(c->servers[i].dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        }
        uv_run(&c->loop, UV_RUN_DEFAULT);
        cr_assert_eq(uv_loop_close(&c->loop), 0, "every handle was closed");
}

void cluster_bootstrap(struct cluster *c, unsigned voters)
{
        struct raft_configuration configuration = {.server_count = voters};

        for (unsigned i = 0; i < voters; i++) {
                struct raft_server *server = &configuration.servers[i];

                server->voter = true;
                snprintf(server->node_id, sizeof(server->node_id), "%s", c->servers[i].node_id);
                snprintf(server->address, sizeof(server->address), "%s", c->servers[i].address);
        }
        for (unsigned i = 0; i < c->count; i++) {
                cluster_start(c, i);
                if (i < voters)
                        cr_assert_eq(raft_node_bootstrap(c->servers[i].node, &configuration), 0);
        }
}

static void on_alarm(uv_timer_t *timer)
{
        *(bool *)timer->data = true;
}

static void on_beat(uv_timer_t *timer)
{
        (void)timer;
}

bool cluster_run(struct cluster *c, bool (*check)(struct cluster *c), uint64_t patience_ms)
{
        bool late = false;
        uv_timer_t alarm, beat;

        uv_update_time(&c->loop);
        uv_timer_init(&c->loop, &alarm);
        uv_timer_init(&c->loop, &beat);
        alarm.data = &late;
        uv_timer_start(&alarm, on_alarm, patience_ms, 0);
        uv_timer_start(&beat, on_beat, 5, 5);
        while (!check(c) && !late)
                uv_run(&c->loop, UV_RUN_ONCE);
        uv_close((uv_handle_t *)&alarm, NULL);
        uv_close((uv_handle_t *)&beat, NULL);
        uv_run(&c->loop, UV_RUN_NOWAIT); // both are closed at the end of this turn
        return !late;
}

struct cluster_server *cluster_leader(struct cluster *c)
{
        struct cluster_server *found = NULL;
        raft_term term = 0;

        for (unsigned i = 0; i < c->count; i++) {
                struct raft_node_status status;

                if (c->servers[i].node == NULL)
                        continue;
                raft_node_status(c->servers[i].node, &status);
                if (status.leading && status.term > term) {
                        found = &c->servers[i];
                        term = status.term;
                }
        }
        return found;
}

bool cluster_has_leader(struct cluster *c)
{
        return cluster_leader(c) != NULL;
}

bool cluster_agrees(struct cluster *c)
{
        struct cluster_server *leader = cluster_leader(c);
        struct raft_node_status status;

        if (leader == NULL)
                return false;
        raft_node_status(leader->node, &status);
        if (status.applied_index != status.last_index)
                return false;
        for (unsigned i = 0; i < c->count; i++)
                if (c->servers[i].node != NULL &&
                    memcmp(&c->servers[i].state, &leader->state, sizeof(leader->state)) != 0)
                        return false;
        return true;
}

int cluster_write(struct cluster *c, unsigned key, uint64_t value)
{
        struct cluster_server *leader = cluster_leader(c);
        struct command command = {key, value};

        if (leader == NULL)
                return -EPERM;
        return raft_node_propose(leader->node, &command, sizeof(command), c, NULL, NULL);
}

static bool all_came_back(struct cluster *c)
{
        struct raft_node_metrics metrics;
        struct cluster_server *leader = cluster_leader(c);

        if (leader == NULL)
                return false;
        raft_node_metrics(leader->node, &metrics);
        return metrics.proposals_waiting == 0;
}

bool cluster_write_many(struct cluster *c, unsigned n)
{
        uint64_t before = c->applied;

        for (unsigned i = 0; i < n; i++)
                if (cluster_write(c, i, i + before) != 0)
                        return false;
        return cluster_run(c, all_came_back, 10000) && c->applied == before + n;
}
