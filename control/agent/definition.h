#ifndef CONTROL_AGENT_DEFINITION_H
#define CONTROL_AGENT_DEFINITION_H

// Definitions of services and checks as requests and configuration files write them: their fields,
// what is refused, and how they become catalog records. Pure.

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/agent/local.h"
#include "control/checks/checks.h"
#include "control/store/records.h"
#include "control/text/json_schema.h"

// An element of "services" in a file.
extern const struct json_schema local_service_schema;
// An element of "checks" in a file.
extern const struct json_schema local_check_schema;
// A mark in definitions of checks that came with their service.
#define DEFINITION_OF_SERVICE "OfService"
// A check as it is kept in data_dir.
extern const struct json_schema definition_kept_check;
// The body of PUT /v1/agent/service/register.
extern const struct json_schema definition_service_body;
// The body of PUT /v1/agent/check/register.
extern const struct json_schema definition_check_body;

// Where a definition came from decides some texts and what it may do.
enum definition_source { DEFINITION_REMOTE, DEFINITION_FILE };

struct definition_rules {
        enum definition_source source;
        bool scripts_enabled;
};

/**
 * Check a service's definition, its checks included.
 * @definition  canonical (json_schema_apply()).
 * @refusal     status and text as Consul answers; untouched when all is well.
 * returns      0 or -EINVAL.
 */
int definition_check_service(const json_t *definition, const struct definition_rules *rules,
                             struct local_result *refusal);
/** Check a check's definition; as definition_check_service(). */
int definition_check_check(const json_t *definition, const struct definition_rules *rules,
                           struct local_result *refusal);

/** The id a definition gives: its ID (a check's CheckID first), else its name. Borrowed. */
const char *definition_service_id(const json_t *definition);
/** See definition_service_id(). */
const char *definition_check_id(const json_t *definition);

/** Whether a TTL, and which, keeps the check alive; 0 when none does. */
int64_t definition_ttl_ns(const json_t *definition);

// How a check is kept up to date.
enum definition_upkeep {
        DEFINITION_TTL,   // by heartbeats
        DEFINITION_RUN,   // by running it: definition_check_spec()
        DEFINITION_ALIAS, // as the checks of another service or node
        DEFINITION_NONE   // by nobody: maintenance
};

enum definition_upkeep definition_upkeep(const json_t *definition);
/** The Type of its catalog record: "http", "ttl", ... */
const char *definition_check_type(const json_t *definition);
/** Whether it has a command to run, in a container or not. */
bool definition_is_script(const json_t *definition);
/** Whether there is something to run for it. */
bool definition_has_target(const json_t *definition);
/** Whether it names another service or node. */
bool definition_is_alias(const json_t *definition);
/** What to run for a check kept by running it; borrows from the definition. */
void definition_check_spec(const json_t *definition, struct check_spec *out);

/**
 * Make records of definitions.
 * returns  a record with one reference, or NULL when memory ran out.
 */
struct service_record *definition_service_record(const json_t *definition, const char *node);

struct definition_check_context {
        const char *node;
        const struct catalog_service *service; // it belongs to, or NULL
        const char *status;                    // "" takes the definition's, else critical
        const char *output;
        bool untyped; // Consul shows no type of a check that a file has outside of a service
};

/** See definition_service_record(). */
struct check_record *definition_check_record(const json_t *definition,
                                             const struct definition_check_context *context);

/**
 * The canonical definition of a service's n-th check: with the id, name and ServiceID that it gets
 * when it has none of its own.
 * @n       0 ... definition_check_count() - 1.
 * returns  a new reference, or NULL when memory ran out.
 */
json_t *definition_service_check(const json_t *definition, size_t n);
/** How many checks a service's definition has. */
size_t definition_check_count(const json_t *definition);

#endif
