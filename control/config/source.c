#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/config/internal.h"

// Far above any real configuration; a larger file is a mistake such as a log or a device.
#define FILE_BYTES_MAX (16u << 20)

static bool ends_with(const char *text, const char *suffix)
{
        size_t length = strlen(text), suffix_length = strlen(suffix);

        return length >= suffix_length && strcmp(text + length - suffix_length, suffix) == 0;
}

// Go words the commonest failures in lower case; scripts look for them.
static const char *failure_text(int error)
{
        switch (error) {
        case ENOENT:
                return "no such file or directory";
        case EACCES:
                return "permission denied";
        case EISDIR:
                return "is a directory";
        default:
                return strerror(error);
        }
}

void json_text_blank_comments(char *text, size_t length)
{
        enum { CODE, STRING, LINE, BLOCK } state = CODE;

        for (size_t i = 0; i < length; i++) {
                char c = text[i], next = i + 1 < length ? text[i + 1] : '\0';

                switch (state) {
                case CODE:
                        if (c == '"')
                                state = STRING;
                        else if (c == '#' || (c == '/' && next == '/'))
                                state = LINE;
                        else if (c == '/' && next == '*')
                                state = BLOCK;
                        if (state == LINE)
                                text[i] = ' ';
                        if (state == BLOCK)
                                text[i] = text[i + 1] = ' ', i++;
                        break;
                case STRING:
                        if (c == '\\')
                                i++;
                        else if (c == '"' || c == '\n')
                                state = CODE;
                        break;
                case LINE:
                        if (c == '\n')
                                state = CODE;
                        else
                                text[i] = ' ';
                        break;
                case BLOCK:
                        if (c == '*' && next == '/') {
                                text[i] = text[i + 1] = ' ', i++;
                                state = CODE;
                        } else if (c != '\n') {
                                text[i] = ' ';
                        }
                        break;
                }
        }
}

// The whole file, NUL behind it; a negative errno leaves *out alone.
static int read_all(const char *path, char **out, size_t *out_length)
{
        FILE *file = fopen(path, "re");
        struct stat info;
        char *text;
        int ret = -EIO;

        if (file == NULL)
                return -errno;
        if (fstat(fileno(file), &info) < 0 || S_ISDIR(info.st_mode)) {
                ret = -EISDIR;
                goto close_file;
        }
        text = malloc(FILE_BYTES_MAX + 1);
        if (text == NULL) {
                ret = -ENOMEM;
                goto close_file;
        }
        *out_length = fread(text, 1, FILE_BYTES_MAX + 1, file);
        if (ferror(file) || *out_length > FILE_BYTES_MAX) {
                ret = ferror(file) ? -EIO : -EFBIG;
                free(text);
                goto close_file;
        }
        text[*out_length] = '\0';
        *out = text;
        ret = 0;
close_file:
        fclose(file);
        return ret;
}

int source_read_file(const char *path, json_t **out, char **error)
{
        json_error_t where;
        size_t length = 0;
        char *text = NULL;
        int ret;

        if (ends_with(path, ".hcl")) {
                if (access(path, R_OK) == 0) {
                        if (asprintf(error,
                                     "failed to parse %s: HCL is not read by this version; "
                                     "write the same settings as JSON in a .json file",
                                     path) < 0)
                                *error = NULL;
                        return -ENOTSUP;
                }
        }
        ret = read_all(path, &text, &length);
        if (ret < 0) {
                const char *reason = failure_text(-ret);

                if (asprintf(error, "config: Open failed on %s. open %s: %s", path, path, reason) <
                    0)
                        *error = NULL;
                return ret;
        }
        json_text_blank_comments(text, length);
        *out = json_loadb(text, length, JSON_REJECT_DUPLICATES, &where);
        free(text);
        if (*out != NULL && json_is_object(*out))
                return 0;
        if (*out != NULL) {
                json_decref(*out);
                *out = NULL;
                ret = asprintf(error, "failed to parse %s: expected one JSON object", path);
        } else {
                ret = asprintf(error, "failed to parse %s: %d:%d: %s", path, where.line,
                               where.column, where.text);
        }
        if (ret < 0)
                *error = NULL;
        return -EINVAL;
}

static int is_config_name(const struct dirent *entry)
{
        return ends_with(entry->d_name, ".json") || ends_with(entry->d_name, ".hcl");
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
        return strcmp((*a)->d_name, (*b)->d_name);
}

int source_list_directory(const char *path, struct lines *out, char **error)
{
        struct dirent **entries;
        size_t slash = strlen(path);
        int count, ret = 0;

        while (slash > 1 && path[slash - 1] == '/')
                slash--;
        count = scandir(path, &entries, is_config_name, by_bytes);
        if (count < 0) {
                ret = -errno;
                if (asprintf(error, "config: Open failed on %s. open %s: %s", path, path,
                             failure_text(-ret)) < 0)
                        *error = NULL;
                return ret;
        }
        for (int i = 0; i < count; i++) {
                struct stat info;
                char *file;

                if (ret == 0)
                        ret = lines_add(out, "%.*s/%s", (int)slash, path, entries[i]->d_name);
                free(entries[i]);
                if (ret < 0 || out->count == 0)
                        continue;
                // Folders are read one level deep.
                file = out->items[out->count - 1];
                if (stat(file, &info) == 0 && S_ISDIR(info.st_mode)) {
                        free(file);
                        out->count--;
                }
        }
        free(entries);
        return ret;
}
