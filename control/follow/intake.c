#include "control/follow/intake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/store/settler.h"

struct intake {
        struct store *store;
        struct settler settler;
        intake_done_fn done; // NULL: given up
        void *arg;
        bool busy, decoding, closed;
        uv_work_t work;
        uint8_t *bytes;
        size_t len;
        struct store_state *state;
        int result;
};

static void free_when_unused(struct intake *intake)
{
        if (intake->closed && !intake->decoding)
                free(intake);
}

static void finish(struct intake *intake, int result)
{
        intake->busy = false;
        intake->done(intake->arg, result);
}

static void on_settled(void *arg)
{
        finish(arg, 0);
}

static void decode(uv_work_t *work)
{
        struct intake *intake = work->data;

        intake->result = store_state_decode(intake->bytes, intake->len, &intake->state);
        if (intake->result < 0)
                intake->state = NULL;
        free(intake->bytes);
}

static void on_decoded(uv_work_t *work, int status)
{
        struct intake *intake = work->data;

        (void)status;
        intake->decoding = false;
        if (intake->done == NULL) {
                store_state_discard(intake->state);
                free_when_unused(intake);
        } else if (intake->result < 0) {
                finish(intake, intake->result);
        } else {
                store_adopt(intake->store, intake->state);
                settler_run(&intake->settler);
        }
}

int intake_begin(struct intake *intake, const uint8_t *bytes, size_t len)
{
        int ret;

        intake->bytes = malloc(len + 1);
        if (intake->bytes == NULL)
                return -ENOMEM;
        memcpy(intake->bytes, bytes, len);
        intake->len = len;
        intake->work.data = intake;
        ret = uv_queue_work(intake->settler.idle.loop, &intake->work, decode, on_decoded);
        if (ret < 0)
                free(intake->bytes);
        else
                intake->busy = intake->decoding = true;
        return ret;
}

bool intake_is_busy(const struct intake *intake)
{
        return intake->busy;
}

struct intake *intake_create(uv_loop_t *loop, struct store *store, intake_done_fn done, void *arg)
{
        struct intake *intake = calloc(1, sizeof(*intake));

        if (intake == NULL)
                return NULL;
        intake->store = store;
        intake->done = done;
        intake->arg = arg;
        settler_init(&intake->settler, loop, store, on_settled, intake);
        return intake;
}

static void on_closed(void *arg)
{
        struct intake *intake = arg;

        intake->closed = true;
        free_when_unused(intake);
}

void intake_destroy(struct intake *take_intake)
{
        take_intake->done = NULL;
        settler_close(&take_intake->settler, on_closed);
}
