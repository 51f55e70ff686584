#include "control/publisher/publisher_internal.h"
#include "control/store/address.h"
#include "control/store/memory.h"
#include "control/store/text.h"
#include <stdlib.h>
#include <string.h>

void *dirty_list_add(struct dirty_list *list, size_t item_len)
{
        if (list->count == list->capacity) {
                list->capacity = list->capacity ? 2 * list->capacity : 16;
                list->items = memory_resize(list->items, list->capacity * item_len);
        }
        return (char *)list->items + list->count++ * item_len;
}

void dirty_list_fini(struct dirty_list *list)
{
        free(list->items);
        *list = (struct dirty_list){NULL, 0, 0};
}

static void add_text(struct dirty_list *list, const char *text)
{
        *(const char **)dirty_list_add(list, sizeof(text)) = text;
}

static void add_address(struct dirty *d, const char *text)
{
        struct lictor_address address;

        if (address_parse(text, &address))
                *(struct lictor_address *)dirty_list_add(&d->addresses, sizeof(address)) = address;
}

// Instances often come one after another: what was noted last is not noted again.
static void add_tag(struct dirty *d, const char *service, const char *tag)
{
        const struct dirty_tag *last = d->tags.items;

        if (d->tags.count > 0) {
                last += d->tags.count - 1;
                if (strcmp(last->tag, tag) == 0 && strcmp(last->service, service) == 0)
                        return;
        }
        *(struct dirty_tag *)dirty_list_add(&d->tags, sizeof(struct dirty_tag)) =
            (struct dirty_tag){service, tag};
}

void dirty_note_instance(struct dirty *d, const struct service_record *record)
{
        const struct catalog_service *service = &record->service;

        add_tag(d, service->name, "");
        for (uint32_t i = 0; i < service->tags.count; i++)
                if (*service->tags.items[i])
                        add_tag(d, service->name, service->tags.items[i]);
}

static void note_services_of_node(struct dirty *d, const struct store *s, const char *node)
{
        const struct service_record *service;
        struct store_iter it;

        store_services_of_node(s, node, &it);
        while ((service = store_next_service(&it)))
                dirty_note_instance(d, service);
}

void dirty_note_node(struct dirty *d, const struct node_record *node)
{
        add_text(&d->nodes, node->node.name);
        add_address(d, node->node.address);
}

static void note_node(struct dirty *d, const struct store *s, const struct node_record *node)
{
        if (node == NULL)
                return;
        dirty_note_node(d, node);
        note_services_of_node(d, s, node->node.name);
}

void dirty_note_service(struct dirty *d, const struct service_record *service)
{
        if (service == NULL)
                return;
        dirty_note_instance(d, service);
        add_address(d, service->service.address);
}

static void note_check(struct dirty *d, const struct store *s, const struct check_record *check)
{
        const struct service_record *service;

        if (check == NULL)
                return;
        if (*check->check.service_id == 0) {
                note_services_of_node(d, s, check->check.node);
                return;
        }
        service = store_service_get(s, check->check.node, check->check.service_id);
        if (service)
                dirty_note_instance(d, service);
}

// A check that only has new output, as most updates are, changes no answer.
static bool health_changed(const struct store_change *c)
{
        const struct check_record *before = c->before.check;
        const struct check_record *after = c->after.check;

        return before == NULL || after == NULL ||
               store_health_of(before->check.status) != store_health_of(after->check.status) ||
               !text_equal_fold(before->check.service_id, after->check.service_id);
}

void dirty_note(struct dirty *d, const struct store *s, const struct store_change *c)
{
        switch (c->table) {
        case STORE_NODES:
                note_node(d, s, c->before.node);
                note_node(d, s, c->after.node);
                break;
        case STORE_SERVICES:
                dirty_note_service(d, c->before.service);
                dirty_note_service(d, c->after.service);
                break;
        case STORE_CHECKS:
                if (health_changed(c)) {
                        note_check(d, s, c->before.check);
                        note_check(d, s, c->after.check);
                }
                break;
        case STORE_QUERIES:
                if (c->after.query)
                        add_text(&d->queries, c->after.query->query.id);
                break;
        case STORE_SESSIONS:
        case STORE_KV:
        case STORE_TOMBSTONES:
        case STORE_COORDINATES:
        case STORE_SETTINGS:
        case STORE_TABLE_COUNT:
                break;
        }
}

static int order_texts(const void *a, const void *b)
{
        return text_compare_fold(*(const char *const *)a, *(const char *const *)b);
}

static int order_tags(const void *a, const void *b)
{
        const struct dirty_tag *x = a;
        const struct dirty_tag *y = b;
        int order = x->service == y->service ? 0 : text_compare_fold(x->service, y->service);

        return order != 0 ? order : text_compare_fold(x->tag, y->tag);
}

static int order_addresses(const void *a, const void *b)
{
        return memcmp(a, b, sizeof(struct lictor_address));
}

static void finish(struct dirty_list *list, size_t item_len,
                   int (*order)(const void *, const void *))
{
        char *items = list->items;
        size_t kept = 0;

        if (list->count < 2)
                return;
        // A whole store is noted in order.
        while (kept + 1 < list->count &&
               order(items + kept * item_len, items + (kept + 1) * item_len) < 0)
                kept++;
        if (kept + 1 == list->count)
                return;
        kept = 0;
        qsort(items, list->count, item_len, order);
        for (size_t i = 1; i < list->count; i++)
                if (order(items + kept * item_len, items + i * item_len) != 0)
                        memmove(items + ++kept * item_len, items + i * item_len, item_len);
        list->count = kept + 1;
}

void dirty_finish(struct dirty *d)
{
        finish(&d->nodes, sizeof(const char *), order_texts);
        finish(&d->tags, sizeof(struct dirty_tag), order_tags);
        finish(&d->addresses, sizeof(struct lictor_address), order_addresses);
        finish(&d->queries, sizeof(const char *), order_texts);
}
