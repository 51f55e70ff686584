#ifndef CONTROL_API_SHAPE_H
#define CONTROL_API_SHAPE_H

/**
 * Records as Consul shows them, and what a filter may name of them: filters are expressions over
 * what is shown, wherever it is asked for.
 *
 * context  control thread.
 */

#include <stdbool.h>

#include "control/text/json_writer.h"

struct api;
struct filter;

/** Writes one record as JSON. */
typedef void (*api_item_fn)(const struct api *api, struct json_writer *w, const void *item);

/** A node_record, service_record or check_record. */
void api_write_node(const struct api *api, struct json_writer *w, const void *node_record);
void api_write_service(const struct api *api, struct json_writer *w, const void *service_record);
void api_write_check(const struct api *api, struct json_writer *w, const void *check_record);
/** Likewise as they are kept: where there are no tags, null. */
void api_write_kept_service(const struct api *api, struct json_writer *w, const void *record);
void api_write_kept_check(const struct api *api, struct json_writer *w, const void *record);
/** An instance together with its node in one flat object; and with its node and checks. */
void api_write_service_node(const struct api *api, struct json_writer *w, const void *item);
void api_write_instance(const struct api *api, struct json_writer *w, const void *service_record);
void api_write_kept_instance(const struct api *api, struct json_writer *w, const void *record);

/* Fields a filter of them may name, as filter_compile() takes them. */
extern const char *const api_node_selectors[];
extern const char *const api_service_selectors[];
extern const char *const api_check_selectors[];
extern const char *const api_service_node_selectors[];
extern const char *const api_health_selectors[];

/** Whether an item, as it is shown, satisfies a filter; NULL keeps everything. */
bool api_filter_keeps(const struct api *api, const struct filter *filter, api_item_fn write,
                      const void *item);

/** A random UUID as text; false when the system has no random numbers. */
bool api_make_uuid(char out[37]);

/** Whether Consul has configuration entries of this kind. */
bool api_is_entry_kind(const char *kind, size_t len);

#endif
