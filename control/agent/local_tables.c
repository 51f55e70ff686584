#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/agent/local_internal.h"

static const char *service_id_at(const struct local_state *local, size_t i)
{
        return local->services[i]->record->service.id;
}

static const char *check_id_at(const struct local_state *local, size_t i)
{
        return local->checks[i]->record->check.id;
}

// Position of the id, or where it would stand.
static size_t search(const struct local_state *local, size_t count,
                     const char *(*id_at)(const struct local_state *, size_t), const char *id,
                     bool *found)
{
        size_t low = 0, high = count;

        *found = false;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = strcmp(id, id_at(local, middle));

                if (order == 0) {
                        *found = true;
                        return middle;
                }
                if (order < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return low;
}

struct local_service_entry *local_find_service(const struct local_state *local, const char *id)
{
        bool found;
        size_t i = search(local, local->service_count, service_id_at, id, &found);

        return found ? local->services[i] : NULL;
}

struct local_check_entry *local_find_check(const struct local_state *local, const char *id)
{
        bool found;
        size_t i = search(local, local->check_count, check_id_at, id, &found);

        return found ? local->checks[i] : NULL;
}

// A new zeroed entry in its place of a sorted array of pointers; the caller gives it its record.
static void *insert(void ***array, size_t *count, size_t *capacity, size_t position, size_t size)
{
        void *entry;

        if (*count == *capacity) {
                size_t grown = *capacity > 0 ? 2 * *capacity : 16;
                void **bigger = realloc(*array, grown * sizeof(**array));

                if (bigger == NULL)
                        return NULL;
                *array = bigger;
                *capacity = grown;
        }
        entry = calloc(1, size);
        if (entry == NULL)
                return NULL;
        memmove(*array + position + 1, *array + position, (*count - position) * sizeof(**array));
        (*array)[position] = entry;
        (*count)++;
        return entry;
}

struct local_service_entry *local_add_service_entry(struct local_state *local, const char *id)
{
        bool found;
        size_t i = search(local, local->service_count, service_id_at, id, &found);

        return insert((void ***)&local->services, &local->service_count, &local->service_capacity,
                      i, sizeof(struct local_service_entry));
}

struct local_check_entry *local_add_check_entry(struct local_state *local, const char *id)
{
        struct local_check_entry *entry;
        bool found;
        size_t i = search(local, local->check_count, check_id_at, id, &found);

        entry = insert((void ***)&local->checks, &local->check_count, &local->check_capacity, i,
                       sizeof(*entry));
        if (entry != NULL) {
                entry->view.check = (struct catalog_check)CATALOG_CHECK_INIT;
                entry->ttl = (struct deadline){.kind = LOCAL_DEADLINE_TTL, .owner = entry};
                entry->reap = (struct deadline){.kind = LOCAL_DEADLINE_REAP, .owner = entry};
                entry->push = (struct deadline){.kind = LOCAL_DEADLINE_PUSH, .owner = entry};
                entry->alias = (struct deadline){.kind = LOCAL_DEADLINE_ALIAS, .owner = entry};
        }
        return entry;
}

static void take_out(void **array, size_t *count, const void *entry)
{
        size_t i = 0;

        while (array[i] != entry)
                i++;
        memmove(array + i, array + i + 1, (*count - i - 1) * sizeof(*array));
        (*count)--;
}

static void unlink_check(struct local_check_entry *entry)
{
        if (entry->link_of_service == NULL)
                return;
        *entry->link_of_service = entry->next_of_service;
        if (entry->next_of_service != NULL)
                entry->next_of_service->link_of_service = entry->link_of_service;
        entry->next_of_service = NULL;
        entry->link_of_service = NULL;
}

void local_link_check(struct local_state *local, struct local_check_entry *entry)
{
        const char *id = entry->record->check.service_id;
        struct local_check_entry **head = &local->node_checks;
        struct local_service_entry *service;

        unlink_check(entry);
        if (id[0] != '\0') {
                service = local_find_service(local, id);
                assert(service != NULL);
                head = &service->checks;
        }
        entry->next_of_service = *head;
        entry->link_of_service = head;
        if (*head != NULL)
                (*head)->link_of_service = &entry->next_of_service;
        *head = entry;
}

void local_drop_service_entry(struct local_state *local, struct local_service_entry *entry)
{
        assert(entry->checks == NULL);
        take_out((void **)local->services, &local->service_count, entry);
        record_release(entry->record != NULL ? &entry->record->head : NULL);
        json_decref(entry->definition);
        free(entry);
}

void local_drop_check_entry(struct local_state *local, struct local_check_entry *entry)
{
        local_stop_check(local, entry);
        unlink_check(entry);
        take_out((void **)local->checks, &local->check_count, entry);
        deadlines_clear(&local->deadlines, &entry->ttl);
        deadlines_clear(&local->deadlines, &entry->reap);
        deadlines_clear(&local->deadlines, &entry->push);
        record_release(entry->record != NULL ? &entry->record->head : NULL);
        json_decref(entry->definition);
        free(entry);
}

void local_free_tables(struct local_state *local)
{
        while (local->check_count > 0)
                local_drop_check_entry(local, local->checks[local->check_count - 1]);
        while (local->service_count > 0)
                local_drop_service_entry(local, local->services[local->service_count - 1]);
        for (size_t i = 0; i < local->removal_count; i++) {
                free(local->removals[i].service_id);
                free(local->removals[i].check_id);
        }
        free(local->checks);
        free(local->services);
        free(local->removals);
        deadlines_fini(&local->deadlines);
}

const struct catalog_service *local_next_service(const struct local_state *local, size_t *cursor)
{
        return *cursor < local->service_count ? &local->services[(*cursor)++]->record->service
                                              : NULL;
}

const struct local_check *local_next_check(const struct local_state *local, size_t *cursor)
{
        return *cursor < local->check_count ? &local->checks[(*cursor)++]->view : NULL;
}

const struct catalog_service *local_service(const struct local_state *local, const char *id)
{
        const struct local_service_entry *entry = local_find_service(local, id);

        return entry != NULL ? &entry->record->service : NULL;
}

const struct local_check *local_check(const struct local_state *local, const char *id)
{
        const struct local_check_entry *entry = local_find_check(local, id);

        return entry != NULL ? &entry->view : NULL;
}

const char *local_service_token(const struct local_state *local, const char *id)
{
        const struct local_service_entry *entry = local_find_service(local, id);

        return entry != NULL ? json_schema_string(entry->definition, "Token") : "";
}

const char *local_check_token(const struct local_state *local, const char *id)
{
        const struct local_check_entry *entry = local_find_check(local, id);
        const char *own = entry != NULL ? json_schema_string(entry->definition, "Token") : "";

        if (entry == NULL || own[0] != '\0')
                return own;
        return local_service_token(local, entry->record->check.service_id);
}

void local_counts(const struct local_state *local, size_t *services, size_t *checks, size_t *ttls)
{
        *services = local->service_count;
        *checks = local->check_count;
        *ttls = 0;
        for (size_t i = 0; i < local->check_count; i++)
                *ttls += local->checks[i]->view.ttl_ns > 0;
}

const struct catalog_node *local_node(const struct local_state *local)
{
        return &local->node->node;
}
