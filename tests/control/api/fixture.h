#ifndef TESTS_CONTROL_API_FIXTURE_H
#define TESTS_CONTROL_API_FIXTURE_H

#include "control/agent/agent.h"
#include "control/agent/local.h"
#include "control/api/api.h"
#include "control/fsm/propose.h"
#include "control/store/store.h"
#include "tests/control/http/exchange.h"

// An agent without DNS: store, local state and API on a loopback port of its own.
struct fixture {
        struct agent agent;
        struct log log;
        uint16_t port;
};

/** Start it. @settings  configuration as JSON text, laid over the base. */
void fixture_start(struct fixture *f, const char *settings);
/** Stop it and check that nothing is left in the loop. */
void fixture_stop(struct fixture *f);

/** One request; the answer is to be ended with exchange_fini(). */
void fixture_ask(struct fixture *f, const char *method, const char *target, const char *body,
                 struct exchange *out);

/** Expect a status and, unless NULL, a body: JSON is compared as such, a '~' makes it a part. */
void fixture_expect(struct fixture *f, const char *method, const char *target, const char *body,
                    unsigned status, const char *want);

#endif
