#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/server/introductions_internal.h"

#define ASK_TIMEOUT_MS    2000u
#define ASK_AGAIN_MS      300u
#define ASK_AGAIN_MAX_MS  5000u
#define COMPLAIN_ATTEMPTS 10u

/* A question on its way; targets move, so the one asked is found by what it is. */
struct asking {
        struct introductions *introductions;
        struct server_sighting sighting;
};

static bool same(const struct server_sighting *a, const struct server_sighting *b)
{
        return strcmp(a->node_id, b->node_id) == 0 && strcmp(a->address, b->address) == 0;
}

static struct target *find_target(struct introductions *introductions,
                                  const struct server_sighting *sighting)
{
        for (size_t i = 0; i < introductions->target_count; i++) {
                if (same(&introductions->targets[i].sighting, sighting))
                        return &introductions->targets[i];
        }
        return NULL;
}

// This server itself counts as met.
static bool is_met(const struct introductions *introductions,
                   const struct server_sighting *sighting)
{
        for (size_t i = 0; i < introductions->member_count; i++) {
                const struct server_member *member = &introductions->members[i];

                if (strcmp(member->info.node_id, sighting->node_id) == 0 &&
                    strcmp(member->info.address, sighting->address) == 0)
                        return member->life == SERVER_ALIVE;
        }
        return false;
}

void introductions_set_targets(struct introductions *introductions)
{
        struct target targets[SERVER_KNOWN_MAX];
        size_t count = 0;

        for (size_t i = 0; i < introductions->sighting_count; i++) {
                const struct server_sighting *sighting = &introductions->sightings[i];
                const struct target *known = find_target(introductions, sighting);

                if (sighting->life != SERVER_ALIVE || is_met(introductions, sighting))
                        continue;
                targets[count] = known != NULL ? *known
                                               : (struct target){
                                                     .sighting = *sighting,
                                                     .next_ms = uv_now(introductions->options.loop),
                                                 };
                count++;
        }
        memcpy(introductions->targets, targets, count * sizeof(targets[0]));
        introductions->target_count = count;
}

static void note_failure(struct introductions *introductions, struct target *target,
                         const char *why)
{
        uint64_t wait_ms = (uint64_t)ASK_AGAIN_MS << (target->attempts < 8 ? target->attempts : 8);
        char text[900];

        target->attempts++;
        target->next_ms = uv_now(introductions->options.loop) +
                          (wait_ms < ASK_AGAIN_MAX_MS ? wait_ms : ASK_AGAIN_MAX_MS);
        // It may be about to listen, or to stop: only what lasts is worth a line.
        if (target->attempts < COMPLAIN_ATTEMPTS)
                return;
        snprintf(text, sizeof(text), "server %.100s (%s) is a member but cannot be reached: %.300s",
                 target->sighting.name, target->sighting.address, why);
        introductions_complain(introductions, text);
}

static void on_answer(void *arg, int error, enum forward_status status, const uint8_t *payload,
                      size_t len)
{
        struct asking *asking = arg;
        struct introductions *introductions = asking->introductions;
        struct target *target = find_target(introductions, &asking->sighting);
        struct introduction *said = malloc(sizeof(*said));
        char why[FORWARD_TEXT_MAX] = "";

        if (target == NULL || introductions->closing || said == NULL)
                goto out;
        target->asking = false;
        if (error < 0)
                snprintf(why, sizeof(why), "%s",
                         error == -ENOTCONN ? "nobody answers there" : strerror(-error));
        else if (status != FORWARD_OK)
                snprintf(why, sizeof(why), "%.*s", (int)(len < 900 ? len : 900),
                         (const char *)payload);
        else if (introduction_decode(payload, len, said) < 0)
                snprintf(why, sizeof(why), "its introduction cannot be read");
        else if (introductions_learn(introductions, said, why, sizeof(why)))
                why[0] = '\0';
        // Learning may have moved the targets.
        introductions_set_targets(introductions);
        target = find_target(introductions, &asking->sighting);
        if (target != NULL)
                note_failure(introductions, target,
                             why[0] != '\0' ? why : "another server answers there");
out:
        free(said);
        free(asking);
        introductions_release(introductions);
}

void introductions_ask_targets(struct introductions *introductions, uint64_t now_ms)
{
        struct byte_buffer bytes = BYTE_BUFFER_INIT;

        for (size_t i = 0; i < introductions->target_count; i++) {
                struct target *target = &introductions->targets[i];
                struct asking *asking;

                if (target->asking || target->next_ms > now_ms)
                        continue;
                asking = malloc(sizeof(*asking));
                if (asking == NULL)
                        break;
                asking->introductions = introductions;
                asking->sighting = target->sighting;
                target->asking = true;
                introductions->reference_count++;
                bytes.len = 0;
                introductions_encode(introductions, &bytes);
                forward_send(introductions->options.forward, asking->sighting.address,
                             FORWARD_INTRODUCE, bytes.bytes, bytes.len, ASK_TIMEOUT_MS, on_answer,
                             asking);
        }
        byte_buffer_fini(&bytes);
}
