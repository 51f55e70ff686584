#include "control/relay/id_table.h"

#include <errno.h>
#include <stdlib.h>

#define SLOTS_MIN 16u

int id_table_init(struct id_table *table)
{
        *table = (struct id_table){.slot_count = SLOTS_MIN};
        table->slots = calloc(SLOTS_MIN, sizeof(struct id_node *));
        return table->slots != NULL ? 0 : -ENOMEM;
}

void id_table_fini(struct id_table *table)
{
        free(table->slots);
        *table = (struct id_table){0};
}

static struct id_node **slot_of(const struct id_table *table, uint64_t id)
{
        return &table->slots[id & (table->slot_count - 1)];
}

// Without memory for a larger table the old one goes on, with longer chains.
static void grow(struct id_table *table)
{
        struct id_table larger = {.slot_count = 2 * table->slot_count, .count = table->count};

        larger.slots = calloc(larger.slot_count, sizeof(struct id_node *));
        if (larger.slots == NULL)
                return;
        for (size_t i = 0; i < table->slot_count; i++) {
                struct id_node *next;

                for (struct id_node *node = table->slots[i]; node != NULL; node = next) {
                        struct id_node **slot = slot_of(&larger, node->id);

                        next = node->next;
                        node->next = *slot;
                        *slot = node;
                }
        }
        free(table->slots);
        *table = larger;
}

void id_table_add(struct id_table *table, struct id_node *node)
{
        struct id_node **slot;

        if (table->count >= table->slot_count)
                grow(table);
        slot = slot_of(table, node->id);
        node->next = *slot;
        *slot = node;
        table->count++;
}

struct id_node *id_table_find(const struct id_table *table, uint64_t id)
{
        struct id_node *node = *slot_of(table, id);

        while (node != NULL && node->id != id)
                node = node->next;
        return node;
}

void id_table_remove(struct id_table *table, struct id_node *node)
{
        struct id_node **at = slot_of(table, node->id);

        while (*at != node)
                at = &(*at)->next;
        *at = node->next;
        table->count--;
}
