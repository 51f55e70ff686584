#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/cli/completion.h"
#include "lictor/bytes.h"

#define SHELL_TEXT_MAX (3 * PATH_MAX)

// A shell that can be taught, and how. For bash and zsh it is a line of the file that is read when
// they start, for fish a file.
static const struct shell {
        const char *name;
        const char *file;   // under the home folder
        const char *folder; // has to be there, under the home folder; NULL: the file has to
} shells[] = {
    {"bash", ".bashrc", NULL},
    {"zsh", ".zshrc", NULL},
    {"fish", ".config/fish/completions/", ".config/fish"},
};

enum request { INSTALL, UNINSTALL, SCRIPT, REQUEST_COUNT };

static const char *const requests[REQUEST_COUNT] = {
    [INSTALL] = "autocomplete-install",
    [UNINSTALL] = "autocomplete-uninstall",
    [SCRIPT] = "autocomplete-script",
};

static int request_of(const char *argument)
{
        const char *name = argument + (argument[0] == '-') + (strncmp(argument, "--", 2) == 0);
        size_t length = strcspn(name, "=");

        for (int i = 0; argument[0] == '-' && i < REQUEST_COUNT; i++) {
                if (strlen(requests[i]) == length && strncmp(name, requests[i], length) == 0)
                        return i;
        }
        return REQUEST_COUNT;
}

bool completion_is_request(const char *argument)
{
        return request_of(argument) != REQUEST_COUNT;
}

// What teaches a shell to complete a program's name by running it.
static void write_text(const struct shell *shell, const char *program, const char *name, char *out,
                       size_t size)
{
        if (strcmp(shell->name, "bash") == 0)
                snprintf(out, size, "complete -o default -C \"%s\" %s\n", program, name);
        else if (strcmp(shell->name, "zsh") == 0)
                snprintf(out, size,
                         "autoload -U +X compinit && compinit -u && autoload -U +X bashcompinit && "
                         "bashcompinit && complete -o default -C \"%s\" %s\n",
                         program, name);
        else
                snprintf(out, size,
                         "function __complete_%s\n"
                         "    set -lx COMP_LINE (commandline -cp)\n"
                         "    set -lx COMP_DESCRIBE 1\n"
                         "    set -l offered (\"%s\")\n"
                         "    if test (count $offered) -gt 0\n"
                         "        printf '%%s\\n' $offered\n"
                         "    else\n"
                         "        __fish_complete_path (commandline -ct)\n"
                         "    end\n"
                         "end\n"
                         "complete -f -c %s -a '(__complete_%s)'\n",
                         name, program, name, name);
}

// Where a shell's text goes. returns  whether the shell is in use here.
static bool find_file(const struct shell *shell, const char *name, char out[PATH_MAX])
{
        const char *home = getenv("HOME");
        char folder[PATH_MAX];

        if (home == NULL || *home == '\0')
                return false;
        if (shell->folder == NULL) {
                snprintf(out, PATH_MAX, "%s/%s", home, shell->file);
                return access(out, F_OK) == 0;
        }
        snprintf(folder, sizeof(folder), "%s/%s", home, shell->folder);
        if (access(folder, F_OK) != 0)
                return false;
        snprintf(folder, sizeof(folder), "%s/%s", home, shell->file);
        mkdir(folder, 0755);
        snprintf(out, PATH_MAX, "%.3500s/%s%.200s.fish", home, shell->file, name);
        return true;
}

static char *read_all(const char *path)
{
        FILE *file = fopen(path, "re");
        char *text = NULL;
        size_t size = 0;
        ssize_t length;

        if (file == NULL)
                return errno == ENOENT ? strdup("") : NULL;
        length = getdelim(&text, &size, '\0', file);
        fclose(file);
        if (length >= 0)
                return text;
        free(text);
        return strdup("");
}

// Written aside and renamed, so that a file of the user's is never half there. A link stays one.
static int replace(const char *path, const char *head, size_t head_length, const char *tail)
{
        char aside[PATH_MAX + 16], real[PATH_MAX];
        struct stat status = {.st_mode = 0644};
        FILE *file;
        bool failed;

        if (realpath(path, real) == NULL)
                snprintf(real, sizeof(real), "%s", path);
        stat(real, &status);
        snprintf(aside, sizeof(aside), "%s.lictor-new", real);
        file = fopen(aside, "we");
        if (file == NULL)
                return -errno;
        failed = fwrite(head, 1, head_length, file) < head_length || fputs(tail, file) < 0 ||
                 fchmod(fileno(file), status.st_mode & 07777) < 0;
        failed = fclose(file) != 0 || failed;
        if (!failed && rename(aside, real) == 0)
                return 0;
        unlink(aside);
        return -EIO;
}

static int install(const char *path, const char *before, const char *text)
{
        size_t length = strlen(before);
        char *tail = NULL;
        int ret;

        if (strstr(before, text) != NULL) {
                fprintf(stderr, "already installed in %s\n", path);
                return -EEXIST;
        }
        // A last line without its end is not to run into ours.
        if (asprintf(&tail, "%s%s", length > 0 && before[length - 1] != '\n' ? "\n" : "", text) < 0)
                return -ENOMEM;
        ret = replace(path, before, length, tail);
        free(tail);
        return ret;
}

static int uninstall(const char *path, const char *before, const char *text, bool own_file)
{
        const char *at = strstr(before, text);

        if (at == NULL) {
                fprintf(stderr, "does not installed in %s\n", path);
                return -ENOENT;
        }
        if (own_file)
                return unlink(path) == 0 ? 0 : -errno;
        return replace(path, before, (size_t)(at - before), at + strlen(text));
}

static int change(const struct shell *shell, enum request request, const char *path,
                  const char *text)
{
        char *before = read_all(path);
        int ret = before == NULL       ? -EIO
                  : request == INSTALL ? install(path, before, text)
                                       : uninstall(path, before, text, shell->folder != NULL);

        if (ret < 0 && ret != -EEXIST && ret != -ENOENT)
                fprintf(stderr, "cannot change %s: %s\n", path, strerror(-ret));
        free(before);
        return ret;
}

static int print_script(const char *shell, const char *program, const char *name)
{
        char text[SHELL_TEXT_MAX];

        for (size_t i = 0; shell != NULL && i < ARRAY_LEN(shells); i++) {
                if (strcmp(shell, shells[i].name) != 0)
                        continue;
                write_text(&shells[i], program, name, text, sizeof(text));
                fputs(text, stdout);
                return 0;
        }
        fputs("-autocomplete-script needs one of bash, zsh and fish\n", stderr);
        return 1;
}

int completion_manage(int argc, char *const argv[])
{
        enum request request = (enum request)request_of(argv[1]);
        const char *name = strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1 : argv[0];
        char program[PATH_MAX], path[PATH_MAX], text[SHELL_TEXT_MAX];
        ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
        unsigned found = 0, failed = 0;

        if (length < 0)
                return 1;
        program[length] = '\0';
        if (request == SCRIPT)
                return print_script(strchr(argv[1], '=') != NULL ? strchr(argv[1], '=') + 1
                                    : argc > 2                   ? argv[2]
                                                                 : NULL,
                                    program, name);
        if (argc > 2 && completion_is_request(argv[2]) && request_of(argv[2]) != (int)request) {
                fputs("Either the autocomplete install or uninstall flag may be specified, but not "
                      "both.\n",
                      stderr);
                return 1;
        }
        for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
                if (!find_file(&shells[i], name, path))
                        continue;
                write_text(&shells[i], program, name, text, sizeof(text));
                found++;
                failed += change(&shells[i], request, path, text) < 0;
        }
        if (found == 0)
                fputs("Did not find any shells to install\n", stderr);
        return found == 0 || failed > 0 ? 1 : 0;
}
