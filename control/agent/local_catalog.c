#include "control/agent/local_catalog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct list {
        const void **items;
        size_t count, capacity;
};

static int add(struct list *list, const void *item)
{
        if (list->count == list->capacity) {
                size_t capacity = list->capacity > 0 ? 2 * list->capacity : 16;
                const void **items = realloc(list->items, capacity * sizeof(*items));

                if (items == NULL)
                        return -ENOMEM;
                list->items = items;
                list->capacity = capacity;
        }
        list->items[list->count++] = item;
        return 0;
}

static void release_all(struct list *services, struct list *checks, const struct node_record *node)
{
        for (size_t i = 0; i < services->count; i++)
                record_release(services->items[i]);
        for (size_t i = 0; i < checks->count; i++)
                record_release(checks->items[i]);
        record_release(node != NULL ? &node->head : NULL);
        free(services->items);
        free(checks->items);
}

// Records begin with their head, which is what is counted.
static int gather(const struct store *store, const char *node, struct list *services,
                  struct list *checks)
{
        const struct service_record *service;
        const struct check_record *check;
        struct store_iter it;

        store_services_of_node(store, node, &it);
        while ((service = store_next_service(&it)) != NULL) {
                if (add(services, service) < 0)
                        return -ENOMEM;
                record_take(&service->head);
        }
        store_checks_of_node(store, node, &it);
        while ((check = store_next_check(&it)) != NULL) {
                if (add(checks, check) < 0)
                        return -ENOMEM;
                record_take(&check->head);
        }
        return 0;
}

static void read_now(struct store *store, const char *name, local_catalog_fn done, void *arg)
{
        const struct node_record *node = store_node_get(store, name);
        struct list services = {0}, checks = {0};
        struct local_catalog_view view;
        const struct catalog_service **service_views = NULL;
        const struct catalog_check **check_views = NULL;

        record_take(node != NULL ? &node->head : NULL);
        if (gather(store, name, &services, &checks) == 0) {
                service_views = calloc(services.count + 1, sizeof(const struct catalog_service *));
                check_views = calloc(checks.count + 1, sizeof(const struct catalog_check *));
        }
        if (service_views == NULL || check_views == NULL) {
                done(arg, -ENOMEM, NULL);
                goto free_all;
        }
        for (size_t i = 0; i < services.count; i++)
                service_views[i] = &((const struct service_record *)services.items[i])->service;
        for (size_t i = 0; i < checks.count; i++)
                check_views[i] = &((const struct check_record *)checks.items[i])->check;
        view = (struct local_catalog_view){.node = node != NULL ? &node->node : NULL,
                                           .services = service_views,
                                           .service_count = services.count,
                                           .checks = check_views,
                                           .check_count = checks.count};
        done(arg, 0, &view);
free_all:
        free(service_views);
        free(check_views);
        release_all(&services, &checks, node);
}

// A reading that waits for the store.
struct reading {
        struct store *store;
        local_catalog_fn done;
        void *arg;
        char node[];
};

static void on_ready(void *arg, const char *error)
{
        struct reading *reading = arg;

        if (error != NULL)
                reading->done(reading->arg, -EAGAIN, NULL);
        else
                read_now(reading->store, reading->node, reading->done, reading->arg);
        free(reading);
}

static void read_node(struct local_catalog *self, const char *name, local_catalog_fn done,
                      void *arg)
{
        struct local_store_catalog *catalog = (struct local_store_catalog *)self;
        size_t size = strlen(name) + 1;
        struct reading *reading;

        if (catalog->wait == NULL) {
                read_now(catalog->store, name, done, arg);
                return;
        }
        reading = malloc(sizeof(*reading) + size);
        if (reading == NULL) {
                done(arg, -ENOMEM, NULL);
                return;
        }
        *reading = (struct reading){.store = catalog->store, .done = done, .arg = arg};
        memcpy(reading->node, name, size);
        catalog->wait(catalog->wait_arg, on_ready, reading);
}

static void on_change(void *arg, uint64_t index, const struct store_change changes[], size_t count)
{
        struct local_store_catalog *catalog = arg;

        (void)index;
        for (size_t i = 0; i < count; i++) {
                if (changes[i].node != NULL && changes[i].node[0] != '\0')
                        catalog->fn(catalog->arg, changes[i].node);
        }
}

static void listen_store(struct local_catalog *self, local_catalog_change_fn fn, void *arg)
{
        struct local_store_catalog *catalog = (struct local_store_catalog *)self;

        if (catalog->fn != NULL)
                store_unlisten(catalog->store, on_change, catalog);
        catalog->fn = fn;
        catalog->arg = arg;
        // With no room for another listener, aliases follow by being looked at again.
        if (fn != NULL && store_listen(catalog->store, on_change, catalog) < 0)
                catalog->fn = NULL;
}

void local_store_catalog_init(struct local_store_catalog *catalog, struct store *store,
                              local_catalog_wait_fn wait, void *wait_arg)
{
        *catalog = (struct local_store_catalog){
            .catalog = {.read_node = read_node, .listen = listen_store},
            .store = store,
            .wait = wait,
            .wait_arg = wait_arg};
}
