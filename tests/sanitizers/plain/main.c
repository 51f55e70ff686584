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
                if (test->run == NULL && strcmp(test->suite, suite) == 0)
                        return &test->options;
        }
        return NULL;
}

static void call(void (*function)(void))
{
        if (function != NULL)
                function();
}

static void run(const struct plain_test *test)
{
        const struct plain_options *suite = suite_options(test->suite);

        if (suite != NULL)
                call(suite->init);
        call(test->options.init);
        test->run();
        call(test->options.fini);
        if (suite != NULL)
                call(suite->fini);
        exit(atomic_load(&failed) ? 1 : 0);
}

int main(void)
{
        unsigned tested = 0, failures = 0;

        for (const struct plain_test *test = tests; test != NULL; test = test->next) {
                int status = 1;
                pid_t child;

                if (test->run == NULL || test->options.disabled)
                        continue;
                tested++;
                fflush(NULL);
                child = fork();
                if (child == 0)
                        run(test);
                if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
                        fprintf(stderr, "[FAIL] %s::%s: status %#x\n", test->suite, test->name,
                                (unsigned)status);
                        failures++;
                }
        }
        printf("tested %u, failing %u\n", tested, failures);
        return failures == 0 && tested > 0 ? 0 : 1;
}
