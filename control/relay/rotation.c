#include "control/relay/rotation.h"

#include <string.h>

void rotation_init(struct rotation *rotation, uint64_t seed)
{
        *rotation = (struct rotation){.random = seed | 1};
}

static size_t random_below(struct rotation *rotation, size_t bound)
{
        rotation->random = rotation->random * 6364136223846793005u + 1442695040888963407u;
        return (size_t)((rotation->random >> 33) % bound);
}

int rotation_find(const struct rotation *rotation, const char *address)
{
        for (size_t i = 0; i < rotation->count; i++) {
                if (strcmp(rotation->servers[i].address, address) == 0)
                        return (int)i;
        }
        return -1;
}

static void remove_at(struct rotation *rotation, size_t at)
{
        rotation->count--;
        memmove(&rotation->servers[at], &rotation->servers[at + 1],
                (rotation->count - at) * sizeof(rotation->servers[0]));
}

static void insert_at(struct rotation *rotation, size_t at, const struct rotation_server *server)
{
        memmove(&rotation->servers[at + 1], &rotation->servers[at],
                (rotation->count - at) * sizeof(rotation->servers[0]));
        rotation->servers[at] = *server;
        rotation->count++;
}

static bool is_among(const char *const addresses[], size_t count, const char *address)
{
        for (size_t i = 0; i < count; i++) {
                if (strcmp(addresses[i], address) == 0)
                        return true;
        }
        return false;
}

void rotation_set(struct rotation *rotation, const char *const addresses[], size_t count)
{
        for (size_t i = rotation->count; i-- > 0;) {
                if (!is_among(addresses, count, rotation->servers[i].address))
                        remove_at(rotation, i);
        }
        for (size_t i = 0; i < count && rotation->count < ROTATION_MAX; i++) {
                struct rotation_server server = {0};

                if (strlen(addresses[i]) >= sizeof(server.address) ||
                    rotation_find(rotation, addresses[i]) >= 0)
                        continue;
                memcpy(server.address, addresses[i], strlen(addresses[i]) + 1);
                insert_at(rotation, random_below(rotation, rotation->count + 1), &server);
        }
}

void rotation_shuffle(struct rotation *rotation)
{
        for (size_t i = rotation->count; i > 1; i--) {
                size_t other = random_below(rotation, i);
                struct rotation_server server = rotation->servers[i - 1];

                rotation->servers[i - 1] = rotation->servers[other];
                rotation->servers[other] = server;
        }
}

int rotation_pick(const struct rotation *rotation, uint64_t now_ms)
{
        int best = -1;

        for (size_t i = 0; i < rotation->count; i++) {
                const struct rotation_server *server = &rotation->servers[i];

                if (server->rest_until_ms <= now_ms)
                        return (int)i;
                if (best < 0 || server->rest_until_ms < rotation->servers[best].rest_until_ms)
                        best = (int)i;
        }
        return best;
}

void rotation_fail(struct rotation *rotation, const char *address, uint64_t now_ms)
{
        int at = rotation_find(rotation, address);
        struct rotation_server server;
        uint64_t rest_ms = ROTATION_REST_MAX_MS;

        if (at < 0)
                return;
        server = rotation->servers[at];
        if (server.failures < 16 && (uint64_t)ROTATION_BACKOFF_MS << server.failures < rest_ms)
                rest_ms = (uint64_t)ROTATION_BACKOFF_MS << server.failures;
        server.failures++;
        server.rest_until_ms = now_ms + rest_ms;
        remove_at(rotation, (size_t)at);
        insert_at(rotation, rotation->count, &server);
}

void rotation_succeed(struct rotation *rotation, const char *address)
{
        int at = rotation_find(rotation, address);

        if (at < 0)
                return;
        rotation->servers[at].failures = 0;
        rotation->servers[at].rest_until_ms = 0;
}

void rate_limit_init(struct rate_limit *limit, double per_s, double burst, uint64_t now_ms)
{
        *limit = (struct rate_limit){per_s, burst, burst, now_ms};
}

bool rate_limit_take(struct rate_limit *limit, uint64_t now_ms)
{
        if (limit->per_s <= 0)
                return true;
        if (now_ms > limit->at_ms)
                limit->tokens += (double)(now_ms - limit->at_ms) * limit->per_s / 1000.0;
        limit->at_ms = now_ms;
        if (limit->tokens > limit->burst)
                limit->tokens = limit->burst;
        if (limit->tokens < 1)
                return false;
        limit->tokens -= 1;
        return true;
}
