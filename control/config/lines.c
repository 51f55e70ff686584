#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/config/internal.h"

int lines_add(struct lines *lines, const char *format, ...)
{
        char **items = realloc(lines->items, (lines->count + 1) * sizeof(*items));
        va_list arguments;
        int ret;

        if (items == NULL)
                return -ENOMEM;
        lines->items = items;
        va_start(arguments, format);
        ret = vasprintf(&items[lines->count], format, arguments);
        va_end(arguments);
        if (ret < 0)
                return -ENOMEM;
        lines->count++;
        return 0;
}

void lines_fini(struct lines *lines)
{
        for (size_t i = 0; i < lines->count; i++)
                free(lines->items[i]);
        free(lines->items);
        *lines = (struct lines){0};
}

char *lines_join(const struct lines *lines, bool listed)
{
        char *text = NULL;
        size_t size;
        FILE *stream;

        if (lines->count == 1 && !listed)
                return strdup(lines->items[0]);
        stream = open_memstream(&text, &size);
        if (stream == NULL)
                return NULL;
        fprintf(stream, "%zu error%s occurred:", lines->count, lines->count > 1 ? "s" : "");
        for (size_t i = 0; i < lines->count; i++)
                fprintf(stream, "\n\t* %s", lines->items[i]);
        fputs("\n\n", stream);
        fclose(stream);
        return text;
}
