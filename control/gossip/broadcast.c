#include "control/gossip/broadcast.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "control/store/memory.h"

struct broadcast {
        struct broadcast *next, **link;
        uint32_t key_length;
        uint32_t length;
        uint8_t bytes[]; /* the key, then the message */
};

static void unlink_broadcast(struct broadcast *b)
{
        *b->link = b->next;
        if (b->next)
                b->next->link = b->link;
}

static void link_broadcast(struct broadcast **head, struct broadcast *b)
{
        b->next = *head;
        b->link = head;
        if (b->next)
                b->next->link = &b->next;
        *head = b;
}

static void drop(struct broadcast_queue *q, struct broadcast *b)
{
        unlink_broadcast(b);
        free(b);
        q->count--;
}

void broadcast_queue_fini(struct broadcast_queue *q)
{
        for (unsigned i = 0; i < BROADCAST_TRANSMITS_MAX; i++) {
                for (struct broadcast *b = q->heads[i], *next; b; b = next) {
                        next = b->next;
                        free(b);
                }
                q->heads[i] = NULL;
        }
        q->count = 0;
}

static struct broadcast *find(const struct broadcast_queue *q, struct pack_slice key)
{
        for (unsigned i = 0; i < BROADCAST_TRANSMITS_MAX && key.length > 0; i++)
                for (struct broadcast *b = q->heads[i]; b; b = b->next)
                        if (pack_slice_equal((struct pack_slice){b->bytes, b->key_length}, key))
                                return b;
        return NULL;
}

static void drop_most_sent(struct broadcast_queue *q)
{
        for (unsigned i = BROADCAST_TRANSMITS_MAX; i-- > 0;) {
                struct broadcast *b = q->heads[i];

                if (b == NULL)
                        continue;
                while (b->next)
                        b = b->next;
                drop(q, b);
                return;
        }
}

void broadcast_queue_add(struct broadcast_queue *q, struct pack_slice key,
                         struct pack_slice message)
{
        struct broadcast *old = find(q, key);
        struct broadcast *b = memory_get(sizeof(*b) + key.length + message.length);

        if (old)
                drop(q, old);
        b->key_length = key.length;
        b->length = message.length;
        if (key.length > 0)
                memcpy(b->bytes, key.bytes, key.length);
        if (message.length > 0)
                memcpy(b->bytes + key.length, message.bytes, message.length);
        link_broadcast(&q->heads[0], b);
        q->count++;
        if (q->count_max > 0 && q->count > q->count_max)
                drop_most_sent(q);
}

bool broadcast_queue_has(const struct broadcast_queue *q, struct pack_slice key)
{
        return find(q, key) != NULL;
}

unsigned broadcast_queue_take(struct broadcast_queue *q, unsigned transmit_limit, size_t *room,
                              size_t overhead, struct byte_buffer *out, uint32_t lengths[],
                              unsigned count_max)
{
        unsigned limit =
            transmit_limit < BROADCAST_TRANSMITS_MAX ? transmit_limit : BROADCAST_TRANSMITS_MAX;
        struct broadcast *again[BROADCAST_TRANSMITS_MAX] = {NULL};
        unsigned taken = 0;

        for (unsigned sent = 0; sent < limit && taken < count_max; sent++) {
                for (struct broadcast *b = q->heads[sent], *next; b && taken < count_max;
                     b = next) {
                        next = b->next;
                        if (b->length + overhead > *room)
                                continue;
                        *room -= b->length + overhead;
                        byte_buffer_append(out, b->bytes + b->key_length, b->length);
                        lengths[taken++] = b->length;
                        if (sent + 1 >= limit) {
                                drop(q, b);
                        } else {
                                unlink_broadcast(b);
                                link_broadcast(&again[sent + 1], b);
                        }
                }
        }
        // Only now, so that none is taken twice for one packet.
        for (unsigned sent = 1; sent < limit; sent++) {
                while (again[sent]) {
                        struct broadcast *b = again[sent];

                        unlink_broadcast(b);
                        link_broadcast(&q->heads[sent], b);
                }
        }
        return taken;
}
