#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/exec/job.h"
#include "control/watch/handler.h"

// What a remote command's event and job, and an element of `watches`, may be made of.

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_watch(const char *text, size_t size)
{
        json_t *setting = json_loadb(text, size, 0, NULL);
        struct watch_handler handler;
        struct watch_plan *plan;
        char error[256], *path;

        if (setting == NULL)
                return;
        if (watch_setting_read(setting, &plan, &handler, error, sizeof(error)) == 0) {
                path = watch_plan_path(plan);
                if (path == NULL || strpbrk(path, " \r\n") != NULL)
                        abort();
                free(path);
                watch_plan_destroy(plan);
                watch_handler_fini(&handler);
        }
        json_decref(setting);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *text = (const char *)data;
        struct exec_order order;
        struct exec_job job;

        if (exec_order_read(text, size, &order) == 0) {
                char *path = exec_path(&order, "node", "ack", "a=b");

                if (path == NULL || strpbrk(path, " \r\n") != NULL)
                        abort();
                free(path);
        }
        if (exec_job_read(text, size, &job) == 0) {
                if (job.heartbeat_ms < EXEC_WAIT_MIN_MS || job.heartbeat_ms > EXEC_WAIT_MAX_MS)
                        abort();
                exec_job_fini(&job);
        }
        read_watch(text, size);
        return 0;
}
