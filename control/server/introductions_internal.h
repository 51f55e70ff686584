#ifndef CONTROL_SERVER_INTRODUCTIONS_INTERNAL_H
#define CONTROL_SERVER_INTRODUCTIONS_INTERNAL_H

#include "control/server/bootstrap.h"
#include "control/server/introductions.h"

#define TARGET_MAX  128u
#define REFUSAL_MAX 16u

/* What is known of a member's sign of life; beside members[] with the same subscript. */
struct contact {
        uint64_t heard_ms;
        uint64_t next_ms; /* when it is asked next */
        bool asking;
};

enum target_kind {
        TARGET_START, /* -join */
        TARGET_RETRY, /* -retry-join */
        TARGET_LEARNT /* somebody knows it */
};

/* An address that has not answered yet. */
struct target {
        char address[SERVER_ADDRESS_MAX];
        enum target_kind kind;
        uint64_t next_ms;
        unsigned attempts;
        bool asking;
        bool done;
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
        struct target targets[TARGET_MAX];
        size_t target_count;
        struct refusal refusals[REFUSAL_MAX];
        unsigned start_pending; /* -join addresses that may still answer */
        bool joined;            /* one of them did, or one of -retry-join */
        bool gave_up;
        uv_timer_t timer;
        unsigned reference_count;
        bool closing;
        bool leaving; /* and whoever asks is told */
        void (*closed)(void *arg);
        void *closed_arg;
        void (*left)(void *arg);
        void *left_arg;
        unsigned leave_pending;
};

void introductions_release(struct introductions *introductions);

/** What this server says now. */
void introductions_encode(struct introductions *introductions, struct byte_buffer *out);

/** Take in what another server said. @reason why not. returns  whether it is accepted. */
bool introductions_learn(struct introductions *introductions, const struct introduction *said,
                         char *reason, size_t reason_size);

/** A line for the operator, not more often than once a minute. */
void introductions_complain(struct introductions *introductions, const char *text);

/** Ask addresses that are due. */
void introductions_ask_targets(struct introductions *introductions, uint64_t now_ms);

/** An address that somebody knows. */
void introductions_add_target(struct introductions *introductions, const char *address,
                              enum target_kind kind);

#endif
