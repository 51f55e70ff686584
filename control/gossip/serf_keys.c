#include "control/gossip/serf_internal.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <string.h>

#define PREFIX "_serf_"

struct key_request {
        struct pack_slice key;
};

static const struct pack_field request_fields[] = {
    PACK_FIELD(struct key_request, key, "Key", PACK_RAW),
};

struct key_answer {
        bool result;
        const char *message;
        bool list;
};

static void put_base64(struct byte_buffer *b, const struct keyring_key *key)
{
        gnutls_datum_t bytes = {(unsigned char *)key->bytes, key->length}, text;

        if (gnutls_base64_encode2(&bytes, &text) < 0) {
                pack_put_text(b, "");
                return;
        }
        pack_put_raw(b, (struct pack_slice){text.data, text.size});
        gnutls_free(text.data);
}

static void respond(struct serf *s, const struct serf_query *query, const struct key_answer *a)
{
        const struct keyring *ring = s->options.keyring;
        struct byte_buffer b = BYTE_BUFFER_INIT;
        uint8_t type = SERF_KEY_RESPONSE;
        unsigned count = a->list && ring ? ring->key_count : 0;

        byte_buffer_append(&b, &type, 1);
        pack_put_map(&b, 4);
        pack_put_text(&b, "Result");
        pack_put_bool(&b, a->result);
        pack_put_text(&b, "Message");
        pack_put_text(&b, a->message);
        pack_put_text(&b, "Keys");
        pack_put_array(&b, count);
        for (unsigned i = 0; i < count; i++)
                put_base64(&b, &ring->keys[i]);
        pack_put_text(&b, "PrimaryKey");
        if (count > 0)
                put_base64(&b, &ring->keys[0]);
        else
                pack_put_text(&b, "");
        (void)serf_respond(s, query, serf_slice_of(&b), s->now_us);
        byte_buffer_fini(&b);
}

static const char *why_not(int error)
{
        switch (error) {
        case -ENOENT:
                return "requested key is not in the keyring";
        case -EBUSY:
                return "removing the primary key is not allowed";
        case -ENOSPC:
                return "the keyring is full: remove an old key first";
        case -EINVAL:
                return "key size must be 16, 24 or 32 bytes";
        default:
                return "the keyring could not be saved";
        }
}

typedef int (*change_fn)(struct keyring *ring, const struct keyring_key *key);

/* Changes the ring, and back again when the change cannot be kept. */
static int change_ring(struct serf *s, const struct serf_query *query, change_fn change)
{
        struct msgpack_reader r = {query->payload.bytes + 1,
                                   query->payload.bytes + query->payload.length};
        struct keyring before = *s->options.keyring;
        struct key_request request = {0};
        struct keyring_key key;
        int ret;

        if (query->payload.length < 1 || query->payload.bytes[0] != SERF_KEY_REQUEST ||
            pack_get_struct(&r, request_fields, 1, &request) < 0)
                return -EINVAL;
        ret = keyring_key_make(request.key.bytes, request.key.length, &key);
        if (ret == 0)
                ret = change(s->options.keyring, &key);
        if (ret == 0 && s->hooks.keys_changed) {
                ret = s->hooks.keys_changed(s->hooks.arg, s->options.keyring);
                if (ret < 0)
                        *s->options.keyring = before;
        }
        return ret;
}

static void answer_keys(struct serf *s, const struct serf_query *query, change_fn change)
{
        struct key_answer answer = {.message = ""};
        int ret = 0;

        if (s->options.keyring == NULL || s->options.keyring->key_count == 0) {
                answer.message = "keyring is empty (encryption not enabled)";
        } else {
                if (change)
                        ret = change_ring(s, query, change);
                answer.result = ret == 0;
                answer.list = change == NULL;
                if (ret < 0)
                        answer.message = why_not(ret);
        }
        respond(s, query, &answer);
}

bool serf_answer_internal(struct serf *s, const struct serf_query *query)
{
        static const struct {
                const char *name;
                change_fn change; /* NULL: only list */
        } commands[] = {
            {PREFIX "install-key", keyring_install},
            {PREFIX "use-key", keyring_use},
            {PREFIX "remove-key", keyring_remove},
            {PREFIX "list-keys", NULL},
        };

        if (query->name.length < strlen(PREFIX) ||
            memcmp(query->name.bytes, PREFIX, strlen(PREFIX)) != 0)
                return false;
        for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
                if (pack_slice_equal(query->name, pack_slice_of(commands[i].name)))
                        answer_keys(s, query, commands[i].change);
        // A ping is answered by its acknowledgement; other internal names are for others.
        return true;
}
