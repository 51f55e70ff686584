#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/config/hcl/hcl.h"
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

int config_format_parse(const char *text, enum config_format *out)
{
        *out = CONFIG_FORMAT_BY_NAME;
        if (text == NULL || *text == '\0')
                return 0;
        if (strcmp(text, "json") == 0)
                *out = CONFIG_FORMAT_JSON;
        else if (strcmp(text, "hcl") == 0)
                *out = CONFIG_FORMAT_HCL;
        else
                return -EINVAL;
        return 0;
}

enum config_format source_format(const char *path, enum config_format forced)
{
        if (forced != CONFIG_FORMAT_BY_NAME)
                return forced;
        if (ends_with(path, ".hcl"))
                return CONFIG_FORMAT_HCL;
        return ends_with(path, ".json") ? CONFIG_FORMAT_JSON : CONFIG_FORMAT_BY_NAME;
}

static json_t *parse_json(char *text, size_t length, char **error)
{
        json_error_t where;
        json_t *value;
        int ret;

        json_text_blank_comments(text, length);
        value = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
        if (json_is_object(value))
                return value;
        // null is no setting either.
        if (json_is_null(value)) {
                json_decref(value);
                return json_object();
        }
        if (value != NULL)
                ret = asprintf(error,
                               "json: cannot unmarshal %s into Go value of type "
                               "map[string]interface {}",
                               json_is_array(value)     ? "array"
                               : json_is_string(value)  ? "string"
                               : json_is_boolean(value) ? "bool"
                                                        : "number");
        else
                ret = asprintf(error, "%d:%d: %s", where.line, where.column, where.text);
        if (ret < 0)
                *error = NULL;
        json_decref(value);
        return NULL;
}

json_t *source_parse(char *text, size_t length, enum config_format format, char **error)
{
        size_t blanks = strspn(text, " \t\r\n");
        struct hcl_error where;
        json_t *value;

        // An empty file sets nothing, whatever its name.
        if (length == 0)
                return json_object();
        // HCL's own reader takes JSON, too.
        if (format == CONFIG_FORMAT_JSON || text[blanks] == '{')
                return parse_json(text, length, error);
        value = hcl_read(text, length, &where);
        if (value == NULL &&
            asprintf(error, "At %u:%u: %s", where.line, where.column, where.text) < 0)
                *error = NULL;
        return value;
}

static int fail_open(const char *path, int status, char **error)
{
        if (asprintf(error, "config: Open failed on %s. open %s: %s", path, path,
                     failure_text(-status)) < 0)
                *error = NULL;
        return status;
}

int source_read_file(const char *path, enum config_format format, json_t **out, char **error)
{
        char *text = NULL, *problem = NULL;
        size_t length = 0;
        int ret = read_all(path, &text, &length);

        if (ret < 0)
                return fail_open(path, ret, error);
        *out = source_parse(text, length, format, &problem);
        free(text);
        if (*out != NULL)
                return 0;
        if (problem == NULL || asprintf(error, "failed to parse %s: %s", path, problem) < 0)
                *error = NULL;
        free(problem);
        return -EINVAL;
}

static int no_dots(const struct dirent *entry)
{
        return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
        return strcmp((*a)->d_name, (*b)->d_name);
}

static int skip_file(const char *path, struct lines *warnings)
{
        return lines_add(warnings,
                         "skipping file %s, extension must be .hcl or .json, or config format "
                         "must be set",
                         path);
}

static int list_directory(const char *path, enum config_format forced, struct lines *out,
                          struct lines *warnings, char **error)
{
        struct dirent **entries;
        size_t slash = strlen(path);
        int count, ret = 0;

        while (slash > 1 && path[slash - 1] == '/')
                slash--;
        count = scandir(path, &entries, no_dots, by_bytes);
        if (count < 0)
                return fail_open(path, -errno, error);
        for (int i = 0; i < count; i++) {
                struct stat info;
                char *file = NULL;

                if (ret == 0 &&
                    asprintf(&file, "%.*s/%s", (int)slash, path, entries[i]->d_name) < 0)
                        ret = -ENOMEM;
                free(entries[i]);
                if (ret < 0)
                        continue;
                // Folders are read one level deep.
                if (stat(file, &info) == 0 && !S_ISDIR(info.st_mode))
                        ret = source_format(file, forced) == CONFIG_FORMAT_BY_NAME
                                  ? skip_file(file, warnings)
                                  : lines_add(out, "%s", file);
                free(file);
        }
        free(entries);
        return ret;
}

int source_list(const char *path, enum config_format forced, struct lines *out,
                struct lines *warnings, char **error)
{
        struct stat info;

        if (stat(path, &info) < 0)
                return fail_open(path, -errno, error);
        if (S_ISDIR(info.st_mode))
                return list_directory(path, forced, out, warnings, error);
        if (source_format(path, forced) == CONFIG_FORMAT_BY_NAME)
                return skip_file(path, warnings);
        return lines_add(out, "%s", path);
}
