#ifndef CONTROL_MEMBER_MEMBER_SNAPSHOT_H
#define CONTROL_MEMBER_MEMBER_SNAPSHOT_H

/**
 * What a pool remembers across restarts: who was alive, the Lamport clocks, and whether it left.
 * The text's lines are those of Serf's snapshots, so that an agent may take over such a file. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SNAPSHOT_MEMBER_MAX 1024u /* enough to find the others again */
#define SNAPSHOT_NAME_MAX   256u

struct snapshot_member {
        char name[SNAPSHOT_NAME_MAX];
        char address[64]; /* "ip:port" */
};

struct member_snapshot {
        uint64_t clock, event_clock, query_clock;
        bool left; /* on purpose: not to be rejoined unless told so */
        struct snapshot_member *members;
        size_t member_count;
};

/** Read a file's text; lines that say nothing are passed over. Free with member_snapshot_fini. */
void member_snapshot_parse(const char *text, size_t length, struct member_snapshot *out);
void member_snapshot_fini(struct member_snapshot *snapshot);

/** Add a member; one of the same name is replaced, and nothing happens beyond the bound. */
void member_snapshot_add(struct member_snapshot *snapshot, const char *name, const char *address);

/** The text for the file. returns  memory to be freed; never NULL. */
char *member_snapshot_text(const struct member_snapshot *snapshot);

#endif
