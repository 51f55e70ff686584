#include "control/server/introductions.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "control/server/introductions_internal.h"

#define TICK_MS         100u
#define ASK_INTERVAL_MS 1000u
#define ASK_TIMEOUT_MS  2000u
#define COMPLAIN_MS     60000u

void introductions_release(struct introductions *introductions)
{
        if (--introductions->reference_count > 0)
                return;
        if (introductions->closed != NULL)
                introductions->closed(introductions->closed_arg);
        free(introductions);
}

void introductions_complain(struct introductions *introductions, const char *text)
{
        uint64_t now_ms = uv_now(introductions->options.loop);
        uint64_t digest = XXH3_64bits(text, strlen(text));
        struct refusal *oldest = &introductions->refusals[0];

        for (size_t i = 0; i < REFUSAL_MAX; i++) {
                struct refusal *refusal = &introductions->refusals[i];

                if (refusal->digest == digest && refusal->until_ms > now_ms)
                        return;
                if (refusal->until_ms < oldest->until_ms)
                        oldest = refusal;
        }
        *oldest = (struct refusal){digest, now_ms + COMPLAIN_MS};
        log_error(introductions->options.log, "server", "%s", text);
}

void introductions_encode(struct introductions *introductions, struct byte_buffer *out)
{
        struct introduction *said = calloc(1, sizeof(*said));

        if (said == NULL)
                return;
        said->own = introductions->members[0].info;
        said->founder_count =
            introductions->options.founders(introductions->options.arg, said->founders);
        introduction_encode(said, out);
        free(said);
}

static void tell(struct introductions *introductions, size_t i)
{
        const struct server_member member = introductions->members[i];

        introductions->options.event(introductions->options.arg, &member);
}

static void set_life(struct introductions *introductions, size_t i, enum server_life life)
{
        static const char *const words[] = {"joined", "left", "failed"};
        struct server_member *member = &introductions->members[i];

        if (member->life == life)
                return;
        member->life = life;
        member->since_ms = uv_now(introductions->options.loop);
        log_info(introductions->options.log, "server", "server %s: name=%s address=%s", words[life],
                 member->info.name, member->info.address);
        tell(introductions, i);
}

static void remove_member(struct introductions *introductions, size_t i)
{
        size_t after = introductions->member_count - i - 1;

        memmove(&introductions->members[i], &introductions->members[i + 1],
                after * sizeof(introductions->members[0]));
        memmove(&introductions->contacts[i], &introductions->contacts[i + 1],
                after * sizeof(introductions->contacts[0]));
        introductions->member_count--;
}

static size_t find_member(const struct introductions *introductions, const char *node_id)
{
        size_t i = 0;

        while (i < introductions->member_count &&
               strcmp(introductions->members[i].info.node_id, node_id) != 0)
                i++;
        return i;
}

// Room for one more: one that is gone makes way.
static bool make_room(struct introductions *introductions)
{
        if (introductions->member_count < SERVER_KNOWN_MAX)
                return true;
        for (size_t i = 1; i < introductions->member_count; i++) {
                if (introductions->members[i].life != SERVER_ALIVE) {
                        remove_member(introductions, i);
                        return true;
                }
        }
        return false;
}

// A dead server's name was taken by a new one.
static void forget_name(struct introductions *introductions, const struct server_info *info)
{
        for (size_t i = 1; i < introductions->member_count; i++) {
                const struct server_info *known = &introductions->members[i].info;

                if (strcmp(known->name, info->name) == 0 &&
                    strcmp(known->node_id, info->node_id) != 0) {
                        set_life(introductions, i, SERVER_LEFT);
                        remove_member(introductions, i);
                        return;
                }
        }
}

static bool same_info(const struct server_info *a, const struct server_info *b)
{
        return strcmp(a->name, b->name) == 0 && strcmp(a->node_id, b->node_id) == 0 &&
               strcmp(a->address, b->address) == 0 && strcmp(a->datacenter, b->datacenter) == 0 &&
               strcmp(a->version, b->version) == 0 && a->expect == b->expect &&
               a->bootstrap == b->bootstrap && a->empty == b->empty && a->leader == b->leader &&
               a->serf_port == b->serf_port && a->cluster_id == b->cluster_id &&
               a->candidates == b->candidates;
}

static void update_member(struct introductions *introductions, const struct introduction *said)
{
        size_t i = find_member(introductions, said->own.node_id);
        struct server_member *member = &introductions->members[i];
        bool changed;

        if (i == introductions->member_count) {
                introductions->member_count++;
                // Not alive yet: becoming so is told below.
                *member = (struct server_member){.life = SERVER_FAILED};
                introductions->contacts[i] = (struct contact){
                    .next_ms = uv_now(introductions->options.loop) + ASK_INTERVAL_MS};
        }
        changed = !same_info(&member->info, &said->own);
        member->info = said->own;
        if (member->life != SERVER_ALIVE)
                set_life(introductions, i, SERVER_ALIVE);
        else if (changed)
                tell(introductions, i);
}

// Gossip says who lives: a server it does not see here as it says it is, is met when it does.
static bool is_seen(const struct introductions *introductions, const struct server_info *info)
{
        for (size_t i = 0; i < introductions->sighting_count; i++) {
                const struct server_sighting *sighting = &introductions->sightings[i];

                if (sighting->life == SERVER_ALIVE &&
                    strcmp(sighting->node_id, info->node_id) == 0 &&
                    strcmp(sighting->address, info->address) == 0)
                        return true;
        }
        return false;
}

bool introductions_learn(struct introductions *introductions, const struct introduction *said,
                         char *reason, size_t reason_size)
{
        const struct server_info *own = &introductions->members[0].info;

        if (strcmp(said->own.node_id, own->node_id) == 0 &&
            strcmp(said->own.address, own->address) == 0)
                return true;
        if (!server_is_acceptable(introductions->members, introductions->member_count, &said->own,
                                  reason, reason_size)) {
                introductions_complain(introductions, reason);
                return false;
        }
        if (said->founder_count > 0)
                introductions->options.offered(introductions->options.arg, said->founders,
                                               said->founder_count);
        if (!is_seen(introductions, &said->own))
                return true;
        forget_name(introductions, &said->own);
        if (find_member(introductions, said->own.node_id) == introductions->member_count &&
            !make_room(introductions)) {
                snprintf(reason, reason_size, "too many servers are known: %s is not joined",
                         said->own.address);
                introductions_complain(introductions, reason);
                return false;
        }
        update_member(introductions, said);
        return true;
}

// One that is gone, and was never met since this server started.
static void add_gone(struct introductions *introductions, const struct server_sighting *sighting)
{
        struct server_member *member = &introductions->members[introductions->member_count];

        if (introductions->member_count == SERVER_KNOWN_MAX)
                return;
        *member = (struct server_member){.life = sighting->life,
                                         .since_ms = uv_now(introductions->options.loop)};
        memcpy(member->info.name, sighting->name, sizeof(sighting->name));
        memcpy(member->info.node_id, sighting->node_id, sizeof(sighting->node_id));
        memcpy(member->info.address, sighting->address, sizeof(sighting->address));
        memcpy(member->info.datacenter, introductions->members[0].info.datacenter,
               sizeof(member->info.datacenter));
        introductions->contacts[introductions->member_count] = (struct contact){0};
        introductions->member_count++;
        tell(introductions, introductions->member_count - 1);
}

// Of several with one id, under old names, the one that lives counts.
static const struct server_sighting *find_sighting(const struct introductions *introductions,
                                                   const char *node_id)
{
        const struct server_sighting *found = NULL;

        for (size_t i = 0; i < introductions->sighting_count; i++) {
                const struct server_sighting *sighting = &introductions->sightings[i];

                if (strcmp(sighting->node_id, node_id) == 0 &&
                    (found == NULL || sighting->life == SERVER_ALIVE))
                        found = sighting;
        }
        return found;
}

void introductions_sight(struct introductions *introductions,
                         const struct server_sighting sightings[], size_t count)
{
        const char *own_id = introductions->members[0].info.node_id;
        const struct server_sighting *sighting;

        introductions->sighting_count = count < SERVER_KNOWN_MAX ? count : SERVER_KNOWN_MAX;
        memcpy(introductions->sightings, sightings,
               introductions->sighting_count * sizeof(sightings[0]));
        for (size_t i = introductions->member_count - 1; i > 0; i--) {
                const struct server_info *info = &introductions->members[i].info;

                sighting = find_sighting(introductions, info->node_id);
                if (sighting == NULL) {
                        set_life(introductions, i, SERVER_LEFT);
                        remove_member(introductions, i);
                } else if (sighting->life != SERVER_ALIVE ||
                           strcmp(sighting->address, info->address) == 0) {
                        set_life(introductions, i, sighting->life);
                }
        }
        for (size_t i = 0; i < introductions->sighting_count; i++) {
                sighting = &introductions->sightings[i];
                if (sighting->life != SERVER_ALIVE &&
                    sighting == find_sighting(introductions, sighting->node_id) &&
                    strcmp(sighting->node_id, own_id) != 0 &&
                    find_member(introductions, sighting->node_id) == introductions->member_count)
                        add_gone(introductions, sighting);
        }
        introductions_set_targets(introductions);
}

void introductions_receive(struct introductions *introductions,
                           struct forward_incoming *take_incoming, const uint8_t *payload,
                           size_t len)
{
        struct introduction *said = malloc(sizeof(*said));
        struct byte_buffer answer = BYTE_BUFFER_INIT;
        char reason[512] = "the introduction cannot be read";

        if (said == NULL || introduction_decode(payload, len, said) < 0 ||
            !introductions_learn(introductions, said, reason, sizeof(reason))) {
                forward_answer_text(take_incoming, FORWARD_REFUSED, reason);
        } else {
                introductions_encode(introductions, &answer);
                forward_answer(take_incoming, FORWARD_OK, answer.bytes, answer.len);
                byte_buffer_fini(&answer);
        }
        free(said);
}

/* A sign of life on its way; members move, so the one asked is found by its id. */
struct asking {
        struct introductions *introductions;
        char node_id[37];
};

static void on_answer(void *arg, int error, enum forward_status status, const uint8_t *payload,
                      size_t len)
{
        struct asking *asking = arg;
        struct introductions *introductions = asking->introductions;
        size_t i = find_member(introductions, asking->node_id);
        struct introduction *said = malloc(sizeof(*said));
        char reason[512];

        if (i < introductions->member_count) {
                introductions->contacts[i].asking = false;
                introductions->contacts[i].next_ms =
                    uv_now(introductions->options.loop) + ASK_INTERVAL_MS;
        }
        if (!introductions->closing && error == 0 && status == FORWARD_OK && said != NULL &&
            introduction_decode(payload, len, said) == 0)
                introductions_learn(introductions, said, reason, sizeof(reason));
        free(said);
        free(asking);
        introductions_release(introductions);
}

static void ask_member(struct introductions *introductions, size_t i,
                       const struct byte_buffer *bytes)
{
        struct asking *asking = malloc(sizeof(*asking));

        if (asking == NULL)
                return;
        asking->introductions = introductions;
        memcpy(asking->node_id, introductions->members[i].info.node_id, sizeof(asking->node_id));
        introductions->contacts[i].asking = true;
        introductions->reference_count++;
        forward_send(introductions->options.forward, introductions->members[i].info.address,
                     FORWARD_INTRODUCE, bytes->bytes, bytes->len, ASK_TIMEOUT_MS, on_answer,
                     asking);
}

static void ask_members(struct introductions *introductions, uint64_t now_ms)
{
        struct byte_buffer bytes = BYTE_BUFFER_INIT;

        introductions_encode(introductions, &bytes);
        for (size_t i = 1; i < introductions->member_count; i++) {
                const struct contact *contact = &introductions->contacts[i];

                if (introductions->members[i].life == SERVER_ALIVE && !contact->asking &&
                    contact->next_ms <= now_ms)
                        ask_member(introductions, i, &bytes);
        }
        byte_buffer_fini(&bytes);
}

static void on_tick(uv_timer_t *timer)
{
        struct introductions *introductions = timer->data;
        uint64_t now_ms = uv_now(introductions->options.loop);

        introductions_ask_targets(introductions, now_ms);
        ask_members(introductions, now_ms);
}

static struct introductions *of(struct discovery *self)
{
        return (struct introductions *)((char *)self - offsetof(struct introductions, discovery));
}

static const struct server_member *members(struct discovery *self, size_t *count)
{
        *count = of(self)->member_count;
        return of(self)->members;
}

static void announce(struct discovery *self, const struct server_info *own)
{
        struct introductions *introductions = of(self);

        if (same_info(&introductions->members[0].info, own))
                return;
        introductions->members[0].info = *own;
        for (size_t i = 1; i < introductions->member_count; i++)
                introductions->contacts[i].next_ms = 0;
}

static void leave(struct discovery *self, void (*done)(void *arg), void *arg)
{
        of(self)->options.leave(of(self)->options.arg, done, arg);
}

static void forget(struct discovery *self, const char *node_id)
{
        struct introductions *introductions = of(self);
        size_t i = find_member(introductions, node_id);

        if (i == 0 || i == introductions->member_count ||
            introductions->members[i].life == SERVER_ALIVE)
                return;
        introductions->options.forget(introductions->options.arg,
                                      introductions->members[i].info.name);
        set_life(introductions, i, SERVER_LEFT);
}

static void on_timer_closed(uv_handle_t *handle)
{
        introductions_release(handle->data);
}

struct introductions *introductions_create(const struct introductions_options *options)
{
        struct introductions *introductions = calloc(1, sizeof(*introductions));

        if (introductions == NULL)
                return NULL;
        introductions->discovery = (struct discovery){members, announce, leave, forget};
        introductions->options = *options;
        introductions->members[0] = (struct server_member){
            .info = options->own, .life = SERVER_ALIVE, .since_ms = uv_now(options->loop)};
        introductions->member_count = 1;
        introductions->reference_count = 1;
        uv_timer_init(options->loop, &introductions->timer);
        introductions->timer.data = introductions;
        uv_timer_start(&introductions->timer, on_tick, 0, TICK_MS);
        return introductions;
}

void introductions_close(struct introductions *take, void (*closed)(void *arg), void *arg)
{
        take->closing = true;
        take->closed = closed;
        take->closed_arg = arg;
        uv_close((uv_handle_t *)&take->timer, on_timer_closed);
}

struct discovery *introductions_discovery(struct introductions *introductions)
{
        return &introductions->discovery;
}
