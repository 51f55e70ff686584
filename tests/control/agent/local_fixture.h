#ifndef TESTS_CONTROL_AGENT_LOCAL_FIXTURE_H
#define TESTS_CONTROL_AGENT_LOCAL_FIXTURE_H

#include "control/agent/local_internal.h"
#include "control/store/store.h"

// A local state in front of a store, its catalog reachable or not.
struct local_fixture {
        uv_loop_t loop;
        struct log log;
        struct store *store;
        struct fsm *fsm;
        struct local_log *real;
        struct log_proposer proposer; // passes on to the real one unless down
        bool is_down;
        bool is_silent; // a proposal is kept: at most one
        struct {
                uint8_t *bytes;
                size_t len;
                propose_done_fn done;
                void *arg;
        } kept;
        bool with_catalog; // compare with the store
        struct local_store_catalog catalog;
        struct config *config;
        struct local_state *local;
        struct local_result last; // what the last call answered
        unsigned answers;
        char data_dir[64]; // "" keeps nothing
};

/** Start with settings as JSON text; data_dir as it stands in the fixture. */
void local_fixture_start(struct local_fixture *f, const char *settings);
/** Configure again with other settings. returns what local_configure() did. */
int local_fixture_reload(struct local_fixture *f, const char *settings);
/** Stop and free; the data directory stays. */
void local_fixture_stop(struct local_fixture *f);

/** Register a service or a check from JSON text and run until the answer. */
void local_fixture_service(struct local_fixture *f, const char *definition);
/** See local_fixture_service(); its other checks go. */
void local_fixture_replace(struct local_fixture *f, const char *definition);
/** See local_fixture_service(). */
void local_fixture_check(struct local_fixture *f, const char *definition);
/** Pass on the proposal that was kept. */
void local_fixture_speak(struct local_fixture *f);
/** A local_done_fn for a fixture. */
void local_fixture_done(void *fixture, const struct local_result *result);

/** Status of a check in the catalog, "-" when it is not there. */
const char *local_fixture_catalog(struct local_fixture *f, const char *check_id);

#endif
