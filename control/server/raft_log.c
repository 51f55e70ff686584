#include "control/server/raft_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/store/store.h"

struct raft_log {
        struct raft_log_options options;
        struct raft_node *node;
        void (*closed)(void *arg);
        void *closed_arg;
};

struct proposal {
        propose_done_fn done;
        void *arg;
};

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
        (void)arg;
        store_snapshot_release(take_gather);
}

static int restore(void *arg, raft_index index, const uint8_t *bytes, size_t length)
{
        struct raft_log *log = arg;
        int ret = store_snapshot_read(log->options.store, bytes, length);

        fsm_forget_restore(log->options.fsm);
        if (ret == 0)
                log_info(log->options.log, "server.fsm", "snapshot restored: index=%llu bytes=%zu",
                         (unsigned long long)index, length);
        return ret;
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
            .restore = restore,
        };
        node.events.abandoned = on_abandoned;
        ret = raft_node_create(&node, &log->node, error, error_size);
        if (ret < 0) {
                free(log);
                return ret;
        }
        *out = log;
        return 0;
}

static void on_closed(void *arg)
{
        struct raft_log *log = arg;

        if (log->closed != NULL)
                log->closed(log->closed_arg);
        free(log);
}

void raft_log_close(struct raft_log *take_log, void (*closed)(void *arg), void *arg)
{
        take_log->closed = closed;
        take_log->closed_arg = arg;
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
