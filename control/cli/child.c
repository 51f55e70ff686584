#include "control/cli/child.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/process/process.h"

// The arguments as one script. returns  freed with free(); NULL: no memory.
static char *join(char *const argv[])
{
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        if (out == NULL)
                return NULL;
        for (size_t i = 0; argv[i] != NULL; i++)
                fprintf(out, "%s%s", i > 0 ? " " : "", argv[i]);
        return fclose(out) == 0 ? text : NULL;
}

// What the child reads. returns  a descriptor or a negative errno.
static int open_input(const struct child_spec *spec)
{
        int fd;

        if (spec->pass_stdin)
                return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
        if (spec->input == NULL) {
                fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
                return fd < 0 ? -errno : fd;
        }
        return process_input(spec->input, spec->input_length);
}

// In the child: becomes the program, or tells the parent why not.
static _Noreturn void become(const struct child_spec *spec, char *const argv[], int input,
                             int report, pid_t parent)
{
        struct sigaction usual = {.sa_handler = SIG_DFL};
        sigset_t none;
        int error;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        sigaction(SIGPIPE, &usual, NULL);
        if (spec->own_group) {
                setpgid(0, 0);
                prctl(PR_SET_PDEATHSIG, SIGTERM);
                if (getppid() != parent)
                        _exit(1);
        }
        for (size_t i = 0; spec->environment != NULL && spec->environment[i] != NULL; i++)
                putenv((char *)(uintptr_t)spec->environment[i]);
        if (dup2(input, STDIN_FILENO) >= 0)
                execvp(argv[0], argv);
        error = errno;
        while (write(report, &error, sizeof(error)) < 0 && errno == EINTR)
                ;
        _exit(127);
}

static void describe(const char *program, int error, char *out, size_t size)
{
        if (error == ENOENT && strchr(program, '/') == NULL)
                snprintf(out, size, "exec: \"%s\": executable file not found in $PATH", program);
        else
                snprintf(out, size, "fork/exec %s: %s", program,
                         error == ENOENT ? "no such file or directory" : strerror(error));
}

static int spawn(const struct child_spec *spec, char *const argv[], int input, struct child *out)
{
        int report[2], error = 0;
        pid_t parent = getpid();

        if (pipe2(report, O_CLOEXEC) < 0)
                return -errno;
        fflush(NULL);
        out->pid = fork();
        if (out->pid == 0)
                become(spec, argv, input, report[1], parent);
        if (out->pid < 0)
                error = errno;
        close(report[1]);
        while (out->pid > 0 && read(report[0], &error, sizeof(error)) < 0 && errno == EINTR)
                ;
        close(report[0]);
        if (error == 0) {
                out->fd = (int)syscall(SYS_pidfd_open, out->pid, 0);
                error = out->fd < 0 ? errno : 0;
                if (error != 0)
                        kill(out->pid, SIGKILL);
        }
        if (error != 0 && out->pid > 0)
                waitpid(out->pid, NULL, 0);
        return -error;
}

int child_start(const struct child_spec *spec, struct child *out, char *error, size_t error_size)
{
        const char *shell = getenv("SHELL");
        char *script = spec->shell ? join(spec->argv) : NULL;
        char *scripted[] = {(char *)(uintptr_t)(shell != NULL && *shell ? shell : "/bin/sh"),
                            (char *)(uintptr_t) "-c", script, NULL};
        char *const *argv = spec->shell ? scripted : spec->argv;
        int input = open_input(spec), ret;

        *out = (struct child){.fd = -1, .own_group = spec->own_group};
        if (input < 0 || (spec->shell && script == NULL)) {
                ret = input < 0 ? input : -ENOMEM;
                snprintf(error, error_size, "%s", strerror(-ret));
        } else {
                ret = spawn(spec, argv, input, out);
                if (ret < 0)
                        describe(argv[0], -ret, error, error_size);
        }
        if (input >= 0)
                close(input);
        free(script);
        return ret;
}

void child_signal(const struct child *child, int number)
{
        if (child->own_group)
                kill(-child->pid, number);
        else
                kill(child->pid, number);
}

int child_wait(struct child *child, char *error, size_t error_size)
{
        int status;

        while (waitpid(child->pid, &status, 0) < 0) {
                if (errno != EINTR) {
                        snprintf(error, error_size, "wait: %s", strerror(errno));
                        return -ECHILD;
                }
        }
        close(child->fd);
        child->fd = -1;
        if (WIFSIGNALED(status)) {
                snprintf(error, error_size, "signal: %s", strsignal(WTERMSIG(status)));
                for (char *c = error; *c != '\0'; c++)
                        *c = (char)tolower((unsigned char)*c);
                return -ECHILD;
        }
        snprintf(error, error_size, "exit status %d", WEXITSTATUS(status));
        if (WEXITSTATUS(status) != 0)
                return -ECHILD;
        error[0] = '\0';
        return 0;
}
