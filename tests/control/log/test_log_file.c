#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/log/log.h"
#include "control/log/log_file.h"

static char directory[32];

static void make_directory(void)
{
        snprintf(directory, sizeof(directory), "/tmp/lictor-log-XXXXXX");
        cr_assert_not_null(mkdtemp(directory));
}

static void remove_directory(void)
{
        char pattern[64];
        glob_t found;

        snprintf(pattern, sizeof(pattern), "%s/*", directory);
        if (glob(pattern, 0, NULL, &found) == 0) {
                for (size_t i = 0; i < found.gl_pathc; i++)
                        unlink(found.gl_pathv[i]);
                globfree(&found);
        }
        rmdir(directory);
}

TestSuite(log_file, .init = make_directory, .fini = remove_directory);

static struct log_file *open_in(const char *name, struct log_file_options options, uint64_t now_ns)
{
        char path[96], error[256];
        struct log_file *file;

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        options.path = path;
        cr_assert_eq(log_file_open(&options, now_ns, &file, error, sizeof(error)), 0, "%s", error);
        return file;
}

// The files there, "name:bytes" each, in order.
static const char *listing(void)
{
        static char text[512];
        char pattern[64];
        size_t used = 0;
        glob_t found;

        text[0] = '\0';
        snprintf(pattern, sizeof(pattern), "%s/*", directory);
        if (glob(pattern, 0, NULL, &found) != 0)
                return text;
        for (size_t i = 0; i < found.gl_pathc; i++) {
                FILE *file = fopen(found.gl_pathv[i], "r");

                fseek(file, 0, SEEK_END);
                used +=
                    (size_t)snprintf(text + used, sizeof(text) - used, "%s%s:%ld", i > 0 ? " " : "",
                                     strrchr(found.gl_pathv[i], '/') + 1, ftell(file));
                fclose(file);
        }
        globfree(&found);
        return text;
}

Test(log_file, names_follow_the_path_and_the_time)
{
        static const struct {
                const char *path, *expected;
        } rows[] = {{"a.log", "a-7.log:2"},
                    {"a", "a-7.log:2 a-7.txt:2"},
                    {"", "a-7.log:2 a-7.txt:2 consul-7.log:2"}};
        const char *names[] = {"a.log", "a.txt", ""};

        for (size_t i = 0; i < 3; i++) {
                struct log_file *file = open_in(names[i], (struct log_file_options){0}, 7);

                log_file_write(file, "x\n", 2, 8);
                log_file_close(file);
                cr_expect_str_eq(listing(), rows[i].expected);
        }
}

Test(log_file, a_name_without_an_ending_gets_one)
{
        struct log_file *file = open_in("plain", (struct log_file_options){0}, 7);

        log_file_close(file);
        cr_expect_str_eq(listing(), "plain-7.log:0");
}

Test(log_file, a_file_is_replaced_once_it_holds_enough)
{
        struct log_file *file = open_in("a.log", (struct log_file_options){.bytes_max = 4}, 10);

        log_file_write(file, "123", 3, 11);
        cr_expect_str_eq(listing(), "a-10.log:3");
        log_file_write(file, "456", 3, 12);
        cr_expect_str_eq(listing(), "a-10.log:6");
        log_file_write(file, "7", 1, 13);
        cr_expect_str_eq(listing(), "a-10.log:6 a-13.log:1");
        log_file_close(file);
}

Test(log_file, a_file_is_replaced_once_it_is_old_enough)
{
        struct log_file *file = open_in("a.log", (struct log_file_options){.duration_ns = 10}, 10);

        log_file_write(file, "1", 1, 19);
        cr_expect_str_eq(listing(), "a-10.log:1");
        log_file_write(file, "2", 1, 20);
        cr_expect_str_eq(listing(), "a-10.log:1 a-20.log:1");
        // A clock set back makes no file old.
        log_file_write(file, "3", 1, 5);
        cr_expect_str_eq(listing(), "a-10.log:1 a-20.log:2");
        log_file_close(file);
}

Test(log_file, old_files_beyond_the_bound_are_removed)
{
        static const struct {
                int files_max;
                const char *expected;
        } rows[] = {
            {-1, "a-14.log:1"},
            {0, "a-10.log:1 a-11.log:1 a-12.log:1 a-13.log:1 a-14.log:1"},
            {1, "a-13.log:1 a-14.log:1"},
            {2, "a-12.log:1 a-13.log:1 a-14.log:1"},
            {9, "a-10.log:1 a-11.log:1 a-12.log:1 a-13.log:1 a-14.log:1"},
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct log_file_options options = {.bytes_max = 1, .files_max = rows[i].files_max};
                struct log_file *file = open_in("a.log", options, 10);

                for (uint64_t now = 10; now < 15; now++)
                        log_file_write(file, "x", 1, now);
                log_file_close(file);
                cr_expect_str_eq(listing(), rows[i].expected, "files_max %d: got %s",
                                 rows[i].files_max, listing());
                remove_directory();
                make_directory();
        }
}

Test(log_file, a_folder_that_is_missing_is_named)
{
        const struct log_file_options options = {.path = "/nonexistent/a.log"};
        struct log_file *file;
        char error[256];

        cr_expect_lt(log_file_open(&options, 1, &file, error, sizeof(error)), 0);
        cr_expect_null(file);
        cr_expect_not_null(strstr(error, "/nonexistent/a.log"));
}

Test(log_file, lines_of_the_log_reach_it_as_they_reach_the_stream)
{
        char *text = NULL;
        size_t size = 0;
        FILE *stream = open_memstream(&text, &size);
        struct log log = {.stream = stream, .level = LOG_LEVEL_INFO};
        char expected[64];

        log.file = open_in("a.log", (struct log_file_options){0}, 7);
        log_info(&log, "agent", "hello %d", 1);
        log_debug(&log, "agent", "not this");
        log.json = true;
        log_warn(&log, "agent", "and JSON");
        fclose(stream);
        log_file_close(log.file);
        snprintf(expected, sizeof(expected), "a-7.log:%zu", size);
        cr_expect_str_eq(listing(), expected);
        cr_expect_not_null(strstr(text, "agent: hello 1\n"));
        free(text);
}
