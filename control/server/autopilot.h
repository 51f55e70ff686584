#ifndef CONTROL_SERVER_AUTOPILOT_H
#define CONTROL_SERVER_AUTOPILOT_H

/**
 * Which servers are well, which may vote, which should go: judged by the leader from what it sees
 * of the others. Pure: time is told.
 */

#include "control/server/discovery.h"

#define AUTOPILOT_TAG_MAX     128u
#define AUTOPILOT_SERVER_MAX  32u
#define AUTOPILOT_REMOVE_MS   10000
#define AUTOPILOT_PROMOTE_NOW 110u /* per cent of the stabilization time, see autopilot_judge */

/* An operator's settings; times in nanoseconds, as the API shows them. */
struct autopilot_config {
        bool cleanup_dead_servers;
        bool disable_upgrade_migration;
        int64_t last_contact_threshold_ns;
        int64_t server_stabilization_time_ns;
        uint64_t max_trailing_logs;
        uint64_t min_quorum;
        char redundancy_zone_tag[AUTOPILOT_TAG_MAX];
        char upgrade_version_tag[AUTOPILOT_TAG_MAX];
};

/* What is seen of one server of the Raft configuration. */
struct autopilot_sight {
        char node_id[37];
        enum server_life life;
        bool known; /* discovery has met it; otherwise life means nothing */
        bool voter;
        bool leader;
        bool caught_up;
        uint64_t last_contact_ms;
        uint64_t last_index;
};

struct autopilot_server {
        struct autopilot_sight sight;
        bool healthy;
        int64_t stable_since_ms; /* in this state of health */
};

/* Times are of a clock that nobody sets. */
struct autopilot {
        struct autopilot_server servers[AUTOPILOT_SERVER_MAX];
        unsigned server_count;
        int64_t since_ms;       /* when this server began to judge; 0: not yet */
        int64_t unix_offset_ms; /* the owner's: added to a time here, it is one since 1970 */
        unsigned failure_tolerance;
        bool healthy;
};

/** Forget what was judged: somebody else leads. */
void autopilot_reset(struct autopilot *autopilot);

/**
 * Judge anew. A server keeps stable_since_ms while its health stays the same.
 * @heartbeat_ms  no silence shorter than three of them is taken for illness, whatever the
 * threshold.
 */
void autopilot_judge(struct autopilot *autopilot, const struct autopilot_config *config,
                     const struct autopilot_sight sights[], unsigned count, uint64_t last_index,
                     uint64_t heartbeat_ms, int64_t now_ms);

/**
 * A server to be given a vote, or NULL: healthy and caught up for the stabilization time, which
 * does not count yet when judging began less than it and a tenth ago, as everybody is new then.
 */
const struct autopilot_server *autopilot_promotion(const struct autopilot *autopilot,
                                                   const struct autopilot_config *config,
                                                   int64_t now_ms);

/**
 * A server that failed AUTOPILOT_REMOVE_MS ago or more and is to be removed, or NULL: any without a
 * vote; one with a vote only while no majority would go with the failed ones, and min_quorum voters
 * stay.
 */
const struct autopilot_server *autopilot_removal(const struct autopilot *autopilot,
                                                 const struct autopilot_config *config,
                                                 int64_t now_ms);

#endif
