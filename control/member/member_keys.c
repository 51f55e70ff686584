#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/gossip/serf_message.h"
#include "control/member/keyring_file.h"
#include "control/member/members_internal.h"
#include "control/text/base64.h"

#define KEYS_PER_ANSWER_MAX 64u

/* One member's answer. */
struct key_response {
        bool result;
        struct pack_slice message, primary;
};

static struct key_holders *holders_of(struct key_answer *answer, struct pack_slice key)
{
        struct key_holders *holders;

        for (unsigned i = 0; i < answer->key_count; i++) {
                if (pack_slice_equal(pack_slice_of(answer->keys[i].key), key))
                        return &answer->keys[i];
        }
        if (answer->key_count == KEY_ANSWER_KEYS_MAX || key.length == 0 ||
            key.length >= sizeof(holders->key) || memchr(key.bytes, '\0', key.length) != NULL)
                return NULL;
        holders = &answer->keys[answer->key_count++];
        *holders = (struct key_holders){.count = 0};
        memcpy(holders->key, key.bytes, key.length);
        return holders;
}

static void count_keys(struct key_answer *answer, struct msgpack_reader keys)
{
        struct key_holders *holders;
        struct pack_slice key;
        uint32_t count;

        if (pack_get_array(&keys, &count) < 0)
                return;
        for (uint32_t i = 0; i < count && i < KEYS_PER_ANSWER_MAX; i++) {
                if (pack_get_raw(&keys, &key) < 0)
                        return;
                holders = holders_of(answer, key);
                if (holders != NULL)
                        holders->count++;
        }
}

static void note_refusal(struct key_answer *answer, struct pack_slice from, struct pack_slice why)
{
        answer->refused_count++;
        if (answer->message[0] != '\0')
                return;
        snprintf(answer->node, sizeof(answer->node), "%.*s", (int)from.length,
                 (const char *)from.bytes);
        snprintf(answer->message, sizeof(answer->message), "%.*s",
                 (int)(why.length < 200 ? why.length : 200), (const char *)why.bytes);
}

static int get_response(struct pack_slice payload, struct key_response *out,
                        struct msgpack_reader *keys)
{
        static const struct pack_field fields[] = {
            PACK_FIELD(struct key_response, result, "Result", PACK_BOOL),
            PACK_FIELD(struct key_response, message, "Message", PACK_RAW),
            PACK_FIELD(struct key_response, primary, "PrimaryKey", PACK_RAW),
        };
        struct msgpack_reader r = {payload.bytes + 1, payload.bytes + payload.length}, walk;
        struct pack_slice name;
        uint32_t pairs;

        *out = (struct key_response){.result = false};
        *keys = (struct msgpack_reader){0};
        if (payload.length < 2 || payload.bytes[0] != SERF_KEY_RESPONSE)
                return -EBADMSG;
        walk = r;
        if (pack_get_struct(&r, fields, 3, out) < 0 || pack_get_map(&walk, &pairs) < 0)
                return -EBADMSG;
        for (uint32_t i = 0; i < pairs; i++) {
                struct msgpack_reader value;

                if (pack_get_raw(&walk, &name) < 0)
                        return -EBADMSG;
                value = walk;
                if (pack_skip(&walk) < 0)
                        return -EBADMSG;
                if (pack_slice_equal(name, pack_slice_of("Keys")))
                        *keys = (struct msgpack_reader){value.at, walk.at};
        }
        return 0;
}

static void take_response(struct key_query *query, struct pack_slice from,
                          struct pack_slice payload)
{
        struct key_answer *answer = &query->answer;
        struct key_response response;
        struct key_holders *primary;
        struct msgpack_reader keys;

        answer->answered_count++;
        if (get_response(payload, &response, &keys) < 0) {
                note_refusal(answer, from, pack_slice_of("its answer cannot be read"));
        } else if (!response.result) {
                note_refusal(answer, from, response.message);
        } else {
                count_keys(answer, keys);
                primary = holders_of(answer, response.primary);
                if (primary != NULL)
                        primary->primary_count++;
        }
        query->finished |= answer->answered_count >= answer->member_count;
}

bool member_keys_answer(struct member_group *group, uint32_t id, enum serf_answer kind,
                        struct pack_slice from, struct pack_slice payload)
{
        for (unsigned i = 0; i < KEY_QUERY_MAX; i++) {
                struct key_query *query = &group->members->key_queries[i];

                if (!query->open || query->id != id || query->answer.pool != group->which)
                        continue;
                if (kind == SERF_ANSWER_RESPONSE && !query->finished)
                        take_response(query, from, payload);
                else if (kind == SERF_ANSWER_END)
                        query->finished = true;
                return query->finished;
        }
        return false;
}

void member_keys_tell(struct members *members)
{
        for (unsigned i = 0; i < KEY_QUERY_MAX; i++) {
                struct key_query *query = &members->key_queries[i];

                if (!query->open || !query->finished)
                        continue;
                query->open = false;
                query->done(query->arg, &query->answer);
        }
}

static unsigned alive_count(const struct serf *serf)
{
        unsigned count = 0;

        for (size_t i = 0; i < serf_member_count(serf); i++)
                count += serf_member_at(serf, i)->status == SERF_ALIVE;
        return count;
}

static void put_request(struct byte_buffer *b, const struct keyring_key *key)
{
        uint8_t type = SERF_KEY_REQUEST;

        byte_buffer_append(b, &type, 1);
        pack_put_map(b, 1);
        pack_put_text(b, "Key");
        pack_put_raw(b, (struct pack_slice){key->bytes, key->length});
}

int members_keys(struct members *members, enum member_pool pool, enum key_action action,
                 const char *key, unsigned relay_factor, members_keys_fn done, void *arg)
{
        static const char *const names[] = {"_serf_list-keys", "_serf_install-key", "_serf_use-key",
                                            "_serf_remove-key"};
        struct member_group *group = &members->groups[pool];
        struct byte_buffer payload = BYTE_BUFFER_INIT;
        struct serf_question question = {.name = pack_slice_of(names[action]),
                                         .relay_factor = (uint8_t)relay_factor};
        struct keyring_key parsed = {0};
        struct key_query *query = NULL;
        int ret;

        if (group->pool == NULL)
                return -ENOENT;
        if (group->keyring.key_count == 0)
                return -EOPNOTSUPP;
        for (unsigned i = 0; i < KEY_QUERY_MAX && query == NULL; i++) {
                if (!members->key_queries[i].open)
                        query = &members->key_queries[i];
        }
        if (query == NULL)
                return -EBUSY;
        // What is no key is asked for all the same: each member says what is wrong with it.
        if (action != KEY_LIST)
                (void)keyring_key_from_text(key, strlen(key), &parsed);
        put_request(&payload, &parsed);
        question.payload = (struct pack_slice){payload.bytes, (uint32_t)payload.len};
        *query = (struct key_query){.done = done, .arg = arg};
        query->answer.pool = pool;
        query->answer.member_count = alive_count(pool_serf(group->pool));
        ret = serf_ask(pool_serf(group->pool), &question, pool_now_us(group->pool), &query->id);
        query->open = ret == 0;
        pool_changed(group->pool);
        byte_buffer_fini(&payload);
        return ret;
}
