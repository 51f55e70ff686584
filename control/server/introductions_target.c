#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/server/introductions_internal.h"

#define DEFAULT_SERVER_PORT 8300
#define ASK_TIMEOUT_MS      2000u
#define LEARNT_ATTEMPTS     3u
#define LEARNT_INTERVAL_MS  500u

/* A question on its way; targets move, so the one asked is found by its address. */
struct asking {
        struct introductions *introductions;
        char address[SERVER_ADDRESS_MAX];
};

static struct target *find_target(struct introductions *introductions, const char *address)
{
        for (size_t i = 0; i < introductions->target_count; i++) {
                if (strcmp(introductions->targets[i].address, address) == 0)
                        return &introductions->targets[i];
        }
        return NULL;
}

static bool is_member(const struct introductions *introductions, const char *address)
{
        for (size_t i = 0; i < introductions->member_count; i++) {
                const struct server_member *member = &introductions->members[i];

                if (strcmp(member->info.address, address) == 0 && member->life != SERVER_LEFT)
                        return true;
        }
        return false;
}

// The first that is not waited for any more.
static struct target *make_target(struct introductions *introductions)
{
        for (size_t i = 0; i < introductions->target_count; i++) {
                struct target *target = &introductions->targets[i];

                if (target->kind == TARGET_LEARNT && target->done && !target->asking)
                        return target;
        }
        if (introductions->target_count == TARGET_MAX)
                return NULL;
        return &introductions->targets[introductions->target_count++];
}

static void give_up(struct introductions *introductions, const char *text)
{
        if (introductions->gave_up)
                return;
        introductions->gave_up = true;
        introductions->options.failed(introductions->options.arg, text);
}

void introductions_add_target(struct introductions *introductions, const char *address,
                              enum target_kind kind)
{
        char spelled[SERVER_ADDRESS_MAX];
        struct target *target;
        char text[300];

        if (server_address_parse(address, DEFAULT_SERVER_PORT, spelled) < 0) {
                snprintf(text, sizeof(text),
                         "cannot join \"%.100s\": an IP address is needed, with the server port if "
                         "that is not %d",
                         address, DEFAULT_SERVER_PORT);
                introductions_complain(introductions, text);
                return;
        }
        if (kind == TARGET_LEARNT && is_member(introductions, spelled))
                return;
        target = find_target(introductions, spelled);
        if (target != NULL && !(target->done && kind == TARGET_LEARNT && !target->asking))
                return;
        if (target == NULL)
                target = make_target(introductions);
        if (target == NULL)
                return;
        *target = (struct target){.kind = kind, .next_ms = uv_now(introductions->options.loop)};
        memcpy(target->address, spelled, sizeof(spelled));
        introductions->start_pending += kind == TARGET_START;
}

static void note_failure(struct introductions *introductions, struct target *target,
                         const char *why)
{
        const struct introductions_options *options = &introductions->options;
        uint64_t now_ms = uv_now(options->loop);
        char text[400];

        target->attempts++;
        if (target->kind == TARGET_LEARNT) {
                target->done = target->attempts >= LEARNT_ATTEMPTS;
                target->next_ms = now_ms + LEARNT_INTERVAL_MS;
                return;
        }
        log_warn(options->log, "agent", "failed to join: address=%s error=\"%s\"", target->address,
                 why);
        if (target->kind == TARGET_START) {
                target->done = true;
                snprintf(text, sizeof(text), "failed to join %s: %s", target->address, why);
                if (--introductions->start_pending == 0 && !introductions->joined)
                        give_up(introductions, text);
                return;
        }
        if (options->retry_max > 0 && target->attempts > options->retry_max) {
                target->done = true;
                for (size_t i = 0; i < introductions->target_count; i++) {
                        if (!introductions->targets[i].done)
                                return;
                }
                snprintf(text, sizeof(text), "Retry join failed: max join retry exhausted: %s: %s",
                         target->address, why);
                if (!introductions->joined)
                        give_up(introductions, text);
                return;
        }
        target->next_ms = now_ms + options->retry_interval_ms;
        log_warn(options->log, "agent", "Join cluster failed, will retry: address=%s retry_ms=%llu",
                 target->address, (unsigned long long)options->retry_interval_ms);
}

static void note_success(struct introductions *introductions, struct target *target)
{
        if (target->kind == TARGET_START && !target->done)
                introductions->start_pending--;
        target->done = true;
}

static void on_answer(void *arg, int error, enum forward_status status, const uint8_t *payload,
                      size_t len)
{
        struct asking *asking = arg;
        struct introductions *introductions = asking->introductions;
        struct target *target = find_target(introductions, asking->address);
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
        target = find_target(introductions, asking->address);
        if (target != NULL && why[0] != '\0')
                note_failure(introductions, target, why);
        else if (target != NULL)
                note_success(introductions, target);
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

                if (target->done || target->asking || target->next_ms > now_ms)
                        continue;
                asking = malloc(sizeof(*asking));
                if (asking == NULL)
                        break;
                asking->introductions = introductions;
                memcpy(asking->address, target->address, sizeof(asking->address));
                target->asking = true;
                introductions->reference_count++;
                bytes.len = 0;
                introductions_encode(introductions, &bytes);
                forward_send(introductions->options.forward, asking->address, FORWARD_INTRODUCE,
                             bytes.bytes, bytes.len, ASK_TIMEOUT_MS, on_answer, asking);
        }
        byte_buffer_fini(&bytes);
}
