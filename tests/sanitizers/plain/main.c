#include "tests/sanitizers/plain/criterion/criterion.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct plain_test *tests;
static atomic_bool failed;

void plain_register(struct plain_test *test)
{
        test->next = tests;
        tests = test;
}

void plain_fail(const char *file, int line, bool fatal, const char *condition, const char *format,
                ...)
{
        va_list arguments;

        atomic_store(&failed, true);
        fprintf(stderr, "%s:%d: %s ", file, line, condition);
        va_start(arguments, format);
        vfprintf(stderr, format, arguments);
        va_end(arguments);
        fputc('\n', stderr);
        if (fatal)
                exit(1);
}

static const struct plain_options *suite_options(const char *suite)
{
        for (const struct plain_test *test = tests; test != NULL; test = test->next) {
                if (test->run == NULL && test->rows == NULL && strcmp(test->suite, suite) == 0)
                        return &test->options;
        }
        return NULL;
}

static void call(void (*function)(void))
{
        if (function != NULL)
                function();
}

static void run(const struct plain_test *test, void *row)
{
        const struct plain_options *suite = suite_options(test->suite);

        if (suite != NULL)
                call(suite->init);
        call(test->options.init);
        if (row != NULL)
                test->run_row(row);
        else
                test->run();
        call(test->options.fini);
        if (suite != NULL)
                call(suite->fini);
        exit(atomic_load(&failed) ? 1 : 0);
}

// Runs a test, or one row of it, in a process of its own. Returns how many failed: 0 or 1.
static unsigned run_apart(const struct plain_test *test, void *row)
{
        int status = 1;
        pid_t child;

        fflush(NULL);
        child = fork();
        if (child == 0)
                run(test, row);
        if (child > 0 && waitpid(child, &status, 0) == child && status == 0)
                return 0;
        fprintf(stderr, "[FAIL] %s::%s: status %#x\n", test->suite, test->name, (unsigned)status);
        return 1;
}

int main(void)
{
        unsigned tested = 0, failures = 0;

        for (const struct plain_test *test = tests; test != NULL; test = test->next) {
                if (test->options.disabled)
                        continue;
                if (test->run != NULL) {
                        tested++;
                        failures += run_apart(test, NULL);
                } else if (test->rows != NULL) {
                        struct plain_rows rows = test->rows();

                        for (size_t i = 0; i < rows.row_count; i++) {
                                tested++;
                                failures += run_apart(test, (char *)rows.rows + i * rows.row_size);
                        }
                }
        }
        printf("tested %u, failing %u\n", tested, failures);
        return failures == 0 && tested > 0 ? 0 : 1;
}
