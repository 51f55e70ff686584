#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/exec/job.h"
#include "lictor/bytes.h"

#define ID "3e2bdb2e-0a31-4c1f-9d0b-2f5a7cf9a111"

static const struct {
        const char *name, *text;
        int ret;
} orders[] = {
    {"an order", "{\"Prefix\":\"_rexec\",\"Session\":\"" ID "\"}", 0},
    {"nothing", "", -EINVAL},
    {"no object", "[]", -EINVAL},
    {"no session", "{\"Prefix\":\"_rexec\"}", -EINVAL},
    {"an empty prefix", "{\"Prefix\":\"\",\"Session\":\"" ID "\"}", -EINVAL},
    {"a session that is a path", "{\"Prefix\":\"a\",\"Session\":\"../b\"}", -EINVAL},
    {"a session with a query", "{\"Prefix\":\"a\",\"Session\":\"a?b\"}", -EINVAL},
    {"a session that is too long", "{\"Prefix\":\"a\",\"Session\":\"" ID "000000\"}", -EINVAL},
};

Test(exec_job, an_event_names_a_folder_or_is_no_order)
{
        for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
                struct exec_order order;

                cr_expect_eq(exec_order_read(orders[i].text, strlen(orders[i].text), &order),
                             orders[i].ret, "%s", orders[i].name);
        }
}

static const struct {
        const char *name, *text;
        int ret;
        enum exec_kind kind;
        const char *is;
        uint64_t heartbeat_ms;
} jobs[] = {
    {"a command", "{\"Command\":\"a b\",\"Wait\":2000000000}", 0, EXEC_COMMAND, "a b", 2000},
    {"arguments", "{\"Args\":[\"a\",\"b\"],\"Wait\":1}", 0, EXEC_ARGS, NULL, EXEC_WAIT_MIN_MS},
    {"arguments before a command", "{\"Args\":[\"a\"],\"Command\":\"b\"}", 0, EXEC_ARGS, NULL,
     EXEC_WAIT_MIN_MS},
    {"a script", "{\"Script\":\"IyEvYmluL3No\",\"Wait\":9000000000000000000}", 0, EXEC_SCRIPT,
     "#!/bin/sh", EXEC_WAIT_MAX_MS},
    {"a script before a command", "{\"Script\":\"YQ==\",\"Command\":\"b\",\"Wait\":-5}", 0,
     EXEC_SCRIPT, "a", EXEC_WAIT_MIN_MS},
    {"nothing to do", "{\"Wait\":1}", -EINVAL, EXEC_COMMAND, NULL, 0},
    {"no JSON", "a b", -EINVAL, EXEC_COMMAND, NULL, 0},
    {"numbers as arguments", "{\"Args\":[1]}", -EINVAL, EXEC_COMMAND, NULL, 0},
    {"a script that is no base64", "{\"Script\":\"?\"}", -EINVAL, EXEC_COMMAND, NULL, 0},
};

Test(exec_job, a_job_is_a_command_or_arguments_or_a_script)
{
        for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
                struct exec_job job;
                int ret = exec_job_read(jobs[i].text, strlen(jobs[i].text), &job);

                cr_assert_eq(ret, jobs[i].ret, "%s", jobs[i].name);
                if (ret < 0)
                        continue;
                cr_expect_eq(job.kind, jobs[i].kind, "%s", jobs[i].name);
                cr_expect_eq(job.heartbeat_ms, jobs[i].heartbeat_ms, "%s", jobs[i].name);
                if (jobs[i].is != NULL)
                        cr_expect_str_eq(job.text, jobs[i].is, "%s", jobs[i].name);
                exec_job_fini(&job);
        }
}

Test(exec_job, keys_are_below_the_nodes_name_and_escaped)
{
        const struct exec_order order = {.prefix = "my jobs/%", .session = "ab"};
        char *path = exec_path(&order, "node?1", "out/00000", "acquire=ab");

        cr_expect_str_eq(path, "/v1/kv/my%20jobs/%25/ab/node%3F1/out/00000?acquire=ab");
        free(path);
        path = exec_path(&order, NULL, "job", "raw");
        cr_expect_str_eq(path, "/v1/kv/my%20jobs/%25/ab/job?raw");
        free(path);
}
