#include "control/cli/input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Far above what an agent takes, so that it is the agent which refuses.
#define VALUE_BYTES_MAX (64u << 20)

static int read_stream(FILE *stream, struct input *out)
{
        size_t size = 0;

        for (;;) {
                char *grown = realloc(out->bytes, size + 65536);

                if (grown == NULL)
                        return -ENOMEM;
                out->bytes = grown;
                size += 65536;
                out->length += fread(out->bytes + out->length, 1, size - out->length, stream);
                if (out->length < size)
                        return ferror(stream) ? -EIO : 0;
                if (size > VALUE_BYTES_MAX)
                        return -EFBIG;
        }
}

static int read_file(const char *path, struct input *out)
{
        FILE *file = fopen(path, "re");
        int ret = file != NULL ? read_stream(file, out) : -errno;

        if (file != NULL)
                fclose(file);
        if (ret < 0)
                fprintf(stderr, "Error! Failed to read file: open %s: %s\n", path,
                        ret == -ENOENT ? "no such file or directory" : strerror(-ret));
        return ret;
}

int input_read(const char *argument, struct input *out)
{
        int ret = 0;

        if (argument != NULL && *argument == '@')
                return read_file(argument + 1, out);
        if (argument != NULL && strcmp(argument, "-") == 0) {
                ret = read_stream(stdin, out);
                if (ret < 0)
                        fprintf(stderr, "Error! Failed to read stdin: %s\n", strerror(-ret));
                return ret;
        }
        out->bytes = strdup(argument != NULL ? argument : "");
        out->length = out->bytes != NULL ? strlen(out->bytes) : 0;
        return out->bytes != NULL ? 0 : -ENOMEM;
}
