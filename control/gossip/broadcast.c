#include "control/gossip/broadcast.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "control/store/memory.h"

#define BUCKETS_MIN 16u
#define MISSES_MAX  16u /* messages looked at that do not fit before a packet counts as full */

struct broadcast {
        struct broadcast *next, *previous;
        struct broadcast *next_in_bucket;
        uint64_t hash;
        unsigned sent; /* the list it is in */
        uint32_t key_length;
        uint32_t length;
        uint8_t bytes[]; /* the key, then the message */
};

static uint64_t hash_of(const struct broadcast_queue *q, struct pack_slice key)
{
        return XXH3_64bits_withSeed(key.bytes, key.length, q->seed);
}

static struct pack_slice key_of(const struct broadcast *b)
{
        return (struct pack_slice){b->bytes, b->key_length};
}

static void list_remove(struct broadcast_list *list, struct broadcast *b)
{
        *(b->previous ? &b->previous->next : &list->first) = b->next;
        *(b->next ? &b->next->previous : &list->last) = b->previous;
}

static void list_push(struct broadcast_list *list, struct broadcast *b)
{
        b->previous = NULL;
        b->next = list->first;
        *(b->next ? &b->next->previous : &list->last) = b;
        list->first = b;
}

static void bucket_push(struct broadcast_queue *q, struct broadcast *b)
{
        struct broadcast **bucket = &q->buckets[b->hash & (q->bucket_count - 1)];

        b->next_in_bucket = *bucket;
        *bucket = b;
}

static void bucket_remove(struct broadcast_queue *q, const struct broadcast *b)
{
        struct broadcast **link = &q->buckets[b->hash & (q->bucket_count - 1)];

        while (*link != b)
                link = &(*link)->next_in_bucket;
        *link = b->next_in_bucket;
}

static void grow(struct broadcast_queue *q)
{
        if (q->count < q->bucket_count)
                return;
        free(q->buckets);
        q->bucket_count = q->bucket_count ? 2 * q->bucket_count : BUCKETS_MIN;
        q->buckets = memory_get_zeroed(q->bucket_count, sizeof(struct broadcast *));
        for (unsigned i = 0; i < BROADCAST_TRANSMITS_MAX; i++)
                for (struct broadcast *b = q->lists[i].first; b; b = b->next)
                        if (b->key_length > 0)
                                bucket_push(q, b);
}

static void drop(struct broadcast_queue *q, struct broadcast *b)
{
        list_remove(&q->lists[b->sent], b);
        if (b->key_length > 0)
                bucket_remove(q, b);
        free(b);
        q->count--;
}

void broadcast_queue_fini(struct broadcast_queue *q)
{
        for (unsigned i = 0; i < BROADCAST_TRANSMITS_MAX; i++) {
                for (struct broadcast *b = q->lists[i].first, *next; b; b = next) {
                        next = b->next;
                        free(b);
                }
        }
        free(q->buckets);
        *q = (struct broadcast_queue){.count_max = q->count_max, .seed = q->seed};
}

static struct broadcast *find(const struct broadcast_queue *q, struct pack_slice key)
{
        if (key.length == 0 || q->bucket_count == 0)
                return NULL;
        for (struct broadcast *b = q->buckets[hash_of(q, key) & (q->bucket_count - 1)]; b;
             b = b->next_in_bucket)
                if (pack_slice_equal(key_of(b), key))
                        return b;
        return NULL;
}

static void drop_most_sent(struct broadcast_queue *q)
{
        for (unsigned i = BROADCAST_TRANSMITS_MAX; i-- > 0;) {
                if (q->lists[i].last == NULL)
                        continue;
                drop(q, q->lists[i].last);
                return;
        }
}

void broadcast_queue_add(struct broadcast_queue *q, struct pack_slice key,
                         struct pack_slice message)
{
        struct broadcast *old = find(q, key);
        struct broadcast *b = memory_get(sizeof(*b) + key.length + message.length);

        *b = (struct broadcast){.key_length = key.length, .length = message.length};
        if (key.length > 0)
                memcpy(b->bytes, key.bytes, key.length);
        if (message.length > 0)
                memcpy(b->bytes + key.length, message.bytes, message.length);
        // The key may be the old one's own bytes.
        if (old)
                drop(q, old);
        grow(q);
        if (key.length > 0) {
                b->hash = hash_of(q, key_of(b));
                bucket_push(q, b);
        }
        list_push(&q->lists[0], b);
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
        struct broadcast_list again = {NULL, NULL};
        unsigned taken = 0, misses = 0;

        // Those beyond the limit, of a group that has shrunk, have their last turn too.
        for (unsigned sent = 0; sent < BROADCAST_TRANSMITS_MAX; sent++) {
                for (struct broadcast *b = q->lists[sent].first, *next;
                     b && taken < count_max && misses < MISSES_MAX; b = next) {
                        next = b->next;
                        if (b->length + overhead > *room) {
                                misses++;
                                continue;
                        }
                        *room -= b->length + overhead;
                        byte_buffer_append(out, b->bytes + b->key_length, b->length);
                        lengths[taken++] = b->length;
                        if (sent + 1 >= limit) {
                                drop(q, b);
                        } else {
                                list_remove(&q->lists[sent], b);
                                list_push(&again, b);
                        }
                }
        }
        // Only now, so that none is taken twice for one packet.
        while (again.first) {
                struct broadcast *b = again.first;

                list_remove(&again, b);
                list_push(&q->lists[++b->sent], b);
        }
        return taken;
}
