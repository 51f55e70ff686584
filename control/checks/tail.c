#include "control/checks/tail.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void check_tail_init(struct check_tail *tail, size_t size_max)
{
        *tail = (struct check_tail){.size_max = size_max};
}

void check_tail_fini(struct check_tail *tail)
{
        free(tail->bytes);
        *tail = (struct check_tail){.size_max = tail->size_max};
}

// It grows until it is a ring, so at counts from the start while it does.
static int reserve(struct check_tail *tail, size_t len)
{
        size_t wanted = tail->at + len, capacity = tail->capacity > 0 ? tail->capacity : 256;
        char *bytes;

        if (tail->capacity == tail->size_max)
                return 0;
        while (capacity < wanted && capacity < tail->size_max)
                capacity *= 2;
        if (capacity > tail->size_max)
                capacity = tail->size_max;
        if (capacity == tail->capacity)
                return 0;
        bytes = realloc(tail->bytes, capacity);
        if (bytes == NULL)
                return -ENOMEM;
        tail->bytes = bytes;
        tail->capacity = capacity;
        return 0;
}

int check_tail_add(struct check_tail *tail, const char *bytes, size_t len)
{
        size_t skipped = len > tail->size_max ? len - tail->size_max : 0;
        int ret = reserve(tail, len - skipped);

        if (ret < 0)
                return ret;
        tail->total += len;
        bytes += skipped;
        len -= skipped;
        while (len > 0) {
                size_t room = tail->capacity - tail->at;
                size_t part = len < room ? len : room;

                memcpy(tail->bytes + tail->at, bytes, part);
                tail->at = part == room && tail->capacity == tail->size_max ? 0 : tail->at + part;
                bytes += part;
                len -= part;
        }
        return 0;
}

char *check_tail_text(const struct check_tail *tail)
{
        size_t len = tail->total < tail->size_max ? (size_t)tail->total : tail->size_max;
        size_t start = tail->total > tail->size_max ? tail->at : 0;
        char *text = malloc(len + 1);

        if (text == NULL)
                return NULL;
        for (size_t i = 0; i < len; i++) {
                char c = tail->bytes[(start + i) % tail->size_max];

                text[i] = c != '\0' ? c : ' ';
        }
        text[len] = '\0';
        return text;
}

char *check_tail_report(const struct check_tail *tail)
{
        char *text = check_tail_text(tail), *report;
        size_t size;

        if (text == NULL || tail->total <= tail->size_max)
                return text;
        size = strlen(text) + 80;
        report = malloc(size);
        if (report != NULL)
                snprintf(report, size, "Captured %zu of %llu bytes\n...\n%s", tail->size_max,
                         (unsigned long long)tail->total, text);
        free(text);
        return report;
}
