#include "control/member/member_ids.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "control/store/memory.h"

struct bearer {
        struct id_node node; /* by the hash of node_id */
        char node_id[37];
        char name[]; /* NUL-terminated */
};

int member_ids_init(struct member_ids *ids)
{
        return id_table_init(&ids->table);
}

void member_ids_fini(struct member_ids *ids)
{
        member_ids_clear(ids);
        id_table_fini(&ids->table);
}

static uint64_t hash_of(const char *node_id)
{
        return XXH3_64bits(node_id, strlen(node_id));
}

// Who makes two IDs of one hash only hides the older of them.
void member_ids_put(struct member_ids *ids, const char *node_id, struct pack_slice name)
{
        struct id_node *old = id_table_find(&ids->table, hash_of(node_id));
        struct bearer *bearer = malloc(sizeof(*bearer) + name.length + 1);

        if (bearer == NULL)
                return;
        if (old != NULL) {
                id_table_remove(&ids->table, old);
                free(old);
        }
        bearer->node.id = hash_of(node_id);
        strncpy(bearer->node_id, node_id, sizeof(bearer->node_id) - 1);
        bearer->node_id[sizeof(bearer->node_id) - 1] = '\0';
        memcpy(bearer->name, name.bytes, name.length);
        bearer->name[name.length] = '\0';
        id_table_add(&ids->table, &bearer->node);
}

const char *member_ids_find(const struct member_ids *ids, const char *node_id)
{
        const struct id_node *node = id_table_find(&ids->table, hash_of(node_id));
        const struct bearer *bearer = (const struct bearer *)node;

        return bearer != NULL && strcmp(bearer->node_id, node_id) == 0 ? bearer->name : NULL;
}

size_t member_ids_count(const struct member_ids *ids)
{
        return ids->table.count;
}

void member_ids_clear(struct member_ids *ids)
{
        for (size_t i = 0; ids->table.slots != NULL && i < ids->table.slot_count; i++) {
                struct id_node *next;

                for (struct id_node *node = ids->table.slots[i]; node != NULL; node = next) {
                        next = node->next;
                        free(node);
                }
                ids->table.slots[i] = NULL;
        }
        ids->table.count = 0;
}
