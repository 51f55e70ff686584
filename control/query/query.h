#ifndef CONTROL_QUERY_QUERY_H
#define CONTROL_QUERY_QUERY_H

/**
 * Prepared queries: which one a name means, what a template becomes for that name, and which
 * instances it selects. Shared by the HTTP API and DNS. Pure.
 */

#include <jansson.h>
#include <stdbool.h>

#include "control/store/store.h"

#define QUERY_ERROR_MAX 512

/* A query ready to be carried out, its template rendered. Texts are its own. */
struct query_plan {
        json_t *definition; /* as the API shows it, without indexes */
        struct catalog_query query;
        void *memory;
};

/**
 * Check a definition's template: type, regular expression and every text.
 * @definition  with all fields, as the API shows it.
 * @error       on failure what is wrong, as Consul words it.
 * returns      0, also for a query without a template; -EINVAL; -ENOMEM.
 */
int query_template_check(const json_t *definition, char error[QUERY_ERROR_MAX]);

/**
 * Fill in a template's texts.
 * @name     what was asked for: begins with the template's name, letter case aside.
 * @segment  what ${agent.segment} stands for.
 * @out      a new definition.
 * returns   0; -EINVAL with @error set; -ENOMEM.
 */
int query_template_render(const json_t *definition, const char *name, const char *segment,
                          json_t **out, char error[QUERY_ERROR_MAX]);

/**
 * The query an ID or a name means: an ID, then a name, then the template with the longest prefix of
 * it. Cost does not depend on how many queries there are, unless a template has an empty name.
 * returns  NULL when there is none.
 */
const struct query_record *query_find(const struct store *s, const char *id_or_name);

/** Whether a query is a template. */
bool query_is_template(const struct query_record *record);

/** Whether a definition names other datacenters for when nothing is selected here. */
bool query_fails_over(const json_t *definition);

/**
 * Make a query ready for the name it was asked by.
 * @out     to be ended with query_plan_fini, on success only.
 * returns  0; -EINVAL with @error set, as for a template asked for by its ID; -ENOMEM.
 */
int query_plan_init(const struct query_record *record, const char *asked, const char *segment,
                    struct query_plan *out, char error[QUERY_ERROR_MAX]);
void query_plan_fini(struct query_plan *plan);

/**
 * Fill what the store keeps of a definition; texts are the definition's.
 * @memory  to be freed with the texts' last use.
 * returns  0 or -ENOMEM.
 */
int query_definition_read(const json_t *definition, struct catalog_query *out, void **memory);

/**
 * Whether a query selects an instance of its service.
 * @only_passing  leave out warnings even when the query does not say so.
 * @health        its state but for the checks that the query ignores.
 */
bool query_selects(const struct store *s, const struct catalog_query *query,
                   const struct service_record *service, bool only_passing,
                   enum store_health *health);

/** Whether an instance takes the mesh's traffic for a service: by itself or as its proxy. */
bool query_is_mesh_of(const struct service_record *record, const char *service);

#endif
