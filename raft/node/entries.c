#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "raft/node/node_internal.h"

int entry_list_push(struct entry_list *list, const struct raft_entry *entry)
{
        if (list->start + list->count == list->capacity && list->start >= list->count &&
            list->start > 0) {
                memmove(list->items, list->items + list->start, list->count * sizeof(*list->items));
                list->start = 0;
        }
        if (list->start + list->count == list->capacity) {
                size_t capacity = list->capacity ? list->capacity * 2 : 64;
                struct raft_entry *items = realloc(list->items, capacity * sizeof(*items));

                if (items == NULL)
                        return -ENOMEM;
                list->items = items;
                list->capacity = capacity;
        }
        list->items[list->start + list->count] = *entry;
        raft_buffer_ref(list->items[list->start + list->count++].data);
        return 0;
}

void entry_list_cut(struct entry_list *list, raft_index index)
{
        while (list->count > 0 && list->items[list->start + list->count - 1].index >= index)
                raft_buffer_unref(list->items[list->start + --list->count].data);
        if (list->count == 0)
                list->start = 0;
}

void entry_list_pop(struct entry_list *list, size_t n)
{
        for (size_t i = 0; i < n; i++)
                raft_buffer_unref(list->items[list->start + i].data);
        list->start += n;
        list->count -= n;
        if (list->count == 0)
                list->start = 0;
}

void entry_list_fini(struct entry_list *list)
{
        entry_list_pop(list, list->count);
        free(list->items);
        memset(list, 0, sizeof(*list));
}
