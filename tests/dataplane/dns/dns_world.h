#ifndef LICTOR_TEST_DNS_WORLD_H
#define LICTOR_TEST_DNS_WORLD_H

/** A zone, a table and a responder for tests: records in, questions asked, answers as text. */

#include "dataplane/dns/dns_burst.h"
#include "dataplane/dns/dns_compile.h"
#include "dataplane/dns/dns_wire.h"
#include "lictor/bytes.h"
#include "tests/dataplane/dns/dns_text.h"

struct world {
        struct svc_table *table;
        struct dns_zone *zone;
        struct dns_random random;
        struct dns_env env;
        uint16_t capacity; /* of the buffers questions are asked in */
        struct dns_message last;
        char *text; /* the last answer */
};

#define WORLD_NOW_S 1700000000u

/** Consul's defaults: domain "consul", datacenter "dc1", three answers over plain UDP. */
struct lictor_zone world_defaults(void);

void world_open(struct world *w, const struct lictor_zone *zone);
/** Replace the zone; entries stay. */
void world_set_zone(struct world *w, const struct lictor_zone *zone);
void world_close(struct world *w);

/** "10.0.0.1", "2001:db8::1", or "" for none. */
struct lictor_address world_address(const char *text);

/** An instance with one address for everything. */
struct lictor_instance world_instance(const char *node, const char *address, uint16_t port);

/** Compile a service, or fail the test. */
void world_add_service(struct world *w, const char *name, const char *tag, uint32_t ttl_s,
                       const struct lictor_instance instances[], size_t count);
void world_add_node(struct world *w, const char *name, const char *address,
                    const struct lictor_meta meta[], size_t meta_count);

/** Respond to one message in a buffer of exactly w->capacity bytes. returns  the verdict. */
enum dns_verdict world_respond(struct world *w, const uint8_t *message, size_t length);

/** Ask; returns the answer as text, or the verdict in brackets. Valid until the next call. */
const char *world_ask(struct world *w, const char *name, const char *type);
const char *world_ask_with(struct world *w, const struct dns_text_query *query);

/** How many lines of the last answer begin with a sign. */
unsigned world_count(const struct world *w, char sign);

/* One question and the whole answer; lines of a section in any order. */
struct world_case {
        const char *name;
        const char *type;
        const char *want;
};

/** Ask each question and compare. */
void world_check(struct world *w, const struct world_case cases[], size_t count);

#endif
