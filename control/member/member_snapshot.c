#include "control/member/member_snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/store/memory.h"
#include "control/store/msgpack.h"

static size_t find(const struct member_snapshot *snapshot, const char *name)
{
        size_t i = 0;

        while (i < snapshot->member_count && strcmp(snapshot->members[i].name, name) != 0)
                i++;
        return i;
}

void member_snapshot_add(struct member_snapshot *snapshot, const char *name, const char *address)
{
        size_t i = find(snapshot, name);
        struct snapshot_member *member;

        // A line feed within a name would begin a line of its own.
        if (i == SNAPSHOT_MEMBER_MAX || strchr(name, '\n') != NULL ||
            strlen(name) >= sizeof(member->name) || strlen(address) >= sizeof(member->address))
                return;
        if (snapshot->members == NULL)
                snapshot->members =
                    memory_get_zeroed(SNAPSHOT_MEMBER_MAX, sizeof(*snapshot->members));
        member = &snapshot->members[i];
        snapshot->member_count += i == snapshot->member_count;
        snprintf(member->name, sizeof(member->name), "%s", name);
        snprintf(member->address, sizeof(member->address), "%s", address);
}

static void remove_member(struct member_snapshot *snapshot, const char *name)
{
        size_t i = find(snapshot, name);

        if (i < snapshot->member_count)
                snapshot->members[i] = snapshot->members[--snapshot->member_count];
}

// "alive: NAME ADDRESS": a name may hold blanks, an address does not.
static void parse_alive(struct member_snapshot *out, char *rest)
{
        char *blank = strrchr(rest, ' ');

        if (blank == NULL || blank == rest)
                return;
        *blank = '\0';
        member_snapshot_add(out, rest, blank + 1);
}

static uint64_t parse_clock(const char *text)
{
        char *end;
        unsigned long long value = strtoull(text, &end, 10);

        // The last value has no successor.
        return *end == '\0' && value < UINT64_MAX / 2 ? value : 0;
}

static void parse_line(struct member_snapshot *out, char *line)
{
        char *rest = strstr(line, ": ");

        if (strcmp(line, "leave") == 0) {
                out->left = true;
                return;
        }
        if (rest == NULL)
                return;
        *rest = '\0';
        rest += 2;
        if (strcmp(line, "alive") == 0)
                parse_alive(out, rest);
        else if (strcmp(line, "not-alive") == 0)
                remove_member(out, rest);
        else if (strcmp(line, "clock") == 0)
                out->clock = parse_clock(rest);
        else if (strcmp(line, "event-clock") == 0)
                out->event_clock = parse_clock(rest);
        else if (strcmp(line, "query-clock") == 0)
                out->query_clock = parse_clock(rest);
}

void member_snapshot_parse(const char *text, size_t length, struct member_snapshot *out)
{
        const char *at = text, *end = text + length;
        char line[SNAPSHOT_NAME_MAX + 96];

        *out = (struct member_snapshot){0};
        while (at < end) {
                const char *feed = memchr(at, '\n', (size_t)(end - at));
                size_t len = feed != NULL ? (size_t)(feed - at) : (size_t)(end - at);

                // A line without its end was not written whole.
                if (feed != NULL && len < sizeof(line) && memchr(at, '\0', len) == NULL) {
                        memcpy(line, at, len);
                        line[len] = '\0';
                        parse_line(out, line);
                }
                at += len + 1;
        }
}

void member_snapshot_fini(struct member_snapshot *snapshot)
{
        free(snapshot->members);
        *snapshot = (struct member_snapshot){0};
}

char *member_snapshot_text(const struct member_snapshot *snapshot)
{
        struct byte_buffer text = BYTE_BUFFER_INIT;
        char line[SNAPSHOT_NAME_MAX + 96];
        int len;

        for (size_t i = 0; i < snapshot->member_count; i++) {
                len = snprintf(line, sizeof(line), "alive: %s %s\n", snapshot->members[i].name,
                               snapshot->members[i].address);
                byte_buffer_append(&text, line, (size_t)len);
        }
        len =
            snprintf(line, sizeof(line), "clock: %llu\nevent-clock: %llu\nquery-clock: %llu\n%s",
                     (unsigned long long)snapshot->clock, (unsigned long long)snapshot->event_clock,
                     (unsigned long long)snapshot->query_clock, snapshot->left ? "leave\n" : "");
        byte_buffer_append(&text, line, (size_t)len + 1);
        return (char *)text.bytes;
}
