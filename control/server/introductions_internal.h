#ifndef CONTROL_SERVER_INTRODUCTIONS_INTERNAL_H
#define CONTROL_SERVER_INTRODUCTIONS_INTERNAL_H

#include "control/server/bootstrap.h"
#include "control/server/introductions.h"

#define REFUSAL_MAX 16u

/* What is known of a member's sign of life; beside members[] with the same subscript. */
struct contact {
        uint64_t next_ms; /* when it is asked next */
        bool asking;
};

/* A server that gossip sees alive and that has not introduced itself under this address yet. */
struct target {
        struct server_sighting sighting;
        uint64_t next_ms;
        unsigned attempts;
        bool asking;
};

/* A line that was written, not to be written again soon. */
struct refusal {
        uint64_t digest;
        uint64_t until_ms;
};

struct introductions {
        struct discovery discovery;
        struct introductions_options options;
        struct server_member members[SERVER_KNOWN_MAX]; /* this server first */
        struct contact contacts[SERVER_KNOWN_MAX];
        size_t member_count;
        struct server_sighting sightings[SERVER_KNOWN_MAX];
        size_t sighting_count;
        struct target targets[SERVER_KNOWN_MAX];
        size_t target_count;
        struct refusal refusals[REFUSAL_MAX];
        uv_timer_t timer;
        unsigned reference_count;
        bool closing;
        void (*closed)(void *arg);
        void *closed_arg;
};

void introductions_release(struct introductions *introductions);

/** What this server says now. */
void introductions_encode(struct introductions *introductions, struct byte_buffer *out);

/** Take in what another server said. @reason why not. returns  whether it is accepted. */
bool introductions_learn(struct introductions *introductions, const struct introduction *said,
                         char *reason, size_t reason_size);

/** A line for the operator, not more often than once a minute. */
void introductions_complain(struct introductions *introductions, const char *text);

/** Ask servers that are due. */
void introductions_ask_targets(struct introductions *introductions, uint64_t now_ms);

/** Make the targets those that gossip sees and that are not known as they are seen. */
void introductions_set_targets(struct introductions *introductions);

#endif
