#include "dataplane/port/eal.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ARGUMENT_MAX 64u

enum eal_state { EAL_UNTRIED, EAL_UP, EAL_FAILED };

// EAL itself is process-wide state; this only mirrors it.
static struct {
        enum eal_state state;
        bool is_verbose; // the operator asked for EAL's log
        FILE *log;
        char first_error[256];
} eal;

static ssize_t log_write(void *cookie, const char *text, size_t length)
{
        size_t n = length;

        (void)cookie;
        if (eal.is_verbose)
                fwrite(text, 1, length, stderr);
        while (n > 0 && strchr("\n .", text[n - 1]) != NULL)
                n--;
        // The first complaint names the cause, those after it what failed in its wake.
        if (n > 0 && eal.first_error[0] == '\0')
                snprintf(eal.first_error, sizeof(eal.first_error), "%.*s", (int)n, text);
        return (ssize_t)length;
}

const char *eal_first_error(const char *fallback)
{
        return eal.first_error[0] != '\0' ? eal.first_error : fallback;
}

void eal_forget_error(void)
{
        eal.first_error[0] = '\0';
}

static bool is_given(const char *const arguments[], size_t count, const char *const names[])
{
        for (size_t i = 0; i < count; i++)
                for (size_t n = 0; names[n] != NULL; n++)
                        if (strncmp(arguments[i], names[n], strlen(names[n])) == 0)
                                return true;
        return false;
}

// Whether an argument is this option, abbreviated perhaps as getopt allows. "--" alone is none.
static bool is_option(const char *argument, const char *name)
{
        const bool is_long = strncmp(argument, "--", 2) == 0;
        const size_t length = is_long ? strcspn(argument, "=") : 2;

        return (!is_long || length > 2) && strncmp(argument, name, length) == 0;
}

// Options that EAL takes and an agent cannot live with.
static int check_arguments(const char *const arguments[], size_t count,
                           const struct port_error *error)
{
        static const struct {
                const char *name, *why;
        } refused[] = {
            {"-h", "would print a list of options and end the agent"},
            {"--help", "would print a list of options and end the agent"},
            {"--proc-type", "is not for Lictor, which is always a primary process"},
        };

        for (size_t i = 0; i < count; i++)
                for (size_t r = 0; r < sizeof(refused) / sizeof(refused[0]); r++)
                        if (is_option(arguments[i], refused[r].name))
                                return port_fail(error, -EINVAL,
                                                 "dataplane: \"eal\": %s %s; leave it out",
                                                 arguments[i], refused[r].why);
        return 0;
}

// "0@(0,2-3)" with every CPU named: the main lcore does no work of ours and floats.
static void floating_lcore(char *out, size_t size)
{
        cpu_set_t cpus;
        size_t used;

        CPU_ZERO(&cpus);
        (void)sched_getaffinity(0, sizeof(cpus), &cpus);
        used = (size_t)snprintf(out, size, "--lcores=0@(");
        for (size_t cpu = 0; cpu < CPU_SETSIZE && used + 8 < size; cpu++)
                if (CPU_ISSET(cpu, &cpus))
                        used += (size_t)snprintf(out + used, size - used, "%s%zu",
                                                 out[used - 1] == '(' ? "" : ",", cpu);
        snprintf(out + used, size - used, ")");
}

static size_t complete_arguments(const char *const given[], size_t count, char *lcores,
                                 const char *out[])
{
        static const char *const cores[] = {"-l", "-c", "--lcores", "-s", "-S", NULL};
        static const char *const sharing[] = {
            "--in-memory", "--no-shconf", "--file-prefix", "--huge-unlink", "--legacy-mem",
            "--huge-dir",  NULL};
        static const char *const no_huge[] = {"--no-huge", NULL};
        static const char *const logging[] = {"--log-level", NULL};
        size_t n = 0;

        out[n++] = "lictor";
        for (size_t i = 0; i < count; i++)
                out[n++] = given[i];
        if (!is_given(given, count, cores))
                out[n++] = lcores;
        // Without hugepages memory is private as it is, and --in-memory refused.
        if (is_given(given, count, no_huge)) {
                if (!is_given(given, count, sharing))
                        out[n++] = "--no-shconf";
        } else if (!is_given(given, count, sharing)) {
                out[n++] = "--in-memory";
                // Else each page is a file and vhost-user hands over eight at most.
                out[n++] = "--single-file-segments";
        }
        eal.is_verbose = is_given(given, count, logging);
        if (!eal.is_verbose)
                out[n++] = "--log-level=*:error";
        out[n] = NULL;
        return n;
}

// EAL prints its usage and some failures past its own log; they are read from a file instead.
struct silence {
        int file;
        int saved[2];
};

static void silence_begin(struct silence *s)
{
        fflush(stdout);
        fflush(stderr);
        s->file = memfd_create("lictor-eal", MFD_CLOEXEC);
        for (int fd = 1; fd <= 2; fd++) {
                s->saved[fd - 1] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
                if (s->file >= 0 && s->saved[fd - 1] >= 0)
                        (void)dup2(s->file, fd);
        }
}

static void silence_end(struct silence *s, char *text, size_t size)
{
        ssize_t length = 0;

        fflush(stdout);
        fflush(stderr);
        for (int fd = 1; fd <= 2; fd++) {
                if (s->saved[fd - 1] < 0)
                        continue;
                (void)dup2(s->saved[fd - 1], fd);
                close(s->saved[fd - 1]);
        }
        if (s->file >= 0) {
                length = pread(s->file, text, size - 1, 0);
                close(s->file);
        }
        text[length > 0 ? length : 0] = '\0';
}

static const char *cure_of(const char *complaint)
{
        static const struct {
                const char *sign, *cure;
        } cures[] = {
            {"hugepage", "reserve some: echo 256 > /proc/sys/vm/nr_hugepages, or do without: "
                         "\"eal\": [\"--no-huge\", \"-m\", \"256\"]"},
            {"mem", "reserve hugepages: echo 256 > /proc/sys/vm/nr_hugepages, ask for less with "
                    "\"-m\", or do without: \"eal\": [\"--no-huge\", \"-m\", \"256\"]"},
            {"ermission", "run as root, or give the user access to /dev/hugepages"},
        };

        for (size_t i = 0; i < sizeof(cures) / sizeof(cures[0]); i++)
                if (strstr(complaint, cures[i].sign) != NULL)
                        return cures[i].cure;
        return "see \"eal\" in the configuration; add \"--log-level=*:debug\" to it to see more";
}

// getopt's own line is the only one that names the option.
static const char *option_line(char *printed)
{
        char *rest = printed, *line;

        while ((line = strsep(&rest, "\n")) != NULL)
                if (strstr(line, "option") != NULL && strncmp(line, "lictor: ", 8) == 0)
                        return line + 8;
        return NULL;
}

static int report(int code, char *printed, const struct port_error *error)
{
        const char *complaint = option_line(printed);

        if (complaint == NULL)
                complaint = eal_first_error(strerror(-code));
        return port_fail(error, code, "dataplane: EAL: %s; %s",
                         strncmp(complaint, "EAL: ", 5) == 0 ? complaint + 5 : complaint,
                         cure_of(complaint));
}

int eal_start(const char *const arguments[], size_t count, const struct port_error *error)
{
        static const cookie_io_functions_t log_functions = {.write = log_write};
        const char *argv[ARGUMENT_MAX + 8];
        char lcores[1024], printed[4096];
        struct silence silence = {.file = -1, .saved = {-1, -1}};
        int option_index = optind;
        int ret;

        ret = check_arguments(arguments, count, error);
        if (ret < 0)
                return ret;
        if (eal.state == EAL_UP)
                return 0;
        if (eal.state == EAL_FAILED)
                return port_fail(error, -EALREADY,
                                 "dataplane: EAL failed before in this process; restart it");
        if (count > ARGUMENT_MAX)
                return port_fail(error, -E2BIG, "dataplane: \"eal\" holds more than %u arguments",
                                 ARGUMENT_MAX);
        floating_lcore(lcores, sizeof(lcores));
        count = complete_arguments(arguments, count, lcores, argv);
        if (eal.log == NULL)
                eal.log = fopencookie(NULL, "w", log_functions);
        if (eal.log != NULL) {
                setvbuf(eal.log, NULL, _IOLBF, 1024);
                rte_openlog_stream(eal.log);
        }
        if (!eal.is_verbose)
                silence_begin(&silence);
        ret = rte_eal_init((int)count, (char **)(void *)argv);
        printed[0] = '\0';
        if (!eal.is_verbose)
                silence_end(&silence, printed, sizeof(printed));
        optind = option_index;
        if (ret < 0) {
                eal.state = EAL_FAILED;
                return report(rte_errno > 0 ? -rte_errno : -EINVAL, printed, error);
        }
        eal.state = EAL_UP;
        return 0;
}

int eal_enter_thread(void)
{
        if (rte_thread_register() < 0)
                return rte_errno > 0 ? -rte_errno : -ENOMEM;
        return 0;
}

void eal_leave_thread(void)
{
        rte_thread_unregister();
}
