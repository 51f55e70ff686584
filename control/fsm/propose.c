#include "control/fsm/propose.h"
#include "control/store/memory.h"
#include "control/store/msgpack.h"
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct proposal {
        struct proposal *next;
        propose_done_fn done;
        void *arg;
        size_t len;
        uint8_t bytes[];
};

struct local_log {
        struct log_proposer proposer;
        struct fsm *fsm;
        uint64_t last_index;
        bool applying;
        struct proposal *first; // what was proposed while applying
        struct proposal **last;
};

static void apply(struct local_log *log, const uint8_t *bytes, size_t len, propose_done_fn done,
                  void *arg)
{
        struct fsm_result result;

        fsm_apply(log->fsm, ++log->last_index, bytes, len, &result);
        if (done)
                done(arg, &result);
        fsm_result_fini(&result);
}

static void apply_queued(struct local_log *log)
{
        while (log->first) {
                struct proposal *p = log->first;

                log->first = p->next;
                if (log->first == NULL)
                        log->last = &log->first;
                apply(log, p->bytes, p->len, p->done, p->arg);
                free(p);
        }
}

static int propose(struct log_proposer *self, const uint8_t *bytes, size_t len,
                   propose_done_fn done, void *arg)
{
        struct local_log *log =
            (struct local_log *)((char *)self - offsetof(struct local_log, proposer));
        struct proposal *p;

        if (len < 2 || bytes[0] != COMMAND_VERSION || bytes[1] >= COMMAND_TYPE_COUNT)
                return -ENOTSUP;
        if (len > COMMAND_BYTES_MAX)
                return -E2BIG;
        if (!log->applying) {
                log->applying = true;
                apply(log, bytes, len, done, arg);
                apply_queued(log);
                log->applying = false;
                return 0;
        }
        p = memory_get(sizeof(*p) + len);
        *p = (struct proposal){.done = done, .arg = arg, .len = len};
        memcpy(p->bytes, bytes, len);
        *log->last = p;
        log->last = &p->next;
        return 0;
}

struct local_log *local_log_create(struct fsm *fsm, uint64_t last_index)
{
        struct local_log *log = memory_get_zeroed(1, sizeof(*log));

        log->proposer.propose = propose;
        log->fsm = fsm;
        log->last_index = last_index;
        log->last = &log->first;
        return log;
}

void local_log_destroy(struct local_log *log)
{
        free(log);
}

struct log_proposer *local_log_proposer(struct local_log *log)
{
        return &log->proposer;
}

static const char *refusal(int error)
{
        return error == -E2BIG ? "Request exceeds the largest size of a log entry"
                               : "Request is of a type that this server does not know";
}

void propose_command(struct log_proposer *p, struct command *command, propose_done_fn done,
                     void *arg)
{
        struct byte_buffer bytes = BYTE_BUFFER_INIT;
        struct fsm_result result;
        int ret;

        fsm_result_init(&result);
        ret = command_prepare(command, &result);
        if (ret == 0) {
                ret = command_encode(command, &bytes);
                if (ret == 0)
                        ret = p->propose(p, bytes.bytes, bytes.len, done, arg);
                if (ret < 0)
                        store_error_set(&result.error, "%s", refusal(ret));
        }
        if (ret < 0 && done)
                done(arg, &result);
        byte_buffer_fini(&bytes);
        fsm_result_fini(&result);
}
