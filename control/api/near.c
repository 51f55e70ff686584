#include <string.h>

#include "control/api/api_internal.h"

// Items in the order a read asks for: as they come, or with ?near by distance.

void api_near_begin(struct api_near *near, const struct api_read *read, struct json_writer *w,
                    api_item_fn write)
{
        const char *from = http_request_param(read->request, "near");

        *near = (struct api_near){.read = read, .w = w, .write = write};
        if (from != NULL && strcmp(from, "_agent") == 0)
                from = api_asking_node(read->api, read->request);
        nearest_init(&near->list, read->api->agent->store, from);
}

void api_near_put(struct api_near *near, const char *node, const void *item)
{
        if (near->list.from == NULL)
                api_write_item(near->read, near->w, NULL, near->write, item);
        else if (nearest_add(&near->list, node, item) < 0)
                near->w->failed = true;
}

void api_near_end(struct api_near *near)
{
        nearest_sort(&near->list);
        for (size_t i = 0; i < near->list.count; i++)
                api_write_item(near->read, near->w, NULL, near->write, nearest_at(&near->list, i));
        nearest_fini(&near->list);
}
