#include "raft/node/node.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "raft/node/node_internal.h"

#define CLOCK_DRIFT_PERMILLE 100u
#define MESSAGE_BYTES_MAX    (256u << 10)
#define INFLIGHT_MAX         64u
#define SNAPSHOT_URGENT      8u  // thresholds behind, the interval is not waited for
#define COLLECT_ROUNDS       16u // what applying and durability let the core say comes next turn

uint64_t node_now_us(void)
{
        return uv_hrtime() / 1000u;
}

// Counts what the machine sleeps through as well: a lease must not outlast that.
uint64_t node_now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_BOOTTIME, &now);
        return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

void latency_add(struct raft_latency *latency, uint64_t us)
{
        unsigned level = 0;

        while (level + 1 < RAFT_LATENCY_BUCKETS && us + 1 >= (uint64_t)2 << level)
                level++;
        latency->bucket[level]++;
        latency->count++;
        latency->sum_us += us;
        if (us > latency->max_us)
                latency->max_us = us;
}

static void log_line(struct raft_node *node, enum raft_log_level level, const char *format,
                     va_list arguments)
{
        char text[NODE_TEXT_MAX];

        vsnprintf(text, sizeof(text), format, arguments);
        node->options.events.log(node->options.events.arg, level, text);
}

void node_log(struct raft_node *node, enum raft_log_level level, const char *format, ...)
{
        va_list arguments;

        if (node->options.events.log == NULL)
                return;
        va_start(arguments, format);
        log_line(node, level, format, arguments);
        va_end(arguments);
}

void node_fail(struct raft_node *node, const char *format, ...)
{
        char text[NODE_TEXT_MAX];
        va_list arguments;

        if (node->failed)
                return;
        node->failed = true;
        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        if (node->options.events.fatal != NULL)
                node->options.events.fatal(node->options.events.arg, text);
}

static void on_idle(uv_idle_t *idle)
{
        (void)idle;
}

void node_wake(struct raft_node *node)
{
        node->dirty = true;
        if (!node->closing)
                uv_idle_start(&node->idle, on_idle);
}

static void on_timer(uv_timer_t *timer)
{
        struct raft_node *node = timer->data;

        // Messages that came while the loop was busy are heard before the clock is.
        node->tick_due = true;
        node_wake(node);
}

static void on_snapshot_timer(uv_timer_t *timer)
{
        snapshots_poll(timer->data);
}

static void arm_timer(struct raft_node *node)
{
        uint64_t now_ms = node_now_ms(), due_ms = raft_deadline_ms(node->raft);
        uint64_t most_ms = node->options.heartbeat_ms;
        uint64_t wait_ms = 1;

        if (due_ms > now_ms)
                wait_ms = due_ms - now_ms;
        else if (node->tick_due)
                wait_ms = most_ms; // a server that may not stand stays overdue
        if (node->disk_busy && wait_ms > most_ms)
                wait_ms = most_ms;
        node->tick_due = false;
        uv_update_time(node->options.loop);
        uv_timer_start(&node->timer, on_timer, wait_ms, 0);
}

static bool has_work(const struct raft_effects *e)
{
        return e->messages_now_count + e->messages_durable_count + e->entry_count +
                       e->committed_count + e->read_count >
                   0 ||
               e->hard_state_changed;
}

// Takes everything out of the effects before anything may give the core another input.
static int take_effects(struct raft_node *node, bool *worked)
{
        struct raft_effects e;
        int ret = raft_collect(node->raft, node_now_ms(), &e);

        *worked = false;
        if (ret != 0)
                return 0; // no memory now: nothing was taken, the next turn tries again
        *worked = has_work(&e);
        if (!*worked)
                return 0;
        for (unsigned i = 0; i < e.messages_now_count; i++)
                node_send(node, &e.messages_now[i]);
        ret = disk_queue(node, &e);
        if (ret == 0)
                ret = apply_queue(node, &e);
        if (ret == 0 && e.read_count > 0)
                ret = apply_take_reads(node, &e);
        return ret;
}

static void pump(struct raft_node *node)
{
        bool worked = true, more = false;

        node->dirty = false;
        if (node->tick_due)
                raft_tick(node->raft, node_now_ms());
        for (unsigned round = 0; round < COLLECT_ROUNDS && worked && !more && !node->failed;
             round++) {
                if (take_effects(node, &worked) != 0) {
                        node_fail(node, "no memory for what Raft has to store: stopping");
                        return;
                }
                disk_start(node);
                more = apply_run(node);
                watch_update(node);
        }
        disk_watch(node);
        more = snapshots_compact(node) || more;
        if (node->applied >=
            node->snapshot_index + SNAPSHOT_URGENT * node->options.snapshot_threshold)
                snapshots_poll(node);
        raft_transport_flush(node->transport);
        arm_timer(node);
        if (!node->dirty && !more && !worked)
                uv_idle_stop(&node->idle);
}

static void pump_if_due(struct raft_node *node)
{
        if (!node->failed && (node->dirty || node->tick_due || node->to_apply.count > 0 ||
                              snapshots_compacting(node)))
                pump(node);
        else
                uv_idle_stop(&node->idle);
}

static void on_check(uv_check_t *check)
{
        pump_if_due(check->data);
}

// What timers have brought, requests among it, goes to the disk before the loop looks for more.
static void on_prepare(uv_prepare_t *prepare)
{
        pump_if_due(prepare->data);
}

void raft_node_options_init(struct raft_node_options *options, unsigned multiplier)
{
        unsigned m = multiplier < 1 ? 1 : multiplier > 10 ? 10 : multiplier;

        memset(options, 0, sizeof(*options));
        options->election_timeout_ms = 300 * m;
        options->heartbeat_ms = 60 * m;
        options->snapshot_interval_ms = 30000;
        options->snapshot_threshold = 16384;
        options->trailing_logs = 10240;
        options->log_bytes_max = UINT64_C(128) << 20;
}

static void node_free(struct raft_node *node)
{
        void (*closed)(void *arg) = node->closed;
        void *arg = node->closed_arg;

        snapshots_fini(node);
        disk_fini(node);
        raft_destroy(node->raft);
        storage_close(node->storage);
        free(node->dir);
        free(node);
        if (closed != NULL)
                closed(arg);
}

static void free_when_done(struct raft_node *node)
{
        if (node->closing && node->handles_open == 0 && node->jobs_running == 0 &&
            !node->transport_open)
                node_free(node);
}

bool node_job_ended(struct raft_node *node)
{
        bool closing = node->closing;

        node->jobs_running--;
        free_when_done(node);
        return closing;
}

void node_handle_closed(struct raft_node *node)
{
        node->handles_open--;
        free_when_done(node);
}

static void on_handle_closed(uv_handle_t *handle)
{
        node_handle_closed(handle->data);
}

static void init_handles(struct raft_node *node)
{
        uv_loop_t *loop = node->options.loop;
        uv_handle_t *handles[] = {(uv_handle_t *)&node->timer, (uv_handle_t *)&node->snapshot_timer,
                                  (uv_handle_t *)&node->check, (uv_handle_t *)&node->prepare,
                                  (uv_handle_t *)&node->idle};

        uv_timer_init(loop, &node->timer);
        uv_timer_init(loop, &node->snapshot_timer);
        uv_check_init(loop, &node->check);
        uv_prepare_init(loop, &node->prepare);
        uv_idle_init(loop, &node->idle);
        for (unsigned i = 0; i < sizeof(handles) / sizeof(handles[0]); i++) {
                handles[i]->data = node;
                node->handles_open++;
        }
        uv_check_start(&node->check, on_check);
        uv_prepare_start(&node->prepare, on_prepare);
        uv_timer_start(&node->snapshot_timer, on_snapshot_timer, node->options.snapshot_interval_ms,
                       node->options.snapshot_interval_ms);
}

static int options_check(const struct raft_node_options *o, raft_server_id id, char *error,
                         size_t error_size)
{
        const char *what = NULL;

        if (id == RAFT_NO_SERVER)
                what = "the node id is not a UUID";
        else if (o->address == NULL || strlen(o->address) >= RAFT_ADDRESS_MAX)
                what = "the address for Raft is too long";
        else if (o->loop == NULL || o->machine.apply == NULL || o->machine.restore_decode == NULL ||
                 o->machine.restore_swap == NULL || o->machine.restore_discard == NULL ||
                 o->machine.snapshot_begin == NULL || o->machine.snapshot_encode == NULL ||
                 o->machine.snapshot_end == NULL || o->snapshot_interval_ms == 0)
                what = "incomplete options";
        if (what == NULL)
                return 0;
        snprintf(error, error_size, "%s", what);
        return -EINVAL;
}

static int start_core(struct raft_node *node, struct storage_restored *restored, char *error,
                      size_t error_size)
{
        const struct raft_node_options *o = &node->options;
        struct raft_options options = {.id = node->id,
                                       .seed = o->seed,
                                       .election_timeout_ms = o->election_timeout_ms,
                                       .heartbeat_ms = o->heartbeat_ms,
                                       .clock_drift_permille = CLOCK_DRIFT_PERMILLE,
                                       .message_bytes_max = MESSAGE_BYTES_MAX,
                                       .inflight_max = INFLIGHT_MAX};
        void *state = NULL;
        int ret = 0;

        if (restored->snapshot != NULL)
                ret = o->machine.restore_decode(o->machine.arg, restored->snapshot,
                                                restored->snapshot_length, &state);
        if (ret != 0) {
                snprintf(error, error_size,
                         "the snapshot at entry %llu cannot be restored: %s; was it made by a "
                         "newer version?",
                         (unsigned long long)restored->raft.snapshot_index, uv_strerror(ret));
                return ret;
        }
        if (restored->snapshot != NULL)
                o->machine.restore_swap(o->machine.arg, restored->raft.snapshot_index, state);
        ret = raft_create(&options, &restored->raft, node_now_ms(), &node->raft);
        if (ret != 0)
                snprintf(error, error_size, "Raft cannot start from what the storage holds: %s",
                         uv_strerror(ret));
        node->applied = restored->raft.snapshot_index;
        node->applied_term = restored->raft.snapshot_term;
        return ret;
}

static int open_storage(struct raft_node *node, const char *node_id, char *error, size_t error_size)
{
        char text[STORAGE_ERROR_MAX] = "";
        struct storage_restored restored;
        int ret =
            storage_open(node->dir, node->options.files, node_id, &node->storage, &restored, text);

        if (ret != 0) {
                snprintf(error, error_size, "%s", text);
                return ret;
        }
        if (restored.notice[0] != 0)
                node_log(node, RAFT_LOG_WARN, "%s", restored.notice);
        ret = start_core(node, &restored, error, error_size);
        storage_restored_fini(&restored, ret == 0);
        return ret;
}

static int allocate(const struct raft_node_options *options, struct raft_node **out)
{
        struct raft_node *node = calloc(1, sizeof(*node));

        if (node == NULL)
                return -ENOMEM;
        node->options = *options;
        disk_init(node);
        snprintf(node->address, sizeof(node->address), "%s", options->address);
        node->options.address = node->address;
        node->options.dir = NULL;
        node->options.node_id = NULL;
        node->id = raft_server_id_of(options->node_id);
        node->read_oldest = 1;
        node->reads = calloc(NODE_READ_SLOTS, sizeof(*node->reads));
        if (options->dir != NULL)
                node->dir = strdup(options->dir);
        if (node->reads == NULL || (options->dir != NULL && node->dir == NULL) ||
            snapshots_init(node) != 0) {
                free(node->reads);
                node_free(node);
                return -ENOMEM;
        }
        *out = node;
        return 0;
}

int raft_node_create(const struct raft_node_options *options, struct raft_node **out, char *error,
                     size_t error_size)
{
        struct raft_node *node = NULL;
        int ret;

        if (options->node_id == NULL) {
                snprintf(error, error_size, "no node id");
                return -EINVAL;
        }
        ret = options_check(options, raft_server_id_of(options->node_id), error, error_size);
        if (ret != 0)
                return ret;
        if (options->recover != NULL)
                ret = recover(options, error, error_size);
        if (ret != 0)
                return ret;
        ret = allocate(options, &node);
        if (ret != 0) {
                snprintf(error, error_size, "no memory");
                return ret;
        }
        ret = open_storage(node, options->node_id, error, error_size);
        if (ret != 0) {
                free(node->reads);
                node_free(node);
                return ret;
        }
        ret = peers_open(node);
        if (ret != 0) {
                snprintf(error, error_size, "no memory");
                free(node->reads);
                node_free(node);
                return ret;
        }
        init_handles(node);
        node->configuration = *raft_configuration(node->raft);
        raft_transport_set_servers(node->transport, &node->configuration);
        node_wake(node);
        *out = node;
        return 0;
}

static void on_transport_closed(void *arg)
{
        struct raft_node *node = arg;

        node->transport_open = false;
        free_when_done(node);
}

void raft_node_close(struct raft_node *take_node, void (*closed)(void *arg), void *arg)
{
        struct raft_node *node = take_node;

        node->closing = true;
        node->closed = closed;
        node->closed_arg = arg;
        membership_fini(node);
        apply_fini(node);
        disk_close(node);
        raft_transport_close(node->transport, on_transport_closed, node);
        uv_close((uv_handle_t *)&node->timer, on_handle_closed);
        uv_close((uv_handle_t *)&node->snapshot_timer, on_handle_closed);
        uv_close((uv_handle_t *)&node->check, on_handle_closed);
        uv_close((uv_handle_t *)&node->prepare, on_handle_closed);
        uv_close((uv_handle_t *)&node->idle, on_handle_closed);
}
