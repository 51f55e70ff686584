#include "control/server/raft_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/store/settler.h"

struct decode_job {
        uv_work_t work;
        struct fsm_restore source;
        struct store_state *state;
        int result;
};

struct raft_log {
        struct raft_log_options options;
        struct raft_node *node;
        struct settler settler;
        bool decoding; // for the entry that is applied next
        struct decode_job decode;
        unsigned parts_open; // while closing
        void (*closed)(void *arg);
        void *closed_arg;
};

struct proposal {
        propose_done_fn done;
        void *arg;
};

// --- A new state is taken in piece by piece, and commands wait until everybody has heard of it.

static void on_settled(void *arg)
{
        struct raft_log *log = arg;

        raft_node_resume(log->node);
}

static void settle(struct raft_log *log)
{
        if (log->node != NULL) {
                settler_run(&log->settler);
                return;
        }
        // At the start nobody else is served yet.
        while (store_settle(log->options.store))
                continue;
}

static bool is_known(const uint8_t *bytes, size_t len)
{
        return len >= 2 && bytes[0] == COMMAND_VERSION && bytes[1] < COMMAND_TYPE_COUNT;
}

static void finish(struct proposal *take_proposal, const struct fsm_result *result)
{
        if (take_proposal->done != NULL)
                take_proposal->done(take_proposal->arg, result);
        free(take_proposal);
}

static void apply(void *arg, const struct raft_node_entry *entry)
{
        struct raft_log *log = arg;
        struct fsm_result result;

        fsm_apply(log->options.fsm, entry->index, entry->bytes, entry->length, &result);
        if (store_is_settling(log->options.store))
                settle(log);
        if (!is_known(entry->bytes, entry->length))
                log_error(log->options.log, "server.fsm", "skipped a log entry: %s",
                          result.error.text);
        if (entry->proposal != NULL)
                finish(entry->proposal, &result);
        fsm_result_fini(&result);
}

static void on_abandoned(void *arg, void *proposal)
{
        struct fsm_result result;

        (void)arg;
        fsm_result_init(&result);
        store_error_set(&result.error, "leadership lost while committing log");
        finish(proposal, &result);
        fsm_result_fini(&result);
}

// --- An entry that completes an archive's state: it is decoded off the loop before it is applied.

static void decode(struct decode_job *job)
{
        job->result = store_state_decode(job->source.bytes, job->source.len, &job->state);
        if (job->result < 0)
                job->state = NULL;
        free(job->source.bytes);
}

static void decode_in_pool(uv_work_t *work)
{
        struct raft_log *log = work->data;

        decode(&log->decode);
}

static void part_closed(void *arg);

static void decode_back(uv_work_t *work, int status)
{
        struct raft_log *log = work->data;

        (void)status;
        fsm_restore_decoded(log->options.fsm, log->decode.result, log->decode.state);
        log->decoding = false;
        if (log->parts_open > 0)
                part_closed(log);
        else
                raft_node_resume(log->node);
}

static bool ready(void *arg, const struct raft_node_entry *entry)
{
        struct raft_log *log = arg;
        struct decode_job *job = &log->decode;

        if (log->decoding || store_is_settling(log->options.store))
                return false;
        if (entry == NULL || !fsm_restore_begin(log->options.fsm, entry->index, entry->bytes,
                                                entry->length, &job->source))
                return true;
        job->work.data = log;
        log->decoding =
            uv_queue_work(log->options.node.loop, &job->work, decode_in_pool, decode_back) == 0;
        if (!log->decoding) {
                decode(job);
                fsm_restore_decoded(log->options.fsm, job->result, job->state);
        }
        return !log->decoding;
}

static int restore_decode(void *arg, const uint8_t *bytes, size_t length, void **state)
{
        struct store_state *decoded;
        int ret = store_state_decode(bytes, length, &decoded);

        (void)arg;
        if (ret == 0)
                *state = decoded;
        return ret;
}

static void restore_swap(void *arg, raft_index index, void *take_state)
{
        struct raft_log *log = arg;

        fsm_forget_restore(log->options.fsm);
        store_adopt(log->options.store, take_state);
        log_info(log->options.log, "server.fsm", "snapshot restored: index=%llu",
                 (unsigned long long)index);
        settle(log);
}

static void restore_discard(void *arg, void *take_state)
{
        (void)arg;
        store_state_discard(take_state);
}

static void *snapshot_begin(void *arg)
{
        struct raft_log *log = arg;

        return fsm_is_restoring(log->options.fsm) ? NULL
                                                  : store_snapshot_gather(log->options.store);
}

struct snapshot_output {
        raft_write_fn write;
        void *arg;
};

static int write_piece(void *arg, const uint8_t *bytes, size_t len)
{
        const struct snapshot_output *output = arg;

        return output->write(output->arg, bytes, len);
}

static int snapshot_encode(void *gather, raft_write_fn write, void *write_arg)
{
        struct snapshot_output output = {write, write_arg};

        return store_snapshot_encode(gather, write_piece, &output);
}

static void snapshot_end(void *arg, void *take_gather)
{
        struct raft_log *log = arg;

        store_snapshot_release(take_gather);
        settle(log);
}

int raft_log_create(struct raft_log **out, const struct raft_log_options *options, char *error,
                    size_t error_size)
{
        struct raft_log *log = calloc(1, sizeof(*log));
        struct raft_node_options node = options->node;
        int ret;

        snprintf(error, error_size, "out of memory");
        if (log == NULL)
                return -ENOMEM;
        log->options = *options;
        node.machine = (struct raft_state_machine){
            .arg = log,
            .apply = apply,
            .snapshot_begin = snapshot_begin,
            .snapshot_encode = snapshot_encode,
            .snapshot_end = snapshot_end,
            .ready = ready,
            .restore_decode = restore_decode,
            .restore_swap = restore_swap,
            .restore_discard = restore_discard,
        };
        node.events.abandoned = on_abandoned;
        ret = raft_node_create(&node, &log->node, error, error_size);
        if (ret < 0) {
                free(log);
                return ret;
        }
        settler_init(&log->settler, node.loop, options->store, on_settled, log);
        *out = log;
        return 0;
}

static void part_closed(void *arg)
{
        struct raft_log *log = arg;

        if (--log->parts_open > 0)
                return;
        if (log->closed != NULL)
                log->closed(log->closed_arg);
        free(log);
}

static void on_closed(void *arg)
{
        struct raft_log *log = arg;

        // Not before: a snapshot that ends has something to be freed.
        settler_close(&log->settler, part_closed);
}

void raft_log_close(struct raft_log *take_log, void (*closed)(void *arg), void *arg)
{
        take_log->closed = closed;
        take_log->closed_arg = arg;
        take_log->parts_open = take_log->decoding ? 2 : 1;
        raft_node_close(take_log->node, on_closed, take_log);
}

struct raft_node *raft_log_node(const struct raft_log *log)
{
        return log->node;
}

int raft_log_propose(struct raft_log *log, const uint8_t *bytes, size_t len, propose_done_fn done,
                     void *arg)
{
        struct proposal *proposal;
        int ret;

        if (!is_known(bytes, len))
                return -ENOTSUP;
        if (len > COMMAND_BYTES_MAX)
                return -E2BIG;
        proposal = malloc(sizeof(*proposal));
        if (proposal == NULL)
                return -ENOMEM;
        *proposal = (struct proposal){done, arg};
        ret = raft_node_propose(log->node, bytes, len, proposal, NULL, NULL);
        if (ret < 0)
                free(proposal);
        return ret;
}
