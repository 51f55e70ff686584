#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "control/subscribe/subscriptions_internal.h"

static int compare_key(const struct subscribed *subscribed, bool connect, const char *key)
{
        if (subscribed->connect != connect)
                return subscribed->connect ? 1 : -1;
        return strcmp(subscribed->key, key);
}

// Where one is, or would be.
static size_t find_place(const struct subscriptions *subscriptions, bool connect, const char *key)
{
        size_t low = 0, high = subscriptions->count;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (compare_key(subscriptions->sorted[middle], connect, key) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static void lower(const char *name, char out[SUBSCRIBE_KEY_MAX])
{
        size_t i = 0;

        for (; i < SUBSCRIBE_KEY_MAX - 1 && name[i] != '\0'; i++)
                out[i] = (char)tolower((unsigned char)name[i]);
        out[i] = '\0';
}

struct subscribed *subscribed_find(const struct subscriptions *subscriptions, bool connect,
                                   const char *name)
{
        char key[SUBSCRIBE_KEY_MAX];
        size_t place;

        lower(name, key);
        place = find_place(subscriptions, connect, key);
        if (place == subscriptions->count ||
            compare_key(subscriptions->sorted[place], connect, key) != 0)
                return NULL;
        return subscriptions->sorted[place];
}

struct subscribed *subscribed_get(struct subscriptions *subscriptions, bool connect,
                                  const char *name)
{
        struct subscribed *subscribed = subscribed_find(subscriptions, connect, name);
        size_t capacity = subscriptions->capacity, place, key_size;
        char key[SUBSCRIBE_KEY_MAX];

        if (subscribed != NULL)
                return subscribed;
        lower(name, key);
        if (subscriptions->count == capacity) {
                capacity = capacity > 0 ? 2 * capacity : 64;
                struct subscribed **grown =
                    realloc(subscriptions->sorted, capacity * sizeof(struct subscribed *));

                if (grown == NULL)
                        return NULL;
                subscriptions->sorted = grown;
                subscriptions->capacity = capacity;
        }
        key_size = strlen(key) + 1;
        subscribed = malloc(sizeof(*subscribed) + key_size);
        if (subscribed == NULL)
                return NULL;
        *subscribed = (struct subscribed){.owner = subscriptions, .connect = connect};
        memcpy(subscribed->key, key, key_size);
        LIST_INIT(&subscribed->subscribers);
        place = find_place(subscriptions, connect, key);
        memmove(&subscriptions->sorted[place + 1], &subscriptions->sorted[place],
                (subscriptions->count - place) * sizeof(struct subscribed *));
        subscriptions->sorted[place] = subscribed;
        subscriptions->count++;
        subscriptions->connect_count += connect;
        return subscribed;
}

void subscribed_forget_snapshot(struct subscribed *subscribed)
{
        if (subscribed->snapshot != NULL)
                grpc_message_release(subscribed->snapshot);
        subscribed->snapshot = NULL;
}

void subscribed_drop(struct subscribed *take_subscribed)
{
        struct subscriptions *subscriptions = take_subscribed->owner;
        size_t place = find_place(subscriptions, take_subscribed->connect, take_subscribed->key);

        subscribed_forget_snapshot(take_subscribed);
        subscriptions->count--;
        subscriptions->connect_count -= take_subscribed->connect;
        memmove(&subscriptions->sorted[place], &subscriptions->sorted[place + 1],
                (subscriptions->count - place) * sizeof(struct subscribed *));
        free(take_subscribed);
}
