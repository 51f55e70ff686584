#include "control/server/introductions.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "control/server/introductions_internal.h"

#define TICK_MS          100u
#define ASK_INTERVAL_MS  1000u
#define ASK_FAILED_MS    5000u /* between signs to one that failed */
#define ASK_TIMEOUT_MS   2000u
#define LEAVE_TIMEOUT_MS 1000u
#define FAILED_AFTER_MS  5000u
#define FORGET_AFTER_MS  (72u * 3600u * 1000u) /* Serf's reconnect time-out */
#define COMPLAIN_MS      60000u

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
        said->leaving = introductions->leaving;
        for (size_t i = 1; i < introductions->member_count; i++) {
                const struct server_member *member = &introductions->members[i];

                if (member->life == SERVER_ALIVE)
                        memcpy(said->known[said->known_count++], member->info.address,
                               SERVER_ADDRESS_MAX);
        }
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
        uint64_t now_ms = uv_now(introductions->options.loop);
        size_t i = find_member(introductions, said->own.node_id);
        struct server_member *member = &introductions->members[i];
        bool is_new = i == introductions->member_count, changed;

        if (is_new) {
                if (said->leaving)
                        return;
                introductions->member_count++;
                // Not alive yet: becoming so is told below.
                *member = (struct server_member){.life = SERVER_FAILED};
                introductions->contacts[i] = (struct contact){.next_ms = now_ms + ASK_INTERVAL_MS};
        }
        changed = !same_info(&member->info, &said->own);
        member->info = said->own;
        introductions->contacts[i].heard_ms = now_ms;
        if (member->life != (said->leaving ? SERVER_LEFT : SERVER_ALIVE))
                set_life(introductions, i, said->leaving ? SERVER_LEFT : SERVER_ALIVE);
        else if (changed)
                tell(introductions, i);
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
        forget_name(introductions, &said->own);
        if (find_member(introductions, said->own.node_id) == introductions->member_count &&
            !make_room(introductions)) {
                snprintf(reason, reason_size, "too many servers are known: %s is not joined",
                         said->own.address);
                introductions_complain(introductions, reason);
                return false;
        }
        update_member(introductions, said);
        introductions->joined = true;
        for (unsigned i = 0; i < said->known_count; i++)
                introductions_add_target(introductions, said->known[i], TARGET_LEARNT);
        if (said->founder_count > 0)
                introductions->options.offered(introductions->options.arg, said->founders,
                                               said->founder_count);
        return true;
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
                uint64_t now_ms = uv_now(introductions->options.loop);
                bool failed = introductions->members[i].life != SERVER_ALIVE;

                introductions->contacts[i].asking = false;
                introductions->contacts[i].next_ms =
                    now_ms + (failed ? ASK_FAILED_MS : ASK_INTERVAL_MS);
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

                if (introductions->members[i].life != SERVER_LEFT && !contact->asking &&
                    contact->next_ms <= now_ms)
                        ask_member(introductions, i, &bytes);
        }
        byte_buffer_fini(&bytes);
}

static void note_silence(struct introductions *introductions, uint64_t now_ms)
{
        for (size_t i = 1; i < introductions->member_count; i++) {
                const struct server_member *member = &introductions->members[i];

                if (member->life == SERVER_ALIVE &&
                    now_ms - introductions->contacts[i].heard_ms > FAILED_AFTER_MS)
                        set_life(introductions, i, SERVER_FAILED);
        }
        for (size_t i = introductions->member_count; i > 1; i--) {
                const struct server_member *member = &introductions->members[i - 1];

                if (member->life != SERVER_ALIVE && now_ms - member->since_ms > FORGET_AFTER_MS) {
                        set_life(introductions, i - 1, SERVER_LEFT);
                        remove_member(introductions, i - 1);
                }
        }
}

static void on_tick(uv_timer_t *timer)
{
        struct introductions *introductions = timer->data;
        uint64_t now_ms = uv_now(introductions->options.loop);

        introductions_ask_targets(introductions, now_ms);
        ask_members(introductions, now_ms);
        note_silence(introductions, now_ms);
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

static void on_goodbye(void *arg, int error, enum forward_status status, const uint8_t *payload,
                       size_t len)
{
        struct introductions *introductions = arg;

        (void)error;
        (void)status;
        (void)payload;
        (void)len;
        if (--introductions->leave_pending == 0)
                introductions->left(introductions->left_arg);
        introductions_release(introductions);
}

static void leave(struct discovery *self, void (*done)(void *arg), void *arg)
{
        struct introductions *introductions = of(self);
        struct byte_buffer bytes = BYTE_BUFFER_INIT;

        introductions->leaving = true;
        introductions_encode(introductions, &bytes);
        introductions->left = done;
        introductions->left_arg = arg;
        introductions->leave_pending = 1;
        introductions->reference_count++;
        for (size_t i = 1; i < introductions->member_count; i++) {
                if (introductions->members[i].life != SERVER_ALIVE)
                        continue;
                introductions->leave_pending++;
                introductions->reference_count++;
                forward_send(introductions->options.forward, introductions->members[i].info.address,
                             FORWARD_INTRODUCE, bytes.bytes, bytes.len, LEAVE_TIMEOUT_MS,
                             on_goodbye, introductions);
        }
        byte_buffer_fini(&bytes);
        on_goodbye(introductions, 0, FORWARD_OK, NULL, 0);
}

static void forget(struct discovery *self, const char *node_id)
{
        struct introductions *introductions = of(self);
        size_t i = find_member(introductions, node_id);

        if (i > 0 && i < introductions->member_count &&
            introductions->members[i].life != SERVER_ALIVE)
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
        for (size_t i = 0; i < options->start_join_count; i++)
                introductions_add_target(introductions, options->start_join[i], TARGET_START);
        for (size_t i = 0; i < options->retry_join_count; i++)
                introductions_add_target(introductions, options->retry_join[i], TARGET_RETRY);
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
